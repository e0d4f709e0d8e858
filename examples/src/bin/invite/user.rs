//! `invite user`: one person.

mod correct;
mod edit;
mod fields;
mod link;
mod personal_data;
mod show;

use clap::Subcommand;

use self::fields::Fields;
use crate::arguments::Globals;
use crate::exit::Done;
use crate::output::Output;
use crate::session::{Needs, Session};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Add a person
    Add(Box<Fields>),
    /// Show a person
    Show {
        /// Their e-mail address, user name, phone, employee number or id
        user: String,
    },
    /// Change a person; what is not given stays as it is
    Set {
        /// Their e-mail address, user name, phone, employee number or id
        user: String,
        #[command(flatten)]
        fields: Box<Fields>,
    },
    /// Correct an address to which nothing arrives, and invite the person at the right one
    ///
    /// What went to the old address is revoked at once; the new invitation is shown and asked about.
    Correct {
        /// Their e-mail address, user name, phone, employee number or id
        user: String,
        #[command(flatten)]
        address: correct::Address,
        #[command(flatten)]
        ways: correct::HowItGoesOn,
    },
    /// Deactivate people: they get nothing and cannot sign in
    Deactivate {
        /// Who
        #[arg(required = true, value_name = "USER")]
        users: Vec<String>,
    },
    /// Let people back in who were deactivated
    Reactivate {
        /// Who
        #[arg(required = true, value_name = "USER")]
        users: Vec<String>,
    },
    /// Make a set-up link for one person and print it, to be handed over; no message goes out
    ///
    /// For somebody without an address, or whom no message reaches. Whoever has the link can set the password: it is
    /// printed this once, and kept nowhere.
    Link {
        /// Their e-mail address, user name, phone, employee number or id
        user: String,
        /// Also for somebody who is set up: their password is replaced when the link is used
        #[arg(long)]
        reset: bool,
    },
    /// Print everything that is kept about a person, as JSON
    Export {
        /// Their e-mail address, user name, phone, employee number or id
        user: String,
    },
    /// Erase a person for good, from every table and every message that waits
    Erase {
        /// Their e-mail address, user name, phone, employee number or id
        user: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// The story of a person: everything that happened to them, and why
    Why {
        /// Their e-mail address, user name, phone, employee number or id
        user: String,
    },
}

pub(crate) async fn run(command: Command, globals: &Globals, output: Output) -> Done {
    let needs = if matches!(command, Command::Erase { .. }) { Needs::Key } else { Needs::Database };
    let session = Session::open(globals, output, needs).await?;
    let acting = session.acting().await?;
    match command {
        Command::Add(fields) => edit::add(&session, &acting, *fields).await,
        Command::Show { user } => show::show(&session, &acting, &user).await,
        Command::Set { user, fields } => edit::set(&session, &acting, &user, *fields).await,
        Command::Correct { user, address, ways } => {
            correct::correct(&session, &acting, &user, address, ways).await
        }
        Command::Deactivate { users } => edit::deactivate(&session, &acting, &users, true).await,
        Command::Reactivate { users } => edit::deactivate(&session, &acting, &users, false).await,
        Command::Link { user, reset } => link::link(&session, &acting, &user, reset).await,
        Command::Export { user } => personal_data::export(&session, &acting, &user).await,
        Command::Erase { user, yes } => personal_data::erase(&session, &acting, &user, yes).await,
        Command::Why { user } => show::why(&session, &acting, &user).await,
    }
}

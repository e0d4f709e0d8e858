//! `invite user`: one person.

mod edit;
mod fields;
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
    /// The story of a person: everything that happened to them, and why
    Why {
        /// Their e-mail address, user name, phone, employee number or id
        user: String,
    },
}

pub(crate) async fn run(command: Command, globals: &Globals, output: Output) -> Done {
    let session = Session::open(globals, output, Needs::Database).await?;
    let acting = session.acting().await?;
    match command {
        Command::Add(fields) => edit::add(&session, &acting, *fields).await,
        Command::Show { user } => show::show(&session, &acting, &user).await,
        Command::Set { user, fields } => edit::set(&session, &acting, &user, *fields).await,
        Command::Deactivate { users } => edit::deactivate(&session, &acting, &users, true).await,
        Command::Reactivate { users } => edit::deactivate(&session, &acting, &users, false).await,
        Command::Why { user } => show::why(&session, &acting, &user).await,
    }
}

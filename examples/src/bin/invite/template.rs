//! `invite template`: the messages of an organisation.

mod edit;
mod list;
mod look;
mod problems;
mod source;

use clap::{Args, Subcommand, ValueEnum};
use invite_core::model::template_key::TemplateKey;
use invite_core::service::Preview;
use invite_core::template::CredentialForm;

use crate::arguments::Globals;
use crate::exit::Done;
use crate::failure::Failure;
use crate::find;
use crate::output::Output;
use crate::session::{Acting, Needs, Session};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the messages, and which are the organisation's own
    List {
        /// Only the organisation's own
        #[arg(long)]
        own: bool,
    },
    /// Print the source of a message, to be edited
    Show {
        #[command(flatten)]
        which: Which,
        /// This version; builtin for the built-in one
        #[arg(long, value_name = "VERSION")]
        version: Option<String>,
    },
    /// Save a new version of a message, if it checks
    Set {
        #[command(flatten)]
        which: Which,
        /// The file with the source; - for standard input
        #[arg(value_name = "FILE")]
        file: String,
    },
    /// Say what is wrong with a source, with line and column, without saving it
    Check {
        #[command(flatten)]
        which: Which,
        /// The file with the source; - for standard input; without it, the version in force
        #[arg(value_name = "FILE")]
        file: Option<String>,
    },
    /// Show what a message looks like; its password or link is a sample
    Preview {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        how: Box<How>,
        /// Write the HTML into this file, to be opened in a browser
        #[arg(long, value_name = "FILE")]
        html: Option<std::path::PathBuf>,
    },
    /// Send a message to one address, to see it there; its password or link is a sample
    Test {
        #[command(flatten)]
        which: Which,
        /// The e-mail address or phone number
        address: String,
        #[command(flatten)]
        how: Box<How>,
    },
    /// Show what changed from one version to another
    Diff {
        #[command(flatten)]
        which: Which,
        /// From this version; the built-in one by default
        #[arg(value_name = "FROM", default_value = invite_core::service::BUILT_IN)]
        from: String,
        /// To this version; the one in force by default
        #[arg(value_name = "TO")]
        to: Option<String>,
    },
    /// List the versions of a message
    Versions(Which),
    /// Go back to the built-in message
    Reset(Which),
}

/// One message.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// Kind, channel and language, such as invitation/email/nb. Kinds: invitation, reset, reminder, sso, announcement
    #[arg(value_name = "KIND/CHANNEL/LANGUAGE")]
    key: TemplateKey,
}

/// What a message is shown with.
#[derive(Debug, Args)]
pub(crate) struct How {
    /// Of this source instead of the version in force; - for standard input
    #[arg(long, value_name = "FILE")]
    source: Option<String>,
    /// With the names of this person instead of sample data
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// With this, instead of what the organisation's invitations carry
    #[arg(long, value_enum)]
    credential: Option<Form>,
    /// As for somebody whose password is reset
    #[arg(long)]
    reset: bool,
    /// As for somebody who gets the last reminder
    #[arg(long)]
    last: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// A temporary password
    Password,
    /// A set-up link
    Link,
    /// Neither
    None,
}

impl How {
    async fn preview(
        &self,
        key: TemplateKey,
        session: &Session,
        acting: &Acting,
    ) -> Result<Preview, Failure> {
        let mut preview = Preview::of(key).reset(self.reset).last_reminder(self.last);
        if let Some(file) = &self.source {
            preview = preview.source(source::read(file)?);
        }
        if let Some(user) = &self.user {
            preview = preview.person(find::user(session, &acting.actor, user).await?);
        }
        Ok(match self.credential {
            None => preview,
            Some(Form::Password) => preview.credential(CredentialForm::Password),
            Some(Form::Link) => preview.credential(CredentialForm::Link),
            Some(Form::None) => preview.credential(CredentialForm::None),
        })
    }
}

pub(crate) async fn run(command: Command, globals: &Globals, output: Output) -> Done {
    let needs = if matches!(command, Command::Test { .. }) { Needs::Transport } else { Needs::Database };
    let session = Session::open(globals, output, needs).await?;
    let acting = session.acting().await?;
    match command {
        Command::List { own } => list::list(&session, &acting, own).await,
        Command::Versions(which) => list::versions(&session, &acting, &which.key).await,
        Command::Show { which, version } => {
            list::show(&session, &acting, &which.key, version.as_deref()).await
        }
        Command::Diff { which, from, to } => {
            list::diff(&session, &acting, &which.key, &from, to.as_deref()).await
        }
        Command::Set { which, file } => edit::set(&session, &acting, &which.key, &file).await,
        Command::Check { which, file } => edit::check(&session, &acting, &which.key, file.as_deref()).await,
        Command::Reset(which) => edit::reset(&session, &acting, &which.key).await,
        Command::Preview { which, how, html } => {
            look::preview(&session, &acting, which.key, &how, html.as_deref()).await
        }
        Command::Test { which, address, how } => {
            look::test(&session, &acting, which.key, &how, &address).await
        }
    }
}

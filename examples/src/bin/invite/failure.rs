//! Why a command did not do what was asked, in words that end with what to do.

use std::io;

use invite_core::model::message::Channel;
use invite_core::port::error::PortError;
use invite_core::service::Error;

use crate::exit::Exit;

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// To be told, with the exit code that goes with it.
    Told {
        /// 1 or 2.
        exit: Exit,
        /// What is wrong and what to do about it; no secret.
        message: String,
    },
    /// The database is not available now: to be told, as something that failed. It may come back.
    Away(String),
    /// Whoever read the output has gone, as in `invite users | head`: there is nobody to tell.
    ReaderGone,
}

impl Failure {
    /// Wrong use or bad input.
    pub(crate) fn wrong(message: impl Into<String>) -> Self {
        Self::Told { exit: Exit::Wrong, message: message.into() }
    }

    /// Something that failed although it was asked for rightly.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::Told { exit: Exit::Failed, message: message.into() }
    }

    /// An error of standard output.
    pub(crate) fn of_output(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::ReaderGone
        } else {
            Self::failed(format!("standard output cannot be written: {error}; make room there and try again"))
        }
    }
}

impl From<PortError> for Failure {
    fn from(error: PortError) -> Self {
        Self::failed(error.to_string())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Port(error) => error.into(),
            Error::Hasher(_) | Error::Random(_) | Error::PlanExpired | Error::PlanIncomplete => {
                Self::failed(error.to_string())
            }
            Error::NotAllowed => Self::wrong(
                "only an active administrator of the organisation may do this: give one with --as (or INVITE_AS)",
            ),
            Error::NoSender(channel) => {
                let (option, name) = match channel {
                    Channel::Email => ("--email", "e-mail"),
                    Channel::Sms => ("--sms", "SMS"),
                };
                Self::wrong(format!(
                    "nothing sends {name}: give {option}, or turn the channel off with `invite org set --channels …`"
                ))
            }
            Error::NoFrom => Self::wrong(
                "nobody knows who e-mail is from: set it with `invite org set --from 'Acme <it@acme.example>'`, or \
                 set --app-link",
            ),
            Error::ChannelNotInUse => Self::wrong(
                "the organisation does not use this channel: turn it on with `invite org set --channels email,sms`, or \
                 leave --channel out",
            ),
            Error::SyncTooMuch { .. } | Error::File { .. } => {
                let told = error.to_string();
                let told = told.replace("(allow_deactivate)", "with --allow-deactivate");
                Self::wrong(told.replace("(allow_contacts)", "with --allow-contacts"))
            }
            Error::NoLinkPattern => Self::wrong(
                "nobody knows where a link leads: set it with `invite org set --link-pattern \
                 'https://app.acme.example/welcome#{token}'`",
            ),
            error => Self::wrong(error.to_string()),
        }
    }
}

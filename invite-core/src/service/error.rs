//! What a service answers when it cannot do what was asked.

use super::import::ImportReport;
use crate::credential::{HasherError, PasswordRuleError, RandomError};
use crate::machine::batch::WrongBatchState;
use crate::model::contact::ContactError;
use crate::model::id::UserId;
use crate::model::item::{Announcement, Decision, SkipReason};
use crate::model::message::Channel;
use crate::model::organisation::{Alias, SettingsError};
use crate::people_file::FileError;
use crate::port::error::PortError;

/// What a service answers when it cannot do what was asked: each says what to do about it, and none holds a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Whoever asks is no active administrator of the organisation.
    #[error(
        "only an active administrator of the organisation may do this: ask one of them, or have the role given to you"
    )]
    NotAllowed,
    /// Nothing has this id, or it belongs to another organisation; it does not say which.
    #[error(
        "there is no such {0} in this organisation: look whether its id, and the organisation, are right"
    )]
    NotFound(&'static str),
    /// The host keeps its people itself.
    #[error(
        "people are kept by the host and cannot be written, or signed in, from here: do it there, or give the builder \
         people(…)"
    )]
    NoPeople,
    /// Another organisation has this alias.
    #[error("another organisation is called {0}: choose another alias")]
    AliasTaken(Alias),
    /// The settings contradict each other.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// There is somebody with this id already.
    #[error("there is a person with this id already: change them instead of adding them")]
    AlreadyThere,
    /// Another person has what must be unique.
    #[error("another person, {by}, has this {column}: choose another, or change theirs first")]
    Taken {
        /// Which of user name, employee number and external id.
        column: &'static str,
        /// Who has it.
        by: UserId,
    },
    /// A text about a person that cannot stand in a message.
    #[error("the {column} cannot be used: {reason}; mend it")]
    Text {
        /// Which.
        column: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// An address that is none.
    #[error(transparent)]
    Contact(#[from] ContactError),
    /// A file that cannot be read, or not to its end; what was imported before stays.
    #[error("{source}{}", .report.so_far())]
    File {
        /// Why.
        source: FileError,
        /// What was imported before.
        report: Box<ImportReport>,
    },
    /// The batch was to use a channel that the organisation does not use.
    #[error(
        "the organisation uses none of the channels asked for: turn them on in its settings, or ask for others"
    )]
    ChannelNotInUse,
    /// Nothing sends on a channel that is in use.
    #[error(
        "nothing sends on the channel {0}: give the builder a transport for it, or turn the channel off in the \
         organisation's settings"
    )]
    NoSender(Channel),
    /// Nobody knows who e-mail is from.
    #[error(
        "nobody knows who e-mail is from: set `from` or `app_link` in the organisation's settings, or give the builder \
         email_from(…)"
    )]
    NoFrom,
    /// Nobody knows where set-up links lead.
    #[error(
        "there is no link pattern, so nobody knows where a link leads: set one in the organisation's settings, such as \
         https://app.example.com/welcome#{{token}}"
    )]
    NoLinkPattern,
    /// The decision about the person gives them no link.
    #[error("no link was made: {}", no_link(*.0))]
    NotHandedOver(Decision),
    /// The plan was not confirmed in time.
    #[error("the plan has expired: people and settings may have changed since; plan again and confirm that")]
    PlanExpired,
    /// The plan was broken off.
    #[error("the plan is not complete: whoever made it was interrupted, or is still at it; plan again")]
    PlanIncomplete,
    /// The plan was cancelled or recalled.
    #[error("the plan was cancelled or recalled: plan again")]
    PlanStopped,
    /// The batch is in a state that does not allow it.
    #[error(transparent)]
    BatchState(#[from] WrongBatchState),
    /// A password that a person chose and that breaks a rule.
    #[error(transparent)]
    NewPassword(#[from] PasswordRuleError),
    /// The temporary password, chosen again.
    #[error("the new password is the temporary one: choose another")]
    SamePassword,
    /// No hash.
    #[error(transparent)]
    Hasher(#[from] HasherError),
    /// No randomness.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// A store, or the host's `Accounts`, failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Why there is no link, and what to do about it.
const fn no_link(decision: Decision) -> &'static str {
    match decision {
        Decision::Skip(SkipReason::NotFound) => "there is no such person in this organisation",
        Decision::Skip(SkipReason::Deactivated) => "the person is deactivated; reactivate them first",
        Decision::Skip(SkipReason::Yourself) => {
            "it is for yourself, and would replace your own password; have another administrator do it"
        }
        Decision::Skip(SkipReason::SignsInWithSso) | Decision::Announce(Announcement::Sso) => {
            "the person signs in with the company account and needs no link"
        }
        Decision::Skip(SkipReason::SetUpNeedsConsent) => {
            "the person is set up already; consent to a reset, and their password is replaced when the link is used"
        }
        Decision::Announce(Announcement::Elsewhere) => {
            "their account also belongs elsewhere; they sign in with the password that they have"
        }
        Decision::Skip(reason) => reason.text(),
        Decision::Send | Decision::SendWithReset => "the store gave none",
    }
}

impl Error {
    /// Whether the same request may succeed later without anybody's doing.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Port(error) if error.is_transient())
    }
}

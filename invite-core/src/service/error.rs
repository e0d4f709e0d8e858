//! What a service answers when it cannot do what was asked.

use chrono::{DateTime, Utc};

use super::import::ImportReport;
use crate::credential::{HasherError, PasswordRuleError, RandomError};
use crate::decision::import_sync::SyncFigures;
use crate::machine::batch::WrongBatchState;
use crate::model::batch::BatchState;
use crate::model::contact::ContactError;
use crate::model::id::UserId;
use crate::model::item::{Announcement, Decision, SkipReason};
use crate::model::message::Channel;
use crate::model::organisation::{Alias, SettingsError};
use crate::model::template_key::TemplateKey;
use crate::people_file::FileError;
use crate::port::error::PortError;
use crate::port::records::EventsForgotten;
use crate::template::{Problem, RenderError};

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
    /// A sync that would deactivate, or replace, more than is allowed. Nothing was written.
    #[error("{}", .figures.in_words(.report.needs))]
    SyncTooMuch {
        /// What it would do.
        figures: SyncFigures,
        /// What was found in the file, and what must be allowed.
        report: Box<ImportReport>,
    },
    /// What an import changed is not kept any more.
    #[error(
        "the import is older than 90 days, and what it changed is not kept longer: change the people by hand"
    )]
    UndoTooLate,
    /// Events that were not read in time.
    #[error(transparent)]
    EventsForgotten(#[from] EventsForgotten),
    /// A name that means several people.
    #[error("that means several people: {}; give the id of one of them", named(.people))]
    Ambiguous {
        /// Who, and what they are called.
        people: Vec<(UserId, String)>,
    },
    /// Somebody who wants to erase themselves.
    #[error("nobody erases themselves: ask another administrator to do it, so that one is left")]
    EraseYourself,
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
    /// A message of the organisation's own that does not check.
    #[error("the message {key} cannot be used: {}", told(.problems))]
    Template {
        /// Which.
        key: TemplateKey,
        /// What is wrong with it, and where.
        problems: Vec<Problem>,
    },
    /// A message for a language, kind and circumstances that cannot be rendered.
    #[error("the message {key} cannot be rendered: {source}")]
    NotRendered {
        /// Which.
        key: TemplateKey,
        /// Why.
        source: RenderError,
    },
    /// Settings under which messages of the organisation's own would not check any more.
    #[error(
        "with these settings, messages of the organisation's own could not be used; change them first, or reset them to \
         the built-in ones: {}",
        broken(.templates)
    )]
    SettingBreaksTemplate {
        /// Which, and what would be wrong with each.
        templates: Vec<(TemplateKey, Vec<Problem>)>,
    },
    /// As many test messages as one may send.
    #[error(
        "you have sent {at_most} test messages within an hour, which is the limit: the next can go at {}",
        .again_at.format("%Y-%m-%d %H:%M:%S UTC")
    )]
    TestLimit {
        /// The limit, [`Policy::test_sends`](crate::policy::Policy::test_sends).
        at_most: u32,
        /// When the next one may go.
        again_at: DateTime<Utc>,
    },
    /// A test message to an address that must not be written to.
    #[error("nothing is sent to this address: {}", .0.text())]
    NotToThisAddress(SkipReason),
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
    /// A pilot of nobody.
    #[error("a pilot needs at least one person: leave it out to send to all at once")]
    EmptyPilot,
    /// A start time beyond the policy's bound.
    #[error(
        "the start time is more than {days} days away: plan again nearer to it, the people will have changed"
    )]
    StartTooFar {
        /// How far away it may be.
        days: u64,
    },
    /// Messages were asked for again of a batch that sends nothing.
    #[error(
        "nothing of a {0} batch is sent again: only of one that is confirmed, and neither cancelled nor recalled"
    )]
    NothingToRetry(BatchState),
    /// Senders may be shared by all organisations.
    #[error(
        "senders may be shared by all organisations, so only an operator, or the system itself, stops them or lets them go \
         on: ask whoever operates the application"
    )]
    OperatorsOnly,
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

/// The first problem, with its place, and how many more there are.
fn told(problems: &[Problem]) -> String {
    match problems {
        [] => String::new(),
        [one] => one.to_string(),
        [first, rest @ ..] => format!("{first} (and {} more)", rest.len()),
    }
}

fn broken(templates: &[(TemplateKey, Vec<Problem>)]) -> String {
    let each = templates.iter().map(|(key, problems)| format!("{key}: {}", told(problems)));
    each.collect::<Vec<_>>().join("; ")
}

fn named(people: &[(UserId, String)]) -> String {
    let named: Vec<String> = people.iter().map(|(id, name)| format!("{name} ({id})")).collect();
    named.join(", ")
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

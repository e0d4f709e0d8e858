//! Whether a rollout can be sent: the account, and what the configuration set does to links.

use std::error::Error;
use std::future::Future;
use std::time::Duration;

use aws_sdk_sesv2::config::http::HttpResponse;
use aws_sdk_sesv2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sesv2::types::{EventType, FeatureStatus};
use invite_core::model::outcome::Answer;
use tokio::time::timeout;

use crate::account::Account;
use crate::failure::{Failure, Kind};
use crate::quiet::quiet;
use crate::redaction::one_line;
use crate::transport::SesTransport;

/// How long one question to SES may take; its API answers these within a second.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why a rollout could not be sent with this account, or why that is not known; and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// Only verified recipients are sent to.
    #[error(
        "the account is in the SES sandbox in this region, where only verified recipients are sent to, 200 messages in 24 \
         hours: ask AWS for production access (SES console, Account dashboard); for a trial, verify the recipients"
    )]
    Sandbox,
    /// Sending is paused for the account.
    #[error(
        "sending is paused for the account in this region: resume it in the SES console (Account dashboard), or by \
         PutAccountSendingAttributes, after mending what it was paused for"
    )]
    Paused,
    /// AWS has stopped the account from sending.
    #[error(
        "AWS has shut down sending for the account: the case that it opened (Support Center) says why; mend that, and ask \
         there for a review"
    )]
    Shutdown,
    /// Sending is paused for the configuration set.
    #[error("sending is paused for the configuration set {configuration_set}: resume it in the SES console")]
    SetPaused {
        /// Its name.
        configuration_set: String,
    },
    /// The configuration set counts clicks, for which SES puts links of its own in place of those in the message.
    #[error(
        "the configuration set {configuration_set} rewrites links, through which a credential in a link passes on its way: \
         {cause}; use a set without that, or allow it by name (allow_rewritten_links)"
    )]
    RewritesLinks {
        /// Its name.
        configuration_set: String,
        /// What in it does.
        cause: String,
    },
    /// SES did not answer the question.
    #[error("{operation} was not answered: {answer}; {advice}")]
    Unanswered {
        /// The operation of the SES API, such as `GetAccount`.
        operation: &'static str,
        /// What was said, or what is known.
        answer: Answer,
        /// What to do.
        advice: &'static str,
        /// Whether asking again later may help.
        transient: bool,
    },
}

impl CheckError {
    /// Whether asking again later may help, with nothing changed.
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unanswered { transient: true, .. })
    }
}

impl SesTransport {
    /// What SES says of the account now. It needs the permission `ses:GetAccount`, and takes 30 s at most.
    pub async fn account(&self) -> Result<Account, CheckError> {
        Ok(asked("GetAccount", self.client.get_account().send()).await?.into())
    }

    /// Whether a rollout can be sent: to be asked at start, and shown. An error says what to do.
    ///
    /// It reads the [account](Self::account), which must be [ready](Account::ready); then the configuration set, if there
    /// is one, which must not be paused and must not rewrite links, unless
    /// [`allow_rewritten_links`](crate::SesBuilder::allow_rewritten_links) names it. That needs the permissions
    /// `ses:GetConfigurationSet` and `ses:GetConfigurationSetEventDestinations`.
    ///
    /// Nothing else waits for it: a transport that was never checked sends, and its messages say that their links are to
    /// stay.
    pub async fn check(&self) -> Result<Account, CheckError> {
        let account = self.account().await?;
        account.ready()?;
        if let Some(set) = &self.settings.configuration_set {
            self.check_set(set).await?;
        }
        Ok(account)
    }

    async fn check_set(&self, name: &str) -> Result<(), CheckError> {
        let request = self.client.get_configuration_set().configuration_set_name(name);
        let set = asked("GetConfigurationSet", request.send()).await?;
        if set.sending_options().is_some_and(|options| !options.sending_enabled()) {
            return Err(CheckError::SetPaused { configuration_set: name.to_owned() });
        }
        if self.settings.rewritten_links {
            return Ok(());
        }
        let rewrites =
            |cause: String| CheckError::RewritesLinks { configuration_set: name.to_owned(), cause };
        let dashboard = set.vdm_options().and_then(|vdm| vdm.dashboard_options());
        if dashboard.and_then(|it| it.engagement_metrics()) == Some(&FeatureStatus::Enabled) {
            return Err(rewrites(
                "its engagement metrics (Virtual Deliverability Manager) are on".to_owned(),
            ));
        }
        let request = self.client.get_configuration_set_event_destinations().configuration_set_name(name);
        let answer = asked("GetConfigurationSetEventDestinations", request.send()).await?;
        let clicks = answer
            .event_destinations()
            .iter()
            .find(|it| it.enabled() && it.matching_event_types().contains(&EventType::Click));
        match clicks {
            Some(destination) => {
                Err(rewrites(format!("its event destination {} takes clicks", destination.name())))
            }
            None => Ok(()),
        }
    }
}

async fn asked<O, E: ProvideErrorMetadata + Error + 'static>(
    operation: &'static str,
    question: impl Future<Output = Result<O, SdkError<E, HttpResponse>>>,
) -> Result<O, CheckError> {
    let failure = match quiet(timeout(PATIENCE, question)).await {
        Ok(Ok(answer)) => return Ok(answer),
        Ok(Err(error)) => Failure::from(error),
        Err(_) => Failure::late(),
    };
    let (transient, advice) = match failure.kind {
        Kind::Credentials => {
            (false, "give this process AWS credentials: a role, environment variables or a profile")
        }
        Kind::Setup => (false, "correct the region, the endpoint or the credentials of the transport"),
        Kind::NoAnswer | Kind::BrokenAnswer => (true, "see whether this machine reaches the endpoint of SES"),
        Kind::Answer { status: 404, .. } => {
            (false, "there is no such thing in this region; correct its name")
        }
        Kind::Answer { status: 429, .. } => (true, "ask again later"),
        Kind::Answer { status: 500.., .. } => (true, "SES failed; ask again later"),
        Kind::Answer { .. } if failure.code.contains("Throttl") || failure.code.contains("TooMany") => {
            (true, "ask again later")
        }
        Kind::Answer { .. } => (false, "see whether the credentials are right and allow this operation"),
    };
    let answer = Answer::new(failure.codes(), one_line(&failure.words));
    Err(CheckError::Unanswered { operation, answer, advice, transient })
}

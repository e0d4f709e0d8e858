//! What the SDK's error says, freed of the SDK.

use std::error::Error;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sesv2::config::http::HttpResponse;
use aws_sdk_sesv2::error::{ProvideErrorMetadata, SdkError};

/// Why a call did not end well.
///
/// Its words are SES's or the SDK's, and may quote what was sent; so it has no `Debug`.
pub(crate) struct Failure {
    /// What kind of failure.
    pub(crate) kind: Kind,
    /// SES's code, such as `MessageRejected`; may be empty.
    pub(crate) code: String,
    /// What was said.
    pub(crate) words: String,
}

/// Kinds of failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// There was an answer.
    Answer {
        /// Its HTTP status.
        status: u16,
        /// When it asks to be tried again.
        retry_after: Option<Duration>,
    },
    /// An answer began and broke off, or was no answer of SES.
    BrokenAnswer,
    /// No credentials could be loaded; nothing was sent.
    Credentials,
    /// The request could not be made, so nothing was sent: no region, no endpoint, nothing to sign it with.
    Setup,
    /// No connection, or a lost one, or a time-out.
    NoAnswer,
}

impl Failure {
    /// The answer did not come in time.
    pub(crate) fn late() -> Self {
        Self {
            kind: Kind::NoAnswer,
            code: String::new(),
            words: "there was no answer before the deadline".into(),
        }
    }

    /// Status and code as an answer shows them: `400 MessageRejected`.
    pub(crate) fn codes(&self) -> String {
        match self.kind {
            Kind::Answer { status, .. } if self.code.is_empty() => status.to_string(),
            Kind::Answer { status, .. } => format!("{status} {}", self.code),
            _ => String::new(),
        }
    }
}

impl<E: ProvideErrorMetadata + Error + 'static> From<SdkError<E, HttpResponse>> for Failure {
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        let without_code =
            |kind, error: &(dyn Error + 'static)| Self { kind, code: String::new(), words: causes(error) };
        match &error {
            SdkError::ServiceError(service) => {
                let status = service.raw().status().as_u16();
                let retry_after = retry_after(service.raw());
                let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
                let (code, words) = (text(service.err().code()), text(service.err().message()));
                Self { kind: Kind::Answer { status, retry_after }, code, words }
            }
            SdkError::ResponseError(_) => without_code(Kind::BrokenAnswer, &error),
            _ if has_cause::<CredentialsError>(&error) => without_code(Kind::Credentials, &error),
            SdkError::DispatchFailure(failure) if failure.is_io() || failure.is_timeout() => {
                without_code(Kind::NoAnswer, &error)
            }
            SdkError::TimeoutError(_) => without_code(Kind::NoAnswer, &error),
            // Of the rest none comes from a connection, but for what the HTTP client could not name.
            SdkError::DispatchFailure(failure)
                if failure.as_other().is_some() || has_cause::<std::io::Error>(&error) =>
            {
                without_code(Kind::NoAnswer, &error)
            }
            _ => without_code(Kind::Setup, &error),
        }
    }
}

/// The header in seconds; SES gives no other form.
fn retry_after(response: &HttpResponse) -> Option<Duration> {
    response.headers().get("retry-after")?.trim().parse().ok().map(Duration::from_secs)
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| (*error).source())
}

fn has_cause<C: Error + 'static>(error: &(dyn Error + 'static)) -> bool {
    chain(error).any(<dyn Error>::is::<C>)
}

/// The error and its causes, each once; the SDK's own name for the stage, which is the first, says nothing.
fn causes(error: &(dyn Error + 'static)) -> String {
    let mut words: Vec<String> = Vec::new();
    for cause in chain(error).skip(1).map(ToString::to_string) {
        if !words.iter().any(|said| said.contains(&cause)) {
            words.push(cause);
        }
    }
    if words.is_empty() { error.to_string() } else { words.join(": ") }
}

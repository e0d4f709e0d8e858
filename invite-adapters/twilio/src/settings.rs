//! What a transport was built with.

use ::url::Url;

use crate::credentials::Credentials;
use crate::endpoint::StatusCallback;
use crate::sender::Sender;

/// Everything but the client, checked.
pub(crate) struct Settings {
    pub(crate) credentials: Credentials,
    pub(crate) sender: Sender,
    pub(crate) validity_seconds: Option<u64>,
    pub(crate) status_callback: Option<StatusCallback>,
    /// Where messages are made; the account SID stands in it.
    pub(crate) messages: Url,
}

impl Settings {
    /// `api.twilio.com`
    pub(crate) fn place(&self) -> String {
        let host = self.messages.host_str().unwrap_or_default();
        match self.messages.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }
}

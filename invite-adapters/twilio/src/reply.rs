//! What came back: status, headers and at most 64 KiB of body.

use std::time::Duration;

use chrono::DateTime;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};

use crate::sid::is_any_sid;

/// The most octets of a body that are read; Twilio's have about 1 KiB.
const LONGEST: usize = 64 * 1024;
/// The longest that anybody is asked to wait.
const DAY: Duration = Duration::from_hours(24);

/// An answer as far as it could be read.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    /// In how long Twilio wants to be asked again.
    pub(crate) retry_after: Option<Duration>,
    /// None if it broke off, was longer than [`LONGEST`] or took too long.
    body: Option<Vec<u8>>,
}

/// What an answer about an error says.
#[derive(Deserialize)]
pub(crate) struct Problem {
    /// Twilio's code, such as 21610.
    pub(crate) code: Option<u32>,
    /// Twilio's words, in which it may quote the request.
    pub(crate) message: Option<String>,
}

#[derive(Deserialize)]
struct Created {
    sid: String,
}

impl Reply {
    pub(crate) async fn read(mut response: Response, until: Instant) -> Self {
        let (status, retry_after) = (response.status(), retry_after(response.headers()));
        let body = timeout_at(until, body(&mut response)).await.ok().flatten();
        Self { status, retry_after, body }
    }

    /// The SID of the message that was made.
    pub(crate) fn sid(&self) -> Option<String> {
        let created: Created = serde_json::from_slice(self.body.as_deref()?).ok()?;
        Some(created.sid).filter(|sid| is_any_sid(sid))
    }

    /// What it says about an error; nothing if it is not Twilio's.
    pub(crate) fn problem(&self) -> Problem {
        let body = self.body.as_deref().unwrap_or_default();
        serde_json::from_slice(body).unwrap_or(Problem { code: None, message: None })
    }

    /// Whether it came to its end.
    pub(crate) const fn is_whole(&self) -> bool {
        self.body.is_some()
    }
}

async fn body(response: &mut Response) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        if body.len() + chunk.len() > LONGEST {
            return None;
        }
        body.extend_from_slice(&chunk);
    }
    Some(body)
}

/// Seconds, or a date, which is compared with that of the answer: this machine's clock may be wrong (RFC 9110, 10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let header = |name| headers.get(name)?.to_str().ok().map(str::trim);
    let text = header(RETRY_AFTER)?;
    let wait = if let Ok(seconds) = text.parse() {
        Duration::from_secs(seconds)
    } else {
        let date = |text| DateTime::parse_from_rfc2822(text).ok();
        (date(text)? - date(header(DATE)?)?).to_std().unwrap_or_default()
    };
    Some(wait.min(DAY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let date = "Mon, 30 Nov 2026 12:00:00 GMT";
        for (value, wanted) in [
            ("0", Some(0)),
            (" 30 ", Some(30)),
            ("99999999999999", Some(86_400)),
            ("Mon, 30 Nov 2026 12:01:30 GMT", Some(90)),
            ("Mon, 30 Nov 2026 11:00:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
            ("", None),
        ] {
            let headers: HeaderMap = [(RETRY_AFTER, value), (DATE, date)]
                .map(|(name, value)| (name, value.parse().unwrap()))
                .into_iter()
                .collect();
            assert_eq!(retry_after(&headers), wanted.map(Duration::from_secs), "{value:?}");
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}

//! A transport from one line, as it stands in an environment variable. It never has credentials in it.

use std::time::Duration;

use ::url::{Url, form_urlencoded};
use invite_core::Secret;

use crate::builder::TwilioBuilder;
use crate::environment::{self, Lookup};
use crate::error::SetupError;

/// What `?` may be followed by.
const OPTIONS: &str = "is not known; there are account, connect_timeout, dangerous, endpoint, from, messaging_service, \
                       proxy, status_callback and validity, and credentials come from the environment alone";

/// Reads the URL. The crate's page has the table of options.
pub(crate) fn builder(text: &str, lookup: Lookup<'_>) -> Result<TwilioBuilder, SetupError> {
    let wrong = |reason| SetupError::Url { reason };
    let url = Url::parse(text).map_err(|_| wrong("it is no URL"))?;
    if url.scheme() != "twilio" {
        return Err(wrong("it does not begin with twilio:"));
    }
    if url.has_authority() || !url.path().is_empty() || url.fragment().is_some() {
        return Err(wrong("something stands between twilio: and the question mark, or after a #"));
    }
    let (mut account, mut sender) = (None, None);
    let mut options = Vec::new();
    // A plus is a plus here, since numbers begin with one.
    let query = url.query().unwrap_or_default().replace('+', "%2B");
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if options.iter().any(|(other, _)| *other == name) {
            return Err(SetupError::Option { name: name.into_owned(), reason: "stands there twice" });
        }
        match &*name {
            "account" => account = Some(Secret::new(value.to_string())),
            "from" | "messaging_service" if sender.is_some() => return Err(SetupError::TwoSenders),
            "from" | "messaging_service" => sender = Some(value.to_string()),
            _ => {}
        }
        options.push((name, value));
    }
    let account = account.map_or_else(|| environment::account(lookup), Ok)?;
    let sender = sender.map_or_else(|| environment::sender(lookup), Ok)?;
    let builder = TwilioBuilder::new(account).login(environment::login(lookup)?).sender(sender);
    options.iter().try_fold(builder, |builder, (name, value)| with_option(builder, name, value))
}

fn with_option(builder: TwilioBuilder, name: &str, value: &str) -> Result<TwilioBuilder, SetupError> {
    let wrong = |reason| SetupError::Option { name: name.to_owned(), reason };
    let seconds = || {
        let seconds = value.parse().map_err(|_| wrong("must be a whole number of seconds"))?;
        Ok(Duration::from_secs(seconds))
    };
    Ok(match (name, value) {
        ("account" | "from" | "messaging_service", _) => builder,
        ("endpoint", url) => builder.endpoint(url),
        ("validity", _) => builder.validity(seconds()?),
        ("status_callback", url) => builder.status_callback(url),
        ("connect_timeout", _) => builder.connect_timeout(seconds()?),
        ("dangerous", "plain") => builder.dangerous_plain_http(),
        ("dangerous", _) => {
            return Err(wrong(
                "can be plain alone: no encryption, so that anybody on the way reads every message",
            ));
        }
        ("proxy", "environment") => builder.proxy_from_environment(),
        ("proxy", _) => return Err(wrong("can be environment alone: the proxy that HTTPS_PROXY names")),
        _ => return Err(wrong(OPTIONS)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(options: &str) -> Result<String, String> {
        let sid = |kind: &str| format!("{kind}{}", "0".repeat(32));
        let lookup = |name: &str| (name == "TWILIO_AUTH_TOKEN").then(|| "token".to_owned());
        let options = options.replace("AC…", &sid("AC")).replace("MG…", &sid("MG"));
        let transport = builder(&options, &lookup).and_then(TwilioBuilder::build);
        transport.map(|transport| format!("{transport:?}")).map_err(|error| error.to_string())
    }

    #[test]
    fn a_url_makes_a_transport() {
        for (url, shown) in [
            ("twilio:?account=AC…&from=+4791234567", "TwilioTransport(api.twilio.com)"),
            ("twilio:?account=AC…&from=%2B4791234567", "TwilioTransport(api.twilio.com)"),
            ("twilio:?account=AC…&from=Nordby%2024&validity=3600", "TwilioTransport(api.twilio.com)"),
            (
                "twilio:?account=AC…&messaging_service=MG…&endpoint=https://api.dublin.ie1.twilio.com\
                 &status_callback=https://app.example.com/s%3Fa=b%26c=d&connect_timeout=5&proxy=environment",
                "TwilioTransport(api.dublin.ie1.twilio.com)",
            ),
            (
                "twilio:?account=AC…&from=A&endpoint=http://sms.test:81&dangerous=plain",
                "TwilioTransport(sms.test:81)",
            ),
        ] {
            assert_eq!(built(url).as_deref(), Ok(shown), "{url}");
        }
    }

    #[test]
    fn a_url_that_is_wrong_says_how() {
        for (url, reason) in [
            ("", "no URL"),
            ("smtp://x", "twilio:"),
            ("twilio://AC:token@api.twilio.com?from=A", "between"),
            ("twilio:x?account=AC…&from=A", "between"),
            ("twilio:?account=AC…&from=A#x", "between"),
            ("twilio:?account=AC…&from=A&from=B", "twice"),
            ("twilio:?account=AC…&from=A&messaging_service=MG…", "not both"),
            ("twilio:?account=AC…", "TWILIO_FROM"),
            ("twilio:?from=A", "TWILIO_ACCOUNT_SID"),
            ("twilio:?account=AC1&from=A", "account SID"),
            ("twilio:?account=AC…&from=1", "sender"),
            ("twilio:?account=AC…&from=A&validity=0", "1 to 36000"),
            ("twilio:?account=AC…&from=A&validity=36001", "1 to 36000"),
            ("twilio:?account=AC…&from=A&validity=1h", "whole number"),
            ("twilio:?account=AC…&from=A&validity=1&validity=2", "twice"),
            ("twilio:?account=AC…&from=A&auth_token=geheim", "environment alone"),
            ("twilio:?account=AC…&from=A&dangerous=yes", "plain"),
            ("twilio:?account=AC…&from=A&endpoint=http://sms.test", "https://"),
            ("twilio:?account=AC…&from=A&status_callback=x", "status callback"),
            ("twilio:?account=AC…&from=A&connect_timeout=0", "connect_timeout"),
        ] {
            let error = built(url).unwrap_err();
            assert!(error.contains(reason) && !error.contains("geheim"), "{url}: {error}");
        }
    }
}

//! Where requests go, and where Twilio reports back to.

use std::net::IpAddr;

use ::url::{Host, Url};
use invite_core::model::id::DeliveryId;

use crate::error::SetupError;

/// Twilio's own, in its default region.
pub(crate) const DEFAULT: &str = "https://api.twilio.com";
/// The parameter of a status callback that says which delivery it is about.
pub(crate) const DELIVERY: &str = "delivery";

/// The address that makes a message of an account. Without encryption it goes to this machine only, unless `plain`.
pub(crate) fn messages(base: &str, account: &str, plain: bool) -> Result<Url, SetupError> {
    let wrong = |reason| SetupError::Endpoint { reason };
    let mut url = Url::parse(base).map_err(|_| wrong("is no URL"))?;
    let host = url.host().ok_or(wrong("names no host"))?;
    match url.scheme() {
        "https" => {}
        "http" if plain || is_this_machine(&host) => {}
        "http" => {
            return Err(wrong("must begin with https://: over http everybody on the way reads the messages"));
        }
        _ => return Err(wrong("must begin with https://")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("must not have credentials in it"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("must end with its host, port or path"));
    }
    url.path_segments_mut().map_err(|()| wrong("has no path"))?.pop_if_empty().extend([
        "2010-04-01",
        "Accounts",
        account,
        "Messages.json",
    ]);
    Ok(url)
}

fn is_this_machine(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => IpAddr::V4(*address).is_loopback(),
        Host::Ipv6(address) => IpAddr::V6(*address).is_loopback(),
    }
}

/// An address that Twilio reports to.
#[derive(Clone)]
pub(crate) struct StatusCallback(Url);

impl StatusCallback {
    pub(crate) fn parse(text: &str) -> Result<Self, SetupError> {
        let wrong = |reason| SetupError::StatusCallback { reason };
        let url =
            Url::parse(text).map_err(|_| wrong("is no URL; write https://app.example.com/twilio/status"))?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err(wrong("must begin with https://"));
        }
        if url.fragment().is_some() {
            return Err(wrong("must not have a # in it"));
        }
        if url.query_pairs().any(|(name, _)| name == DELIVERY) {
            return Err(wrong("must not have a parameter delivery: it is added to each message's"));
        }
        Ok(Self(url))
    }

    /// That of one delivery. What the URL has in its query stays as it is.
    pub(crate) fn of(&self, delivery: DeliveryId) -> Url {
        let mut url = self.0.clone();
        let query = match url.query().filter(|query| !query.is_empty()) {
            Some(query) => format!("{query}&{DELIVERY}={delivery}"),
            None => format!("{DELIVERY}={delivery}"),
        };
        url.set_query(Some(&query));
        url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_goes_to_this_machine_only() {
        for base in
            ["http://localhost:1234", "http://127.0.0.1", "http://[::1]:8080", "https://api.twilio.com"]
        {
            assert!(messages(base, "AC1", false).is_ok(), "{base}");
        }
        for base in
            ["http://api.twilio.com", "http://localhost.example", "http://192.0.2.1", "ftp://localhost", "x"]
        {
            assert!(messages(base, "AC1", false).is_err(), "{base}");
        }
        assert!(messages("http://192.0.2.1", "AC1", true).is_ok());
    }

    #[test]
    fn an_endpoint_may_have_a_path_and_nothing_else() {
        for (base, url) in [
            ("https://api.twilio.com", "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages.json"),
            ("https://api.twilio.com/", "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages.json"),
            (
                "https://proxy.example:81/sms/",
                "https://proxy.example:81/sms/2010-04-01/Accounts/AC1/Messages.json",
            ),
        ] {
            assert_eq!(messages(base, "AC1", false).unwrap().as_str(), url);
        }
        for base in ["https://a:b@api.twilio.com", "https://api.twilio.com?a=b", "https://api.twilio.com#a"] {
            assert!(messages(base, "AC1", false).is_err(), "{base}");
        }
    }

    #[test]
    fn a_status_callback_keeps_its_query() {
        let delivery: DeliveryId = "01980d5c-7b1a-7c3e-9f00-3f1f2a4b5c6d".parse().unwrap();
        for (text, wanted) in [
            ("https://a.example/s", "https://a.example/s?delivery="),
            ("https://a.example", "https://a.example/?delivery="),
            ("https://a.example/s?", "https://a.example/s?delivery="),
            ("https://a.example/s?a=b%20c&d", "https://a.example/s?a=b%20c&d&delivery="),
            ("https://u:p@a.example/s?a=+", "https://u:p@a.example/s?a=+&delivery="),
        ] {
            let url = StatusCallback::parse(text).unwrap().of(delivery);
            assert_eq!(url.as_str(), format!("{wanted}{delivery}"));
        }
        for text in
            ["", "/status", "ftp://a.example", "https://a.example/#s", "https://a.example/?delivery=1"]
        {
            assert!(StatusCallback::parse(text).is_err(), "{text}");
        }
    }
}

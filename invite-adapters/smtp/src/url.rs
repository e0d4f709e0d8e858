//! A transport from one line, as it stands in an environment variable.

use std::borrow::Cow;
use std::time::Duration;

use invite_core::Secret;
use url::Url;

use crate::builder::{Protection, SmtpBuilder};
use crate::error::SetupError;

/// What `?` may be followed by.
const OPTIONS: &str = "is not known; there are ca, connect_timeout, connections, dangerous, final_reply_timeout, hello, \
                       idle_timeout, messages_per_connection and reply_timeout";

/// Reads the URL. The crate's page has the tables of schemes and options.
pub(crate) fn builder(text: &str) -> Result<SmtpBuilder, SetupError> {
    let wrong = |reason| SetupError::Url { reason };
    let url = Url::parse(text).map_err(|_| wrong("it is no URL"))?;
    if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
        return Err(wrong("something stands after the host and port"));
    }
    let dangerous = dangerous(&url)?;
    let (protection, usual_port) = match (url.scheme(), dangerous) {
        ("smtps", false) => (Protection::Implicit, 465),
        ("smtp", false) => (Protection::StartTls, 587),
        ("smtp", true) => (Protection::DangerousPlain, 25),
        ("smtps", true) => return Err(wrong("smtps:// and dangerous=plain contradict each other")),
        _ => return Err(wrong("it begins neither with smtp:// nor with smtps://")),
    };
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or(wrong("it names no host"))?;
    let host = decoded(host).ok_or(SetupError::Host)?;
    let mut builder = SmtpBuilder::new(&host, url.port().unwrap_or(usual_port), protection);
    match (url.username(), url.password()) {
        ("", None) => {}
        ("", Some(_)) => return Err(wrong("it has a password without a user name")),
        (_, None) => return Err(wrong("it has a user name without a password")),
        (user, Some(password)) => {
            let unreadable = || wrong("user name or password is not UTF-8");
            let user = decoded(user).ok_or_else(unreadable)?;
            let password = decoded(password).ok_or_else(unreadable)?;
            builder = builder.credentials(user, Secret::new(password.into_owned()));
        }
    }
    let mut seen = Vec::new();
    for (name, value) in url.query_pairs() {
        if seen.contains(&name) {
            return Err(SetupError::Option { name: name.into_owned(), reason: "stands there twice" });
        }
        builder = with_option(builder, &name, &value)?;
        seen.push(name);
    }
    Ok(builder)
}

fn dangerous(url: &Url) -> Result<bool, SetupError> {
    match url.query_pairs().find(|(name, _)| name == "dangerous") {
        None => Ok(false),
        Some((_, value)) if value == "plain" => Ok(true),
        Some(_) => Err(SetupError::Option {
            name: "dangerous".into(),
            reason: "can be plain alone: no encryption, so that anybody on the way reads every message and the password",
        }),
    }
}

fn with_option(builder: SmtpBuilder, name: &str, value: &str) -> Result<SmtpBuilder, SetupError> {
    let wrong = |reason| SetupError::Option { name: name.to_owned(), reason };
    let seconds = || {
        let seconds = value.parse().map_err(|_| wrong("must be a whole number of seconds"))?;
        Ok(Duration::from_secs(seconds))
    };
    Ok(match name {
        "dangerous" => builder,
        "hello" => builder.hello_name(value),
        "ca" => {
            let pem = std::fs::read(value);
            let pem = pem.map_err(|source| SetupError::RootCertificateFile { path: value.into(), source })?;
            builder.root_certificate(pem)
        }
        "connections" => builder.connections(value.parse().map_err(|_| wrong("must be 1 to 256"))?),
        "messages_per_connection" => {
            builder.messages_per_connection(value.parse().map_err(|_| wrong("must be a whole number"))?)
        }
        "connect_timeout" => builder.connect_timeout(seconds()?),
        "reply_timeout" => builder.reply_timeout(seconds()?),
        "final_reply_timeout" => builder.final_reply_timeout(seconds()?),
        "idle_timeout" => builder.idle_timeout(seconds()?),
        _ => return Err(wrong(OPTIONS)),
    })
}

/// With `%40` and the like as what they stand for.
fn decoded(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(text.into());
    }
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        octets.extend_from_slice(before.as_bytes());
        let digits = after.get(..2).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
        octets.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &after[2..];
    }
    octets.extend_from_slice(rest.as_bytes());
    String::from_utf8(octets).ok().map(Cow::from)
}

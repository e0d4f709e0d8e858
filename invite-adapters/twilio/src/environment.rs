//! A transport from environment variables.

use invite_core::Secret;

use crate::builder::TwilioBuilder;
use crate::credentials::Login;
use crate::error::SetupError;

/// Finds a variable by its name.
pub(crate) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A variable of this process.
pub(crate) fn process(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// With everything from the environment.
pub(crate) fn builder(lookup: Lookup<'_>) -> Result<TwilioBuilder, SetupError> {
    Ok(TwilioBuilder::new(account(lookup)?).login(login(lookup)?).sender(sender(lookup)?))
}

pub(crate) fn account(lookup: Lookup<'_>) -> Result<Secret, SetupError> {
    let account = set(lookup, "TWILIO_ACCOUNT_SID");
    account.map(Secret::new).ok_or(SetupError::Missing { names: "TWILIO_ACCOUNT_SID" })
}

/// The API key, if there is one, since it can be withdrawn alone.
pub(crate) fn login(lookup: Lookup<'_>) -> Result<Login, SetupError> {
    let secret = |name| set(lookup, name).map(Secret::new);
    match (secret("TWILIO_API_KEY"), secret("TWILIO_API_KEY_SECRET"), secret("TWILIO_AUTH_TOKEN")) {
        (Some(sid), Some(secret), _) => Ok(Login::ApiKey { sid, secret }),
        (Some(_), None, _) => Err(SetupError::Missing { names: "TWILIO_API_KEY_SECRET" }),
        (None, Some(_), _) => Err(SetupError::Missing { names: "TWILIO_API_KEY" }),
        (None, None, Some(token)) => Ok(Login::AuthToken(token)),
        (None, None, None) => Err(SetupError::Missing {
            names: "TWILIO_API_KEY and TWILIO_API_KEY_SECRET, or TWILIO_AUTH_TOKEN,",
        }),
    }
}

pub(crate) fn sender(lookup: Lookup<'_>) -> Result<String, SetupError> {
    match (set(lookup, "TWILIO_FROM"), set(lookup, "TWILIO_MESSAGING_SERVICE_SID")) {
        (Some(_), Some(_)) => Err(SetupError::TwoSenders),
        (Some(sender), None) | (None, Some(sender)) => Ok(sender),
        (None, None) => Err(SetupError::Missing { names: "TWILIO_FROM or TWILIO_MESSAGING_SERVICE_SID" }),
    }
}

/// An empty variable is one that is not set.
fn set(lookup: Lookup<'_>, name: &str) -> Option<String> {
    lookup(name).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(variables: &[(&str, &str)]) -> Result<String, String> {
        let lookup = |name: &str| {
            variables.iter().find(|(other, _)| *other == name).map(|(_, value)| {
                value
                    .replace("AC…", &format!("AC{}", "0".repeat(32)))
                    .replace("SK…", &format!("SK{}", "1".repeat(32)))
            })
        };
        let transport = builder(&lookup).and_then(TwilioBuilder::build);
        transport.map(|transport| format!("{transport:?}")).map_err(|error| error.to_string())
    }

    const ACCOUNT: (&str, &str) = ("TWILIO_ACCOUNT_SID", "AC…");
    const TOKEN: (&str, &str) = ("TWILIO_AUTH_TOKEN", "token");
    const KEY: (&str, &str) = ("TWILIO_API_KEY", "SK…");
    const KEY_SECRET: (&str, &str) = ("TWILIO_API_KEY_SECRET", "secret");
    const FROM: (&str, &str) = ("TWILIO_FROM", "+4791234567");

    #[test]
    fn an_account_a_login_and_a_sender_make_a_transport() {
        for variables in [
            [ACCOUNT, TOKEN, FROM].as_slice(),
            &[ACCOUNT, KEY, KEY_SECRET, FROM],
            &[ACCOUNT, KEY, KEY_SECRET, TOKEN, FROM],
        ] {
            assert_eq!(built(variables).unwrap(), "TwilioTransport(api.twilio.com)");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        for (variables, missing) in [
            ([].as_slice(), "TWILIO_ACCOUNT_SID must"),
            (&[("TWILIO_ACCOUNT_SID", ""), TOKEN, FROM], "TWILIO_ACCOUNT_SID must"),
            (&[ACCOUNT, FROM], "TWILIO_AUTH_TOKEN"),
            (&[ACCOUNT, KEY, TOKEN, FROM], "TWILIO_API_KEY_SECRET must"),
            (&[ACCOUNT, KEY_SECRET, TOKEN, FROM], "TWILIO_API_KEY must"),
            (&[ACCOUNT, TOKEN], "TWILIO_FROM or"),
        ] {
            let error = built(variables).unwrap_err();
            assert!(error.contains(missing), "{error}");
        }
        assert!(built(&[ACCOUNT, TOKEN, FROM, ("TWILIO_MESSAGING_SERVICE_SID", "MG")]).is_err());
    }
}

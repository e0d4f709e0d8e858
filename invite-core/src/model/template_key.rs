//! Which message of an organisation.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::locale::Locale;
use super::message::Channel;
use super::message_kind::MessageKind;

/// Which message of an organisation: its kind, its channel and its language.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TemplateKey {
    /// What it is for.
    pub kind: MessageKind,
    /// What it travels on.
    pub channel: Channel,
    /// Its language.
    pub locale: Locale,
}

impl fmt::Display for TemplateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.kind.as_str(), self.channel, self.locale)
    }
}

impl FromStr for TemplateKey {
    type Err = NoTemplateKey;

    fn from_str(text: &str) -> Result<Self, NoTemplateKey> {
        let parse = || {
            let (kind, rest) = text.split_once('/')?;
            let (channel, locale) = rest.split_once('/')?;
            Some(Self {
                kind: kind.parse().ok()?,
                channel: Channel::ALL.into_iter().find(|one| one.as_str() == channel)?,
                locale: locale.parse().ok()?,
            })
        };
        parse().ok_or(NoTemplateKey)
    }
}

/// A text that names no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message is named by its kind, its channel and its language, such as invitation/email/nb")]
pub struct NoTemplateKey;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_back_from_its_name() {
        for kind in MessageKind::ALL {
            for channel in Channel::ALL {
                let key = TemplateKey { kind, channel, locale: "pt-BR".parse().expect("a tag") };
                assert_eq!(key.to_string().parse(), Ok(key));
            }
        }
        for wrong in
            ["", "invitation", "invitation/email", "invitation/fax/en", "welcome/email/en", "sso/sms/x"]
        {
            assert_eq!(wrong.parse::<TemplateKey>(), Err(NoTemplateKey), "{wrong}");
        }
    }
}

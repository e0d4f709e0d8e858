//! Credentials that are none, of the length of real ones: for previews, test messages and the size of text messages.

use crate::model::organisation::Settings;
use crate::template::{CredentialForm, CredentialValue};

/// As long as a temporary password, and never one: they have no `l`.
const PASSWORD: &str = "samp-lepa-sswd";

/// As long as a link's token, and never one: its last character cannot stand there.
const TOKEN: &str = "THIS-IS-A-SAMPLE-TOKEN";

/// A credential that signs nobody in.
#[derive(Debug)]
pub(super) struct SampleCredential {
    form: CredentialForm,
    link: String,
}

impl SampleCredential {
    pub(super) fn new(form: CredentialForm, settings: &Settings) -> Self {
        let link = match &settings.link_pattern {
            Some(pattern) => pattern.link(TOKEN),
            None => format!("https://example.com/welcome#{TOKEN}"),
        };
        Self { form, link }
    }

    pub(super) fn value(&self) -> CredentialValue<'_> {
        match self.form {
            CredentialForm::None => CredentialValue::None,
            CredentialForm::Password => CredentialValue::Password(PASSWORD),
            CredentialForm::Link => CredentialValue::Link(&self.link),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::random::system_random;
    use crate::credential::{LinkToken, TemporaryPassword};

    #[test]
    fn a_sample_is_as_long_as_a_real_credential_and_never_one() {
        let mut random = system_random().expect("a generator");
        let password = TemporaryPassword::mint(&mut random).into_secret();
        assert_eq!(PASSWORD.len(), password.expose().len());
        assert!(TemporaryPassword::normalise(PASSWORD).is_none());
        let token = LinkToken::mint(&mut random).into_secret();
        assert_eq!(TOKEN.len(), token.expose().len());
        assert!(LinkToken::parse(TOKEN).is_none());
    }
}

//! A user name and a password, and the forms in which they must not come back.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use invite_core::Secret;

/// What AUTH says.
pub(crate) struct Credentials {
    user: String,
    password: Secret,
    /// Whatever a server could echo, the longest first.
    forms: Vec<Secret>,
}

impl Credentials {
    /// None if one is empty or holds a control character, which no mechanism can carry.
    pub(crate) fn new(user: String, password: Secret) -> Option<Self> {
        let fits = |text: &str| !text.is_empty() && !text.contains(char::is_control);
        if !fits(&user) || !fits(password.expose()) {
            return None;
        }
        let plain = STANDARD.encode(format!("\0{user}\0{}", password.expose()));
        let login = [user.as_str(), password.expose()].map(|text| STANDARD.encode(text));
        let unpadded = login.clone().map(|text| text.trim_end_matches('=').to_owned());
        let mut forms = vec![plain.trim_end_matches('=').to_owned(), plain, password.expose().to_owned()];
        forms.extend(login);
        forms.extend(unpadded);
        forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
        Some(Self { user, password, forms: forms.into_iter().map(Secret::new).collect() })
    }

    /// The one line of AUTH PLAIN (RFC 4616).
    pub(crate) fn plain(&self) -> Secret {
        Secret::new(STANDARD.encode(format!("\0{}\0{}", self.user, self.password.expose())))
    }

    /// The two answers of AUTH LOGIN: user name and password.
    pub(crate) fn login(&self) -> [Secret; 2] {
        [self.user.as_str(), self.password.expose()].map(|text| Secret::new(STANDARD.encode(text)))
    }

    /// The text without them.
    pub(crate) fn hidden_in(&self, text: String) -> String {
        self.forms.iter().fold(text, |text, form| {
            if text.contains(form.expose()) { text.replace(form.expose(), "…") } else { text }
        })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials() -> Credentials {
        Credentials::new("anna".into(), Secret::new("tr0ub4dor".into())).unwrap()
    }

    #[test]
    fn no_form_of_them_stays_in_a_text() {
        let credentials = credentials();
        let [user, password] = credentials.login();
        for form in [credentials.plain().expose(), user.expose(), password.expose(), "tr0ub4dor"] {
            let text =
                credentials.hidden_in(format!("535 what is {form}, and <{}>?", form.trim_end_matches('=')));
            assert_eq!(text, "535 what is …, and <…>?");
        }
    }

    #[test]
    fn what_no_mechanism_can_carry_is_none() {
        for (user, password) in [("", "x"), ("x", ""), ("a\0b", "x"), ("x", "a\r\nQUIT")] {
            assert!(Credentials::new(user.into(), Secret::new(password.into())).is_none(), "{user:?}");
        }
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", credentials()), "Credentials(…)");
    }
}

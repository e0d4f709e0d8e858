//! What a request says: the parameters of its URL and of its body.

use ::url::form_urlencoded;

/// A parameter: name and value.
pub(super) type Parameter = (String, String);

/// Both kinds, decoded, in the order in which they came.
pub(super) struct Parameters {
    /// Of the URL.
    pub(super) query: Vec<Parameter>,
    /// Of the body.
    pub(super) form: Vec<Parameter>,
}

impl Parameters {
    /// The first of this name in the URL.
    pub(super) fn in_query(&self, name: &str) -> Option<&str> {
        first(&self.query, name)
    }

    /// The first of this name in what Twilio says: the body, or the URL if there is no body (GET).
    pub(super) fn said(&self, name: &str) -> Option<&str> {
        first(if self.form.is_empty() { &self.query } else { &self.form }, name)
    }
}

fn first<'a>(parameters: &'a [Parameter], name: &str) -> Option<&'a str> {
    parameters.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
}

/// From `application/x-www-form-urlencoded`.
pub(super) fn parsed(text: &[u8]) -> Vec<Parameter> {
    form_urlencoded::parse(text).into_owned().collect()
}

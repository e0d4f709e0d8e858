//! A value that can be taken away with the word `none`.

use std::fmt::Display;
use std::str::FromStr;

/// A value, or the word `none`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NoneOr<T>(pub(crate) Option<T>);

impl<T: FromStr<Err: Display>> FromStr for NoneOr<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.trim().eq_ignore_ascii_case("none") {
            return Ok(Self(None));
        }
        text.parse().map(|value| Self(Some(value))).map_err(|error: T::Err| error.to_string())
    }
}

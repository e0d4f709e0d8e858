//! How a behaviour says what it found.

use std::fmt;

use crate::port::error::PortError;

/// What proving a behaviour gave: nothing, or what was found instead.
pub type Checked<T = ()> = Result<T, Failure>;

/// What was found where something else was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure(String);

impl Failure {
    /// A failure in these words.
    pub fn new(words: impl Into<String>) -> Self {
        Self(words.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

impl From<PortError> for Failure {
    fn from(error: PortError) -> Self {
        Self(format!("a method answered with an error: {error}"))
    }
}

/// Ends the behaviour unless the condition holds.
macro_rules! holds {
    ($condition:expr, $($words:tt)+) => {
        if !$condition {
            return Err($crate::conformance::Failure::new(format!(
                "expected that {} ({}:{})", format_args!($($words)+), file!(), line!()
            )));
        }
    };
}

/// Ends the behaviour unless both are equal.
macro_rules! same {
    ($found:expr, $expected:expr, $($words:tt)+) => {
        match (&$found, &$expected) {
            (found, expected) => {
                if *found != *expected {
                    return Err($crate::conformance::Failure::new(format!(
                        "{}: expected {:?}, found {:?} ({}:{})",
                        format_args!($($words)+), expected, found, file!(), line!()
                    )));
                }
            }
        }
    };
}

/// Ends the behaviour unless the value has the form; gives what the form binds.
macro_rules! has_form {
    ($found:expr, $form:pat => $bound:expr, $($words:tt)+) => {
        match $found {
            $form => $bound,
            #[allow(unreachable_patterns, reason = "some forms are irrefutable")]
            other => return Err($crate::conformance::Failure::new(format!(
                "{}: expected {}, found {:?} ({}:{})",
                format_args!($($words)+), stringify!($form), other, file!(), line!()
            ))),
        }
    };
}

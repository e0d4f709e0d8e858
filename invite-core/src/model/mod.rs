//! Floor 0: the words of the library, as types. No I/O, no clock, no randomness but identifiers.

pub mod contact;
pub mod id;
pub mod locale;
pub mod message;
pub mod outcome;
pub(crate) mod plain_text;
pub mod role;
pub mod sign_in;

//! Floor 0: the words of the library, as types. No I/O, no clock, no randomness but identifiers.

pub mod actor;
pub mod batch;
pub mod contact;
pub mod credential;
pub mod delivery;
pub mod event;
pub mod id;
pub mod invitation;
pub mod item;
pub mod locale;
pub mod message;
pub mod message_kind;
pub mod organisation;
pub mod outcome;
pub(crate) mod plain_text;
pub mod quiet_hours;
pub mod rate;
pub mod role;
pub mod selection;
pub mod sender;
pub mod sign_in;
pub mod suppression;
pub mod template_key;
pub mod theme;
pub mod user;
pub mod wording;

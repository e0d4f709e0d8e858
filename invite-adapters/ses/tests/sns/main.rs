//! What SNS says, and what only says that it is from SNS.

mod events;
mod refused;
mod support;

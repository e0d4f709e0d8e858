//! What SNS says, and what only says that it is from SNS.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

mod events;
mod refused;
mod support;

//! The transport against a server that says whatever a test wants it to say.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

mod connections;
mod dot;
mod replies;
mod sign_in;
#[path = "../support/mod.rs"]
mod support;
mod tls;
mod urls;
mod wire;

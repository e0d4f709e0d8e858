//! The transport against answers that are scripted.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

#[path = "../support/mod.rs"]
mod support;

mod answers;
mod faults;
mod requests;
mod tls;
mod webhooks;

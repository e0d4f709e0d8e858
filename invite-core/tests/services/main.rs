//! The services through the public API, on the memory store.
#![allow(clippy::unwrap_used, reason = "a test says by panicking what it did not expect")]

mod accept;
mod batches;
mod correct_address;
mod erase;
mod fresh;
mod hosts;
mod import;
mod plan;
mod returning;
mod rollout;
mod shared_addresses;
mod sign_in;
mod story;
mod support;
mod sync;
mod templates;
mod tenancy;
mod two_channels;
mod undo;
mod users;

//! Floor 3: the suites that prove an adapter, one named test a behaviour.
//!
//! | suite | proves | macro |
//! |---|---|---|
//! | [`store`] | an [`InvitationStore`](crate::port::InvitationStore) | [`store_conformance!`](crate::store_conformance) |
//! | [`accounts`] | an [`Accounts`](crate::port::accounts::Accounts) | [`accounts_conformance!`](crate::accounts_conformance) |
//! | [`people`] | a [`People`](crate::port::people::People) | [`people_conformance!`](crate::people_conformance) |
//! | [`walk`] | a store, and people kept with it, by random steps beside the memory store | [`walk_conformance!`](crate::walk_conformance) |
//! | [`transport`] | a [`Transport`](crate::port::transport::Transport) | [`transport_conformance!`](crate::transport_conformance) |
//!
//! Turn the feature `conformance` on in `[dev-dependencies]`, and hand the macro a name for the module of tests and an
//! expression that makes a fresh subject. The expression stands inside an async function, in a runtime of several
//! threads that the suite brings; each test evaluates it once:
//!
//! ```
//! use std::sync::Arc;
//!
//! use invite_core::conformance::store::StoreUnderTest;
//! use invite_core::memory::{ManualClock, MemoryStore};
//!
//! async fn fresh() -> StoreUnderTest {
//!     let clock = Arc::new(ManualClock::new("2026-11-23T08:00:00Z".parse().expect("an instant")));
//!     let store = Arc::new(MemoryStore::with_clock(clock.clone()));
//!     StoreUnderTest { store, clock }
//! }
//!
//! invite_core::store_conformance!(my_store, fresh().await);
//! ```
//!
//! `cargo test` then lists `my_store::claiming::no_two_workers_get_the_same_message` and the rest. Each name is the
//! sentence that the test proves, and a failure says what was expected where.
//!
//! The behaviours are plain functions as well, for a program that wants a report instead of tests:
//!
//! ```
//! # use std::sync::Arc;
//! # use invite_core::conformance::store::StoreUnderTest;
//! # use invite_core::memory::{ManualClock, MemoryStore};
//! # async fn fresh() -> StoreUnderTest {
//! #     let clock = Arc::new(ManualClock::new("2026-11-23T08:00:00Z".parse().expect("an instant")));
//! #     StoreUnderTest { store: Arc::new(MemoryStore::with_clock(clock.clone())), clock }
//! # }
//! use invite_core::conformance::{self, store};
//!
//! let found = conformance::block_on(conformance::failures(store::BEHAVIOURS, fresh));
//! assert!(found.is_empty(), "{found:#?}");
//! ```
//!
//! The suites look at what a port says and at nothing behind it, so they need no access to a database. What they cannot
//! see is named in each suite's documentation.

#[macro_use]
mod checks;
pub mod accounts;
pub mod people;
#[expect(
    clippy::unchecked_time_subtraction,
    reason = "a duration that underflows is a mistake of the suite, and fails it"
)]
pub mod store;
pub mod transport;
pub mod walk;
mod workshop;

use std::any::Any;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

pub use checks::{Checked, Failure};

/// A behaviour that a subject of type `S` must show.
#[derive(Clone, Copy)]
pub struct Behaviour<S> {
    /// The sentence that it proves.
    pub name: &'static str,
    /// Proves it on a fresh subject.
    pub run: fn(S) -> BoxFuture<'static, Checked>,
}

impl<S> fmt::Debug for Behaviour<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Behaviour").field(&self.name).finish()
    }
}

/// No behaviour takes long; one that hangs waits for something that never comes.
const AT_MOST: Duration = Duration::from_mins(2);

impl<S> Behaviour<S> {
    /// Proves it on `subject`. A panic, or an end that never comes, is a failure as well.
    pub async fn check(&self, subject: S) -> Checked {
        let proof = AssertUnwindSafe((self.run)(subject)).catch_unwind();
        match tokio::time::timeout(AT_MOST, proof).await {
            Ok(Ok(checked)) => checked,
            Ok(Err(panic)) => Err(Failure::new(format!("it panicked: {}", words(&*panic)))),
            Err(_) => Err(Failure::new(format!("it did not end within {} s", AT_MOST.as_secs()))),
        }
    }
}

/// Proves each behaviour on a fresh subject, one after the other. Gives those that failed.
pub async fn failures<S, F: Future<Output = S>>(
    behaviours: &[Behaviour<S>],
    fresh: impl Fn() -> F,
) -> Vec<(&'static str, Failure)> {
    let mut failed = Vec::new();
    for behaviour in behaviours {
        if let Err(failure) = behaviour.check(fresh().await).await {
            failed.push((behaviour.name, failure));
        }
    }
    failed
}

/// Proves the behaviour of this name, in a runtime of its own. It panics where the behaviour fails: this is what the
/// macros' tests call.
#[doc(hidden)]
pub fn test<S>(behaviours: &[Behaviour<S>], name: &str, fresh: impl Future<Output = S>) {
    let behaviour = behaviours.iter().find(|behaviour| behaviour.name == name);
    let behaviour = behaviour.expect("the macros and the list have the same names");
    if let Err(failure) = block_on(async { behaviour.check(fresh.await).await }) {
        panic!("{}: {failure}", name.replace('_', " "));
    }
}

/// Runs a future to its end in a runtime of two threads, so that what is to happen at the same time does.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime starts where there are threads").block_on(future)
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without words")
}

//! Floor 2: the ports, each with its contract, for those who write a store, an `Accounts` or a transport of their own.
//!
//! All are dyn-compatible, so that a host chooses adapters at run time. A trait here is for implementors; what callers
//! use is in [`Invites`](crate::service::Invites).

pub mod accounts;
pub mod bell;
pub mod clock;
pub mod error;
#[cfg(feature = "mocks")]
pub mod mock_people;
pub mod offers;
pub mod organisations;
pub mod people;
pub mod plans;
pub mod queue;
pub mod records;
pub mod redemption;
pub mod schedules;
pub mod senders;
pub mod transport;

use std::fmt;

/// The invitation store: everything of ours, in one database, whose clock is the one clock.
///
/// # Contract of all its parts
///
/// * Each method is one transaction (a read may be a snapshot); when it returns an error, nothing has changed.
/// * Whoever calls may give up and drop the call before it answers, as workers do after 40 s: then it has happened or it has
///   not, and never by half.
/// * Every key and query begins with the organisation. The few methods that cannot are named in the documentation of
///   their trait, and what they return names the organisation.
/// * Whatever is persisted and compared is on the store's clock: requests hold durations, answers hold instants.
/// * What is decided is decided by the functions of [`decision`](crate::decision) and [`machine`](crate::machine),
///   called inside the transaction on rows that cannot change until it ends.
/// * Secrets come sealed or hashed; a store adds nothing to them and logs none of them.
pub trait InvitationStore:
    organisations::Organisations
    + plans::Plans
    + queue::Queue
    + redemption::Redemption
    + offers::Offers
    + records::Records
    + schedules::Schedules
    + fmt::Debug
    + Send
    + Sync
{
}

impl<T> InvitationStore for T where
    T: organisations::Organisations
        + plans::Plans
        + queue::Queue
        + redemption::Redemption
        + offers::Offers
        + records::Records
        + schedules::Schedules
        + fmt::Debug
        + Send
        + Sync
        + ?Sized
{
}

//! The least that a database has to do for the same: bare SQL, in tables of the same definition, with nothing decided.

pub mod postgres;
pub mod sqlite;

use std::fmt;

use async_trait::async_trait;
use invite_core::model::id::{BatchId, OrganisationId, UserId};
use invite_core::model::selection::{Filter, HistoryFilter, PeopleFilter};

use crate::Answer;
use crate::people::EVER;

/// Claimed and acknowledged in a transaction each.
pub const GROUP: usize = 200;

/// Bare SQL beside a database of ours.
#[async_trait]
pub trait Bare: fmt::Debug + Send {
    /// Writes all rows that a plan has left in our tables, with all their indexes, into empty tables of the same
    /// definition: one `INSERT … SELECT` a table, one transaction. How many rows those of people and messages are.
    async fn write_plan(&mut self, organisation: OrganisationId) -> Answer<usize>;

    /// Marks that batch as running.
    async fn confirm(&mut self, batch: BatchId) -> Answer<()>;

    /// Claims [`GROUP`] of its messages in one transaction, and marks them as sent in another. How many there were.
    async fn claim_and_acknowledge(&mut self, batch: BatchId) -> Answer<usize>;

    /// Does that until so many are sent.
    async fn send(&mut self, batch: BatchId, messages: usize) -> Answer<()> {
        let mut sent = 0;
        while sent < messages {
            match self.claim_and_acknowledge(batch).await? {
                0 => return Err("the bare queue is empty".into()),
                some => sent += some,
            }
        }
        Ok(())
    }

    /// Reads a page of our people by the keyset query. Where it ended, and how many there were.
    async fn page(
        &mut self,
        organisation: OrganisationId,
        sieve: Sieve,
        after: Option<UserId>,
        limit: usize,
    ) -> Answer<(Option<UserId>, usize)>;
}

/// Who is looked for in the list of people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sieve {
    /// Everybody.
    Everybody,
    /// One group of many.
    Group,
    /// Administrators.
    Role,
    /// The deactivated.
    Deactivated,
    /// One person, by a part of their address.
    Text,
    /// Nobody has reached them.
    NeverInvited,
    /// They never came.
    NeverSignedIn,
    /// Their newest message did not arrive.
    Failed,
    /// Their last invitation is older than an instant.
    InvitedBefore,
    /// Their last message is older than an instant.
    RemindedBefore,
}

impl Sieve {
    /// Every condition that there is, each by itself.
    pub const ALL: [Self; 10] = [
        Self::Everybody,
        Self::Group,
        Self::Role,
        Self::Deactivated,
        Self::Text,
        Self::NeverInvited,
        Self::NeverSignedIn,
        Self::Failed,
        Self::InvitedBefore,
        Self::RemindedBefore,
    ];

    /// What an administrator would call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Everybody => "everybody",
            Self::Group => "a group",
            Self::Role => "administrators",
            Self::Deactivated => "deactivated",
            Self::Text => "text of one person",
            Self::NeverInvited => "never invited",
            Self::NeverSignedIn => "never signed in",
            Self::Failed => "failed",
            Self::InvitedBefore => "invited before",
            Self::RemindedBefore => "reminded before",
        }
    }

    /// The filter of the port.
    pub fn filter(self) -> Filter {
        let mut filter = Filter::default();
        let Filter { people, history } = &mut filter;
        match self {
            Self::Everybody => {}
            Self::Group => *people = PeopleFilter { group: Some("Shop 7".into()), ..PeopleFilter::default() },
            Self::Role => {
                let role = Some(invite_core::model::role::Role::Administrator);
                *people = PeopleFilter { role, ..PeopleFilter::default() };
            }
            Self::Deactivated => {
                *people = PeopleFilter { deactivated: Some(true), ..PeopleFilter::default() }
            }
            Self::Text => *people = PeopleFilter { text: Some("kari777@".into()), ..PeopleFilter::default() },
            Self::NeverInvited => {
                *history = HistoryFilter { never_invited: true, ..HistoryFilter::default() }
            }
            Self::NeverSignedIn => {
                *history = HistoryFilter { never_signed_in: true, ..HistoryFilter::default() };
            }
            Self::Failed => *history = HistoryFilter { failed: true, ..HistoryFilter::default() },
            Self::InvitedBefore => {
                *history = HistoryFilter { invited_before: Some(EVER), ..HistoryFilter::default() };
            }
            Self::RemindedBefore => {
                *history = HistoryFilter { reminded_before: Some(EVER), ..HistoryFilter::default() };
            }
        }
        filter
    }
}

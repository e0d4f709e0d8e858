//! What only one transaction does at a time, by advisory locks: where there is no row to lock, or one would hold up more
//! than is meant.

use invite_core::model::id::OrganisationId;

use crate::db::Db;
use crate::error::Step;
use crate::rows::{Columns, Key};

/// What is done alone. Of several, a transaction takes the first one first, and all before it locks a row.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Alone {
    /// Bringing the tables to the newest version.
    Migrating,
    /// Saving an organisation: an alias that is free stays so.
    SavingOrganisations,
    /// Writing our own people of an organisation: keys that are free stay so, and whoever was read stays as they are.
    WritingPeople(OrganisationId),
    /// Counting the test messages of an organisation.
    CountingTests(OrganisationId),
    /// Counting the text messages of an organisation that begin. It comes after rows that are locked, before
    /// [`ChangingSenders`](Self::ChangingSenders); whoever has it waits for none that another waits for it with.
    CountingSms(OrganisationId),
    /// Numbering events: whoever reads up to a number has missed none below it.
    NumberingEvents,
    /// Taking back deliveries whose lease is over, which one does for all.
    TakingBack,
    /// Stopping senders, trying them and letting them go on, and counting the refusals in a row for it. It comes after
    /// rows that are locked; whoever has it waits for none that another waits for it with.
    ChangingSenders,
}

impl Db {
    /// Waits until nobody else does this, and keeps them off until the transaction ends.
    pub(crate) async fn alone(&mut self, what: Alone) -> Step<()> {
        let (what, organisation) = what.words();
        // The text holds the name of the schema, so that stores in one database do not wait for each other.
        self.query(
            "SELECT pg_advisory_xact_lock(hashtextextended('invite.' || $1 || coalesce($2::text, ''), 0))",
        )
        .bind(what)
        .bind(organisation.map(Key::uuid))
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// The same where nobody else does it now. Whether that is so.
    pub(crate) async fn try_alone(&mut self, what: Alone) -> Step<bool> {
        let (what, organisation) = what.words();
        self.query("SELECT pg_try_advisory_xact_lock(hashtextextended('invite.' || $1 || coalesce($2::text, ''), 0)) AS got")
            .bind(what)
            .bind(organisation.map(Key::uuid))
            .fetch_one(self.connection())
            .await?
            .flag("got")
    }
}

impl Alone {
    const fn words(self) -> (&'static str, Option<OrganisationId>) {
        match self {
            Self::Migrating => ("migrations", None),
            Self::SavingOrganisations => ("organisations", None),
            Self::WritingPeople(organisation) => ("people", Some(organisation)),
            Self::CountingTests(organisation) => ("tests", Some(organisation)),
            Self::CountingSms(organisation) => ("text_messages", Some(organisation)),
            Self::NumberingEvents => ("events", None),
            Self::TakingBack => ("lapsed", None),
            Self::ChangingSenders => ("senders", None),
        }
    }
}

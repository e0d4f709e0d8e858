//! What only one transaction does at a time, by advisory locks: where there is no row to lock, or one would hold up more
//! than is meant.

use invite_core::model::id::OrganisationId;

use crate::db::Db;
use crate::error::Step;
use crate::rows::Key;

/// What is done alone. Of several, a transaction takes the first one first, and all before it locks a row.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Alone {
    /// Saving an organisation: an alias that is free stays so.
    SavingOrganisations,
    /// Writing our own people of an organisation: keys that are free stay so, and whoever was read stays as they are.
    WritingPeople(OrganisationId),
    /// Counting the test messages of an organisation.
    CountingTests(OrganisationId),
    /// Numbering events: whoever reads up to a number has missed none below it.
    NumberingEvents,
}

impl Db {
    /// Waits until nobody else does this, and keeps them off until the transaction ends.
    pub(crate) async fn alone(&mut self, what: Alone) -> Step<()> {
        let (what, organisation) = match what {
            Alone::SavingOrganisations => ("organisations", None),
            Alone::WritingPeople(organisation) => ("people", Some(organisation)),
            Alone::CountingTests(organisation) => ("tests", Some(organisation)),
            Alone::NumberingEvents => ("events", None),
        };
        // The text holds the name of the schema, so that stores in one database do not wait for each other.
        self.query("SELECT pg_advisory_xact_lock(hashtextextended('invite.' || $1 || coalesce($2::text, ''), 0))")
            .bind(what)
            .bind(organisation.map(Key::uuid))
            .execute(self.connection())
            .await?;
        Ok(())
    }
}

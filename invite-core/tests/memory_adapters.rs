//! What the `memory` module has, proved by the suites.

#![cfg(feature = "conformance")]

use std::sync::Arc;

use async_trait::async_trait;
use invite_core::conformance::accounts::{AccountsUnderTest, Population};
use invite_core::conformance::people::PeopleUnderTest;
use invite_core::conformance::store::StoreUnderTest;
use invite_core::conformance::transport::{Arrivals, TransportUnderTest};
use invite_core::memory::{ManualClock, MemoryStore, RecordingTransport};
use invite_core::model::actor::Actor;
use invite_core::model::id::OrganisationId;
use invite_core::model::message::Content;
use invite_core::model::user::User;
use invite_core::port::error::PortResult;
use invite_core::port::people::{People, SaveUsers};

fn store() -> StoreUnderTest {
    let clock = Arc::new(ManualClock::new("2026-11-23T08:00:00Z".parse().expect("an instant")));
    StoreUnderTest { store: Arc::new(MemoryStore::with_clock(clock.clone())), clock }
}

invite_core::store_conformance!(store_in_memory, store());

#[derive(Debug)]
struct Table(MemoryStore);

#[async_trait]
impl Population for Table {
    async fn put(&self, organisation: OrganisationId, user: User) -> PortResult<()> {
        let actor = Actor::system(organisation);
        self.0.save(SaveUsers { organisation, actor, users: vec![user] }).await.map(drop)
    }
}

fn accounts() -> AccountsUnderTest {
    let store = MemoryStore::new();
    AccountsUnderTest { accounts: Arc::new(store.clone()), people: Arc::new(Table(store)) }
}

invite_core::accounts_conformance!(accounts_in_memory, accounts());

fn people() -> PeopleUnderTest {
    let clock = Arc::new(ManualClock::new("2026-11-23T08:00:00Z".parse().expect("an instant")));
    let store = Arc::new(MemoryStore::with_clock(clock.clone()));
    PeopleUnderTest { people: store.clone(), store, clock }
}

invite_core::people_conformance!(people_in_memory, people());

#[derive(Debug)]
struct Recorded(Arc<RecordingTransport>);

#[async_trait]
impl Arrivals for Recorded {
    async fn texts(&self) -> Vec<String> {
        let text = |content: &Content| match content {
            Content::Email(email) => email.text.clone(),
            Content::Sms(sms) => sms.text.clone(),
        };
        self.0.messages().iter().map(|message| text(&message.content)).collect()
    }
}

fn transport() -> TransportUnderTest {
    let transport = Arc::new(RecordingTransport::new());
    TransportUnderTest::new(transport.clone()).arrivals(Arc::new(Recorded(transport)))
}

invite_core::transport_conformance!(recording_transport, transport());

// The memory store beside another one, which shows that the walk sees no difference where there is none.
invite_core::walk_conformance!(walk_in_memory, store());

invite_core::walk_conformance!(walk_in_memory_with_people, people());

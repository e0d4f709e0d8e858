//! An organisation with an administrator, a store, a clock and a transport, and what tests do with them.

use std::sync::Arc;
use std::time::Duration;

use invite_core::credential::{HashCost, random};
use invite_core::memory::{ManualClock, MemoryStore, RecordingTransport};
use invite_core::model::contact::PhoneNumber;
use invite_core::model::credential::CredentialKind;
use invite_core::model::delivery::{Delivery, DeliveryState, EndReason};
use invite_core::model::event::{EventCursor, Happening};
use invite_core::model::id::{BatchId, OrganisationId, UserId};
use invite_core::model::item::Decision;
use invite_core::model::message::{Channel, Content, Message};
use invite_core::model::organisation::Settings;
use invite_core::model::outcome::Answer;
use invite_core::model::role::Role;
use invite_core::model::user::User;
use invite_core::port::records::{PersonRecord, Records};
use invite_core::port::transport::Transport;
use invite_core::service::{Acceptance, Builder, ConfirmOptions, PlanRequest, SignIn, SignedIn, WorkReport};
use invite_core::{Actor, Invites, SealingKey, Secret};

use crate::people::Table;

/// Longer than a lease.
pub(crate) const LEASE_OVER: Duration = Duration::from_secs(91);

/// What a person chooses, where a test needs one password only.
pub(crate) const CHOSEN: &str = "rain over the fjord";

pub(crate) struct House<T = RecordingTransport> {
    pub(crate) invites: Invites,
    pub(crate) store: MemoryStore,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) transport: T,
    /// The people, where they are the host's.
    pub(crate) table: Option<Table>,
    pub(crate) organisation: OrganisationId,
    pub(crate) admin: Actor,
}

impl House {
    /// One that keeps its people with us, accepts every message and sends temporary passwords.
    pub(crate) async fn new() -> Self {
        Self::with(RecordingTransport::new(), |_| {}).await
    }

    /// The same with set-up links.
    pub(crate) async fn with_links() -> Self {
        Self::with(RecordingTransport::new(), links).await
    }

    /// One whose people are in the host's own table.
    pub(crate) async fn hosted() -> Self {
        Self::hosted_with(RecordingTransport::new(), |_| {}).await
    }
}

impl<T: Transport + Clone + 'static> House<T> {
    pub(crate) async fn with(transport: T, settings: impl FnOnce(&mut Settings)) -> Self {
        Self::build(transport, None, settings, |builder| builder).await
    }

    pub(crate) async fn hosted_with(transport: T, settings: impl FnOnce(&mut Settings)) -> Self {
        Self::build(transport, Some(Table::default()), settings, |builder| builder).await
    }

    pub(crate) async fn build(
        transport: T,
        table: Option<Table>,
        change: impl FnOnce(&mut Settings),
        also: impl FnOnce(Builder) -> Builder,
    ) -> Self {
        let clock = Arc::new(ManualClock::new("2026-11-23T09:00:00Z".parse().unwrap()));
        let store = MemoryStore::with_clock(clock.clone());
        let builder = match &table {
            None => Invites::builder(store.clone()),
            Some(table) => Invites::builder_with(table.clone(), store.clone()),
        };
        let builder = builder
            .email(transport.clone())
            .sms(transport.clone())
            .seal_with(SealingKey::generate(&mut random::system_random().unwrap()))
            .hash_cost(HashCost::weak_for_tests());
        let invites = also(builder).build().unwrap();
        let mut settings = settings("Acme");
        change(&mut settings);
        let organisation = invites.create_organisation("acme".parse().unwrap(), settings).await.unwrap().id;
        let admin = person("admin", |user| user.role = Role::Administrator);
        let actor = Actor::administrator(organisation, admin.id);
        let house = Self { invites, store, clock, transport, table, organisation, admin: actor };
        house.settle_in(admin).await;
        house
    }

    /// Adds somebody called so, with an e-mail address.
    pub(crate) async fn add(&self, name: &str) -> UserId {
        self.add_with(name, |_| {}).await
    }

    pub(crate) async fn add_with(&self, name: &str, change: impl FnOnce(&mut User)) -> UserId {
        let user = person(name, change);
        let id = user.id;
        self.settle_in(user).await;
        id
    }

    async fn settle_in(&self, user: User) {
        match &self.table {
            Some(table) => table.insert(self.organisation, user),
            None => self.invites.add_user(&Actor::system(self.organisation), user).await.unwrap(),
        }
    }

    /// Changes somebody. A host does not tell of it.
    pub(crate) async fn change(&self, user: UserId, change: impl FnOnce(&mut User) + Send) {
        match &self.table {
            Some(table) => table.change(self.organisation, user, change),
            None => self.invites.change_user(&self.admin, user, change).await.unwrap(),
        }
    }

    pub(crate) async fn change_settings(&self, change: impl FnOnce(&mut Settings)) {
        let mut settings = self.invites.organisation(self.organisation).await.unwrap().settings;
        change(&mut settings);
        self.invites.change_settings(&self.admin, settings).await.unwrap();
    }

    /// Plans and confirms, with consent to resets and without a hold.
    pub(crate) async fn confirm(&self, request: PlanRequest) -> BatchId {
        let plan = self.invites.plan(&self.admin, request).await.unwrap();
        let options = ConfirmOptions::new().resets(true).hold(Duration::ZERO);
        self.invites.confirm_with(&self.admin, plan.id(), options).await.unwrap();
        plan.id()
    }

    /// The same, and a worker carries it out.
    pub(crate) async fn send(&self, request: PlanRequest) -> BatchId {
        let batch = self.confirm(request).await;
        self.work().await;
        batch
    }

    pub(crate) async fn work(&self) -> WorkReport {
        self.invites.worker().run_until_idle().await.unwrap()
    }

    /// Works until nothing waits for a time any more.
    pub(crate) async fn work_to_the_end(&self) {
        for _ in 0..100 {
            if self.work().await.waiting.later == 0 {
                return;
            }
            self.clock.advance(Duration::from_hours(1));
        }
        panic!("something waits for ever");
    }

    /// A worker that is killed after so many turns of the scheduler, unless it is done before.
    pub(crate) async fn work_killed_after(&self, turns: usize) {
        let killed = async {
            for _ in 0..turns {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            () = killed => {}
            report = self.invites.worker().concurrency(4).run_until_idle() => drop(report.unwrap()),
        }
        quiet().await;
    }

    pub(crate) async fn decision(&self, batch: BatchId, user: UserId) -> Decision {
        let items = self.invites.items(&self.admin, batch, None, 10_000).await.unwrap().rows;
        items.into_iter().find(|item| item.user == user).unwrap().decision
    }

    pub(crate) async fn deliveries(&self, batch: BatchId) -> Vec<Delivery> {
        self.invites.deliveries(&self.admin, batch, None, 100_000).await.unwrap().rows
    }

    /// Where the one message to somebody in a batch stands.
    pub(crate) async fn ended(&self, batch: BatchId, user: UserId) -> (DeliveryState, Option<EndReason>) {
        let mut deliveries = self.deliveries(batch).await;
        deliveries.retain(|delivery| delivery.user == user);
        assert_eq!(deliveries.len(), 1);
        (deliveries[0].state, deliveries[0].reason)
    }

    pub(crate) async fn events(&self) -> Vec<Happening> {
        let events = self.invites.events(EventCursor::default(), 1_000_000).await.unwrap();
        events.into_iter().map(|event| event.what).collect()
    }

    pub(crate) async fn record(&self, user: UserId) -> PersonRecord {
        self.store.person(self.organisation, user).await.unwrap()
    }

    /// Whether somebody's own password counts.
    pub(crate) async fn own_counts(&self, user: UserId) -> bool {
        self.invites.own_password_counts(self.organisation, vec![user]).await.unwrap()[0]
    }

    pub(crate) async fn sign_in(&self, name: &str, secret: &Secret) -> SignedIn {
        self.invites.sign_in(self.organisation, SignIn::new(name, secret.clone())).await.unwrap()
    }

    /// Signs in with a temporary password and chooses a new one.
    pub(crate) async fn sign_in_with_new(&self, name: &str, secret: &Secret, new: &str) -> SignedIn {
        let mut sign_in = SignIn::new(name, secret.clone());
        sign_in.new_password = Some(Secret::new(new.into()));
        self.invites.sign_in(self.organisation, sign_in).await.unwrap()
    }

    /// Uses a link.
    pub(crate) async fn accept(&self, link: &Secret) -> Acceptance {
        self.invites.accept(link, &Secret::new(CHOSEN.into())).await.unwrap()
    }
}

impl House {
    /// The messages to the address of somebody called so, oldest first.
    pub(crate) fn messages_to(&self, name: &str) -> Vec<Message> {
        let mut messages = self.transport.messages();
        messages.retain(|message| match &message.content {
            Content::Email(email) => email.to.address.as_str().starts_with(&format!("{name}@")),
            Content::Sms(_) => false,
        });
        messages
    }

    /// Has somebody invited, sign in, and choose [`CHOSEN`].
    pub(crate) async fn set_up(&self, name: &str, user: UserId) {
        self.send(invite_core::Invite::users([user])).await;
        let temporary = password(self.messages_to(name).last().unwrap());
        assert_eq!(self.sign_in_with_new(name, &temporary, CHOSEN).await, SignedIn::In(user));
        self.clock.advance(Duration::from_hours(2));
    }
}

/// Settings that can send anything anywhere in Norway.
pub(crate) fn settings(name: &str) -> Settings {
    let mut settings = Settings::new(name);
    settings.app_link = Some("https://app.acme.example".parse().unwrap());
    settings.link_pattern = Some("https://app.acme.example/welcome#{token}".parse().unwrap());
    settings.channels = Channel::ALL.into();
    settings.country = Some("NO".parse().unwrap());
    settings.quiet_hours = None;
    settings
}

pub(crate) fn links(settings: &mut Settings) {
    settings.credential = CredentialKind::SetUpLink;
}

/// Somebody whose user name and address are made of their name.
pub(crate) fn person(name: &str, change: impl FnOnce(&mut User)) -> User {
    let mut user = User::new(UserId::new());
    user.first_name = name.into();
    user.username = Some(name.into());
    user.email = Some(format!("{name}@acme.example").parse().unwrap());
    change(&mut user);
    user
}

/// The words of a message.
pub(crate) fn text(message: &Message) -> &str {
    match &message.content {
        Content::Email(email) => &email.text,
        Content::Sms(sms) => &sms.text,
    }
}

/// The temporary password in a message.
pub(crate) fn password(message: &Message) -> Secret {
    let is_password = |word: &&str| word.len() == 14 && word.split('-').all(|group| group.len() == 4);
    Secret::new(text(message).split_whitespace().find(is_password).unwrap().to_owned())
}

/// The token of the set-up link in a message.
pub(crate) fn token(message: &Message) -> Secret {
    let (_, rest) = text(message).split_once("/welcome#").unwrap();
    Secret::new(rest[..22].to_owned())
}

pub(crate) fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

pub(crate) fn answer(text: &str) -> Answer {
    Answer::new("", text)
}

/// Lets the tasks of a worker that was killed end.
pub(crate) async fn quiet() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

pub(crate) fn phone(number: &str) -> PhoneNumber {
    PhoneNumber::parse(number, None).unwrap()
}

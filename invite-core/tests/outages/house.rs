//! An organisation whose invitations are on their way, on a store that can be made to fail.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use invite_core::SealingKey;
use invite_core::credential::random::system_random;
use invite_core::memory::{ManualClock, MemoryStore};
use invite_core::model::actor::Actor;
use invite_core::model::contact::PhoneNumber;
use invite_core::model::credential::CredentialKind;
use invite_core::model::delivery::{Delivery, DeliveryState};
use invite_core::model::id::{BatchId, DeliveryId, OrganisationId, UserId};
use invite_core::model::message::{Channel, Message};
use invite_core::model::organisation::Settings;
use invite_core::model::outcome::{Outcome, Receipt};
use invite_core::model::user::User;
use invite_core::port::error::PortResult;
use invite_core::port::people::{People, SaveUsers};
use invite_core::port::plans::Plans;
use invite_core::port::transport::Transport;
use invite_core::service::{ConfirmOptions, Invite, Invites, WorkReport};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::unsteady::{Switch, Unsteady};

/// They are many for a worker that sends 8 at once.
pub(crate) const PEOPLE: usize = 60;

/// The messages that a provider has accepted, and how often.
#[derive(Debug, Clone, Default)]
struct Provider(Arc<Mutex<BTreeMap<DeliveryId, usize>>>);

/// It takes its time, so that an outage falls in hand-overs.
#[async_trait]
impl Transport for Provider {
    async fn send(&self, message: &Message, _: Duration) -> Outcome {
        tokio::time::sleep(Duration::from_secs(9)).await;
        *self.0.lock().unwrap().entry(message.delivery).or_default() += 1;
        Outcome::Accepted(Receipt(message.delivery.to_string()))
    }
}

pub(crate) struct House {
    pub(crate) invites: Invites,
    pub(crate) switch: Arc<Switch>,
    provider: Provider,
    store: MemoryStore,
    organisation: OrganisationId,
    batch: BatchId,
    /// The store's clock goes with the test's.
    clock: JoinHandle<()>,
}

/// A worker, and how it is told to end.
pub(crate) struct Working(JoinHandle<PortResult<WorkReport>>, oneshot::Sender<()>);

impl House {
    /// Everybody is invited by e-mail, and nothing was sent yet.
    pub(crate) async fn new() -> Self {
        Self::on(Channel::Email).await
    }

    /// The same by SMS.
    pub(crate) async fn with_texts() -> Self {
        Self::on(Channel::Sms).await
    }

    async fn on(channel: Channel) -> Self {
        let clock = Arc::new(ManualClock::new("2026-11-23T09:00:00Z".parse().unwrap()));
        let store = MemoryStore::with_clock(clock.clone());
        let switch = Arc::new(Switch::default());
        let unsteady = Unsteady { store: store.clone(), switch: switch.clone() };
        let provider = Provider::default();
        let invites = Invites::builder_with(unsteady.clone(), unsteady)
            .email(provider.clone())
            .sms(provider.clone())
            .seal_with(SealingKey::generate(&mut system_random().unwrap()))
            .build()
            .unwrap();
        let settings = Settings {
            app_link: Some("https://app.example.com".parse().unwrap()),
            link_pattern: Some("https://app.example.com/welcome#{token}".parse().unwrap()),
            credential: CredentialKind::SetUpLink,
            channels: [channel].into(),
            country: Some("NO".parse().unwrap()),
            quiet_hours: None,
            ..Settings::new("Acme")
        };
        let organisation = invites.create_organisation("acme".parse().unwrap(), settings).await.unwrap().id;
        let actor = Actor::system(organisation);
        let users = (0..PEOPLE).map(|number| {
            let mut user = User::new(UserId::new());
            user.email = Some(format!("kari{number}@example.com").parse().unwrap());
            user.phone = Some(PhoneNumber::parse(&format!("+479123{number:04}"), None).unwrap());
            user
        });
        let save = SaveUsers { organisation, actor: actor.clone(), users: users.collect() };
        store.save(save).await.unwrap();
        let plan = invites.plan(&actor, Invite::all()).await.unwrap();
        let options = ConfirmOptions::new().hold(Duration::ZERO);
        invites.confirm_with(&actor, plan.id(), options).await.unwrap();
        let clock = tokio::spawn(async move {
            let second = Duration::from_secs(1);
            loop {
                tokio::time::sleep(second).await;
                clock.advance(second);
            }
        });
        Self { invites, switch, provider, store, organisation, batch: plan.id(), clock }
    }

    /// One that works until it is told to end, and sends 8 at once.
    pub(crate) fn worker(&self) -> Working {
        let (tell, told) = oneshot::channel();
        let shutdown = async {
            let _ = told.await;
        };
        let worker = self.invites.worker().concurrency(8);
        Working(tokio::spawn(worker.run_until(shutdown)), tell)
    }

    /// How many messages were handed over.
    pub(crate) fn arrived(&self) -> usize {
        self.provider.0.lock().unwrap().values().sum()
    }

    pub(crate) async fn deliveries(&self) -> Vec<Delivery> {
        self.store.deliveries(self.organisation, self.batch, None, PEOPLE).await.unwrap()
    }

    /// How many are kept as sent.
    pub(crate) async fn sent(&self) -> usize {
        self.deliveries().await.iter().filter(|delivery| delivery.state == DeliveryState::Sent).count()
    }

    /// Everybody has one message, and it is kept as sent.
    #[track_caller]
    pub(crate) fn all_arrived_once(&self) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            let arrived = self.provider.0.lock().unwrap().clone();
            assert_eq!(arrived.len(), PEOPLE, "{caller}");
            assert!(arrived.values().all(|times| *times == 1), "{caller}: {arrived:?}");
            assert_eq!(self.sent().await, PEOPLE, "{caller}");
        }
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.clock.abort();
    }
}

impl Working {
    /// Tells it to end, and waits until it has.
    pub(crate) async fn end(self) -> PortResult<WorkReport> {
        let _ = self.1.send(());
        self.0.await.unwrap()
    }
}

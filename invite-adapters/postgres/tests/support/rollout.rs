//! Rollouts, and workers that carry them out step by step.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use invite_core::credential::{HashCost, Hasher, MintOrder, Minted, Salt, SealingKey, mint, random};
use invite_core::decision::begin::Take;
use invite_core::model::actor::Actor;
use invite_core::model::batch::{Batch, TemplatePins};
use invite_core::model::credential::{CredentialKind, Generation};
use invite_core::model::delivery::DeliveryState;
use invite_core::model::id::{BatchId, ClaimToken, DeliveryId, OrganisationId, UserId};
use invite_core::model::item::Action;
use invite_core::model::message::Channel;
use invite_core::model::organisation::{ChannelRule, Organisation, Settings};
use invite_core::model::outcome::{Outcome, Receipt};
use invite_core::model::role::Role;
use invite_core::model::selection::Selection;
use invite_core::model::sender::SenderKey;
use invite_core::model::user::User;
use invite_core::policy::Policy;
use invite_core::port::organisations::Organisations;
use invite_core::port::plans::{Confirm, Confirmed, NewPlan, PlanPage, Plans};
use invite_core::port::queue::{
    Begin, BeginDelivery, Begun, Claim, Claimed, ClaimedDelivery, HandOverResult, Queue, Record,
    RecordDelivery,
};
use invite_postgres::PgStore;

/// An organisation whose people get set-up links by e-mail.
#[derive(Debug)]
pub(crate) struct Rollout {
    store: PgStore,
    pub(crate) organisation: OrganisationId,
    admin: UserId,
    people: BTreeMap<UserId, User>,
}

impl Rollout {
    pub(crate) async fn new(store: &PgStore, alias: &str, people: usize) -> Arc<Self> {
        let mut settings = Settings::new(alias.to_uppercase());
        settings.channels = BTreeSet::from([Channel::Email]);
        settings.quiet_hours = None;
        settings.credential = CredentialKind::SetUpLink;
        settings.link_pattern = "https://app.example.com/welcome#{token}".parse().ok();
        let organisation = OrganisationId::new();
        let saved = Organisation { id: organisation, alias: alias.parse().expect("an alias"), settings };
        let system = Actor::system(organisation);
        store.save_organisation(saved, system, TemplatePins::default()).await.expect("it is saved");
        let mut admin = User::new(UserId::new());
        admin.role = Role::Administrator;
        let people = (0..people).map(|number| {
            let mut user = User::new(UserId::new());
            user.email = format!("person-{number}@{alias}.example.com").parse().ok();
            (user.id, user)
        });
        Arc::new(Self { store: store.clone(), organisation, admin: admin.id, people: people.collect() })
    }

    fn actor(&self) -> Actor {
        Actor::administrator(self.organisation, self.admin)
    }

    /// A complete plan to invite everybody.
    pub(crate) async fn plan(&self) -> BatchId {
        let id = BatchId::new();
        let plan = NewPlan {
            id,
            actor: self.actor(),
            inviter: "Ada Admin".into(),
            action: Action::Invite,
            scheduled: false,
            selection: Selection::all(),
            channels: ChannelRule::Email,
            templates: TemplatePins::default(),
            lifetime: Policy::default().plan_lifetime,
        };
        self.store.open_plan(plan).await.expect("a plan can be opened");
        let people: Vec<_> = self.people.iter().map(|(id, user)| (*id, Some(user.clone()))).collect();
        let mut after = None;
        let pages = people.len().div_ceil(500);
        for (page, chunk) in people.chunks(500).enumerate() {
            let page = PlanPage {
                organisation: self.organisation,
                plan: id,
                after,
                people: chunk.to_vec(),
                senders: BTreeMap::from([(Channel::Email, sender())]),
                sms_sizes: BTreeMap::new(),
                last: page + 1 == pages,
                policy: Policy::default(),
            };
            after = chunk.last().map(|(id, _)| *id);
            self.store.plan_page(page).await.expect("a page can be planned");
        }
        id
    }

    /// Confirms a plan, without a hold.
    pub(crate) async fn confirm(&self, plan: BatchId) -> Batch {
        let confirm = Confirm {
            plan,
            actor: self.actor(),
            resets: true,
            hold: Some(Duration::ZERO),
            starts_in: Duration::ZERO,
            pilot: None,
            policy: Policy::default(),
        };
        match self.store.confirm(confirm).await.expect("a plan can be confirmed") {
            Confirmed::Now(batch) => *batch,
            other => panic!("a complete plan is not confirmed: {other:?}"),
        }
    }

    /// A running batch that invites everybody.
    pub(crate) async fn invite(&self) -> Batch {
        let plan = self.plan().await;
        self.confirm(plan).await
    }

    /// What a worker begins a message with.
    pub(crate) async fn wish(&self, claimed: &ClaimedDelivery) -> BeginDelivery {
        let wish = claimed.credential.as_ref();
        let minted = match wish.map(|wish| (wish.take, wish.salt)) {
            Some((Take::Mint(generation), salt)) => Some(minted(claimed, generation, salt).await),
            _ => None,
        };
        let user = self.people.get(&claimed.user).cloned();
        BeginDelivery { id: claimed.id, user, minted, sender: sender() }
    }

    /// Begins messages; those that may be handed over.
    pub(crate) async fn begin(
        &self,
        store: &PgStore,
        token: ClaimToken,
        claimed: &[ClaimedDelivery],
    ) -> Vec<DeliveryId> {
        let mut wishes = Vec::new();
        for one in claimed {
            wishes.push(self.wish(one).await);
        }
        begin(store, token, wishes).await
    }
}

/// Begins messages; those that may be handed over.
pub(crate) async fn begin(
    store: &PgStore,
    token: ClaimToken,
    deliveries: Vec<BeginDelivery>,
) -> Vec<DeliveryId> {
    let begun = store.begin(Begin { token, deliveries, policy: Policy::default() }).await;
    begun
        .expect("messages can be begun")
        .into_iter()
        .filter_map(|begun| match begun {
            Begun::Go(hand_over) => Some(hand_over.id),
            _ => None,
        })
        .collect()
}

pub(crate) async fn claim(store: &PgStore, limit: usize) -> Claimed {
    let policy = Policy::default();
    let claim = Claim { worker: "worker".into(), limit, lease: policy.lease, policy };
    store.claim(claim).await.expect("messages can be claimed")
}

/// Keeps that messages were accepted; says of each where it stands, if it was still this worker's.
pub(crate) async fn accept(
    store: &PgStore,
    token: ClaimToken,
    sent: &[DeliveryId],
) -> Vec<Option<DeliveryState>> {
    let accepted = HandOverResult::Outcome(Outcome::Accepted(Receipt("receipt".into())));
    let outcome = |id: &DeliveryId| RecordDelivery { token, id: *id, result: accepted.clone() };
    let record = Record { outcomes: sent.iter().map(outcome).collect(), policy: Policy::default() };
    store.record(record).await.expect("outcomes can be recorded")
}

fn sender() -> (SenderKey, String) {
    (SenderKey("email".into()), "account".into())
}

async fn minted(claimed: &ClaimedDelivery, generation: Generation, salt: Option<Salt>) -> Minted {
    static WORKSHOP: OnceLock<(Hasher, SealingKey)> = OnceLock::new();
    let (hasher, key) = WORKSHOP.get_or_init(|| {
        let mut random = random::system_random().expect("there is randomness");
        let hasher = Hasher::new(HashCost::weak_for_tests()).expect("there are threads");
        (hasher, SealingKey::generate(&mut random))
    });
    let order = MintOrder {
        kind: CredentialKind::SetUpLink,
        organisation: claimed.organisation,
        user: claimed.user,
        invitation: claimed.invitation,
        generation,
        salt,
    };
    mint(order, hasher, key).await.expect("a link can be minted")
}

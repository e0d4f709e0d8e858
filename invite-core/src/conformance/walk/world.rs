//! The two stores that are walked on side by side, and what the host and its workers know.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use super::Ground;
use super::invariants::Witness;
use super::names::{Names, Words};
use super::sight::{BEGINNING, Sight, difference};
use crate::conformance::store::Clockwork;
use crate::conformance::{Checked, Failure};
use crate::credential::TokenDigest;
use crate::memory::{ManualClock, MemoryStore};
use crate::model::actor::Actor;
use crate::model::batch::TemplatePins;
use crate::model::contact::PhoneNumber;
use crate::model::event::EventCursor;
use crate::model::id::{BatchId, ClaimToken, CredentialId, OrganisationId, UserId};
use crate::model::message::Channel;
use crate::model::organisation::{Organisation, ReminderRules, Settings};
use crate::model::preference::Preference;
use crate::model::role::Role;
use crate::model::sender::SenderKey;
use crate::model::user::User;
use crate::policy::Policy;
use crate::port::InvitationStore;
use crate::port::error::PortResult;
use crate::port::people::{People, SaveUsers};
use crate::port::queue::ClaimedDelivery;

/// Of the model, and of the store under test.
pub(super) type Two<T> = [T; 2];
pub(super) const MODEL: usize = 0;
pub(super) const SUBJECT: usize = 1;

/// One of the two stores.
pub(super) struct Side {
    pub(super) at: usize,
    pub(super) store: Arc<dyn InvitationStore>,
    /// Where people are kept with it.
    pub(super) people: Option<Arc<dyn People>>,
    pub(super) names: Names,
    pub(super) cursor: EventCursor,
    pub(super) audited: BTreeMap<OrganisationId, u64>,
    /// Of the links that were handed to somebody, oldest first.
    pub(super) digests: Vec<TokenDigest>,
    pub(super) sight: Option<Sight>,
}

/// Somebody, of whom a store may have made the id.
#[derive(Debug, Clone)]
pub(super) struct Person {
    pub(super) organisation: OrganisationId,
    pub(super) ids: Two<UserId>,
    /// What the host's own table says, where people are not kept with the store.
    pub(super) row: Option<User>,
}

/// What a worker claimed once. It never forgets, so it can come back late.
#[derive(Debug, Clone)]
pub(super) struct Held {
    /// Which claim it was.
    pub(super) claim: usize,
    /// The message's name.
    pub(super) name: String,
    pub(super) tokens: Two<ClaimToken>,
    pub(super) claimed: Two<ClaimedDelivery>,
}

/// Somebody who came by a credential and was let in.
#[derive(Debug, Clone)]
pub(super) struct Reservation {
    pub(super) person: usize,
    pub(super) credentials: Two<CredentialId>,
    pub(super) numbers: Two<u64>,
}

/// How a step went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Went {
    On,
    /// The stores chose differently where they may, and cannot be compared from here on.
    Apart,
}

pub(super) struct World {
    pub(super) sides: Two<Side>,
    clock: Arc<dyn Clockwork>,
    models_clock: Arc<ManualClock>,
    /// Whether the clock of the store under test stands until it is moved.
    pub(super) stands: bool,
    pub(super) policy: Policy,
    pub(super) organisations: Vec<Organisation>,
    pub(super) people: Vec<Person>,
    pub(super) batches: Vec<(OrganisationId, BatchId)>,
    pub(super) claims: usize,
    pub(super) held: Vec<Held>,
    pub(super) reservations: Vec<Reservation>,
    pub(super) number: u32,
    pub(super) witness: Witness,
}

impl World {
    pub(super) async fn new(ground: Ground) -> Checked<Self> {
        let now = ground.store.now().await?;
        let models_clock = Arc::new(ManualClock::new(now));
        let stands = ground.store.now().await? == now;
        let model = Arc::new(MemoryStore::with_clock(models_clock.clone()));
        let model_people: Arc<dyn People> = model.clone();
        let kept = ground.people.is_some();
        let side = |at, store, people| Side {
            at,
            store,
            people,
            names: Names::default(),
            cursor: BEGINNING,
            audited: BTreeMap::new(),
            digests: Vec::new(),
            sight: None,
        };
        let mut world = Self {
            sides: [
                side(MODEL, model, kept.then_some(model_people)),
                side(SUBJECT, ground.store, ground.people),
            ],
            clock: ground.clock,
            models_clock,
            stands,
            policy: policy(),
            organisations: Vec::new(),
            people: Vec::new(),
            batches: Vec::new(),
            claims: 0,
            held: Vec::new(),
            reservations: Vec::new(),
            number: 0,
            witness: Witness::default(),
        };
        for alias in ["acme", "rema"] {
            world.found(alias).await?;
        }
        world.look(&[]).await?;
        Ok(world)
    }

    /// An organisation with two administrators and two others.
    async fn found(&mut self, alias: &str) -> Checked {
        let mut settings = Settings::new(alias.to_uppercase());
        settings.channels = Channel::ALL.into();
        settings.sms_fallback = self.organisations.is_empty();
        settings.quiet_hours = None;
        settings.country = "NO".parse().ok();
        settings.link_pattern = "https://app.example.com/welcome#{token}".parse().ok();
        settings.credential_lifetime = self.odd(Duration::from_hours(7 * 24));
        settings.reminders = ReminderRules { gap: self.odd(Duration::from_hours(3 * 24)), at_most: 2 };
        let alias = alias.parse().map_err(|_| Failure::new("an alias"))?;
        let organisation = Organisation { id: OrganisationId::new(), alias, settings };
        let name = organisation.alias.to_string();
        for side in &mut self.sides {
            side.names.learn(organisation.id.as_uuid(), || name.clone());
        }
        self.organisations.push(organisation.clone());
        self.save_organisation(organisation).await?;
        for at in 0..4 {
            let role = if at < 2 { Role::Administrator } else { Role::Member };
            let set_up = at % 2 == 0;
            let user = self.newcomer(true, at % 2 == 1);
            let user = User { role, has_password: set_up && self.sides[SUBJECT].people.is_none(), ..user };
            self.add(self.organisations.len() - 1, user).await?;
        }
        Ok(())
    }

    pub(super) async fn save_organisation(&self, organisation: Organisation) -> Checked<Vec<Two<String>>> {
        let actor = Actor::system(organisation.id);
        let saved = self
            .both(async |side| {
                side.store
                    .save_organisation(organisation.clone(), actor.clone(), TemplatePins::default())
                    .await
            })
            .await?;
        Ok(vec![said(&saved)])
    }

    /// A figure that no wait on a moving clock comes near to.
    fn odd(&self, figure: Duration) -> Duration {
        if self.stands { figure } else { figure + Duration::from_secs(30) }
    }

    /// A person who is in no store yet.
    pub(super) fn newcomer(&mut self, email: bool, phone: bool) -> User {
        self.number += 1;
        let number = self.number;
        User {
            first_name: format!("Person{number}"),
            username: Some(format!("p{number}")),
            email: email.then(|| format!("Person-{number}@example.com").parse().ok()).flatten(),
            phone: phone.then(|| PhoneNumber::try_from(format!("+47{}", 91_000_000 + number)).ok()).flatten(),
            prefers: [None, None, None, Some(Preference::Sms), Some(Preference::Both)][number as usize % 5],
            ..User::new(UserId::new())
        }
    }

    pub(super) async fn add(&mut self, organisation: usize, user: User) -> Checked<Vec<Two<String>>> {
        let organisation = self.organisations[organisation].id;
        self.learn_person(organisation, [user.id, user.id], Some(user.clone()));
        if self.sides[SUBJECT].people.is_none() {
            return Ok(Vec::new());
        }
        self.save(organisation, [user.clone(), user]).await
    }

    pub(super) fn learn_person(&mut self, organisation: OrganisationId, ids: Two<UserId>, row: Option<User>) {
        let name = format!("person {}", self.people.len());
        for (side, id) in self.sides.iter_mut().zip(ids) {
            side.names.learn(id.as_uuid(), || name.clone());
        }
        let row = row.filter(|_| self.sides[SUBJECT].people.is_none());
        self.people.push(Person { organisation, ids, row });
    }

    /// Saves a person where people are kept.
    pub(super) async fn save(
        &self,
        organisation: OrganisationId,
        users: Two<User>,
    ) -> Checked<Vec<Two<String>>> {
        let actor = Actor::system(organisation);
        let saved = self
            .both(async |side| match &side.people {
                Some(people) => {
                    let users = vec![users[side.at].clone()];
                    people.save(SaveUsers { organisation, actor: actor.clone(), users }).await.map(Some)
                }
                None => Ok(None),
            })
            .await?;
        Ok(vec![said(&saved)])
    }

    /// The person as they are now.
    pub(super) async fn facts(&self, side: usize, person: usize) -> Checked<Option<User>> {
        let Person { organisation, ids, row } = &self.people[person];
        match &self.sides[side].people {
            Some(people) => {
                Ok(people.facts(*organisation, vec![ids[side]]).await?.into_iter().next().flatten())
            }
            None => Ok(row.clone()),
        }
    }

    pub(super) async fn facts_of(&self, side: usize, id: UserId) -> Checked<Option<User>> {
        match self.people.iter().position(|person| person.ids[side] == id) {
            Some(person) => self.facts(side, person).await,
            None => Ok(None),
        }
    }

    pub(super) fn person(&self, number: usize) -> usize {
        number % self.people.len()
    }

    pub(super) fn settings(&self, organisation: OrganisationId) -> &Settings {
        let found = self.organisations.iter().find(|one| one.id == organisation);
        &found.unwrap_or(&self.organisations[0]).settings
    }

    /// An administrator of an organisation.
    pub(super) fn administrator(&self, organisation: OrganisationId, number: usize) -> Actor {
        let of_it: Vec<_> = self.people.iter().filter(|person| person.organisation == organisation).collect();
        // The first two have an id that the walk made, the same on both sides.
        match number % 3 {
            2 => Actor::system(organisation),
            number => Actor::administrator(organisation, of_it[number].ids[MODEL]),
        }
    }

    /// What each channel sends with.
    pub(super) fn senders() -> BTreeMap<Channel, (SenderKey, String)> {
        let sender =
            |channel: Channel| (SenderKey(format!("{channel}-sender")), format!("{channel}-account"));
        Channel::ALL.into_iter().map(|channel| (channel, sender(channel))).collect()
    }

    /// Asks both stores, the one under test first: the model's clock follows its clock.
    pub(super) async fn both<T>(
        &self,
        ask: impl AsyncFn(&Side) -> PortResult<T>,
    ) -> Checked<Two<PortResult<T>>> {
        let subject = ask(&self.sides[SUBJECT]).await;
        self.models_clock.set(self.sides[SUBJECT].store.now().await?);
        let model = ask(&self.sides[MODEL]).await;
        Ok([model, subject])
    }

    pub(super) async fn wait(&self, time: Duration) -> Checked {
        self.clock.advance(time).await;
        self.models_clock.set(self.sides[SUBJECT].store.now().await?);
        Ok(())
    }

    /// Compares what the stores answered to a step and what can be seen of them now, and looks whether what must always
    /// hold does.
    pub(super) async fn look(&mut self, answers: &[Two<String>]) -> Checked {
        self.models_clock.set(self.sides[SUBJECT].store.now().await?);
        let organisations: Vec<_> = self.organisations.iter().map(|one| one.id).collect();
        for at in [MODEL, SUBJECT] {
            let mut people = Vec::new();
            for number in 0..self.people.len() {
                people.push((self.people[number].clone(), self.facts(at, number).await?));
            }
            let side = &mut self.sides[at];
            let sight = Sight::of(side, &organisations, &people).await?;
            sight.name(&mut side.names);
            side.sight = Some(sight);
        }
        let words = |side: &Side, text: &String| side.names.words(text, self.stands);
        let answered: Two<Vec<Words>> =
            [0, 1].map(|at| answers.iter().map(|answer| words(&self.sides[at], &answer[at])).collect());
        if let Some(difference) = difference(&answered[MODEL], &answered[SUBJECT]) {
            return Err(Failure::new(format!("the answers differ:{difference}")));
        }
        let lines = [0, 1].map(|at| {
            let Side { sight, names, .. } = &self.sides[at];
            sight.as_ref().map(|sight| sight.lines(names, self.stands)).unwrap_or_default()
        });
        if let Some(difference) = difference(&lines[MODEL], &lines[SUBJECT]) {
            return Err(Failure::new(format!("what can be seen differs:{difference}")));
        }
        let Side { sight, names, .. } = &self.sides[SUBJECT];
        match sight {
            Some(sight) => self.witness.look(sight, names),
            None => Ok(()),
        }
    }

    /// The messages that both stores have, by name, newest last.
    pub(super) fn messages(&self) -> Vec<Two<crate::model::delivery::Delivery>> {
        let of = |at: usize| -> BTreeMap<String, _> {
            let side: &Side = &self.sides[at];
            let messages = side.sight.iter().flat_map(|sight| &sight.batches).flat_map(|seen| &seen.messages);
            messages.map(|message| (side.names.of(message.id.as_uuid()), message.clone())).collect()
        };
        let [model, mut subject] = [of(MODEL), of(SUBJECT)];
        let mut both: Vec<_> =
            model.into_iter().filter_map(|(name, message)| Some([message, subject.remove(&name)?])).collect();
        both.sort_by_key(|[message, _]| message.id);
        both
    }

    pub(super) fn learn_link(&mut self, digests: Two<TokenDigest>) {
        if !self.sides[MODEL].digests.contains(&digests[MODEL]) {
            for (side, digest) in self.sides.iter_mut().zip(digests) {
                side.digests.push(digest);
            }
        }
    }

    /// The organisations in which a batch, and a person, are not to be found.
    pub(super) async fn tenants_are_apart(&self) -> Checked {
        let store = &self.sides[SUBJECT].store;
        for organisation in &self.organisations {
            for (_, batch) in self.batches.iter().filter(|(of, _)| *of != organisation.id) {
                holds!(
                    store.batch(organisation.id, *batch).await?.is_none(),
                    "a batch is seen by its tenant alone"
                );
                let items = store.items(organisation.id, *batch, None, 10).await?;
                holds!(items.is_empty(), "items are seen by their tenant alone");
            }
            for person in self.people.iter().filter(|person| person.organisation != organisation.id) {
                let found = store.person(organisation.id, person.ids[SUBJECT]).await?;
                let nothing = found.invitations.is_empty() && found.deliveries.is_empty();
                holds!(nothing && found.credentials.is_empty(), "a person is seen by their tenant alone");
            }
        }
        Ok(())
    }

    /// Which claims there were of each message, the newest last.
    pub(super) fn newest_claims(&self) -> BTreeMap<String, usize> {
        self.held.iter().map(|held| (held.name.clone(), held.claim)).collect()
    }

    /// The names of everybody who is in the sight and has a running batch.
    pub(super) fn running(&self, at: usize) -> BTreeSet<BatchId> {
        let batches = self.sides[at].sight.iter().flat_map(|sight| &sight.batches);
        batches
            .filter(|seen| seen.batch.state == crate::model::batch::BatchState::Running)
            .map(|seen| seen.batch.id)
            .collect()
    }
}

/// What both answered, in words; errors by their kind.
pub(super) fn said<T: Debug>(answers: &Two<PortResult<T>>) -> Two<String> {
    [0, 1].map(|at| match &answers[at] {
        Ok(answer) => format!("{answer:?}"),
        Err(error) => format!("error {:?}", error.kind()),
    })
}

/// Small figures, so that a short walk comes to each limit. Waits of the policy are nought: how long they are is spread
/// by the ids of messages, which each store makes for itself; what a provider asks for is waited for.
fn policy() -> Policy {
    let mut policy = Policy {
        breaker: 3,
        brake_from: 4,
        brake_percent: 50,
        hold_above: 3,
        hold: Duration::from_secs(30),
        invited_recently: Duration::from_secs(3630),
        probe_every: Duration::from_secs(630),
        sms_to_number: 3,
        sms_of_organisation: 12,
        sms_within: Duration::from_secs(24 * 3600 + 30),
        free_guesses: 2,
        guess_wait: Duration::from_secs(90),
        guess_wait_at_most: Duration::from_secs(330),
        reservation: Duration::from_secs(90),
        fresh_of_person: 2,
        fresh_of_source: 4,
        ..Policy::default()
    };
    for attempts in [&mut policy.email, &mut policy.sms] {
        attempts.waits = vec![Duration::ZERO];
    }
    policy.email.at_most = 3;
    policy.sms.at_most = 2;
    policy
}

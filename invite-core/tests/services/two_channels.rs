//! A rollout of 10,000 on two channels, through a provider that throttles, is suspended for a while, and reports
//! bounces, complaints and opt-outs: the figures of the batch at the end against what was injected.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use invite_core::Invite;
use invite_core::Invites;
use invite_core::credential::{HashCost, SealingKey, random::system_random};
use invite_core::machine::delivery::Report;
use invite_core::memory::{ManualClock, MemoryStore, RecordingTransport};
use invite_core::model::credential::CredentialKind;
use invite_core::model::delivery::{DeliveryState, EndReason};
use invite_core::model::event::{EventCursor, Happening};
use invite_core::model::id::{BatchId, DeliveryId, UserId};
use invite_core::model::message::{Channel, Content, Message};
use invite_core::model::outcome::{Answer, Concerns, Outcome, Receipt, Refusal, Scope};
use invite_core::model::preference::Preference;
use invite_core::policy::Policy;
use invite_core::port::clock::Clock;
use invite_core::port::queue::Reported;
use invite_core::service::ConfirmOptions;

use crate::support::World;

const PEOPLE: usize = 10_000;
const A_SECOND: usize = 50;

/// What becomes of somebody's e-mail, by their place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Arrives,
    /// 2 in 100.
    Bounces,
    /// 1 in 100.
    IsCalledSpam,
    /// 1 in 100 have no e-mail address, and have said STOP to the number that writes to them.
    OptedOut,
}

fn fate(place: usize) -> Fate {
    match place % 100 {
        7 | 57 => Fate::Bounces,
        23 => Fate::IsCalledSpam,
        42 => Fate::OptedOut,
        _ => Fate::Arrives,
    }
}

/// Half of all have a phone beside their e-mail address; those in places 7, 107, … do, those in 57, 157, … do not. One in ten
/// prefers both channels.
fn has_phone(place: usize) -> bool {
    fate(place) == Fate::OptedOut || place % 100 < 50
}

fn prefers_both(place: usize) -> bool {
    place % 10 == 4 && has_phone(place)
}

/// A provider of both channels.
struct Provider {
    clock: Arc<ManualClock>,
    suspended: AtomicBool,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    second: Option<DateTime<Utc>>,
    in_second: usize,
    busiest: usize,
    throttled: usize,
    blocked: usize,
    accepted: BTreeMap<DeliveryId, usize>,
}

impl Provider {
    fn answer(&self, message: &Message) -> Outcome {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if self.suspended.load(Ordering::Relaxed) {
            seen.blocked += 1;
            let answer = Answer::new("AccountSuspended", "the account is suspended");
            return Outcome::Blocked { scope: Scope::Account, answer };
        }
        let now = self.clock.now();
        if seen.second != Some(now) {
            (seen.second, seen.in_second) = (Some(now), 0);
        }
        if seen.in_second == A_SECOND {
            seen.throttled += 1;
            let retry_after = Some(Duration::from_secs(1));
            let answer = Answer::new("Throttling", "maximum sending rate exceeded");
            return Outcome::Throttled { retry_after, scope: Scope::Account, answer };
        }
        if let Content::Sms(sms) = &message.content
            && fate(place_of(sms.to.as_str())) == Fate::OptedOut
        {
            let answer = Answer::new("21610", "the recipient has opted out");
            return Outcome::Refused { refusal: Refusal::OptedOut, answer };
        }
        seen.in_second += 1;
        seen.busiest = seen.busiest.max(seen.in_second);
        *seen.accepted.entry(message.delivery).or_default() += 1;
        Outcome::Accepted(Receipt(message.delivery.to_string()))
    }
}

fn place_of(phone: &str) -> usize {
    phone.trim_start_matches("+479").parse().unwrap()
}

#[tokio::test]
async fn the_figures_of_a_rollout_of_10_000_on_two_channels_are_those_that_were_injected() {
    let clock = Arc::new(ManualClock::new("2026-11-23T08:00:00Z".parse().unwrap()));
    let store = MemoryStore::with_clock(clock.clone());
    let key = SealingKey::generate(&mut system_random().unwrap());
    let provider = Arc::new(Provider {
        clock: clock.clone(),
        suspended: AtomicBool::new(false),
        seen: Mutex::default(),
    });
    let answering = provider.clone();
    let transport = RecordingTransport::answering(move |message| answering.answer(message));
    let builder = Invites::builder(store.clone()).email(transport.clone()).sms(transport);
    let policy = Policy { sms_of_organisation: 100_000, ..Policy::default() };
    let builder = builder.seal_with(key.clone()).hash_cost(HashCost::weak_for_tests());
    let invites = builder.policy(policy).build().unwrap();
    let world = World::on(store, clock, key, invites, |settings| {
        settings.channels = Channel::ALL.into();
        settings.country = Some("NO".parse().unwrap());
        settings.sms_fallback = true;
        settings.credential = CredentialKind::SetUpLink;
        settings.link_pattern = Some("https://app.example.com/welcome#{token}".parse().unwrap());
    })
    .await;
    let mut places = BTreeMap::new();
    for place in 0..PEOPLE {
        let name = format!("p{place}");
        let user = world.add_with(&name, |user| {
            user.phone = has_phone(place).then(|| format!("+479{place:07}").try_into().unwrap());
            user.email = user.email.take().filter(|_| fate(place) != Fate::OptedOut);
            user.prefers = prefers_both(place).then_some(Preference::Both);
        });
        places.insert(user.await, place);
    }
    let plan = world.plan(Invite::never_invited()).await;
    let both = (0..PEOPLE).filter(|place| prefers_both(*place) && fate(*place) != Fate::OptedOut).count();
    let in_reserve = (0..PEOPLE)
        .filter(|place| has_phone(*place) && !prefers_both(*place) && fate(*place) != Fate::OptedOut)
        .count();
    assert_eq!(plan.batch().totals.in_reserve, in_reserve as u64);
    let options = ConfirmOptions::new().hold(Duration::ZERO);
    world.invites.confirm_with(&world.admin, plan.id(), options).await.unwrap();

    let mut reported = BTreeSet::new();
    for second in 0..100_000 {
        match second {
            60 => provider.suspended.store(true, Ordering::Relaxed),
            90 => provider.suspended.store(false, Ordering::Relaxed),
            _ => {}
        }
        let waiting = world.invites.worker().concurrency(4).run_until_idle().await.unwrap().waiting;
        let done = waiting.due + waiting.later + waiting.leased == 0;
        let heard = if done || second % 40 == 0 {
            report(&world, &places, plan.id(), &mut reported).await
        } else {
            0
        };
        if done && heard == 0 {
            break;
        }
        // While the account is suspended, one message tries it every ten minutes.
        world.wait(waiting.next_in.unwrap_or(Duration::from_secs(1)).max(Duration::from_secs(1)));
    }

    let fell_back =
        |place: &usize| fate(*place) == Fate::Bounces && has_phone(*place) && !prefers_both(*place);
    let fallbacks = (0..PEOPLE).filter(fell_back).count();
    let of = |wanted: Fate| (0..PEOPLE).filter(|place| fate(*place) == wanted).count();
    let progress = world.invites.batch(&world.admin, plan.id()).await.unwrap().progress;
    let emails = PEOPLE - of(Fate::OptedOut);
    let messages = emails + both + fallbacks;
    let bad = of(Fate::Bounces) + of(Fate::IsCalledSpam);
    let expected = BTreeMap::from([
        (DeliveryState::Delivered, (messages - bad) as u64),
        (DeliveryState::Bounced, of(Fate::Bounces) as u64),
        (DeliveryState::Complained, of(Fate::IsCalledSpam) as u64),
        (DeliveryState::Failed, of(Fate::OptedOut) as u64),
    ]);
    assert_eq!(progress.states, expected);
    assert_eq!(progress.reasons, BTreeMap::from([(EndReason::OptedOut, of(Fate::OptedOut) as u64)]));
    assert_eq!(progress.funnel.recipients, PEOPLE as u64);
    let reached = emails - of(Fate::Bounces)
        + (0..PEOPLE).filter(|place| fate(*place) == Fate::Bounces && has_phone(*place)).count();
    assert_eq!(progress.funnel.delivered, reached as u64);
    {
        let seen = provider.seen.lock().unwrap();
        assert_eq!(seen.accepted.len(), messages, "each message was accepted");
        assert!(seen.accepted.values().all(|times| *times == 1), "none went twice");
        assert!(seen.busiest <= A_SECOND && seen.throttled > 0 && seen.blocked > 0);
    }
    let suppressed = world.invites.suppressions(&world.admin, None, PEOPLE).await.unwrap().rows;
    assert_eq!(suppressed.len(), bad + of(Fate::OptedOut));
    let events = world.invites.events(EventCursor::default(), 1_000_000).await.unwrap();
    let count = |is: fn(&Happening) -> bool| events.iter().filter(|event| is(&event.what)).count();
    // Once for each of the two channels.
    assert_eq!(count(|what| matches!(what, Happening::SenderPaused { .. })), 2);
    assert_eq!(count(|what| matches!(what, Happening::SenderResumed { .. })), 2);
    assert_eq!(count(|what| matches!(what, Happening::Invited { .. })), emails);
}

/// The provider reports about what it has accepted and not reported about; gives how many messages that were.
async fn report(
    world: &World,
    places: &BTreeMap<UserId, usize>,
    batch: BatchId,
    reported: &mut BTreeSet<DeliveryId>,
) -> usize {
    let messages = world.invites.deliveries(&world.admin, batch, None, 100_000).await.unwrap().rows;
    let new = messages.into_iter().filter(|one| one.sent_at.is_some() && reported.insert(one.id));
    let reports = new.map(|one| {
        let by_email = one.channel == Channel::Email;
        let (report, concerns) = match fate(places[&one.user]) {
            Fate::Bounces if by_email => (Report::Bounced, Concerns::Address),
            Fate::IsCalledSpam if by_email => (Report::Complained, Concerns::Message),
            _ => (Report::Delivered, Concerns::Message),
        };
        Reported { delivery: one.id, report, concerns, answer: Answer::new("", format!("{report:?}")) }
    });
    let reports: Vec<Reported> = reports.collect();
    for some in reports.chunks(500) {
        world.invites.report(some.to_vec()).await.unwrap();
    }
    reports.len()
}

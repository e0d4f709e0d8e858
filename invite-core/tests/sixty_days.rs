//! Sixty days of a schedule in a simulated clock, over 1,000 people in many zones who sign in, leave, move, whose address
//! bounces or never worked: every reminder that should be goes, at the hour where the person is, and none that should not.
//!
//! What should be is said by an oracle that knows nothing of rows and batches: it looks at the clock on the wall of each
//! person, minute by minute.

#![allow(clippy::unwrap_used, reason = "a test may")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use invite_core::credential::random;
use invite_core::machine::delivery::Report;
use invite_core::memory::{ManualClock, MemoryStore, RecordingTransport};
use invite_core::model::credential::CredentialKind;
use invite_core::model::event::{EventCursor, Happening};
use invite_core::model::id::{DeliveryId, OrganisationId, UserId};
use invite_core::model::message::{Content, Mailbox, Message};
use invite_core::model::organisation::Settings;
use invite_core::model::outcome::{Answer, Concerns, Outcome, Receipt, Refusal};
use invite_core::model::schedule::{InviteNew, Schedule};
use invite_core::model::user::User;
use invite_core::policy::Policy;
use invite_core::port::queue::Reported;
use invite_core::{Actor, Invites, SealingKey};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const PEOPLE: usize = 1_000;
const DAYS: i64 = 60;
/// In these weeks clocks change in America, Europe and Australia. Some of the zones are half an hour or a quarter off.
const START: &str = "2026-02-20T00:00:00Z";
const ZONES: [Tz; 14] = [
    Tz::Europe__Oslo,
    Tz::Europe__London,
    Tz::America__New_York,
    Tz::America__Los_Angeles,
    Tz::America__Sao_Paulo,
    Tz::America__St_Johns,
    Tz::Asia__Kolkata,
    Tz::Asia__Kathmandu,
    Tz::Asia__Tokyo,
    Tz::Australia__Lord_Howe,
    Tz::Pacific__Chatham,
    Tz::Pacific__Kiritimati,
    Tz::Pacific__Pago_Pago,
    Tz::Africa__Casablanca,
];
const RUNGS: [i64; 3] = [3, 7, 14];

/// What happens to a person, and when.
struct Life {
    id: UserId,
    zone: Tz,
    moves: Option<(DateTime<Utc>, Tz)>,
    comes: Option<DateTime<Utc>>,
    leaves: Option<DateTime<Utc>>,
    bounces: Option<DateTime<Utc>>,
    /// Whether their address never worked.
    refused: bool,
}

impl Life {
    fn draw(random: &mut StdRng, number: usize, invited: DateTime<Utc>) -> Self {
        let mut at = |percent: u32| {
            let hour = random.random_range(1..24 * 30);
            (random.random_range(0..100) < percent).then(|| invited + TimeDelta::hours(hour))
        };
        let (moves, comes, leaves, bounces) = (at(25), at(60), at(10), at(8));
        let zone = |random: &mut StdRng| ZONES[random.random_range(0..ZONES.len())];
        // Where somebody is on the day of a reminder is told by the tests of single people.
        let quiet = |at: &DateTime<Utc>| {
            RUNGS.iter().all(|days| !(0..27).contains(&(*at - invited - TimeDelta::days(*days)).num_hours()))
        };
        Self {
            id: UserId::new(),
            zone: zone(random),
            moves: moves.filter(quiet).map(|at| (at, zone(random))),
            comes,
            leaves,
            bounces,
            refused: number.is_multiple_of(50),
        }
    }

    fn zone_at(&self, at: DateTime<Utc>) -> Tz {
        self.moves.filter(|(moved, _)| *moved <= at).map_or(self.zone, |(_, zone)| zone)
    }

    fn is_closed_at(&self, at: DateTime<Utc>) -> bool {
        [self.comes, self.leaves].into_iter().flatten().any(|closed| closed <= at)
    }

    /// When they should get messages, looked at once an hour.
    fn messages(&self, invited: DateTime<Utc>) -> Vec<DateTime<Utc>> {
        let mut messages = vec![invited];
        if self.refused {
            return messages;
        }
        let mut rungs = RUNGS.iter().map(|days| invited + TimeDelta::days(*days)).peekable();
        for hour in 1..24 * (DAYS - 1) {
            let at = invited + TimeDelta::hours(hour);
            let gone = self.is_closed_at(at) || self.bounces.is_some_and(|bounced| bounced <= at);
            let Some(from) = rungs.peek().copied().filter(|_| !gone) else { break };
            let nine = (0..60).map(|minutes| at - TimeDelta::minutes(minutes)).any(|minute| {
                let wall = minute.with_timezone(&self.zone_at(at)).time();
                wall == NaiveTime::from_hms_opt(9, 0, 0).unwrap() && minute >= from
            });
            if nine {
                messages.push(at);
                rungs.next();
            }
        }
        messages
    }

    /// How often their inviter should be told that the invitation expires: a week after each message, a day before.
    fn notices(&self, messages: &[DateTime<Utc>]) -> usize {
        let soon = messages.iter().map(|at| *at + TimeDelta::days(6));
        let next = messages.iter().skip(1).map(Some).chain([None]);
        soon.zip(next)
            .filter(|(soon, next)| !self.is_closed_at(*soon) && next.is_none_or(|next| next > soon))
            .count()
    }
}

fn address(life: &Life) -> String {
    let works = if life.refused { "nobody" } else { "somebody" };
    format!("{works}-{}@example.com", life.id)
}

async fn office(
    clock: &Arc<ManualClock>,
    invited: DateTime<Utc>,
) -> (Invites, OrganisationId, RecordingTransport) {
    let transport = RecordingTransport::answering(|message: &Message| match &message.content {
        Content::Email(email) if email.to.address.as_str().starts_with("nobody") => {
            Outcome::Refused { refusal: Refusal::Recipient, answer: Answer::new("550 5.1.1", "no such user") }
        }
        _ => Outcome::Accepted(Receipt("250".into())),
    });
    let invites = Invites::builder(MemoryStore::with_clock(clock.clone()))
        .email(transport.clone())
        .seal_with(SealingKey::generate(&mut random::system_random().unwrap()))
        .policy(Policy { hold_above: u64::MAX, ..Policy::default() })
        .build()
        .unwrap();
    let mut settings = Settings::new("Acme");
    settings.credential = CredentialKind::SetUpLink;
    settings.link_pattern = Some("https://app.example.com/#{token}".parse().unwrap());
    settings.from = Some(Mailbox { name: "Acme".into(), address: "it@acme.example".parse().unwrap() });
    settings.schedule =
        Some(Schedule { invite: InviteNew::At(invited), expiry_notice: true, ..Schedule::default() });
    let organisation = invites.create_organisation("acme".parse().unwrap(), settings).await.unwrap().id;
    (invites, organisation, transport)
}

#[tokio::test]
async fn in_sixty_days_every_reminder_goes_that_should_and_none_that_should_not() {
    let start: DateTime<Utc> = START.parse().unwrap();
    let invited = start + TimeDelta::hours(30);
    let clock = Arc::new(ManualClock::new(start));
    let (invites, organisation, transport) = office(&clock, invited).await;
    let system = Actor::system(organisation);
    let mut random = StdRng::seed_from_u64(60);
    let lives: Vec<Life> = (0..PEOPLE).map(|number| Life::draw(&mut random, number, invited)).collect();
    for life in &lives {
        let mut user = User::new(life.id);
        user.email = Some(address(life).parse().unwrap());
        user.time_zone = Some(life.zone);
        invites.add_user(&system, user).await.unwrap();
    }

    let mut newest: BTreeMap<String, DeliveryId> = BTreeMap::new();
    let mut got: BTreeMap<String, Vec<DateTime<Utc>>> = BTreeMap::new();
    let mut seen = 0;
    for _ in 0..24 * DAYS {
        clock.advance(Duration::from_hours(1));
        let now = clock_now(&clock);
        for life in &lives {
            if life.comes == Some(now) {
                invites.record_sign_in(organisation, &[(life.id, now)]).await.unwrap();
            }
            if life.leaves == Some(now) {
                invites.change_user(&system, life.id, |user| user.deactivated = true).await.unwrap();
            }
            if let Some((_, zone)) = life.moves.filter(|(at, _)| *at == now) {
                invites.change_user(&system, life.id, |user| user.time_zone = Some(zone)).await.unwrap();
            }
            if life.bounces == Some(now)
                && let Some(delivery) = newest.get(&address(life))
            {
                let reported = Reported {
                    delivery: *delivery,
                    report: Report::Bounced,
                    concerns: Concerns::Address,
                    answer: Answer::new("5.1.1", "gone"),
                };
                invites.report(vec![reported]).await.unwrap();
            }
        }
        invites.worker().run_until_idle().await.unwrap();
        let messages = transport.messages();
        for message in &messages[seen..] {
            let Content::Email(email) = &message.content else { panic!("an e-mail") };
            let to = email.to.address.as_str().to_owned();
            newest.insert(to.clone(), message.delivery);
            got.entry(to).or_default().push(email.date);
        }
        seen = messages.len();
    }

    let events = invites.events(EventCursor::default(), 1_000_000).await.unwrap();
    let mut told: BTreeMap<UserId, usize> = BTreeMap::new();
    for event in &events {
        if let Happening::ExpiresSoon { user, .. } = event.what {
            *told.entry(user).or_default() += 1;
        }
    }
    let (mut reminders, mut notices) = (0, 0);
    for life in &lives {
        let should = life.messages(invited);
        assert_eq!(
            got.get(&address(life)),
            Some(&should),
            "messages to somebody in {} {:?}",
            life.zone,
            life.moves
        );
        let should_be_told = life.notices(&should);
        assert_eq!(told.get(&life.id).copied().unwrap_or_default(), should_be_told, "notices");
        reminders += should.len() - 1;
        notices += should_be_told;
    }
    assert!(reminders > PEOPLE && notices > PEOPLE / 2, "{reminders} reminders, {notices} notices");
    println!("{reminders} reminders and {notices} notices to {PEOPLE} people in {DAYS} days");

    let mut before = None;
    let mut batches = 0;
    loop {
        let page = invites.batches(&system, before, 100).await.unwrap();
        for batch in &page.rows {
            assert!(batch.scheduled && batch.planned_by == system && batch.confirmed.is_some());
        }
        batches += page.rows.len();
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    let audit = invites.audit(&system, None, 1_000_000).await.unwrap().rows;
    let confirmed = audit.iter().filter(|entry| entry.what == "batch_confirmed" && entry.actor == system);
    assert_eq!(confirmed.count(), batches, "each batch is in the audit, as the system's");
}

fn clock_now(clock: &ManualClock) -> DateTime<Utc> {
    use invite_core::port::clock::Clock as _;
    clock.now()
}

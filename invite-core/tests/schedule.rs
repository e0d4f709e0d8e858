//! Schedules: when a reminder's hour is, and what happens to single people.

#![allow(clippy::unwrap_used, reason = "a test may")]

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, NaiveTime, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};
use invite_core::credential::random;
use invite_core::decision::schedule::{first_reminder_hour, next_reminder_hour};
use invite_core::memory::{ManualClock, MemoryStore, RecordingTransport};
use invite_core::model::contact::PhoneNumber;
use invite_core::model::credential::CredentialKind;
use invite_core::model::id::{OrganisationId, UserId};
use invite_core::model::message::{Channel, Mailbox};
use invite_core::model::organisation::{Settings, SettingsError};
use invite_core::model::role::Role;
use invite_core::model::schedule::{InviteNew, Schedule};
use invite_core::model::user::User;
use invite_core::service::ImportOptions;
use invite_core::{Actor, Invite, Invites, Remind, SealingKey};
use proptest::prelude::*;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn hour(hour: u32, minute: u32) -> NaiveTime {
    NaiveTime::from_hms_opt(hour, minute, 0).unwrap()
}

/// What the clock on the wall shows.
fn wall(at: DateTime<Utc>, zone: Tz) -> NaiveTime {
    at.with_timezone(&zone).time()
}

/// The laws of a reminder's hour: not too early, at most about a day later, at the hour or where the clock has jumped over
/// it, and no such hour before it.
fn keeps_the_laws(from: DateTime<Utc>, zone: Tz, hour: NaiveTime) -> Result<(), String> {
    let found = next_reminder_hour(from, zone, hour);
    let what = format!("from {from} in {zone} at {hour}: {found}");
    if found < from || found - from > TimeDelta::hours(51) {
        return Err(format!("{what} is too early or too late"));
    }
    let before = found - TimeDelta::seconds(1);
    let jumped = wall(before, zone) + TimeDelta::seconds(1) != wall(found, zone);
    if wall(found, zone) != hour && !jumped {
        return Err(format!("{what} is {} on the wall", wall(found, zone)));
    }
    // Minute by minute: nobody saw the hour for the first time that day before.
    let minutes = (found - from).num_minutes();
    for minute in (0..minutes).map(|minute| from + TimeDelta::minutes(minute)) {
        let shows = |at: DateTime<Utc>| wall(at, zone).with_second(0).unwrap() == hour;
        let local = minute.with_timezone(&zone);
        let first = zone.from_local_datetime(&local.date_naive().and_time(hour)).earliest();
        if shows(minute)
            && minute.timestamp() % 60 == 0
            && first.is_some_and(|first| first.to_utc() == minute)
        {
            return Err(format!("{what}, but {minute} was earlier"));
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn a_reminders_hour_is_the_first_on_the_wall_from_then_on(
        zone in 0..TZ_VARIANTS.len(),
        minutes in 0..60_i64 * 24 * 365 * 15,
        of_day in 0..24 * 60_u32,
    ) {
        let from = at("2020-01-01T00:00:00Z") + TimeDelta::minutes(minutes);
        let laws = keeps_the_laws(from, TZ_VARIANTS[zone], hour(of_day / 60, of_day % 60));
        prop_assert!(laws.is_ok(), "{laws:?}");
    }
}

#[test]
fn around_every_change_of_every_clock_the_hour_is_found() {
    let (begin, end) = (at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z"));
    let mut changes = 0;
    for zone in TZ_VARIANTS {
        let offset = |at: DateTime<Utc>| {
            use chrono::Offset as _;
            zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc()
        };
        let mut day = begin;
        while day < end {
            let next = day + TimeDelta::days(1);
            if offset(day) != offset(next) {
                changes += 1;
                for half_hours in 0..48_u32 {
                    let hour = hour(half_hours / 2, half_hours % 2 * 30);
                    keeps_the_laws(day - TimeDelta::hours(5), zone, hour).unwrap();
                }
            }
            day = next;
        }
    }
    assert!(changes > 300, "{changes} changes of clocks");
}

#[test]
fn an_hour_that_is_jumped_over_is_the_jump_and_one_that_comes_twice_is_the_first() {
    let oslo = Tz::Europe__Oslo;
    let gap = first_reminder_hour(at("2026-03-25T12:00:00Z"), 3, oslo, hour(2, 30));
    assert_eq!(gap, at("2026-03-29T01:00:00Z"));
    let twice = first_reminder_hour(at("2026-10-21T12:00:00Z"), 3, oslo, hour(2, 30));
    assert_eq!(twice, at("2026-10-25T00:30:00Z"));
    // Between both, the first one is over.
    assert_eq!(next_reminder_hour(at("2026-10-25T01:00:00Z"), oslo, hour(2, 30)), at("2026-10-26T01:30:00Z"));
    // Samoa left out 30 December 2011.
    let samoa = next_reminder_hour(at("2011-12-30T00:00:00Z"), Tz::Pacific__Apia, hour(9, 0));
    assert_eq!(samoa, at("2011-12-30T19:00:00Z"));
}

#[test]
fn days_that_cannot_be_are_refused() {
    let mut settings = Settings::new("Acme");
    for days in [vec![0], vec![91], vec![7, 3], vec![3, 3], (1..=11).collect()] {
        settings.schedule = Some(Schedule { remind_after: days, ..Schedule::default() });
        assert_eq!(settings.check(), Err(SettingsError::RemindAfter));
    }
    for days in [vec![], vec![1], vec![90], (1..=10).collect()] {
        settings.schedule = Some(Schedule { remind_after: days, ..Schedule::default() });
        assert_eq!(settings.check(), Ok(()));
    }
    let old: Settings = serde_json::from_value({
        let mut json = serde_json::to_value(Settings::new("Acme")).unwrap();
        json.as_object_mut().unwrap().remove("schedule");
        json
    })
    .unwrap();
    assert_eq!(old.schedule, None, "settings that were saved before have no schedule");
}

struct Office {
    invites: Invites,
    clock: Arc<ManualClock>,
    transport: RecordingTransport,
    organisation: OrganisationId,
    system: Actor,
}

impl Office {
    /// On a Monday at noon in Oslo.
    async fn new(change: impl FnOnce(&mut Schedule)) -> Self {
        let clock = Arc::new(ManualClock::new(at("2026-11-23T11:00:00Z")));
        let transport = RecordingTransport::new();
        let invites = Invites::builder(MemoryStore::with_clock(clock.clone()))
            .email(transport.clone())
            .sms(transport.clone())
            .seal_with(SealingKey::generate(&mut random::system_random().unwrap()))
            .build()
            .unwrap();
        let mut settings = Settings::new("Acme");
        settings.credential = CredentialKind::SetUpLink;
        settings.link_pattern = Some("https://app.example.com/#{token}".parse().unwrap());
        settings.time_zone = Tz::Europe__Oslo;
        settings.from = Some(Mailbox { name: "Acme".into(), address: "it@acme.example".parse().unwrap() });
        settings.country = Some("NO".parse().unwrap());
        settings.channels = Channel::ALL.into();
        let mut schedule = Schedule::default();
        change(&mut schedule);
        settings.schedule = Some(schedule);
        let organisation = invites.create_organisation("acme".parse().unwrap(), settings).await.unwrap().id;
        let system = Actor::system(organisation);
        let office = Self { invites, clock, transport, organisation, system };
        office.add("boss", |user| user.role = Role::Administrator).await;
        office
    }

    async fn add(&self, name: &str, change: impl FnOnce(&mut User)) -> UserId {
        let mut user = User::new(UserId::new());
        user.username = Some(name.into());
        user.email = Some(format!("{name}@example.com").parse().unwrap());
        change(&mut user);
        let id = user.id;
        self.invites.add_user(&self.system, user).await.unwrap();
        id
    }

    async fn invite(&self, user: UserId) {
        let plan = self.invites.plan(&self.system, Invite::users([user])).await.unwrap();
        self.invites.confirm(&self.system, plan.id()).await.unwrap();
        self.work().await;
    }

    async fn work(&self) {
        self.invites.worker().run_until_idle().await.unwrap();
    }

    /// Works every quarter of an hour until then; gives when messages went meanwhile.
    async fn until(&self, end: &str) -> Vec<String> {
        let mut went = Vec::new();
        let mut seen = self.transport.messages().len();
        while self.now() < at(end) {
            self.clock.advance(Duration::from_mins(15));
            self.work().await;
            let messages = self.transport.messages().len();
            went.extend((seen..messages).map(|_| self.now().format("%d %H:%M").to_string()));
            seen = messages;
        }
        went
    }

    fn now(&self) -> DateTime<Utc> {
        use invite_core::port::clock::Clock as _;
        self.clock.now()
    }

    async fn set(&self, change: impl FnOnce(&mut Settings)) {
        let mut settings = self.invites.organisation(self.organisation).await.unwrap().settings;
        change(&mut settings);
        self.invites.change_settings(&self.system, settings).await.unwrap();
    }
}

#[tokio::test]
async fn reminders_go_at_the_first_hour_after_their_days_and_then_no_more() {
    let office = Office::new(|_| {}).await;
    let anna = office.add("anna", |_| {}).await;
    office.invite(anna).await;
    let went = office.until("2027-01-15T00:00:00Z").await;
    assert_eq!(went, ["27 08:00", "01 08:00", "08 08:00"]);
}

#[tokio::test]
async fn a_reminder_that_was_sent_by_hand_takes_the_place_of_the_next() {
    let office = Office::new(|_| {}).await;
    office.set(|settings| settings.reminders.gap = Duration::ZERO).await;
    let anna = office.add("anna", |_| {}).await;
    office.invite(anna).await;
    office.until("2026-11-24T11:00:00Z").await;
    let plan = office.invites.plan(&office.system, Remind::users([anna])).await.unwrap();
    office.invites.confirm(&office.system, plan.id()).await.unwrap();
    office.work().await;
    let went = office.until("2027-01-15T00:00:00Z").await;
    assert_eq!(went, ["01 08:00", "08 08:00"]);
}

#[tokio::test]
async fn who_moves_is_reminded_where_they_are_and_a_new_hour_holds_for_open_invitations() {
    let office = Office::new(|_| {}).await;
    let anna = office.add("anna", |_| {}).await;
    office.invite(anna).await;
    office.until("2026-11-25T00:00:00Z").await;
    let to = |zone| move |user: &mut User| user.time_zone = Some(zone);
    office.invites.change_user(&office.system, anna, to(Tz::America__New_York)).await.unwrap();
    assert_eq!(office.until("2026-11-28T00:00:00Z").await, ["26 14:00"]);
    office.set(|settings| settings.schedule.as_mut().unwrap().reminder_hour = hour(7, 30)).await;
    // On the day itself: by the look at the old hour, the new zone's next one.
    office.until("2026-11-30T12:00:00Z").await;
    office.invites.change_user(&office.system, anna, to(Tz::Asia__Kathmandu)).await.unwrap();
    assert_eq!(office.until("2026-12-03T00:00:00Z").await, ["01 01:45"]);
}

#[tokio::test]
async fn who_comes_or_leaves_is_not_reminded_any_more() {
    let office = Office::new(|_| {}).await;
    let (anna, bo) = (office.add("anna", |_| {}).await, office.add("bo", |_| {}).await);
    office.invite(anna).await;
    office.invite(bo).await;
    assert_eq!(office.until("2026-11-28T00:00:00Z").await.len(), 2);
    office.invites.record_sign_in(office.organisation, &[(anna, office.now())]).await.unwrap();
    office.invites.change_user(&office.system, bo, |user| user.deactivated = true).await.unwrap();
    assert!(office.until("2026-12-20T00:00:00Z").await.is_empty());
}

#[tokio::test]
async fn a_schedule_that_comes_late_sends_one_reminder_and_not_all_at_once() {
    let office = Office::new(|schedule| schedule.remind_after.clear()).await;
    let anna = office.add("anna", |_| {}).await;
    office.invite(anna).await;
    assert!(office.until("2026-12-13T22:00:00Z").await.is_empty());
    office.set(|settings| settings.schedule.as_mut().unwrap().remind_after = vec![3, 7, 14, 30]).await;
    // At the next hour, not in the night; then only what is still to come.
    assert_eq!(office.until("2027-01-15T00:00:00Z").await, ["14 08:00", "24 08:00"]);
}

#[tokio::test]
async fn what_comes_too_late_waits_for_the_next_hour() {
    let office = Office::new(|_| {}).await;
    let anna = office.add("anna", |_| {}).await;
    office.invite(anna).await;
    // No worker runs until some hours after the first reminder's hour.
    office.clock.set(at("2026-11-27T12:00:00Z"));
    assert_eq!(office.until("2026-11-29T00:00:00Z").await, ["28 08:00"]);
}

#[tokio::test]
async fn an_sms_of_a_schedule_keeps_the_quiet_hours() {
    let office = Office::new(|schedule| schedule.reminder_hour = hour(5, 0)).await;
    let by_phone = |user: &mut User| {
        user.email = None;
        user.phone = PhoneNumber::try_from("+4791234567".to_owned()).ok();
    };
    let anna = office.add("anna", by_phone).await;
    office.invite(anna).await;
    assert_eq!(office.until("2026-11-28T00:00:00Z").await, ["27 07:00"]);
}

#[tokio::test]
async fn whom_an_import_adds_is_invited_and_nobody_else() {
    let office = Office::new(|schedule| schedule.invite = InviteNew::AtImport).await;
    office.add("old", |_| {}).await;
    for _ in 0..2 {
        let file = "email,first_name\nanna@example.com,Anna\nold@example.com,Olav\n".as_bytes();
        office.invites.import(&office.system, file, ImportOptions::default()).await.unwrap();
        office.work().await;
        assert_eq!(office.transport.messages().len(), 1);
        office.clock.advance(Duration::from_hours(2));
    }
    let host = office.add("host", |_| {}).await;
    for _ in 0..2 {
        office.invites.record_added(office.organisation, &[host]).await.unwrap();
        office.work().await;
        office.clock.advance(Duration::from_hours(2));
    }
    assert_eq!(office.transport.messages().len(), 2);
}

#[tokio::test]
async fn at_its_time_everybody_is_invited_once_who_never_was_in_one_batch() {
    let office = Office::new(|schedule| schedule.invite = InviteNew::At(at("2026-11-24T07:00:00Z"))).await;
    let before = office.add("before", |_| {}).await;
    office.invite(before).await;
    for number in 0..20 {
        office.add(&format!("new{number}"), |_| {}).await;
    }
    let went = office.until("2026-11-26T00:00:00Z").await;
    // The administrator was never invited either.
    assert_eq!(went, vec!["24 07:00"; 21]);
    let batches = office.invites.batches(&office.system, None, 100).await.unwrap().rows;
    assert_eq!(batches.iter().filter(|batch| batch.scheduled).count(), 1);
    office.add("later", |_| {}).await;
    office.set(|settings| settings.support = "Ask".into()).await;
    assert!(office.until("2026-11-26T10:00:00Z").await.is_empty());
}

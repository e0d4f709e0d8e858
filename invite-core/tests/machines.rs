//! The three machines: every row of their tables, and what holds for any sequence of events.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use proptest::sample::select;

use invite_core::decision::counts::of_step;
use invite_core::machine::batch::{self, BatchEvent};
use invite_core::machine::delivery::{self, DeliveryEvent, Report, Standing};
use invite_core::machine::invitation::{self, InvitationEvent};
use invite_core::model::batch::BatchState;
use invite_core::model::delivery::DeliveryState::{
    self, Bounced, Cancelled, Claimed, Complained, Delivered, Failed, HandingOver, Queued, Sent, Suppressed,
    Unknown,
};
use invite_core::model::delivery::{EndReason, WaitCause};
use invite_core::model::id::DeliveryId;
use invite_core::model::invitation::{InvitationState, RevokeReason};
use invite_core::model::message::Channel;
use invite_core::model::metrics::Count;
use invite_core::model::outcome::{Answer, Outcome, Receipt, Refusal, Scope};
use invite_core::policy::Policy;

const REPORTS: [Report; 5] =
    [Report::Unknown, Report::Failed, Report::Delivered, Report::Bounced, Report::Complained];

/// A message and the clock that its steps are taken on.
#[derive(Debug, Clone)]
struct Walk {
    at: Standing,
    whose: (DeliveryId, Channel),
    now: DateTime<Utc>,
    policy: Policy,
}

impl Walk {
    fn new(channel: Channel) -> Self {
        let now = beginning();
        let whose = (DeliveryId::new(), channel);
        Self { at: Standing::queued(now), whose, now, policy: Policy::default() }
    }

    fn step(&mut self, event: DeliveryEvent<'_>) -> &mut Self {
        self.at = delivery::next(&self.at, event, self.whose, self.now, &self.policy);
        self
    }

    fn outcome(&mut self, outcome: &Outcome) -> &mut Self {
        self.step(DeliveryEvent::Outcome(outcome))
    }

    fn handing_over(&mut self) -> &mut Self {
        self.step(DeliveryEvent::Claim).step(DeliveryEvent::Begin)
    }

    /// Time passes until it is due, and the next attempt begins.
    fn again(&mut self) -> &mut Self {
        self.now = self.at.due_at;
        self.handing_over()
    }

    fn pass(&mut self, time: TimeDelta) -> &mut Self {
        self.now += time;
        self
    }

    fn stands(&self) -> (DeliveryState, Option<EndReason>) {
        (self.at.state, self.at.reason)
    }

    fn limit(&self) -> u32 {
        self.policy.attempts(self.whose.1).at_most
    }
}

fn accepted() -> Outcome {
    Outcome::Accepted(Receipt("0102".into()))
}

fn refused(refusal: Refusal) -> Outcome {
    Outcome::Refused { refusal, answer: Answer::default() }
}

fn deferred(retry_after: Option<Duration>) -> Outcome {
    Outcome::Deferred { retry_after, answer: Answer::default() }
}

fn throttled(retry_after: Option<Duration>) -> Outcome {
    Outcome::Throttled { retry_after, scope: Scope::Sender, answer: Answer::default() }
}

fn blocked() -> Outcome {
    Outcome::Blocked { scope: Scope::Account, answer: Answer::default() }
}

fn unknown() -> Outcome {
    Outcome::Unknown { answer: Answer::default() }
}

fn beginning() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).expect("a time")
}

/// A message that stands here, by the shortest way.
fn standing(channel: Channel, state: DeliveryState) -> Walk {
    let mut walk = Walk::new(channel);
    let reported = |report| standing(channel, Sent).step(DeliveryEvent::Report(report)).clone();
    match state {
        DeliveryState::Planned | Queued => {}
        Claimed => walk = walk.step(DeliveryEvent::Claim).clone(),
        HandingOver => walk = walk.handing_over().clone(),
        Sent => walk = walk.handing_over().outcome(&accepted()).clone(),
        Delivered => walk = reported(Report::Delivered),
        Bounced => walk = reported(Report::Bounced),
        Complained => walk = reported(Report::Complained),
        Unknown => walk = reported(Report::Unknown),
        Failed => walk = walk.handing_over().outcome(&refused(Refusal::Content)).clone(),
        Suppressed => walk = walk.step(DeliveryEvent::Cancel(EndReason::OnSuppressionList)).clone(),
        Cancelled => walk = walk.step(DeliveryEvent::Cancel(EndReason::BatchCancelled)).clone(),
    }
    assert_eq!(walk.at.state, state);
    walk
}

// --- The delivery's table ---------------------------------------------------------------------------------------------

/// From, event, to: on any channel. What is not here changes nothing.
fn table() -> Vec<(DeliveryState, Step, DeliveryState)> {
    use EndReason as R;
    let outcome = Step::Outcome;
    let mut rows = vec![
        (Queued, Step::Claim, Claimed),
        (Claimed, Step::Release, Queued),
        (Claimed, Step::Begin, HandingOver),
        (Claimed, Step::LeaseLost { alone: false }, Queued),
        (Claimed, Step::LeaseLost { alone: true }, Queued),
        (HandingOver, outcome(accepted()), Sent),
        (HandingOver, Step::NotRendered, Failed),
        (HandingOver, outcome(deferred(None)), Queued),
        (HandingOver, outcome(throttled(None)), Queued),
        (HandingOver, outcome(blocked()), Queued),
        (HandingOver, Step::NotCalled, Queued),
        (HandingOver, Step::Locked, Queued),
        (Claimed, Step::Postpone, Queued),
        (Queued, Step::Cancel(R::BatchCancelled), Cancelled),
        (Claimed, Step::Cancel(R::BatchCancelled), Cancelled),
        (Queued, Step::Cancel(R::OnSuppressionList), Suppressed),
        (Claimed, Step::Cancel(R::OnSuppressionList), Suppressed),
        (Sent, Step::Report(Report::Unknown), Unknown),
        (Sent, Step::Report(Report::Failed), Failed),
        (Unknown, Step::Report(Report::Failed), Failed),
        (Bounced, Step::Report(Report::Complained), Complained),
        (Failed, Step::Retry, Queued),
        (Unknown, Step::Retry, Queued),
    ];
    for from in [Sent, Unknown] {
        rows.push((from, Step::Report(Report::Delivered), Delivered));
    }
    for from in [Sent, Unknown, Delivered] {
        rows.push((from, Step::Report(Report::Bounced), Bounced));
        rows.push((from, Step::Report(Report::Complained), Complained));
    }
    for refusal in REFUSALS {
        rows.push((HandingOver, outcome(refused(refusal)), Failed));
    }
    rows
}

const REFUSALS: [Refusal; 6] = [
    Refusal::Recipient,
    Refusal::RecipientUncertain,
    Refusal::OptedOut,
    Refusal::Content,
    Refusal::Policy,
    Refusal::Country,
];

/// An event that owns what it says.
#[derive(Debug, Clone, PartialEq)]
enum Step {
    Claim,
    Release,
    Begin,
    NotCalled,
    Locked,
    /// For ten hours from the walk's first instant on.
    Postpone,
    NotRendered,
    Outcome(Outcome),
    LeaseLost {
        alone: bool,
    },
    Cancel(EndReason),
    Report(Report),
    Retry,
}

impl Step {
    fn event(&self) -> DeliveryEvent<'_> {
        match self {
            Self::Claim => DeliveryEvent::Claim,
            Self::Release => DeliveryEvent::Release,
            Self::Begin => DeliveryEvent::Begin,
            Self::NotCalled => DeliveryEvent::NotCalled,
            Self::Locked => DeliveryEvent::Locked,
            Self::Postpone => {
                DeliveryEvent::Postpone(beginning() + TimeDelta::hours(10), WaitCause::QuietHours)
            }
            Self::NotRendered => DeliveryEvent::NotRendered,
            Self::Outcome(outcome) => DeliveryEvent::Outcome(outcome),
            Self::LeaseLost { alone } => DeliveryEvent::LeaseLost { alone: *alone },
            Self::Cancel(reason) => DeliveryEvent::Cancel(*reason),
            Self::Report(report) => DeliveryEvent::Report(*report),
            Self::Retry => DeliveryEvent::Retry,
        }
    }
}

fn every_step() -> Vec<Step> {
    let mut steps = vec![
        Step::Claim,
        Step::Release,
        Step::Begin,
        Step::NotCalled,
        Step::Locked,
        Step::Postpone,
        Step::NotRendered,
        Step::Outcome(accepted()),
        Step::Outcome(deferred(None)),
        Step::Outcome(deferred(Some(Duration::from_mins(90)))),
        Step::Outcome(throttled(None)),
        Step::Outcome(throttled(Some(Duration::from_hours(30)))),
        Step::Outcome(blocked()),
        Step::Outcome(unknown()),
        Step::LeaseLost { alone: false },
        Step::LeaseLost { alone: true },
        Step::Cancel(EndReason::BatchCancelled),
        Step::Cancel(EndReason::OnSuppressionList),
        Step::Retry,
    ];
    steps.extend(REFUSALS.map(|refusal| Step::Outcome(refused(refusal))));
    steps.extend(REPORTS.map(Step::Report));
    steps
}

/// What leads from being handed over to another state on one channel only; it has tests of its own.
fn is_unseen_end(step: &Step) -> bool {
    matches!(step, Step::LeaseLost { .. } | Step::Outcome(Outcome::Unknown { .. }))
}

#[test]
fn every_row_of_the_deliverys_table_is_taken_and_nothing_else_moves_a_message() {
    let table = table();
    for channel in Channel::ALL {
        for state in DeliveryState::ALL.iter().copied().filter(|state| *state != DeliveryState::Planned) {
            for step in every_step() {
                if state == HandingOver && is_unseen_end(&step) {
                    continue;
                }
                let mut walk = standing(channel, state);
                let row = table.iter().find(|(from, when, _)| (*from, when) == (state, &step));
                let expected = match &step {
                    Step::Outcome(Outcome::Deferred { retry_after: Some(_), .. }) if state == HandingOver => {
                        Queued
                    }
                    Step::Outcome(Outcome::Throttled { .. }) if state == HandingOver => Queued,
                    _ => row.map_or(state, |(_, _, to)| *to),
                };
                walk.step(step.event());
                assert_eq!(walk.at.state, expected, "{channel} {state} {step:?}");
            }
        }
    }
}

#[test]
fn each_end_has_its_reason() {
    use EndReason as R;
    let end = |walk: &mut Walk, outcome: Outcome| walk.handing_over().outcome(&outcome).stands();
    for (refusal, reason) in [
        (Refusal::Recipient, R::RecipientRefused),
        (Refusal::RecipientUncertain, R::RecipientRefused),
        (Refusal::OptedOut, R::OptedOut),
        (Refusal::Content, R::ContentRefused),
        (Refusal::Policy, R::PolicyRefused),
        (Refusal::Country, R::CountryRefused),
    ] {
        assert_eq!(end(&mut Walk::new(Channel::Sms), refused(refusal)), (Failed, Some(reason)));
    }
    assert_eq!(end(&mut Walk::new(Channel::Sms), unknown()), (Unknown, Some(R::OutcomeUnknown)));
    let mut lost = Walk::new(Channel::Sms);
    lost.handing_over().step(DeliveryEvent::LeaseLost { alone: true });
    assert_eq!(lost.stands(), (Unknown, Some(R::LeaseLost)));
    let mut reported = standing(Channel::Sms, Sent);
    assert_eq!(
        reported.step(DeliveryEvent::Report(Report::Failed)).stands(),
        (Failed, Some(R::ReportedFailed))
    );
    assert_eq!(reported.step(DeliveryEvent::Report(Report::Delivered)).stands(), (Delivered, None));
    let mut unrendered = standing(Channel::Email, HandingOver);
    assert_eq!(unrendered.step(DeliveryEvent::NotRendered).stands(), (Failed, Some(R::NotRendered)));
}

#[test]
fn rule_08_an_email_whose_end_nobody_saw_is_sent_once_more_and_then_unknown_an_sms_is_unknown_at_once() {
    let unseen: [Step; 2] = [Step::LeaseLost { alone: false }, Step::Outcome(unknown())];
    for first in &unseen {
        let mut sms = Walk::new(Channel::Sms);
        assert_eq!(sms.handing_over().step(first.event()).at.state, Unknown);
        for second in &unseen {
            let mut email = Walk::new(Channel::Email);
            assert_eq!(email.handing_over().step(first.event()).at.state, Queued);
            assert_eq!(email.again().step(second.event()).at.state, Unknown);
        }
    }
}

#[test]
fn a_retry_begins_from_nought_and_remembers_that_an_end_was_not_seen() {
    let mut email = Walk::new(Channel::Email);
    email.handing_over().outcome(&unknown()).again().outcome(&unknown());
    assert_eq!(email.at.state, Unknown);
    email.step(DeliveryEvent::Retry);
    assert_eq!((email.at.state, email.at.attempts, email.at.reason), (Queued, 0, None));
    assert_eq!(email.again().outcome(&unknown()).at.state, Unknown);
}

#[test]
fn a_message_that_stopped_its_worker_is_worked_on_alone_when_it_is_retried() {
    let mut walk = Walk::new(Channel::Sms);
    for _ in 0..walk.limit() {
        walk.step(DeliveryEvent::Claim).step(DeliveryEvent::LeaseLost { alone: true });
    }
    assert_eq!(walk.stands(), (Failed, Some(EndReason::StoppedItsWorker)));
    assert!(walk.step(DeliveryEvent::Retry).at.suspect);
    let mut refused_by_policy = Walk::new(Channel::Sms);
    refused_by_policy.handing_over().outcome(&refused(Refusal::Policy)).step(DeliveryEvent::Retry);
    assert!(!refused_by_policy.at.suspect);
}

// --- Feedback in any order --------------------------------------------------------------------------------------------

/// Every sequence of at most three reports.
fn sequences() -> Vec<Vec<Report>> {
    let mut all: Vec<Vec<Report>> = vec![Vec::new()];
    for length in 0..3 {
        let longer: Vec<_> = all
            .iter()
            .filter(|so_far| so_far.len() == length)
            .flat_map(|so_far| REPORTS.map(|report| [so_far.as_slice(), &[report]].concat()))
            .collect();
        all.extend(longer);
    }
    all
}

#[test]
fn rule_14_feedback_ends_the_same_in_any_order_even_before_the_recording() {
    let endings = [
        Step::Outcome(accepted()),
        Step::Outcome(unknown()),
        Step::LeaseLost { alone: true },
        Step::Outcome(refused(Refusal::Recipient)),
        Step::Outcome(deferred(None)),
        Step::Outcome(throttled(None)),
        Step::NotCalled,
    ];
    for channel in Channel::ALL {
        for ending in &endings {
            for reports in sequences() {
                let mut in_order = standing(channel, HandingOver);
                in_order.step(ending.event());
                let mut sorted = reports.clone();
                sorted.sort();
                for report in &sorted {
                    in_order.step(DeliveryEvent::Report(*report));
                }
                for recorded_after in 0..=reports.len() {
                    let mut walk = standing(channel, HandingOver);
                    for (place, report) in reports.iter().enumerate() {
                        if place == recorded_after {
                            walk.step(ending.event());
                        }
                        walk.step(DeliveryEvent::Report(*report));
                    }
                    if recorded_after == reports.len() {
                        walk.step(ending.event());
                    }
                    assert_eq!(
                        walk.stands(),
                        in_order.stands(),
                        "{channel}: {reports:?}, recorded after {recorded_after}: {ending:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn rule_14_a_report_twice_counts_once() {
    for reports in sequences() {
        let mut once = standing(Channel::Email, Sent);
        let mut twice = once.clone();
        for report in &reports {
            once.step(DeliveryEvent::Report(*report));
            twice.step(DeliveryEvent::Report(*report)).step(DeliveryEvent::Report(*report));
        }
        assert_eq!(once.at, twice.at, "{reports:?}");
    }
}

#[test]
fn rule_08_a_message_that_is_reported_as_arrived_is_not_sent_again() {
    for state in [Queued, Claimed] {
        let mut email = Walk::new(Channel::Email);
        email.handing_over().step(DeliveryEvent::LeaseLost { alone: false });
        if state == Claimed {
            email.step(DeliveryEvent::Claim);
        }
        assert_eq!(email.at.state, state);
        assert_eq!(email.step(DeliveryEvent::Report(Report::Delivered)).stands(), (Delivered, None));
        assert_eq!(email.step(DeliveryEvent::Claim).step(DeliveryEvent::Begin).at.state, Delivered);
    }
}

#[test]
fn a_late_report_of_the_failure_that_led_to_a_retry_does_not_end_the_retry() {
    let mut sms = standing(Channel::Sms, Sent);
    sms.step(DeliveryEvent::Report(Report::Failed)).step(DeliveryEvent::Retry);
    sms.step(DeliveryEvent::Report(Report::Failed));
    assert_eq!(sms.at.state, Queued);
    assert_eq!(sms.handing_over().outcome(&accepted()).at.state, Sent);
}

#[test]
fn a_report_about_a_message_that_was_never_handed_over_is_not_believed() {
    for report in REPORTS {
        let mut email = Walk::new(Channel::Email);
        email.step(DeliveryEvent::Report(report));
        assert_eq!(email.at, Standing::queued(email.now));
    }
}

// --- Attempts, waits and hours ----------------------------------------------------------------------------------------

#[test]
fn throttled_blocked_and_not_called_give_the_attempt_back() {
    for step in [
        Step::Outcome(throttled(None)),
        Step::Outcome(throttled(Some(Duration::from_secs(7)))),
        Step::Outcome(blocked()),
        Step::NotCalled,
    ] {
        let mut walk = Walk::new(Channel::Sms);
        for _ in 0..100 {
            walk.handing_over().step(step.event());
            assert_eq!((walk.at.state, walk.at.attempts, walk.at.first_attempt_at), (Queued, 0, None));
            walk.now = walk.at.due_at;
        }
        walk.again().outcome(&deferred(None));
        assert_eq!(walk.at.attempts, 1);
        walk.again().step(step.event());
        assert_eq!((walk.at.state, walk.at.attempts), (Queued, 1));
    }
}

#[test]
fn neither_the_night_nor_a_missing_key_costs_an_attempt_or_an_hour() {
    let mut walk = Walk::new(Channel::Sms);
    walk.handing_over().outcome(&deferred(Some(Duration::from_mins(1))));
    let first = walk.at.first_attempt_at.expect("it was tried");
    // A night of ten hours, at which it arrives an hour late, and then a key that is away for as long.
    walk.pass(TimeDelta::hours(1)).step(DeliveryEvent::Claim);
    let morning = walk.now + TimeDelta::hours(10);
    walk.step(DeliveryEvent::Postpone(morning, WaitCause::QuietHours));
    assert_eq!((walk.at.state, walk.at.due_at, walk.at.attempts), (Queued, morning, 1));
    assert_eq!(walk.at.waits_for, Some(WaitCause::QuietHours));
    for _ in 0..60 {
        walk.again().step(DeliveryEvent::Locked);
        assert_eq!((walk.at.state, walk.at.attempts), (Queued, 1));
        assert_eq!(walk.at.due_at, walk.now + TimeDelta::minutes(10));
        assert_eq!(walk.at.waits_for, Some(WaitCause::SealingKey));
    }
    walk.again();
    assert_eq!((walk.at.state, walk.at.attempts, walk.at.waits_for), (HandingOver, 2, None));
    let counted = walk.now - walk.at.first_attempt_at.expect("it was tried");
    assert_eq!(counted, TimeDelta::minutes(1), "of its hours it used up what the deferral took");
    assert!(walk.at.first_attempt_at > Some(first));
}

#[test]
fn a_message_that_is_deferred_again_and_again_fails_after_its_attempts() {
    for (channel, attempts) in [(Channel::Email, 10), (Channel::Sms, 4)] {
        let mut walk = Walk::new(channel);
        let mut tried = 0;
        while walk.at.state == Queued {
            walk.again().outcome(&deferred(None));
            tried += 1;
        }
        assert_eq!((tried, walk.stands()), (attempts, (Failed, Some(EndReason::TriedEnough))), "{channel}");
    }
}

#[test]
fn a_message_whose_next_attempt_would_come_after_its_hours_fails() {
    let hour = Duration::from_hours(1);
    let mut sms = Walk::new(Channel::Sms);
    sms.handing_over().outcome(&deferred(Some(hour))).again().outcome(&deferred(Some(hour)));
    sms.again().outcome(&deferred(Some(hour * 2)));
    assert_eq!((sms.at.state, sms.at.attempts), (Queued, 3));
    let mut too_late = Walk::new(Channel::Sms);
    too_late.handing_over().outcome(&deferred(Some(hour))).again().outcome(&deferred(Some(hour * 4)));
    assert_eq!(too_late.stands(), (Failed, Some(EndReason::TriedEnough)));
}

#[test]
fn what_a_message_waits_for_others_does_not_use_up_its_hours() {
    let stopped_sender = |sms: &mut Walk| {
        sms.again().outcome(&blocked()).pass(TimeDelta::hours(30));
    };
    let paused_batch = |sms: &mut Walk| {
        sms.now = sms.at.due_at;
        sms.pass(TimeDelta::hours(30)).step(DeliveryEvent::Claim).step(DeliveryEvent::Release);
        sms.pass(TimeDelta::hours(1));
    };
    let throttling = |sms: &mut Walk| {
        sms.again().outcome(&throttled(Some(Duration::from_hours(6))));
        sms.now = sms.at.due_at;
    };
    for wait in [&stopped_sender as &dyn Fn(&mut Walk), &paused_batch, &throttling] {
        let mut sms = Walk::new(Channel::Sms);
        sms.handing_over().pass(TimeDelta::minutes(5)).outcome(&deferred(None));
        let first_wait = sms.at.due_at - sms.now;
        wait(&mut sms);
        sms.handing_over();
        assert_eq!(sms.at.first_attempt_at, Some(sms.now - first_wait - TimeDelta::minutes(5)));
        assert_eq!(sms.outcome(&deferred(None)).at.state, Queued);
    }
}

#[test]
fn a_wait_beyond_every_calendar_ends_a_message_or_is_cut_to_a_day() {
    for channel in Channel::ALL {
        let mut walk = Walk::new(channel);
        walk.handing_over().outcome(&deferred(Some(Duration::MAX)));
        assert_eq!(walk.stands(), (Failed, Some(EndReason::TriedEnough)));
        let mut walk = Walk::new(channel);
        walk.handing_over().outcome(&throttled(Some(Duration::MAX)));
        assert_eq!((walk.at.state, walk.at.due_at), (Queued, walk.now + TimeDelta::days(1)));
    }
}

#[test]
fn an_email_whose_last_attempt_ended_unseen_is_unknown_and_not_tried_once_too_often() {
    for end in [Step::LeaseLost { alone: true }, Step::Outcome(unknown())] {
        let mut email = Walk::new(Channel::Email);
        for _ in 1..email.limit() {
            email.again().outcome(&deferred(None));
        }
        email.again();
        assert_eq!(email.at.attempts, email.limit());
        assert_eq!(email.step(end.event()).at.state, Unknown);
    }
}

#[test]
fn a_group_does_not_come_back_as_one() {
    let mut walk = Walk::new(Channel::Email);
    for attempt in 1..10 {
        let waits: std::collections::BTreeSet<_> = (0..100)
            .map(|_| {
                let mut other = Walk { whose: (DeliveryId::new(), Channel::Email), ..walk.clone() };
                other.again().outcome(&deferred(None)).at.due_at
            })
            .collect();
        let (first, last) = (waits.first().expect("waits"), waits.last().expect("waits"));
        let middle = walk.policy.email.waits[attempt - 1];
        assert!((*last - *first).to_std().expect("ordered") > middle / 5, "attempt {attempt}");
        walk.again().outcome(&deferred(None));
    }
}

proptest! {
    #[test]
    fn a_wait_is_within_a_fifth_of_the_schedule_and_what_the_provider_asks_wins(
        bits in any::<u128>(),
        sms in any::<bool>(),
        asked in prop::option::of(1_u64..3_600),
    ) {
        let channel = if sms { Channel::Sms } else { Channel::Email };
        let mut walk = Walk::new(channel);
        walk.whose.0 = DeliveryId::from_uuid(uuid::Uuid::from_u128(bits));
        let waits = walk.policy.attempts(channel).waits.clone();
        for wait in waits {
            walk.again().outcome(&deferred(asked.map(Duration::from_secs)));
            prop_assert_eq!(walk.at.state, Queued);
            let waits = (walk.at.due_at - walk.now).to_std().expect("in the future");
            match asked {
                Some(asked) => prop_assert_eq!(waits, Duration::from_secs(asked)),
                None => prop_assert!(waits >= wait.mul_f64(0.799) && waits <= wait.mul_f64(1.201)),
            }
        }
    }
}

// --- Any sequence of events -------------------------------------------------------------------------------------------

/// Events in proportions that lead deep into the machine.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => Just(Step::Claim),
        6 => Just(Step::Begin),
        6 => select(every_step()),
    ];
    prop::collection::vec(step, 0..80)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn rule_07_ends_stay_and_what_is_handed_over_is_left_to_its_outcome(sms in any::<bool>(), steps in steps()) {
        let mut walk = Walk::new(if sms { Channel::Sms } else { Channel::Email });
        for step in steps {
            let before = walk.at.clone();
            walk.pass(TimeDelta::seconds(20)).step(step.event());
            let (from, to) = (before.state, walk.at.state);
            if matches!(from, Cancelled | Suppressed | Complained) {
                prop_assert_eq!(&walk.at, &before, "{:?}", step);
            }
            if matches!(from, Failed | Unknown | Bounced | Delivered | Sent) && from != to {
                prop_assert!(matches!(step, Step::Report(_) | Step::Retry), "{from} {step:?} {to}");
                prop_assert!(!to.is_on_its_way() || step == Step::Retry, "{from} {step:?} {to}");
            }
            if from == HandingOver && to != HandingOver {
                prop_assert!(!matches!(step, Step::Cancel(_) | Step::Report(_) | Step::Claim | Step::Release | Step::Begin));
            }
            let is_ended = matches!(to, Failed | Suppressed | Cancelled | Unknown);
            prop_assert_eq!(walk.at.reason.is_some(), is_ended, "{} {:?} {}", from, step, to);
            prop_assert!(walk.at.early.is_none() || to == HandingOver);
        }
    }

    #[test]
    fn a_message_is_counted_as_it_stands_and_what_is_counted_for_good_never_shrinks(
        sms in any::<bool>(),
        steps in steps()
    ) {
        let channel = if sms { Channel::Sms } else { Channel::Email };
        let mut walk = Walk::new(channel);
        let mut counts = BTreeMap::from([(Count::OnTheirWay(channel), 1)]);
        for step in steps {
            let before = walk.at.clone();
            walk.pass(TimeDelta::seconds(20)).step(step.event());
            for (count, added) in of_step(channel, &before, &step.event(), &walk.at) {
                let level = matches!(count, Count::OnTheirWay(_) | Count::PutOff(..) | Count::Unknown(_));
                prop_assert!(level || added == 1, "{step:?}: {count} {added}");
                *counts.entry(count).or_default() += added;
            }
            let counted = |count| counts.get(&count).copied().unwrap_or_default();
            prop_assert_eq!(counted(Count::OnTheirWay(channel)), i64::from(walk.at.state.is_on_its_way()));
            prop_assert_eq!(counted(Count::Unknown(channel)), i64::from(walk.at.state == Unknown));
            for cause in WaitCause::ALL {
                prop_assert_eq!(counted(Count::PutOff(channel, *cause)), i64::from(walk.at.waits_for == Some(*cause)));
            }
        }
    }

    #[test]
    fn attempts_never_exceed_the_limit(sms in any::<bool>(), steps in steps()) {
        let mut walk = Walk::new(if sms { Channel::Sms } else { Channel::Email });
        (walk.policy.email.at_most, walk.policy.sms.at_most) = (2, 2);
        for step in steps {
            walk.now = walk.now.max(walk.at.due_at);
            let before = walk.at.attempts;
            walk.step(step.event());
            prop_assert!(walk.at.attempts <= walk.limit(), "{step:?}");
            if walk.at.attempts > before {
                let counts = matches!(step, Step::Begin | Step::LeaseLost { alone: true });
                prop_assert!(counts, "{step:?}");
            }
            if walk.at.state == HandingOver {
                prop_assert!(walk.at.attempts > 0 && walk.at.first_attempt_at.is_some_and(|first| first <= walk.now));
            }
        }
    }

    #[test]
    fn rule_08_an_email_goes_on_after_at_most_one_unseen_end_and_an_sms_after_none(
        sms in any::<bool>(),
        steps in steps(),
    ) {
        let channel = if sms { Channel::Sms } else { Channel::Email };
        let mut walk = Walk::new(channel);
        let mut unseen = 0;
        for step in steps.into_iter().filter(|step| *step != Step::Retry) {
            let before = walk.at.state;
            walk.now = walk.now.max(walk.at.due_at);
            walk.step(step.event());
            if before == HandingOver && is_unseen_end(&step) {
                unseen += 1;
            }
            if walk.at.state == HandingOver {
                prop_assert!(unseen <= u32::from(!sms), "{step:?}");
            }
        }
    }
}

// --- Poison -----------------------------------------------------------------------------------------------------------

/// Carries out a queue in which one message takes its worker down each time, once it is as far as `dies` says; gives
/// where all stand in the end, the poison first. Neighbours are as far as `far` says when it happens.
fn carry_out(channel: Channel, dies: DeliveryState, far: &[DeliveryState]) -> Vec<Standing> {
    let mut queue: Vec<Walk> = (0..=far.len()).map(|_| Walk::new(channel)).collect();
    for _ in 0..1_000 {
        if !queue.iter().any(|walk| walk.at.state.is_on_its_way()) {
            break;
        }
        let suspect = queue.iter().position(|walk| walk.at.state == Queued && walk.at.suspect);
        let claimed: Vec<usize> = match suspect {
            Some(one) => vec![one],
            None => (0..queue.len()).filter(|place| queue[*place].at.state == Queued).collect(),
        };
        for place in &claimed {
            queue[*place].step(DeliveryEvent::Claim);
        }
        let alone = suspect.is_some();
        let fatal = claimed.contains(&0);
        for place in &claimed {
            let reaches = match *place {
                0 => dies,
                neighbour if fatal => far[neighbour - 1],
                _ => Sent,
            };
            if reaches != Claimed {
                queue[*place].step(DeliveryEvent::Begin);
            }
            if reaches == Sent {
                queue[*place].outcome(&accepted());
            }
            if fatal {
                queue[*place].step(DeliveryEvent::LeaseLost { alone });
            }
        }
    }
    queue.into_iter().map(|walk| walk.at).collect()
}

proptest! {
    #[test]
    fn rule_11_poison_dies_alone(
        sms in any::<bool>(),
        begun in any::<bool>(),
        far in prop::collection::vec(select(vec![Claimed, HandingOver, Sent]), 0..8),
    ) {
        let channel = if sms { Channel::Sms } else { Channel::Email };
        let stands = carry_out(channel, if begun { HandingOver } else { Claimed }, &far);
        let (poison, neighbours) = stands.split_first().expect("the poison");
        if begun {
            prop_assert_eq!((poison.state, poison.reason), (Unknown, Some(EndReason::LeaseLost)));
        } else {
            prop_assert_eq!((poison.state, poison.reason), (Failed, Some(EndReason::StoppedItsWorker)));
            prop_assert_eq!(poison.attempts, Policy::default().attempts(channel).at_most);
        }
        for (neighbour, far) in neighbours.iter().zip(far) {
            let unseen_sms = sms && far == HandingOver;
            prop_assert_eq!(neighbour.state, if unseen_sms { Unknown } else { Sent });
        }
    }
}

// --- The batch --------------------------------------------------------------------------------------------------------

const BATCH_EVENTS: [BatchEvent; 5] =
    [BatchEvent::Confirm, BatchEvent::Pause, BatchEvent::Resume, BatchEvent::Cancel, BatchEvent::Recall];

#[test]
fn every_row_of_the_batchs_table_is_taken_and_everything_else_is_refused_or_changes_nothing() {
    use BatchEvent::{Cancel, Confirm, Pause, Recall, Resume};
    use BatchState as S;
    let rows = [
        (S::Planned, Confirm, S::Running),
        (S::Running, Pause, S::Paused),
        (S::Paused, Resume, S::Running),
        (S::Planned, Cancel, S::Cancelled),
        (S::Running, Cancel, S::Cancelled),
        (S::Paused, Cancel, S::Cancelled),
        (S::Planned, Recall, S::Recalled),
        (S::Running, Recall, S::Recalled),
        (S::Paused, Recall, S::Recalled),
        (S::Cancelled, Recall, S::Recalled),
    ];
    for state in BatchState::ALL {
        for event in BATCH_EVENTS {
            let row = rows.iter().find(|(from, when, _)| (from, *when) == (state, event));
            match (row, batch::next(*state, event)) {
                (Some((_, _, to)), next) => assert_eq!(next, Ok(*to), "{state} {event:?}"),
                (None, Ok(next)) => assert_eq!(next, *state, "{state} {event:?}"),
                (None, Err(error)) => assert_eq!((error.from, error.event), (*state, event)),
            }
        }
    }
}

#[test]
fn rule_14_pressing_twice_is_pressing_once() {
    for state in BatchState::ALL {
        for event in BATCH_EVENTS {
            if let Ok(once) = batch::next(*state, event) {
                assert_eq!(batch::next(once, event), Ok(once), "{state} {event:?}");
            }
        }
    }
}

#[test]
fn a_batch_that_was_cancelled_or_recalled_never_sends_again() {
    for stopped in [BatchState::Cancelled, BatchState::Recalled] {
        for event in BATCH_EVENTS {
            let next = batch::next(stopped, event).unwrap_or(stopped);
            assert!(matches!(next, BatchState::Cancelled | BatchState::Recalled), "{stopped} {event:?}");
        }
    }
    assert!(
        BATCH_EVENTS
            .iter()
            .all(|event| batch::next(BatchState::Recalled, *event) != Ok(BatchState::Cancelled))
    );
}

// --- The invitation ---------------------------------------------------------------------------------------------------

fn invitation_events() -> Vec<InvitationEvent> {
    let revocations = RevokeReason::ALL.iter().map(|reason| InvitationEvent::Revoke(*reason));
    [InvitationEvent::Come, InvitationEvent::Expire, InvitationEvent::Remind]
        .into_iter()
        .chain(revocations)
        .collect()
}

#[test]
fn every_row_of_the_invitations_table_is_taken() {
    use InvitationEvent as E;
    use InvitationState as S;
    for from in [S::Pending, S::Expired] {
        assert!(invitation::is_open(from));
        assert_eq!(invitation::next(from, E::Come), S::Accepted);
        assert_eq!(invitation::next(from, E::Expire), S::Expired);
        assert_eq!(invitation::next(from, E::Remind), S::Pending);
        for reason in RevokeReason::ALL {
            assert_eq!(invitation::next(from, E::Revoke(*reason)), S::Revoked(*reason));
        }
    }
}

#[test]
fn rule_17_an_accepted_or_revoked_invitation_stays_so_with_its_first_reason() {
    let revoked = RevokeReason::ALL.iter().map(|reason| InvitationState::Revoked(*reason));
    for end in revoked.chain([InvitationState::Accepted]) {
        assert!(!invitation::is_open(end));
        for event in invitation_events() {
            assert_eq!(invitation::next(end, event), end, "{event:?}");
        }
    }
}

proptest! {
    #[test]
    fn rule_14_a_step_of_an_invitation_taken_twice_is_taken_once(
        events in prop::collection::vec(select(invitation_events()), 0..12),
    ) {
        let mut state = InvitationState::Pending;
        for event in events {
            let once = invitation::next(state, event);
            prop_assert_eq!(invitation::next(once, event), once);
            state = once;
        }
    }
}

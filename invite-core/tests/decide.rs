//! `decide` against an oracle that is written from the table "Who gets what" and knows nothing of the code.
//!
//! The whole product of all inputs has some 20,000,000,000 points. Channels matter to a decision only through which of
//! them are left, so it is walked in parts, each complete in itself: everything about a person who can be reached;
//! everything that makes people unreachable; every combination of contact, rule and setting; every combination of
//! channels that are left and channels that worked. A million points from anywhere in the product then look for what
//! that division would hide.

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use invite_core::decision::begin::{Planned, Stop, may_go};
use invite_core::decision::history::{History, LastInvitation};
use invite_core::decision::{Case, Decided, Request, decide, possible_text_messages};
use invite_core::model::batch::{BatchState, Totals};
use invite_core::model::contact::PhoneNumber;
use invite_core::model::delivery::EndReason;
use invite_core::model::id::{InvitationId, UserId};
use invite_core::model::invitation::{InvitationState, RevokeReason};
use invite_core::model::item::Announcement::{Elsewhere, Sso};
use invite_core::model::item::Decision::{Announce, Send, SendWithReset, Skip};
use invite_core::model::item::{Action, Decision, SkipReason};
use invite_core::model::message::Channel;
use invite_core::model::organisation::{ChannelRule, ReminderRules, Settings, SsoPolicy};
use invite_core::model::sign_in::SignInMethod;
use invite_core::model::user::User;
use invite_core::model::wording::ItemWording;
use invite_core::policy::Policy;

// --- The oracle -------------------------------------------------------------------------------------------------------

/// The actions that a row of the table is for.
type For = &'static [Action];

type Row = (For, fn(&Facts) -> bool, Decision);

/// The table "Who gets what". The first row that matches.
const WHO_GETS_WHAT: &[Row] = {
    use Action as A;
    use SkipReason as S;
    const ALL: For = &ACTIONS;
    const BY_MESSAGE: For = &[A::Invite, A::Refresh, A::Remind];
    const BEGIN: For = &[A::Invite, A::HandOver, A::Refresh];
    const BEGIN_BY_MESSAGE: For = &[A::Invite, A::Refresh];
    const HAND_OVER: For = &[A::HandOver];
    const REFRESH: For = &[A::Refresh];
    const REMIND: For = &[A::Remind];
    &[
        (ALL, |f| !f.person.exists, Skip(S::NotFound)),
        (ALL, |f| f.person.deactivated, Skip(S::Deactivated)),
        (ALL, |f| f.asked.is_behind_it, Skip(S::Yourself)),
        (BY_MESSAGE, |f| f.nothing_left() && f.any(Dropped::Suppressed), Skip(S::Suppressed)),
        (BY_MESSAGE, |f| f.nothing_left() && f.any(Dropped::Country), Skip(S::CountryNotAllowed)),
        (BY_MESSAGE, Facts::nothing_left, Skip(S::NoContact)),
        (REFRESH, |f| f.past.last.is_none(), Skip(S::NeverInvited)),
        (
            REFRESH,
            |f| f.past.last == Some(InvitationState::Revoked(RevokeReason::Recalled)),
            Skip(S::InvitationRevoked),
        ),
        (
            REFRESH,
            |f| f.past.last == Some(InvitationState::Pending) && f.past.hand == Hand::Holds,
            Skip(S::LinkInHand),
        ),
        (BEGIN_BY_MESSAGE, |f| f.past.on_their_way, Skip(S::AlreadyQueued)),
        (
            BEGIN_BY_MESSAGE,
            |f| f.past.last_message == Age::Minutes && !f.asked.by_id,
            Skip(S::InvitedRecently),
        ),
        (HAND_OVER, Facts::sso_applies, Skip(S::SignsInWithSso)),
        (BEGIN_BY_MESSAGE, |f| f.sso_applies() && !f.rules.announces, Skip(S::SignsInWithSso)),
        (BEGIN_BY_MESSAGE, Facts::sso_applies, Announce(Sso)),
        (REFRESH, |f| f.set_up() && !f.past.retired, Skip(S::AlreadySetUp)),
        (BEGIN, |f| f.set_up() && f.person.elsewhere, Announce(Elsewhere)),
        (BEGIN, Facts::set_up, SendWithReset),
        (BEGIN, |_| true, Send),
        (REMIND, |f| !f.past.invited || f.past.last.is_none(), Skip(S::NeverInvited)),
        (REMIND, Facts::set_up, Skip(S::AlreadySetUp)),
        (REMIND, |f| f.past.on_their_way, Skip(S::AlreadyQueued)),
        (REMIND, |f| matches!(f.past.last, Some(InvitationState::Revoked(_))), Skip(S::InvitationRevoked)),
        (REMIND, |f| !f.would_go(Channel::Email) && !f.would_go(Channel::Sms), Skip(S::NotDelivered)),
        (REMIND, |f| matches!(f.past.last_message, Age::Minutes | Age::Hours), Skip(S::TooSoon)),
        (REMIND, |f| f.past.reminders >= AT_MOST, Skip(S::EnoughReminders)),
        (REMIND, |f| f.sso_applies() && !f.rules.announces, Skip(S::SignsInWithSso)),
        (REMIND, Facts::sso_applies, Announce(Sso)),
        (REMIND, |_| true, Send),
    ]
};

fn oracle(facts: &Facts) -> Decided {
    let mut rows = WHO_GETS_WHAT.iter();
    let (_, _, decision) =
        rows.find(|(whom, when, _)| facts.is_for(whom) && when(facts)).expect("the table is total");
    let gets_one = !matches!(decision, Skip(_));
    let by_message = gets_one && facts.asked.action != Action::HandOver;
    let channels =
        Channel::ALL.into_iter().filter(|channel| by_message && facts.would_go(*channel)).collect();
    Decided { decision: *decision, channels, fallback: None }
}

/// Why a channel that was asked for is not left.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dropped {
    NoAddress,
    Suppressed,
    Country,
}

/// How long ago something was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Age {
    Never,
    /// Within the hour.
    Minutes,
    /// Longer ago, within the gap between reminders.
    Hours,
    Weeks,
}

/// Whether the last invitation is a link that was handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hand {
    No,
    Holds,
    /// It has expired, and no sweep has looked at it.
    Lapsed,
}

/// Where a phone number belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Number {
    Home,
    Listed,
    Abroad,
    PremiumRate,
}

#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "they come in every combination")]
struct Person {
    exists: bool,
    deactivated: bool,
    email: bool,
    phone: Option<Number>,
    sign_in: Option<SignInMethod>,
    has_password: bool,
    signed_in: bool,
    elsewhere: bool,
}

#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "they come in every combination")]
struct Past {
    on_their_way: bool,
    last_message: Age,
    came: bool,
    invited: bool,
    last: Option<InvitationState>,
    hand: Hand,
    arrived: [bool; 2],
    reminders: u32,
    retired: bool,
    suppressed: [bool; 2],
}

#[derive(Debug, Clone, Copy)]
struct Rules {
    uses: [bool; 2],
    sign_in: SignInMethod,
    announces: bool,
}

#[derive(Debug, Clone, Copy)]
struct Asked {
    action: Action,
    by_id: bool,
    channels: ChannelRule,
    is_behind_it: bool,
}

/// One point of the product.
#[derive(Debug, Clone, Copy)]
struct Facts {
    person: Person,
    past: Past,
    rules: Rules,
    asked: Asked,
}

/// Reminders at most.
const AT_MOST: u32 = 3;

impl Past {
    /// Whether nothing was handed over, and nobody's password is retired: then refreshing and handing over see nothing
    /// that inviting does not.
    fn is_by_message(&self) -> bool {
        self.hand == Hand::No && !self.retired
    }
}

impl Facts {
    fn is_for(&self, actions: For) -> bool {
        actions.contains(&self.asked.action)
    }

    fn reminds(&self) -> bool {
        self.asked.action == Action::Remind
    }

    /// A password of their own, or has ever signed in; accepting an invitation counts as signing in.
    fn set_up(&self) -> bool {
        self.person.has_password
            || self.person.signed_in
            || self.past.came
            || self.past.last == Some(InvitationState::Accepted)
    }

    fn sso_applies(&self) -> bool {
        match self.person.sign_in {
            Some(own) => own == SignInMethod::Sso,
            None => self.rules.sign_in == SignInMethod::Sso,
        }
    }

    /// Whether the rule asks for the channel.
    fn asks_for(&self, channel: Channel) -> bool {
        let [uses_email, uses_sms] = self.rules.uses;
        let [by_email, by_sms] = self.past.arrived.map(|arrived| arrived && self.past.last.is_some());
        let follows = matches!(self.asked.action, Action::Remind | Action::Refresh);
        let only_an_sms_worked = follows && by_sms && !by_email;
        match (channel, self.asked.channels) {
            (Channel::Email, ChannelRule::Preferred) if only_an_sms_worked && !self.reminds() => false,
            (Channel::Email, ChannelRule::Sms) | (Channel::Sms, ChannelRule::Email) => false,
            (Channel::Email, _) => uses_email,
            (Channel::Sms, ChannelRule::Preferred) => {
                uses_sms && (only_an_sms_worked || !uses_email || !self.person.email)
            }
            (Channel::Sms, _) => uses_sms,
        }
    }

    /// What becomes of the channel; none where it is not asked for.
    fn fate(&self, channel: Channel) -> Option<Result<(), Dropped>> {
        let [email_suppressed, sms_suppressed] = self.past.suppressed;
        let (address, suppressed, country) = match channel {
            Channel::Email => (self.person.email, email_suppressed, true),
            Channel::Sms => {
                let allowed = !matches!(self.person.phone, Some(Number::Abroad | Number::PremiumRate));
                (self.person.phone.is_some(), sms_suppressed, allowed)
            }
        };
        let checks =
            [(address, Dropped::NoAddress), (!suppressed, Dropped::Suppressed), (country, Dropped::Country)];
        let dropped = checks.into_iter().find(|(holds, _)| !holds).map(|(_, why)| why);
        self.asks_for(channel).then_some(dropped.map_or(Ok(()), Err))
    }

    fn nothing_left(&self) -> bool {
        Channel::ALL.into_iter().all(|channel| self.fate(channel) != Some(Ok(())))
    }

    fn any(&self, why: Dropped) -> bool {
        Channel::ALL.into_iter().any(|channel| self.fate(channel) == Some(Err(why)))
    }

    /// Left, and for a reminder a channel that worked.
    fn would_go(&self, channel: Channel) -> bool {
        let [email, sms] = self.past.arrived;
        let arrived = if channel == Channel::Email { email } else { sms };
        self.fate(channel) == Some(Ok(())) && (!self.reminds() || arrived)
    }
}

// --- The product ------------------------------------------------------------------------------------------------------

const ACTIONS: [Action; 4] = [Action::Invite, Action::Remind, Action::HandOver, Action::Refresh];
const BOOLS: [bool; 2] = [false, true];
const PAIRS: [[bool; 2]; 4] = [[false, false], [true, false], [false, true], [true, true]];
const RULES: [ChannelRule; 4] =
    [ChannelRule::Preferred, ChannelRule::Email, ChannelRule::Sms, ChannelRule::Both];
const AGES: [Age; 4] = [Age::Never, Age::Minutes, Age::Hours, Age::Weeks];
const REMINDERS: [u32; 4] = [0, 1, 2, AT_MOST];

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).expect("a time")
}

fn states() -> Vec<InvitationState> {
    let revoked = RevokeReason::ALL.iter().map(|reason| InvitationState::Revoked(*reason));
    [InvitationState::Pending, InvitationState::Expired, InvitationState::Accepted]
        .into_iter()
        .chain(revoked)
        .collect()
}

/// Every person: nobody, and everything that can be known about somebody.
fn persons() -> Vec<Person> {
    let phones =
        [None, Some(Number::Home), Some(Number::Listed), Some(Number::Abroad), Some(Number::PremiumRate)];
    let mut all = vec![Person {
        exists: false,
        deactivated: false,
        email: false,
        phone: None,
        sign_in: None,
        has_password: false,
        signed_in: false,
        elsewhere: false,
    }];
    for deactivated in BOOLS {
        for email in BOOLS {
            for phone in phones {
                for sign_in in [None, Some(SignInMethod::Password), Some(SignInMethod::Sso)] {
                    for [has_password, signed_in] in PAIRS {
                        for elsewhere in BOOLS {
                            all.push(Person {
                                exists: true,
                                deactivated,
                                email,
                                phone,
                                sign_in,
                                has_password,
                                signed_in,
                                elsewhere,
                            });
                        }
                    }
                }
            }
        }
    }
    all
}

/// Every history. Without an invitation, and of one that was handed over, nothing has arrived and nobody was reminded.
fn pasts() -> Vec<Past> {
    let mut lasts = vec![(None, Hand::No, [false; 2], 0)];
    for state in states() {
        for arrived in PAIRS {
            lasts.extend(REMINDERS.map(|reminders| (Some(state), Hand::No, arrived, reminders)));
        }
        lasts.extend([Hand::Holds, Hand::Lapsed].map(|hand| (Some(state), hand, [false; 2], 0)));
    }
    let mut all = Vec::new();
    for ([on_their_way, came], retired) in
        BOOLS.into_iter().flat_map(|retired| PAIRS.map(|pair| (pair, retired)))
    {
        for last_message in AGES {
            for invited in BOOLS {
                for suppressed in PAIRS {
                    all.extend(lasts.iter().map(|&(last, hand, arrived, reminders)| Past {
                        on_their_way,
                        last_message,
                        came,
                        invited,
                        last,
                        hand,
                        arrived,
                        reminders,
                        retired,
                        suppressed,
                    }));
                }
            }
        }
    }
    all
}

fn rules() -> Vec<Rules> {
    let mut all = Vec::new();
    for uses in PAIRS {
        for sign_in in [SignInMethod::Password, SignInMethod::Sso] {
            all.extend(BOOLS.map(|announces| Rules { uses, sign_in, announces }));
        }
    }
    all
}

fn asked() -> Vec<Asked> {
    let mut all = Vec::new();
    for action in ACTIONS {
        for by_id in BOOLS {
            for channels in RULES {
                all.extend(BOOLS.map(|is_behind_it| Asked { action, by_id, channels, is_behind_it }));
            }
        }
    }
    all
}

// --- From facts to what the code takes --------------------------------------------------------------------------------

/// Facts in the words of the library, each part made once.
struct Made {
    persons: Vec<(Person, Option<User>)>,
    pasts: Vec<(Past, History)>,
    rules: Vec<(Rules, Settings)>,
    asked: Vec<Asked>,
    behind: Vec<UserId>,
    policy: Policy,
}

impl Made {
    fn of(
        persons: impl IntoIterator<Item = Person>,
        pasts: impl IntoIterator<Item = Past>,
        rules: impl IntoIterator<Item = Rules>,
        asked: impl IntoIterator<Item = Asked>,
    ) -> Self {
        let id = UserId::new();
        Self {
            persons: persons.into_iter().map(|person| (person, user(id, person))).collect(),
            pasts: pasts.into_iter().map(|past| (past, history(past))).collect(),
            rules: rules.into_iter().map(|rules| (rules, settings(rules))).collect(),
            asked: asked.into_iter().collect(),
            behind: vec![UserId::new(), id],
            policy: Policy::default(),
        }
    }

    /// Every point of the product of what was made.
    fn for_each(&self, mut look: impl FnMut(&Facts, &Case<'_>)) -> u64 {
        let mut points = 0;
        for asked in &self.asked {
            for rules in &self.rules {
                for past in &self.pasts {
                    for person in &self.persons {
                        self.at(person, past, rules, *asked, &mut look);
                        points += 1;
                    }
                }
            }
        }
        points
    }

    fn at<T>(
        &self,
        (person, user): &(Person, Option<User>),
        (past, history): &(Past, History),
        (rules, settings): &(Rules, Settings),
        asked: Asked,
        look: impl FnOnce(&Facts, &Case<'_>) -> T,
    ) -> T {
        let case = Case {
            user: user.as_ref(),
            history,
            request: Request {
                action: asked.action,
                by_id: asked.by_id,
                channels: asked.channels,
                scheduled: false,
            },
            settings,
            policy: &self.policy,
            behind: if asked.is_behind_it { &self.behind } else { &self.behind[..1] },
            now: now(),
        };
        look(&Facts { person: *person, past: *past, rules: *rules, asked }, &case)
    }
}

fn user(id: UserId, person: Person) -> Option<User> {
    let number = |text| PhoneNumber::parse(text, None).expect("a number");
    person.exists.then(|| User {
        email: person.email.then(|| "kari@example.com".parse().expect("an address")),
        phone: person.phone.map(|phone| match phone {
            Number::Home => number("+47 912 34 567"),
            Number::Listed => number("+46 70 123 45 67"),
            Number::Abroad => number("+49 1512 3456789"),
            Number::PremiumRate => number("+47 829 12 345"),
        }),
        sign_in: person.sign_in,
        deactivated: person.deactivated,
        has_password: person.has_password,
        signed_in_at: person.signed_in.then(|| now() - TimeDelta::days(400)),
        elsewhere: person.elsewhere,
        ..User::new(id)
    })
}

fn history(past: Past) -> History {
    let channels = |which: [bool; 2]| -> BTreeSet<Channel> {
        Channel::ALL.into_iter().zip(which).filter_map(|(channel, is_in)| is_in.then_some(channel)).collect()
    };
    History {
        on_their_way: past.on_their_way,
        invited: past.invited,
        last_message_at: match past.last_message {
            Age::Never => None,
            Age::Minutes => Some(now() - TimeDelta::seconds(3_599)),
            Age::Hours => Some(now() - TimeDelta::seconds(3_600)),
            Age::Weeks => Some(now() - TimeDelta::days(3)),
        },
        last_reminder_at: None,
        last_invitation: past.last.map(|state| LastInvitation {
            id: InvitationId::new(),
            state,
            created_at: now() - TimeDelta::days(30),
            expires_at: match past.hand {
                Hand::No => None,
                Hand::Holds => Some(now() + TimeDelta::seconds(1)),
                Hand::Lapsed => Some(now()),
            },
            handed_over: past.hand != Hand::No,
            arrived: channels(past.arrived),
            reminders: past.reminders,
        }),
        came_at: past.came.then(|| now() - TimeDelta::days(1)),
        retired: past.retired,
        suppressed: channels(past.suppressed),
        newest: None,
    }
}

fn settings(rules: Rules) -> Settings {
    Settings {
        channels: Channel::ALL
            .into_iter()
            .zip(rules.uses)
            .filter_map(|(c, used)| used.then_some(c))
            .collect(),
        sign_in: rules.sign_in,
        sso_policy: if rules.announces { SsoPolicy::Announce } else { SsoPolicy::Skip },
        country: Some("NO".parse().expect("a country")),
        sms_countries: BTreeSet::from(["SE".parse().expect("a country")]),
        reminders: ReminderRules { gap: Duration::from_hours(72), at_most: AT_MOST },
        ..Settings::new("Acme")
    }
}

// --- The table --------------------------------------------------------------------------------------------------------

fn agree(facts: &Facts, case: &Case<'_>) {
    let (decided, expected) = (decide(case), oracle(facts));
    assert!(decided == expected, "{facts:?}\ndecided:  {decided:?}\nexpected: {expected:?}");
}

/// So many points of the whole product, the same ones in each run.
fn anywhere(points: u64, mut look: impl FnMut(&Facts, &Case<'_>)) {
    static WHOLE: LazyLock<Made> = LazyLock::new(|| Made::of(persons(), pasts(), rules(), asked()));
    let made = &*WHOLE;
    let mut random: u64 = 0x5eed;
    let mut pick = |len: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(random >> 33).expect("31 bits") % len
    };
    for _ in 0..points {
        let person = &made.persons[pick(made.persons.len())];
        let past = &made.pasts[pick(made.pasts.len())];
        let rules = &made.rules[pick(made.rules.len())];
        let asked = made.asked[pick(made.asked.len())];
        made.at(person, past, rules, asked, &mut look);
    }
}

#[test]
fn everybody_who_can_be_reached_gets_what_the_table_says_whatever_else_is_known() {
    let points =
        of_the_reachable(Past::is_by_message, |action| matches!(action, Action::Invite | Action::Remind));
    assert_eq!(points, 24 * 3_488 * 4 * 4);
}

#[test]
fn whoever_asks_for_a_fresh_credential_gets_what_the_table_says_whatever_else_is_known() {
    let points = of_the_reachable(|past| past.reminders == 0, |action| action == Action::Refresh);
    assert_eq!(points, 24 * 3_520 * 4 * 2);
}

#[test]
fn a_link_is_handed_over_as_the_table_says_whatever_else_is_known() {
    let points = of_the_reachable(
        |past| past.reminders == 0 && past.last_message == Age::Minutes,
        |action| action == Action::HandOver,
    );
    assert_eq!(points, 24 * 880 * 4 * 2);
}

fn of_the_reachable(is_in: fn(&Past) -> bool, asks: fn(Action) -> bool) -> u64 {
    Made::of(
        persons().into_iter().filter(|p| p.exists && !p.deactivated && p.email && p.phone.is_none()),
        pasts()
            .into_iter()
            .filter(|past| past.suppressed == [false, false] && past.reminders != 1 && is_in(past)),
        rules().into_iter().filter(|rules| rules.uses == [true, true]),
        asked()
            .into_iter()
            .filter(|asked| asked.channels == ChannelRule::Both && !asked.is_behind_it && asks(asked.action)),
    )
    .for_each(agree)
}

#[test]
fn nobody_and_the_deactivated_and_oneself_are_skipped_whatever_else_is_known() {
    let points = Made::of(
        persons().into_iter().filter(|p| p.email && p.phone.is_none() || !p.exists),
        pasts()
            .into_iter()
            .filter(|past| past.suppressed == [false, false] && past.reminders == 0 && past.is_by_message()),
        rules().into_iter().filter(|rules| rules.uses == [true, true]),
        asked()
            .into_iter()
            .filter(|asked| asked.channels == ChannelRule::Both && asked.is_behind_it && asked.by_id),
    )
    .for_each(agree);
    assert_eq!(points, 49 * 1_184 * 4 * 4);
}

#[test]
fn the_channels_that_are_left_are_those_that_the_table_says_for_every_contact_and_setting() {
    let points = Made::of(
        persons().into_iter().filter(|p| {
            p.exists
                && !p.deactivated
                && p.sign_in.is_none()
                && !p.signed_in
                && !p.has_password
                && !p.elsewhere
        }),
        pasts().into_iter().filter(|past| {
            let remindable =
                matches!(past.last, None | Some(InvitationState::Pending)) && past.reminders == 0;
            let untouched = past.last_message == Age::Weeks && !past.came && !past.on_their_way;
            remindable && untouched && past.invited == past.last.is_some() && past.is_by_message()
        }),
        rules(),
        asked().into_iter().filter(|asked| !asked.is_behind_it),
    )
    .for_each(agree);
    assert_eq!(points, 10 * 20 * 16 * 32);
}

#[test]
fn every_combination_of_channels_that_are_left_and_channels_that_worked_is_as_the_table_says() {
    let points = Made::of(
        persons().into_iter().filter(|p| {
            p.exists && !p.deactivated && p.phone == Some(Number::Home) && p.sign_in.is_none() && !p.signed_in
        }),
        pasts().into_iter().filter(|past| {
            let untouched = past.last_message == Age::Never && !past.came;
            past.reminders == 0 && untouched && past.is_by_message()
        }),
        rules().into_iter().filter(|rules| rules.uses == [true, true] && !rules.announces),
        asked().into_iter().filter(|asked| asked.channels == ChannelRule::Both && !asked.is_behind_it),
    )
    .for_each(agree);
    assert_eq!(points, 8 * 592 * 2 * 8);
}

#[test]
fn a_million_people_from_anywhere_in_the_product_get_what_the_table_says() {
    anywhere(1_000_000, agree);
}

#[test]
fn every_row_of_the_table_is_somebodys() {
    let mut unused: BTreeSet<usize> = (0..WHO_GETS_WHAT.len()).collect();
    anywhere(1_000_000, |facts, _| {
        let row = WHO_GETS_WHAT.iter().position(|(whom, when, _)| facts.is_for(whom) && when(facts));
        unused.remove(&row.expect("the table is total"));
    });
    assert_eq!(unused, BTreeSet::new());
}

// --- What must always hold --------------------------------------------------------------------------------------------

#[test]
fn rule_01_nobody_who_is_set_up_is_sent_a_fresh_credential_but_as_a_reset() {
    anywhere(100_000, |facts, case| {
        if facts.set_up() {
            assert_ne!(decide(case).decision, Send, "{facts:?}");
        } else {
            assert_ne!(decide(case).decision, SendWithReset, "{facts:?}");
        }
    });
}

#[test]
fn rule_01_a_request_of_a_stranger_never_reaches_a_password_that_counts() {
    anywhere(200_000, |facts, case| {
        if facts.asked.action == Action::Refresh && facts.set_up() && !facts.past.retired {
            assert!(!decide(case).decision.wants_credential(), "{facts:?}");
        }
    });
}

#[test]
fn rule_01_without_consent_those_who_would_be_reset_are_skipped_in_the_totals() {
    let mut totals = Totals::default();
    anywhere(20_000, |facts, case| count(&mut totals, facts, case));
    let without = totals.clone().without_consent();
    assert!(totals.reset > 0);
    assert_eq!((without.reset, without.reset_administrators, without.reset_messages.len()), (0, 0, 0));
    assert_eq!(without.skip[&SkipReason::SetUpNeedsConsent], totals.reset);
    assert_eq!(
        (without.send, without.announce, without.people()),
        (totals.send, totals.announce, totals.people())
    );
    assert_eq!(without.messages, totals.messages);
}

#[test]
fn rule_02_nobody_to_whom_sso_applies_is_sent_a_credential() {
    anywhere(100_000, |facts, case| {
        assert!(!facts.sso_applies() || !decide(case).decision.wants_credential(), "{facts:?}");
    });
}

#[test]
fn rule_03_neither_planner_nor_confirmer_is_ever_in_the_batch() {
    anywhere(100_000, |facts, case| {
        let planner = case.user.map(|user| user.id);
        for behind in [[planner, Some(UserId::new())], [Some(UserId::new()), planner]] {
            let behind: Vec<_> = behind.into_iter().flatten().collect();
            let decided = decide(&Case { behind: &behind, ..*case });
            assert!(matches!(decided.decision, Skip(_)) && decided.channels.is_empty(), "{facts:?}");
        }
    });
}

#[test]
fn a_message_goes_only_on_channels_in_use_to_an_address_that_may_be_written_to() {
    anywhere(100_000, |facts, case| {
        let decided = decide(case);
        let nothing_goes = matches!(decided.decision, Skip(_)) || facts.asked.action == Action::HandOver;
        assert_eq!(decided.channels.is_empty(), nothing_goes, "{facts:?}");
        for channel in &decided.channels {
            assert!(case.settings.channels.contains(channel), "{facts:?}");
            assert!(case.user.is_some_and(|user| user.address(*channel).is_some()), "{facts:?}");
            assert!(!case.history.suppressed.contains(channel), "{facts:?}");
        }
        let sms = decided.channels.contains(&Channel::Sms);
        assert!(!sms || matches!(facts.person.phone, Some(Number::Home | Number::Listed)), "{facts:?}");
    });
}

#[test]
fn every_text_message_that_is_decided_was_possible() {
    anywhere(200_000, |facts, case| {
        let decided = decide(case);
        let kind = decided.decision.message_kind(case.request.action);
        let (Some(user), Some(kind), true) = (case.user, kind, decided.channels.contains(&Channel::Sms))
        else {
            return;
        };
        let (action, channels) = (case.request.action, case.request.channels);
        let possible = possible_text_messages(user, action, channels, case.settings);
        assert!(possible.contains(&kind), "{kind} for {facts:?}");
    });
}

#[test]
fn totals_are_disjoint_and_add_up_to_the_selection_and_its_messages() {
    let (mut totals, mut messages) = (Totals::default(), 0);
    let people = 50_000;
    anywhere(people, |facts, case| {
        messages += decide(case).channels.len() as u64;
        count(&mut totals, facts, case);
    });
    assert_eq!(totals.people(), people);
    assert_eq!(totals.send + totals.reset + totals.announce + totals.skip.values().sum::<u64>(), people);
    assert_eq!(totals.messages.values().chain(totals.reset_messages.values()).sum::<u64>(), messages);
    assert!(totals.reset_administrators <= totals.reset);
}

#[test]
fn taking_a_person_out_of_the_totals_leaves_them_as_they_were() {
    let mut totals = Totals::default();
    anywhere(20_000, |_, case| {
        let before = totals.clone();
        let decided = decide(case);
        totals.count(decided.decision, &decided.channels, false, false, &ItemWording::default());
        let after = totals.clone();
        totals.uncount(decided.decision, &decided.channels, false, false, &ItemWording::default());
        assert_eq!(totals, before);
        totals = after;
    });
}

#[test]
fn a_message_begins_to_the_address_that_was_planned_though_its_case_was_corrected() {
    let (history, settings, policy) = (History::default(), Settings::new("Acme"), Policy::default());
    let planned = Planned {
        decision: Send,
        credential: Some(settings.credential),
        channel: Channel::Email,
        address: "kari@example.com",
        batch: BatchState::Running,
        resets_consented: false,
        invitation: None,
    };
    let begins = |address: &str| {
        let user = User { email: Some(address.parse().expect("an address")), ..User::new(UserId::new()) };
        let request = Request {
            action: Action::Invite,
            by_id: false,
            channels: ChannelRule::Preferred,
            scheduled: false,
        };
        let (user, history, settings, policy) = (Some(&user), &history, &settings, &policy);
        may_go(&planned, &Case { user, history, request, settings, policy, behind: &[], now: now() })
    };
    assert_eq!(begins("Kari@Example.com"), Ok(()));
    assert_eq!(begins("kari@example.org"), Err(Stop::Cancel(EndReason::ChangedSincePlan)));
}

fn count(totals: &mut Totals, facts: &Facts, case: &Case<'_>) {
    let decided = decide(case);
    totals.count(decided.decision, &decided.channels, false, facts.person.elsewhere, &ItemWording::default());
}

//! What can be done next, and how likely.

use std::time::Duration;

use super::dice::Dice;
use crate::machine::batch::BatchEvent;
use crate::machine::delivery::Report;
use crate::model::credential::CredentialKind;
use crate::model::item::Action;
use crate::model::organisation::{ChannelRule, Retirement};
use crate::model::outcome::{Answer, Concerns, Outcome, Receipt, Refusal, Scope};
use crate::model::preference::Preference;
use crate::model::suppression::SuppressionReason;
use crate::port::queue::HandOverResult;
use crate::port::records::SuppressionAct;

/// One step of a walk. Numbers say which person, batch or message is meant, as far as there are any: those of people
/// from the first, all others back from the newest. So any list of steps can be walked, also one that was shortened.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Somebody comes new into an organisation.
    Add { organisation: usize, looks: Looks },
    /// A file of people is imported: changed rows of those who are there, and new ones.
    Import { organisation: usize, known: Vec<(usize, bool)>, new: usize },
    /// A person changes, and the store is told or not.
    Change { person: usize, how: PersonChange, told: bool },
    /// A plan is made; `pages` false leaves it incomplete.
    Plan {
        organisation: usize,
        action: Action,
        who: Vec<usize>,
        by_filter: bool,
        rule: ChannelRule,
        complete: bool,
    },
    /// A plan is confirmed, whatever it is by now.
    Confirm { batch: usize, resets: bool, hold: bool, starts_later: bool, pilot: Option<u64>, by: usize },
    /// A batch is paused, resumed, cancelled or recalled.
    Stop { batch: usize, event: BatchEvent },
    /// Messages are asked for again.
    Retry { batch: usize, failed: bool, unknown: bool },
    /// A worker takes what is due, and gives back all but so many.
    Claim { keep: usize },
    /// A worker begins a message that it claimed once, or all of that claim.
    Begin { held: usize, together: bool },
    /// A worker tells what became of a message that it claimed once, or of all of that claim.
    Record { held: usize, together: bool, result: HandOverResult },
    /// A worker renews a claim.
    Renew { held: usize },
    /// A worker gives a message back.
    Release { held: usize },
    /// A worker sends all that is due.
    SendAll,
    /// A provider reports.
    Report { message: usize, report: Report, concerns: Concerns },
    /// Time goes by.
    Wait(Duration),
    /// The rest of the work is done.
    Sweep,
    /// An organisation changes what it sends and how its people sign in.
    Settings { organisation: usize, change: SettingsChange },
    /// A sender is stopped or started by hand.
    Sender { sms: bool, account: bool, stop: bool },
    /// An address is suppressed or released.
    Suppress { person: usize, sms: bool, act: SuppressionAct },
    /// The host tells that somebody came, so long ago.
    Arrive { person: usize, password: bool, ago: Duration },
    /// A link is handed over.
    HandOver { person: usize, resets: bool },
    /// Somebody asks for a fresh credential.
    Refresh { person: usize },
    /// Somebody comes by a link or a temporary password, and does not end it.
    Reserve { credential: usize },
    /// Whoever came ends it, under the number they got or another.
    Close { reservation: usize, off: u64 },
    /// Somebody guesses.
    Guess { person: usize, right: bool },
    /// A person is erased.
    Erase { person: usize },
    /// All that was stopped is let go on and given time.
    End,
}

/// How somebody new is known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Looks {
    pub(super) email: bool,
    pub(super) phone: bool,
    pub(super) set_up: bool,
}

/// What changes about a person.
#[derive(Debug, Clone, Copy)]
pub(super) enum PersonChange {
    Deactivated(bool),
    NewAddress,
    NewPhone,
    Sso(Option<bool>),
    Elsewhere(bool),
    SharesAddressWith(usize),
}

/// What changes about an organisation.
#[derive(Debug, Clone, Copy)]
pub(super) enum SettingsChange {
    Sso(bool),
    Announces(bool),
    Credential(CredentialKind),
    Retirement(Option<Retirement>),
    Fallback(bool),
    Prefers(Preference),
}

const SUPPRESSING: [SuppressionAct; 6] = [
    SuppressionAct::Put(SuppressionReason::ByHand),
    SuppressionAct::Put(SuppressionReason::OptedOut),
    SuppressionAct::Release,
    SuppressionAct::Release,
    SuppressionAct::OptIn,
    SuppressionAct::OptIn,
];

impl Step {
    pub(super) fn draw(dice: &mut Dice, stands: bool) -> Self {
        let person = dice.below(16);
        match dice.below(100) {
            0..4 => Self::Add { organisation: dice.below(3) / 2, looks: Looks::draw(dice) },
            4..6 => Self::Import {
                organisation: dice.below(3) / 2,
                known: (0..dice.below(3)).map(|_| (dice.below(16), dice.one_in(3))).collect(),
                new: dice.below(2),
            },
            6..11 => Self::Change { person, how: PersonChange::draw(dice), told: !dice.one_in(4) },
            11..20 => Self::Plan {
                organisation: dice.below(4) / 3,
                action: if dice.one_in(4) { Action::Remind } else { Action::Invite },
                who: (0..=dice.below(5)).map(|_| dice.below(16)).collect(),
                by_filter: dice.one_in(3),
                rule: dice.pick(&[
                    ChannelRule::Preferred,
                    ChannelRule::Both,
                    ChannelRule::Email,
                    ChannelRule::Sms,
                ]),
                complete: !dice.one_in(12),
            },
            20..29 => Self::Confirm {
                batch: dice.recent(),
                resets: !dice.one_in(3),
                hold: dice.one_in(4),
                starts_later: dice.one_in(8),
                pilot: dice.one_in(4).then(|| 1 + dice.below(2) as u64),
                by: dice.below(4),
            },
            29..33 => Self::Stop {
                batch: dice.recent(),
                event: dice.pick(&[
                    BatchEvent::Pause,
                    BatchEvent::Resume,
                    BatchEvent::Resume,
                    BatchEvent::Cancel,
                    BatchEvent::Recall,
                ]),
            },
            33..35 => Self::Retry { batch: dice.recent(), failed: !dice.one_in(3), unknown: !dice.one_in(3) },
            35..46 => Self::Claim { keep: 1 + dice.below(4) * dice.below(4) },
            46..57 => Self::Begin { held: dice.recent(), together: dice.one_in(3) },
            57..70 => Self::Record { held: dice.recent(), together: dice.one_in(3), result: result(dice) },
            70..71 => Self::Renew { held: dice.recent() },
            71..72 => Self::Release { held: dice.recent() },
            72..75 => Self::SendAll,
            75..79 => Self::Report {
                message: dice.recent(),
                report: dice.pick(&[
                    Report::Unknown,
                    Report::Failed,
                    Report::Delivered,
                    Report::Delivered,
                    Report::Bounced,
                    Report::Complained,
                ]),
                concerns: dice.pick(&[
                    Concerns::Message,
                    Concerns::Message,
                    Concerns::Address,
                    Concerns::OptOut,
                    Concerns::Sender(Scope::Account),
                    Concerns::Sender(Scope::Country),
                ]),
            },
            79..86 => Self::Wait(wait(dice, stands)),
            86..88 => Self::Sweep,
            88..90 => Self::Settings { organisation: dice.below(4) / 3, change: SettingsChange::draw(dice) },
            90..91 => Self::Sender { sms: dice.one_in(2), account: dice.one_in(2), stop: dice.one_in(3) },
            91..92 => Self::Suppress { person, sms: dice.one_in(3), act: dice.pick(&SUPPRESSING) },
            92..93 => Self::Arrive {
                person,
                password: dice.one_in(2),
                ago: Duration::from_secs(dice.pick(&[0, 60, 100_000])),
            },
            93..94 => Self::HandOver { person, resets: !dice.one_in(3) },
            94..95 => Self::Refresh { person },
            95..97 => Self::Reserve { credential: dice.recent() },
            97..98 => Self::Close { reservation: dice.recent(), off: u64::from(dice.one_in(4)) },
            98..99 => Self::Guess { person, right: dice.one_in(4) },
            _ => match dice.below(4) {
                0 => Self::Erase { person },
                _ => Self::Wait(wait(dice, stands)),
            },
        }
    }
}

impl Looks {
    fn draw(dice: &mut Dice) -> Self {
        let phone = dice.one_in(2);
        Self { email: !phone || !dice.one_in(3), phone, set_up: dice.one_in(2) }
    }
}

impl PersonChange {
    fn draw(dice: &mut Dice) -> Self {
        match dice.below(12) {
            0..3 => Self::Deactivated(true),
            3..5 => Self::Deactivated(false),
            5..7 => Self::NewAddress,
            7 => Self::NewPhone,
            8 => Self::Sso(Some(true)),
            9 => Self::Sso(dice.pick(&[None, Some(false)])),
            10 => Self::Elsewhere(dice.one_in(2)),
            _ => Self::SharesAddressWith(dice.below(16)),
        }
    }
}

impl SettingsChange {
    fn draw(dice: &mut Dice) -> Self {
        match dice.below(12) {
            0 => Self::Sso(true),
            1..4 => Self::Sso(false),
            4 => Self::Announces(dice.one_in(2)),
            5..7 => {
                Self::Credential(dice.pick(&[CredentialKind::SetUpLink, CredentialKind::TemporaryPassword]))
            }
            7..9 => Self::Fallback(!dice.one_in(3)),
            9..11 => Self::Prefers(dice.pick(&[
                Preference::Email,
                Preference::Email,
                Preference::Sms,
                Preference::Both,
            ])),
            _ => Self::Retirement(dice.pick(&[
                None,
                Some(Retirement::FirstAcceptance),
                Some(Retirement::FirstUse),
            ])),
        }
    }
}

fn result(dice: &mut Dice) -> HandOverResult {
    let answer = dice.pick(&[Answer::new("450", "later"), Answer::new("550", "no")]);
    let scope =
        dice.pick(&[Scope::Account, Scope::Sender, Scope::Sender, Scope::RecipientDomain, Scope::Country]);
    let retry_after = dice.pick(&[None, Some(Duration::from_secs(30)), Some(Duration::from_mins(90))]);
    HandOverResult::Outcome(match dice.below(20) {
        0..9 => Outcome::Accepted(Receipt("receipt".into())),
        9..13 => Outcome::Refused {
            refusal: dice.pick(&[
                Refusal::Recipient,
                Refusal::RecipientUncertain,
                Refusal::OptedOut,
                Refusal::Content,
                Refusal::Policy,
                Refusal::Policy,
                Refusal::Country,
            ]),
            answer,
        },
        13..15 => Outcome::Deferred { retry_after, answer },
        15 => Outcome::Throttled { retry_after, scope, answer },
        16 => Outcome::Blocked { scope, answer },
        17..19 => Outcome::Unknown { answer },
        _ => {
            return dice.pick(&[
                HandOverResult::NotCalled,
                HandOverResult::Locked(answer.clone()),
                HandOverResult::Damaged(answer.clone()),
                HandOverResult::NotRendered(answer),
            ]);
        }
    })
}

/// How long: on a clock that stands, also exactly as long as something lasts, and a microsecond less. On one that goes on
/// by itself, multiples of seven minutes, so that nothing that is compared is near.
fn wait(dice: &mut Dice, stands: bool) -> Duration {
    let minutes = |minutes| Duration::from_mins(minutes);
    if stands && dice.one_in(2) {
        let exact = dice.pick(&[
            Duration::from_micros(1),
            Duration::from_secs(1),
            Duration::from_secs(30),
            Duration::from_mins(1),
            Duration::from_secs(90),
            Duration::from_hours(1),
            Duration::from_hours(24),
            Duration::from_hours(3 * 24),
            Duration::from_hours(7 * 24),
        ]);
        return if dice.one_in(3) { exact.saturating_sub(Duration::from_micros(1)) } else { exact };
    }
    dice.pick(&[
        minutes(7),
        minutes(7),
        minutes(7),
        minutes(70),
        minutes(70),
        minutes(1540),
        minutes(1540),
        minutes(11_522),
    ])
}

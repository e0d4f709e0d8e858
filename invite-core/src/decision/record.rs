//! What an outcome changes beyond its message: the invitation, the person's own password, the sender, the batch.

use std::time::Duration;

use crate::machine::delivery::{Report, Standing, throttle_pause};
use crate::model::batch::BatchState;
use crate::model::delivery::DeliveryState;
use crate::model::invitation::InvitationState;
use crate::model::item::{Action, Decision};
use crate::model::organisation::Retirement;
use crate::model::outcome::{Answer, Concerns, Outcome, Refusal, Scope};
use crate::model::sender::PauseKind;
use crate::model::suppression::SuppressionReason;
use crate::policy::Policy;

/// A message whose outcome is recorded.
#[derive(Debug, Clone, Copy)]
pub struct Recorded<'a> {
    /// Before.
    pub before: &'a Standing,
    /// After, by [`machine::delivery::next`](crate::machine::delivery::next).
    pub after: &'a Standing,
    /// What the transport saw.
    pub outcome: &'a Outcome,
    /// What its batch does.
    pub action: Action,
    /// What was decided for its user.
    pub decision: Decision,
    /// The state of its invitation.
    pub invitation: InvitationState,
    /// When a reset retires the person's own password.
    pub retirement: Retirement,
    /// Whether the person's own password is retired at present. It is looked at for [`Action::Refresh`] alone, which
    /// anybody can ask for: it takes a retirement over, and never begins one.
    pub retired: bool,
}

/// What else changes, in the same transaction.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a consequence of its own; they come in any combination"
)]
pub struct Consequences {
    /// The person's earlier invitations are superseded: this one's message was accepted.
    pub supersedes: bool,
    /// The person's own password is retired by this invitation.
    pub retires: bool,
    /// The address is suppressed.
    pub suppresses: Option<Suppress>,
    /// The sender stops.
    pub stops: Option<Stops>,
    /// The sender works: a block or a run of policy refusals is over.
    pub sender_works: bool,
    /// A policy refusal, in the form in which identical ones are counted. One that comes while its sender is blocked
    /// for the same (a probe, or one that was under way) goes back to the queue at once, as those that were counted do.
    pub policy_refusal: Option<String>,
    /// It counts for the brake.
    pub is_outcome: bool,
    /// It counts for the brake as a hard failure.
    pub hard_failure: bool,
    /// The message ended without arriving: a retirement may have to be lifted.
    pub may_lift: bool,
}

/// How an address is suppressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suppress {
    /// At once.
    Now(SuppressionReason),
    /// When a message of an earlier batch to it was refused too.
    AfterASecondBatch,
}

/// How a sender stops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stops {
    /// How far it reaches.
    pub scope: Scope,
    /// What kind of stop.
    pub kind: PauseKind,
    /// For how long, until it goes on (throttled) or one message is tried (blocked).
    pub pause: Duration,
    /// What the provider said.
    pub answer: Answer,
}

impl Stops {
    /// No message in the scope would go; one is tried now and then.
    pub fn blocked(scope: Scope, answer: &Answer, policy: &Policy) -> Self {
        Self { scope, kind: PauseKind::Blocked, pause: policy.probe_every, answer: answer.clone() }
    }
}

/// What else changes.
pub fn consequences(recorded: &Recorded<'_>, policy: &Policy) -> Consequences {
    let Recorded { before, after, outcome, .. } = *recorded;
    let mut also = Consequences {
        may_lift: !after.state.is_on_its_way() && !after.state.has_arrived(),
        ..Consequences::default()
    };
    if before.state != DeliveryState::HandingOver {
        return also;
    }
    match outcome {
        Outcome::Accepted(_) => {
            let pending = recorded.invitation == InvitationState::Pending;
            also.supersedes = pending && recorded.action.begins_invitation();
            also.retires = pending
                && recorded.decision == Decision::SendWithReset
                && (recorded.action != Action::Refresh || recorded.retired)
                && recorded.retirement == Retirement::FirstAcceptance;
            also.sender_works = true;
            also.is_outcome = true;
        }
        Outcome::Refused { refusal, answer } => {
            also.is_outcome = true;
            also.hard_failure = true;
            // What is held must not be released by the same outcome.
            also.sender_works = !matches!(refusal, Refusal::Policy | Refusal::Country);
            also.suppresses = match refusal {
                Refusal::Recipient => Some(Suppress::Now(SuppressionReason::Refused)),
                Refusal::RecipientUncertain => Some(Suppress::AfterASecondBatch),
                Refusal::OptedOut => Some(Suppress::Now(SuppressionReason::OptedOut)),
                _ => None,
            };
            also.policy_refusal = (*refusal == Refusal::Policy).then(|| answer.to_string());
            if *refusal == Refusal::Country {
                also.stops = Some(Stops::blocked(Scope::Country, answer, policy));
            }
        }
        Outcome::Deferred { .. } => also.sender_works = true,
        Outcome::Throttled { retry_after, scope, answer } => {
            also.stops = Some(Stops {
                scope: *scope,
                kind: PauseKind::Throttled,
                pause: throttle_pause(*retry_after, policy),
                answer: answer.clone(),
            });
        }
        Outcome::Blocked { scope, answer } => {
            also.stops = Some(Stops::blocked(*scope, answer, policy));
        }
        Outcome::Unknown { .. } => also.is_outcome = !after.state.is_on_its_way(),
    }
    if after.state == DeliveryState::Failed {
        also.is_outcome = true;
        also.hard_failure = true;
    }
    also
}

/// What changes where a report shows that a provider had accepted a message of which that was not known: its outcome
/// was unknown, or it seemed to have failed. The invitation and the person's own password follow as if it had been
/// recorded; the sender and the brake have had their outcome.
///
/// None where the report shows nothing new.
pub fn late_acceptance(recorded: &Recorded<'_>) -> Option<Consequences> {
    use DeliveryState as S;
    let known = matches!(recorded.before.state, S::Sent | S::Delivered | S::Complained | S::HandingOver);
    let arrived = matches!(recorded.after.state, S::Delivered | S::Complained);
    (!known && arrived).then(|| {
        let pending = recorded.invitation == InvitationState::Pending;
        Consequences {
            supersedes: pending && recorded.action.begins_invitation(),
            retires: pending
                && recorded.decision == Decision::SendWithReset
                && (recorded.action != Action::Refresh || recorded.retired)
                && recorded.retirement == Retirement::FirstAcceptance,
            ..Consequences::default()
        }
    })
}

/// Why a provider's report puts the address of its message on the suppression list, if it does.
pub const fn report_suppresses(report: Report, concerns: Concerns) -> Option<SuppressionReason> {
    match (report, concerns) {
        (Report::Complained, _) => Some(SuppressionReason::Complained),
        (_, Concerns::OptOut) => Some(SuppressionReason::OptedOut),
        (Report::Failed, Concerns::Address) => Some(SuppressionReason::Refused),
        (_, Concerns::Address) => Some(SuppressionReason::Bounced),
        (_, Concerns::Message | Concerns::Sender(_)) => None,
    }
}

/// How a provider's report stops the sender of its message, if it does: as a transport that is blocked.
pub fn report_stops(concerns: Concerns, answer: &Answer, policy: &Policy) -> Option<Stops> {
    match concerns {
        Concerns::Sender(scope) => Some(Stops::blocked(scope, answer, policy)),
        Concerns::Message | Concerns::Address | Concerns::OptOut => None,
    }
}

/// Why the brake pauses a batch, in words for who looks.
pub fn brake_because(outcomes: u32, hard_failures: u32) -> String {
    format!("{BRAKE}{hard_failures} of {outcomes} messages failed")
}

/// Whether a batch is paused for this because it braked. Somebody who pauses one in the same words is taken for it.
pub fn is_brake(because: &str) -> bool {
    because.starts_with(BRAKE)
}

const BRAKE: &str = "brake: ";

/// What the brake of a batch has counted since its start or resumption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Brake {
    /// Where the batch stands.
    pub state: BatchState,
    /// Outcomes.
    pub outcomes: u32,
    /// Those of them that were hard failures.
    pub hard_failures: u32,
}

impl Brake {
    /// Counts an outcome. Where the batch pauses itself now, it says why.
    pub fn count(&mut self, hard_failure: bool, policy: &Policy) -> Option<String> {
        self.outcomes += 1;
        self.hard_failures += u32::from(hard_failure);
        let stops = self.state == BatchState::Running && brakes(self.outcomes, self.hard_failures, policy);
        stops.then(|| {
            self.state = BatchState::Paused;
            brake_because(self.outcomes, self.hard_failures)
        })
    }

    /// Takes a hard failure back: it was its sender's, not its batch's.
    pub const fn take_back(&mut self) {
        self.outcomes = self.outcomes.saturating_sub(1);
        self.hard_failures = self.hard_failures.saturating_sub(1);
    }
}

/// Whether the brake stops a batch with so many outcomes and hard failures since its start or resumption.
pub const fn brakes(outcomes: u32, hard_failures: u32, policy: &Policy) -> bool {
    outcomes >= policy.brake_from
        && hard_failures as u64 * 100 >= outcomes as u64 * policy.brake_percent as u64
}

//! To the microsecond: what is kept of an instant, and what is so at the very instant at which something ends.
//!
//! These need a clock that stands until it is moved. A store that compares on its database's clock is proved with one that
//! its tests set (a function of the schema that reads a setting, say) instead of an offset to one that goes on.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::stage::{Stage, accepted, deferred, sender_of};
use crate::conformance::Checked;
use crate::model::credential::CredentialKind;
use crate::model::invitation::InvitationState;
use crate::model::item::{Action, Decision, SkipReason};
use crate::model::message::Channel;
use crate::model::message_kind::MessageKind;
use crate::model::outcome::{Answer, Outcome, Scope};
use crate::model::suppression::SuppressionReason;
use crate::model::user::User;
use crate::port::organisations::TestSend;
use crate::port::plans::{Confirm, Confirmed};
use crate::port::queue::{Begun, Claim};
use crate::port::records::{Arrival, ArrivalKind, SuppressionAct, SuppressionChange};
use crate::port::redemption::{Guess, LinkState, Reserved};

const MICROSECOND: Duration = Duration::from_micros(1);
/// An odd time, to the microsecond.
const ODD: Duration = Duration::from_micros(1_234_567);

impl Stage {
    /// Moves the clock to an odd instant, at which it must stand.
    async fn at_an_odd_instant(&self) -> Checked<DateTime<Utc>> {
        self.advance(ODD).await;
        let now = self.now().await?;
        holds!(self.now().await? == now, "the clock stands until it is moved, here alone");
        Ok(now)
    }

    /// Moves the clock to a microsecond before `time` has gone by since it was last moved.
    async fn just_before(&self, time: Duration) {
        self.advance(time - MICROSECOND).await;
    }

    /// The microsecond that is left.
    async fn then(&self) {
        self.advance(MICROSECOND).await;
    }

    async fn due(&self) -> Checked<u64> {
        Ok(self.store.waiting().await?.due)
    }
}

pub(super) async fn instants_are_kept_to_the_microsecond(stage: Stage) -> Checked {
    let now = stage.at_an_odd_instant().await?;
    let user = stage.person();
    let opened = stage.open(Action::Invite, std::slice::from_ref(&user)).await?;
    let plan = stage.batch(opened.id).await?;
    let lifetime = stage.policy.plan_lifetime;
    same!((opened.planned_at, opened.expires_at), (now, now + lifetime), "a plan that is opened");
    same!((plan.planned_at, plan.expires_at), (now, now + lifetime), "a plan that is read");
    stage.store.plan_page(stage.page(plan.id, None, std::slice::from_ref(&user), true)).await?;
    stage.store.confirm(Confirm { hold: Some(ODD), ..stage.confirmation(plan.id) }).await?;
    let confirmed = stage.batch(plan.id).await?.confirmed.map(|one| (one.at, one.not_before));
    same!(confirmed, Some((now, now + ODD)), "a batch that is held");
    let sent_at = stage.at_an_odd_instant().await?;
    let sent = stage.send_one(accepted()).await?;
    same!((sent.hand_over.at, sent.hand_over.invited_at), (sent_at, sent_at), "a message that is begun");
    let message = stage.delivery(plan.id, sent.id()).await?;
    same!((message.sent_at, message.changed_at), (Some(sent_at), sent_at), "a message that is sent");
    let story = stage.story(&user).await?;
    let expires_at = sent_at + stage.org.settings.credential_lifetime;
    same!(story.invitations[0].created_at, sent_at, "an invitation");
    same!(story.invitations[0].expires_at, Some(expires_at), "the end of an invitation");
    let credential = &story.credentials[0];
    same!((credential.minted_at, credential.expires_at), (sent_at, expires_at), "a credential");
    let last = stage.events().await?.last().map(|event| event.at);
    same!(last, Some(sent_at), "an event");

    let came_at = stage.at_an_odd_instant().await?;
    let arrival = Arrival { user: user.id, at: came_at, how: ArrivalKind::SignedIn };
    stage.store.record_arrivals(stage.id(), vec![arrival]).await?;
    let story = stage.story(&user).await?;
    same!((story.came_at, story.invitations[0].closed_at), (Some(came_at), Some(came_at)), "who came");
    let change = SuppressionChange {
        actor: stage.actor(),
        channel: Channel::Email,
        address: "a@example.com".into(),
        act: SuppressionAct::Put(SuppressionReason::ByHand),
    };
    stage.store.suppress(change).await?;
    same!(stage.store.suppressions(stage.id(), None, 10).await?[0].since, came_at, "a suppression");
    same!(stage.store.audit(stage.id(), None, 1).await?[0].at, came_at, "a line of the audit");
    Ok(())
}

pub(super) async fn a_lease_lapses_at_its_instant(stage: Stage) -> Checked {
    stage.at_an_odd_instant().await?;
    stage.invite(&stage.persons(1)).await?;
    let claim = Claim { worker: "one".into(), limit: 1, lease: ODD, policy: stage.policy.clone() };
    let token = stage.store.claim(claim).await?.token;
    stage.just_before(ODD).await;
    stage.nothing_is_due("a microsecond before the lease lapses").await?;
    same!(stage.store.renew(vec![token], ODD).await?, [true], "renewing a microsecond before it lapses");
    stage.just_before(ODD).await;
    stage.then().await;
    same!(stage.store.renew(vec![token], ODD).await?, [false], "renewing as it lapses");
    let (again, _) = stage.claim_one().await?;
    holds!(again != token, "another has it as it lapses");
    Ok(())
}

pub(super) async fn a_message_is_due_at_its_instant(stage: Stage) -> Checked {
    let now = stage.at_an_odd_instant().await?;
    let batch = stage.invite(&stage.persons(1)).await?;
    let sent = stage.send_one(deferred(Some(ODD))).await?;
    let next = stage.delivery(batch.id, sent.id()).await?.next_attempt_at;
    same!(next, Some(now + ODD), "when it is due");
    same!(stage.store.waiting().await?.next_in, Some(ODD), "when to wake up");
    stage.just_before(ODD).await;
    same!(stage.due().await?, 0, "messages that are due a microsecond before");
    stage.nothing_is_due("a microsecond before").await?;
    same!(stage.store.waiting().await?.next_in, Some(MICROSECOND), "when to wake up then");
    stage.then().await;
    same!(stage.due().await?, 1, "messages that are due");
    stage.claim_one().await.map(drop)
}

pub(super) async fn a_hold_and_a_start_end_at_their_instant(stage: Stage) -> Checked {
    for (hold, starts_in) in [(ODD, Duration::ZERO), (Duration::ZERO, ODD)] {
        stage.at_an_odd_instant().await?;
        let plan = stage.plan(Action::Invite, &stage.persons(1)).await?;
        let confirm = Confirm { hold: Some(hold), starts_in, ..stage.confirmation(plan.id) };
        has_form!(stage.store.confirm(confirm).await?, Confirmed::Now(_) => (), "confirming");
        stage.just_before(ODD).await;
        stage.nothing_is_due("a microsecond before").await?;
        stage.then().await;
        stage.send_one(accepted()).await?;
    }
    Ok(())
}

pub(super) async fn a_plan_can_be_confirmed_until_its_instant(stage: Stage) -> Checked {
    let lifetime = stage.policy.plan_lifetime;
    stage.at_an_odd_instant().await?;
    let (one, other) = (stage.plan(Action::Invite, &[]).await?, stage.plan(Action::Invite, &[]).await?);
    stage.just_before(lifetime).await;
    stage.then().await;
    same!(stage.sweep().await?, 0, "rows swept as they expire");
    has_form!(stage.store.confirm(stage.confirmation(one.id)).await?, Confirmed::Now(_) => (),
        "confirming at the very instant");
    stage.then().await;
    same!(
        stage.store.confirm(stage.confirmation(other.id)).await?,
        Confirmed::Expired,
        "a microsecond later"
    );
    Ok(())
}

pub(super) async fn a_credential_expires_at_its_instant(mut stage: Stage) -> Checked {
    stage.set(|settings| settings.credential = CredentialKind::SetUpLink).await?;
    stage.at_an_odd_instant().await?;
    let user = stage.person();
    let sent = stage.invited(&user).await?;
    let lifetime = stage.org.settings.credential_lifetime;
    stage.just_before(lifetime).await;
    same!(stage.sweep().await?, 0, "rows swept a microsecond before");
    let until = stage.now().await? + MICROSECOND;
    same!(stage.link_state(sent.digest()?).await?, LinkState::Open { until }, "a microsecond before");
    stage.then().await;
    same!(stage.link_state(sent.digest()?).await?, LinkState::Expired, "at the very instant");
    same!(stage.reserve_link(sent.digest()?).await?, Reserved::Not(LinkState::Expired), "who comes then");
    stage.sweep().await?;
    same!(stage.story(&user).await?.invitations[0].state, InvitationState::Expired, "the invitation, swept");
    Ok(())
}

pub(super) async fn a_reservation_can_be_taken_up_at_its_instant(mut stage: Stage) -> Checked {
    stage.policy.reservation = ODD;
    stage.set(|settings| settings.credential = CredentialKind::SetUpLink).await?;
    stage.at_an_odd_instant().await?;
    let sent = stage.invited(&stage.person()).await?;
    has_form!(stage.reserve_link(sent.digest()?).await?, Reserved::Yours { .. } => (), "the first who comes");
    same!(stage.reserve_link(sent.digest()?).await?, Reserved::Busy(ODD), "the second");
    stage.just_before(ODD).await;
    same!(stage.reserve_link(sent.digest()?).await?, Reserved::Busy(MICROSECOND), "a microsecond before");
    stage.then().await;
    has_form!(stage.reserve_link(sent.digest()?).await?, Reserved::Yours { .. } => (), "at the very instant");
    Ok(())
}

pub(super) async fn a_guess_is_looked_at_again_at_its_instant(mut stage: Stage) -> Checked {
    (stage.policy.free_guesses, stage.policy.guess_wait) = (1, ODD);
    stage.at_an_odd_instant().await?;
    let user = stage.person();
    same!(guess(&stage, &user).await?, None, "the first guess");
    same!(guess(&stage, &user).await?, Some(ODD), "the second");
    stage.just_before(ODD).await;
    same!(guess(&stage, &user).await?, Some(MICROSECOND), "a microsecond before");
    stage.then().await;
    same!(guess(&stage, &user).await?, None, "at the very instant");
    Ok(())
}

pub(super) async fn a_person_is_invited_and_reminded_again_at_the_instant(mut stage: Stage) -> Checked {
    stage.by_filter = true;
    stage.at_an_odd_instant().await?;
    let user = std::slice::from_ref(&stage.person()).to_vec();
    stage.invited(&user[0]).await?;
    let mut gone = Duration::ZERO;
    for (action, wait, skip) in [
        (Action::Invite, stage.policy.invited_recently, SkipReason::InvitedRecently),
        (Action::Remind, stage.org.settings.reminders.gap, SkipReason::TooSoon),
    ] {
        stage.just_before(wait - gone).await;
        let before = stage.plan(action, &user).await?;
        same!(stage.decision(before.id, user[0].id).await?, Decision::Skip(skip), "a microsecond before");
        stage.then().await;
        let then = stage.plan(action, &user).await?;
        same!(stage.decision(then.id, user[0].id).await?, Decision::Send, "at the very instant");
        gone = wait;
    }
    Ok(())
}

pub(super) async fn a_sender_goes_on_at_its_instant(stage: Stage) -> Checked {
    stage.at_an_odd_instant().await?;
    stage.invite(&stage.persons(1)).await?;
    let answer = Answer::new("421", "slowly");
    let scope = Scope::Sender;
    let retry_after = Some(ODD);
    stage.send_one(Outcome::Throttled { retry_after, scope, answer: answer.clone() }).await?;
    stage.just_before(ODD).await;
    stage.nothing_is_due("a microsecond before a throttle ends").await?;
    stage.then().await;
    stage.send_one(Outcome::Blocked { scope, answer }).await?;
    let probe_every = stage.policy.probe_every;
    stage.just_before(probe_every).await;
    stage.nothing_is_due("a microsecond before the probe").await?;
    stage.then().await;
    let (_, probe) = stage.claim_one().await?;
    same!(sender_of(probe.channel), sender_of(Channel::Email), "the probe's sender");
    Ok(())
}

pub(super) async fn a_test_message_may_go_again_at_its_instant(stage: Stage) -> Checked {
    let now = stage.at_an_odd_instant().await?;
    let send = TestSend {
        actor: stage.actor(),
        key: super::organisations::key(MessageKind::Invitation, Channel::Email),
        details: "instants".into(),
        at_most: 1,
        within: ODD,
    };
    same!(stage.store.count_test_send(send.clone()).await?, None, "the first");
    same!(stage.store.count_test_send(send.clone()).await?, Some(now + ODD), "the second");
    stage.just_before(ODD).await;
    same!(stage.store.count_test_send(send.clone()).await?, Some(now + ODD), "a microsecond before");
    stage.then().await;
    same!(stage.store.count_test_send(send).await?, None, "at the very instant");
    Ok(())
}

pub(super) async fn what_begins_at_the_instant_a_lease_lapses_is_begun_or_taken_back(
    stage: Stage,
) -> Checked {
    stage.at_an_odd_instant().await?;
    stage.invite(&stage.persons(1)).await?;
    let (token, one) = stage.claim_one().await?;
    let lease = stage.policy.lease;
    stage.just_before(lease).await;
    stage.then().await;
    let (again, taken) = stage.claim_one().await?;
    same!(taken.id, one.id, "the message");
    has_form!(stage.begin(token, &one).await?, Begun::Fenced => (), "whoever had it");
    has_form!(stage.begin(again, &taken).await?, Begun::Go(_) => (), "whoever has it");
    Ok(())
}

async fn guess(stage: &Stage, user: &User) -> Checked<Option<Duration>> {
    let guess = Guess {
        organisation: stage.id(),
        user: user.id,
        source: "192.0.2.1".into(),
        policy: stage.policy.clone(),
    };
    Ok(stage.store.count_guess(guess).await?)
}

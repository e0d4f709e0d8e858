//! Links that are handed over, and fresh credentials that somebody asked for.

use std::sync::Arc;
use std::time::Duration;

use super::stage::{DAY, HOUR, MINUTE, Stage, accepted, near};
use crate::conformance::{Checked, Failure};
use crate::credential::{LinkToken, TokenDigest, random};
use crate::machine::batch::BatchEvent;
use crate::machine::delivery::Report;
use crate::model::actor::Actor;
use crate::model::batch::{Batch, BatchState, TemplatePins};
use crate::model::credential::CredentialKind;
use crate::model::delivery::{DeliveryState, EndReason};
use crate::model::event::Happening;
use crate::model::id::{BatchId, UserId};
use crate::model::invitation::{InvitationState, RevokeReason};
use crate::model::item::{Action, Announcement, Decision, SkipReason};
use crate::model::message::Channel;
use crate::model::organisation::ChannelRule;
use crate::model::selection::Selection;
use crate::model::sign_in::SignInMethod;
use crate::model::suppression::SuppressionReason;
use crate::model::user::User;
use crate::port::offers::{AskedBy, HandOverLink, LinkHandedOver, Refresh, Refreshed};
use crate::port::plans::NewPlan;
use crate::port::queue::Begun;
use crate::port::records::{SuppressionAct, SuppressionChange};
use crate::port::redemption::LinkState;

pub(super) async fn a_link_that_is_handed_over_works_and_no_message_goes_out(stage: Stage) -> Checked {
    let user = stage.person();
    let (digest, batch) = handed_over(&stage, &user, false).await?;
    stage.nothing_is_due("after a link was handed over").await?;
    same!(stage.deliveries(batch.id).await?.len(), 0, "messages");
    let link = stage.store.link(digest).await?.ok_or_else(|| Failure::new("the link leads nowhere"))?;
    same!((link.organisation, link.user), (stage.id(), user.id), "for whom");
    let until = has_form!(link.state, LinkState::Open { until } => until, "its state");
    holds!(near(until, stage.now().await? + DAY * 7), "it says until when it works");
    stage.come_by(digest).await?;
    let story = stage.story(&user).await?;
    same!(story.invitations.len(), 1, "invitations");
    same!(story.invitations[0].state, InvitationState::Accepted, "the invitation");
    same!(stage.link_state(digest).await?, LinkState::Used, "the link");
    Ok(())
}

pub(super) async fn a_link_that_is_handed_over_is_a_batch_of_its_own(stage: Stage) -> Checked {
    let user = stage.person();
    let (digest, batch) = handed_over(&stage, &user, false).await?;
    same!((batch.action, batch.state), (Action::HandOver, BatchState::Running), "the batch");
    same!((batch.totals.send, batch.totals.people()), (1, 1), "the people of the batch");
    holds!(
        batch.confirmed.as_ref().is_some_and(|confirmed| confirmed.by == stage.actor()),
        "it is confirmed"
    );
    let items = stage.items(batch.id).await?;
    same!(items.len(), 1, "items");
    same!((items[0].decision, items[0].channels.len()), (Decision::Send, 0), "the item");
    let story = stage.story(&user).await?;
    same!(items[0].invitation, Some(story.invitations[0].id), "the invitation of the item");
    same!(story.invitations[0].batch, batch.id, "the batch of the invitation");
    same!(story.credentials.len(), 1, "credentials");
    holds!(!story.credentials[0].sealed, "no sealed secret is kept");
    let told = [
        stage.count(|what| matches!(what, Happening::LinkHandedOver { .. })).await?,
        stage.count(|what| matches!(what, Happening::BatchFinished { .. })).await?,
        stage.count(|what| matches!(what, Happening::Invited { .. })).await?,
    ];
    same!(told, [1, 1, 0], "events: handed over, finished, invited");
    same!(audited(&stage, "link_handed_over").await?, 1, "lines of the audit");
    stage.come_by(digest).await?;
    let funnel = stage.store.progress(stage.id(), batch.id).await?.funnel;
    same!((funnel.recipients, funnel.sent, funnel.accepted), (1, 0, 1), "the funnel");
    Ok(())
}

pub(super) async fn whoever_holds_a_link_was_never_invited_and_is_seen_to_hold_it(stage: Stage) -> Checked {
    let user = stage.person();
    handed_over(&stage, &user, false).await?;
    let histories = stage.store.histories(stage.id(), vec![user]).await?;
    let last = histories[0].last_invitation.as_ref();
    let last = last.ok_or_else(|| Failure::new("the history has no invitation"))?;
    holds!(!histories[0].invited, "the person was never invited");
    holds!(
        last.handed_over && last.arrived.is_empty(),
        "the invitation was handed over, and nothing arrived"
    );
    let until = last.expires_at.ok_or_else(|| Failure::new("the invitation has no end"))?;
    holds!(near(until, stage.now().await? + DAY * 7), "the history says until when it works");
    Ok(())
}

pub(super) async fn a_newer_link_supersedes_the_one_before(stage: Stage) -> Checked {
    let user = stage.person();
    let (first, _) = handed_over(&stage, &user, false).await?;
    stage.tick().await;
    let (second, _) = handed_over(&stage, &user, false).await?;
    let superseded = LinkState::Revoked(RevokeReason::Superseded);
    same!(stage.link_state(first).await?, superseded, "the first link");
    has_form!(stage.link_state(second).await?, LinkState::Open { .. } => (), "the second link");
    Ok(())
}

pub(super) async fn a_link_supersedes_what_was_sent_and_cancels_what_waits(mut stage: Stage) -> Checked {
    stage.set(|settings| settings.credential = CredentialKind::SetUpLink).await?;
    let (user, neighbour) = (stage.person(), stage.person());
    let sent = stage.invited(&user).await?;
    stage.advance(DAY).await;
    let planned = stage.plan(Action::Invite, std::slice::from_ref(&user)).await?;
    let waits = stage.invite(&[user.clone(), neighbour.clone()]).await?;
    let (digest, _) = handed_over(&stage, &user, false).await?;
    let superseded = LinkState::Revoked(RevokeReason::Superseded);
    same!(stage.link_state(sent.digest()?).await?, superseded, "the link that was sent");
    let messages = stage.deliveries(waits.id).await?;
    let own = messages.iter().find(|message| message.user == user.id).map(|own| (own.state, own.reason));
    same!(own, Some((DeliveryState::Cancelled, Some(EndReason::InvitationClosed))), "what waited");
    same!(stage.send_all().await?.len(), 1, "messages that go, to somebody else");
    has_form!(stage.link_state(digest).await?, LinkState::Open { .. } => (), "the link that was handed over");
    let planned = stage.deliveries(planned.id).await?;
    same!(planned[0].state, DeliveryState::Planned, "a message of a plan that nobody confirmed");
    Ok(())
}

pub(super) async fn a_message_under_way_takes_no_link_away_when_it_arrives(mut stage: Stage) -> Checked {
    stage.set(|settings| settings.credential = CredentialKind::SetUpLink).await?;
    let user = stage.person_set_up();
    stage.invite(std::slice::from_ref(&user)).await?;
    let under_way = stage.take_off().await?;
    stage.tick().await;
    let (digest, _) = handed_over(&stage, &user, true).await?;
    stage.record(&under_way, accepted()).await?;
    has_form!(stage.link_state(digest).await?, LinkState::Open { .. } => (), "the link that was handed over");
    let superseded = LinkState::Revoked(RevokeReason::Superseded);
    same!(stage.link_state(under_way.digest()?).await?, superseded, "the link of the message");
    holds!(stage.own_password_counts(&user).await?, "the own password counts");
    Ok(())
}

pub(super) async fn without_consent_nobody_who_is_set_up_gets_a_link(stage: Stage) -> Checked {
    let user = stage.person_set_up();
    let (digest, refused) = hand_over(&stage, &user, false).await?;
    let needs_consent = Decision::Skip(SkipReason::SetUpNeedsConsent);
    same!(refused, LinkHandedOver::Refused(needs_consent), "the answer");
    same!(stage.store.link(digest).await?, None, "what the link leads to");
    same!(stage.store.batches(stage.id(), None, 10).await?, [], "batches");
    same!(stage.story(&user).await?.invitations, [], "invitations");
    same!(audited(&stage, "link_handed_over").await?, 0, "lines of the audit");
    Ok(())
}

pub(super) async fn a_link_with_consent_retires_the_own_password_when_it_is_used(stage: Stage) -> Checked {
    let user = stage.person_set_up();
    let (digest, batch) = handed_over(&stage, &user, true).await?;
    same!((batch.totals.reset, batch.totals.people()), (1, 1), "the people of the batch");
    holds!(batch.confirmed.as_ref().is_some_and(|confirmed| confirmed.resets), "consent is kept");
    holds!(stage.own_password_counts(&user).await?, "the own password counts while nobody uses the link");
    let retired = |what: &Happening| matches!(what, Happening::PasswordRetired { .. });
    same!(stage.count(retired).await?, 0, "events that it was retired, before");
    stage.come_by(digest).await?;
    same!(stage.count(retired).await?, 1, "events that it was retired, after");
    Ok(())
}

pub(super) async fn whoever_gets_no_credential_gets_no_link(mut stage: Stage) -> Checked {
    let [mut deactivated, mut sso, mut elsewhere] = [stage.person(), stage.person(), stage.person_set_up()];
    deactivated.deactivated = true;
    sso.sign_in = Some(SignInMethod::Sso);
    elsewhere.elsewhere = true;
    for user in [&deactivated, &sso, &elsewhere] {
        stage.put(user);
    }
    let stranger = User::new(UserId::new());
    stage.set(|settings| settings.sso_policy = crate::model::organisation::SsoPolicy::Announce).await?;
    let admin = stage.admin.clone();
    for (user, expected) in [
        (&stranger, Decision::Skip(SkipReason::NotFound)),
        (&deactivated, Decision::Skip(SkipReason::Deactivated)),
        (&admin, Decision::Skip(SkipReason::Yourself)),
        (&sso, Decision::Skip(SkipReason::SignsInWithSso)),
        (&elsewhere, Decision::Announce(Announcement::Elsewhere)),
    ] {
        let (digest, answer) = hand_over(&stage, user, true).await?;
        same!(answer, LinkHandedOver::Refused(expected), "the answer");
        same!(stage.store.link(digest).await?, None, "what the link leads to, {expected:?}");
    }
    same!(stage.store.batches(stage.id(), None, 10).await?, [], "batches");
    Ok(())
}

pub(super) async fn a_link_needs_no_address(stage: Stage) -> Checked {
    let (mut without, suppressed) = (stage.person(), stage.person());
    without.email = None;
    stage.put(&without);
    suppress(&stage, &suppressed).await?;
    for user in [&without, &suppressed] {
        let (digest, _) = handed_over(&stage, user, false).await?;
        has_form!(stage.link_state(digest).await?, LinkState::Open { .. } => (), "the link");
    }
    Ok(())
}

pub(super) async fn a_link_that_was_handed_over_is_recalled_like_any_other(stage: Stage) -> Checked {
    let user = stage.person();
    let (digest, batch) = handed_over(&stage, &user, false).await?;
    stage.change(batch.id, BatchEvent::Recall).await?;
    let recalled = LinkState::Revoked(RevokeReason::Recalled);
    same!(stage.link_state(digest).await?, recalled, "the link, before any sweep");
    stage.sweep().await?;
    let state = stage.story(&user).await?.invitations[0].state;
    same!(state, InvitationState::Revoked(RevokeReason::Recalled), "the invitation, after the sweep");
    Ok(())
}

pub(super) async fn a_fresh_credential_goes_to_whoever_was_invited(mut stage: Stage) -> Checked {
    stage.set(|settings| settings.credential = CredentialKind::SetUpLink).await?;
    let user = stage.person();
    let first = stage.invited(&user).await?;
    stage.advance(DAY * 8).await;
    stage.sweep().await?;
    let batch =
        has_form!(refresh(&stage, &user, "").await?, Refreshed::Confirmed(batch) => batch, "the answer");
    same!((batch.action, batch.totals.send), (Action::Refresh, 1), "the batch");
    same!(batch.planned_by, Actor::system(stage.id()), "who planned");
    let sent = stage.send_all().await?;
    same!(sent.len(), 1, "messages");
    has_form!(stage.link_state(sent[0].digest()?).await?, LinkState::Open { .. } => (), "the fresh link");
    let superseded = LinkState::Revoked(RevokeReason::Superseded);
    same!(stage.link_state(first.digest()?).await?, superseded, "the first link");
    same!(audited(&stage, "fresh_requested").await?, 1, "lines of the audit");
    let told = Happening::FreshRequested { user: user.id, batch: Some(batch.id) };
    same!(stage.count(|what| *what == told).await?, 1, "events");
    Ok(())
}

pub(super) async fn a_fresh_credential_goes_to_nobody_else(mut stage: Stage) -> Checked {
    stage.set(|settings| settings.credential = CredentialKind::SetUpLink).await?;
    let never = stage.person();
    skipped(&stage, &never, SkipReason::NeverInvited).await?;

    let suppressed = stage.person();
    stage.invited(&suppressed).await?;
    suppress(&stage, &suppressed).await?;
    skipped(&stage, &suppressed, SkipReason::Suppressed).await?;

    let mut sso = stage.person();
    stage.invited(&sso).await?;
    sso.sign_in = Some(SignInMethod::Sso);
    stage.put(&sso);
    skipped(&stage, &sso, SkipReason::SignsInWithSso).await?;

    let set_up = stage.person_set_up();
    stage.invited(&set_up).await?;
    skipped(&stage, &set_up, SkipReason::AlreadySetUp).await?;

    let queued = stage.person();
    stage.invited(&queued).await?;
    has_form!(refresh(&stage, &queued, "").await?, Refreshed::Confirmed(_) => (), "a first request");
    skipped(&stage, &queued, SkipReason::AlreadyQueued).await?;
    stage.send_all().await?;

    let recalled = stage.person();
    let recall = stage.invite(std::slice::from_ref(&recalled)).await?;
    stage.send_all().await?;
    stage.change(recall.id, BatchEvent::Recall).await?;
    skipped(&stage, &recalled, SkipReason::InvitationRevoked).await?;

    let holds_one = stage.person();
    handed_over(&stage, &holds_one, false).await?;
    skipped(&stage, &holds_one, SkipReason::LinkInHand).await?;

    let mut left = stage.person();
    stage.invited(&left).await?;
    left.deactivated = true;
    stage.put(&left);
    skipped(&stage, &left, SkipReason::Deactivated).await?;
    stage.nothing_is_due("after requests that were skipped").await
}

pub(super) async fn a_link_in_hand_that_expired_is_no_obstacle_to_a_fresh_credential(
    stage: Stage,
) -> Checked {
    let user = stage.person();
    handed_over(&stage, &user, false).await?;
    stage.advance(DAY * 7 + MINUTE).await;
    has_form!(refresh(&stage, &user, "").await?, Refreshed::Confirmed(_) => (), "the answer, before any sweep");
    Ok(())
}

pub(super) async fn a_retired_password_is_reset_again_for_whoever_asks(stage: Stage) -> Checked {
    let user = stage.person_set_up();
    stage.invited(&user).await?;
    holds!(!stage.own_password_counts(&user).await?, "the own password is retired");
    stage.advance(DAY * 8).await;
    stage.sweep().await?;
    let batch =
        has_form!(refresh(&stage, &user, "").await?, Refreshed::Confirmed(batch) => batch, "the answer");
    same!((batch.totals.reset, batch.totals.people()), (1, 1), "the people of the batch");
    let sent = stage.send_all().await?;
    same!(sent.len(), 1, "messages");
    let retired = stage.story(&user).await?.retired.map(|(invitation, _)| invitation);
    same!(retired, Some(sent[0].claimed.invitation), "what has retired the own password");
    same!(stage.open_passwords(&user).await?.len(), 1, "temporary passwords that work");
    Ok(())
}

pub(super) async fn a_request_resets_nobody_whose_password_counts_again_by_then(stage: Stage) -> Checked {
    let user = stage.person_set_up();
    let first = stage.invited(&user).await?;
    stage.advance(DAY).await;
    has_form!(refresh(&stage, &user, "").await?, Refreshed::Confirmed(_) => (), "the first request");
    let (token, claimed) = stage.claim_one().await?;
    stage.report(first.id(), Report::Bounced).await?;
    holds!(stage.own_password_counts(&user).await?, "the bounce has lifted the retirement");
    let stopped = stage.begin(token, &claimed).await?;
    has_form!(stopped, Begun::Stopped(_) => (), "beginning the fresh message");
    holds!(stage.own_password_counts(&user).await?, "the own password counts");

    let other = stage.person_set_up();
    let first = stage.invited(&other).await?;
    stage.advance(DAY).await;
    has_form!(refresh(&stage, &other, "").await?, Refreshed::Confirmed(_) => (), "the second request");
    let in_flight = stage.take_off().await?;
    stage.report(first.id(), Report::Bounced).await?;
    stage.record(&in_flight, accepted()).await?;
    holds!(stage.own_password_counts(&other).await?, "a message that was under way retires nothing");
    Ok(())
}

pub(super) async fn a_fresh_credential_goes_by_sms_to_whom_only_an_sms_reached(mut stage: Stage) -> Checked {
    stage.channels = ChannelRule::Sms;
    let user = stage.person_by_both();
    stage.invited(&user).await?;
    stage.advance(DAY * 8).await;
    has_form!(refresh(&stage, &user, "").await?, Refreshed::Confirmed(_) => (), "the answer");
    let sent = stage.send_all().await?;
    let channels: Vec<Channel> = sent.iter().map(|one| one.claimed.channel).collect();
    same!(channels, [Channel::Sms], "channels");
    Ok(())
}

pub(super) async fn requests_for_a_person_are_heard_a_few_times_an_hour(stage: Stage) -> Checked {
    let (user, other) = (stage.person(), stage.person());
    stage.invite(&[user.clone(), other.clone()]).await?;
    let nobody = User::new(UserId::new());
    for user in [&user, &nobody] {
        for number in 1..=3 {
            let answer = refresh(&stage, user, "").await?;
            has_form!(answer, Refreshed::Skipped(_) => (), "request {number}");
            stage.advance(MINUTE * 10).await;
        }
        for _ in 0..4 {
            same!(refresh(&stage, user, "").await?, Refreshed::TooOften, "a request too many");
        }
    }
    has_form!(refresh(&stage, &other, "").await?, Refreshed::Skipped(_) => (), "a request for another");
    same!(audited(&stage, "fresh_requested").await?, 4, "lines of the audit: none for nobody, none beyond");
    // An hour after the first, and what was not heard does not count.
    stage.advance(MINUTE).await;
    has_form!(refresh(&stage, &user, "").await?, Refreshed::Skipped(_) => (), "a request after an hour");
    same!(refresh(&stage, &user, "").await?, Refreshed::TooOften, "one more");
    Ok(())
}

pub(super) async fn requests_from_an_address_are_heard_for_whomever_they_are(mut stage: Stage) -> Checked {
    stage.policy.fresh_of_source = 5;
    let user = stage.person();
    stage.invite(std::slice::from_ref(&user)).await?;
    for _ in 0..4 {
        let answer = refresh(&stage, &user, "192.0.2.1").await?;
        has_form!(answer, Refreshed::Skipped(_) | Refreshed::TooOften => (), "a request for one person");
        stage.advance(MINUTE).await;
    }
    let answer = refresh(&stage, &stage.person(), "192.0.2.1").await?;
    has_form!(answer, Refreshed::Skipped(_) => (), "the fifth request");
    for user in [&user, &stage.person(), &User::new(UserId::new())] {
        let answer = refresh(&stage, user, "192.0.2.1").await?;
        let rest = has_form!(answer, Refreshed::Wait(rest) => rest, "a request too many");
        let left = MINUTE * 54..=HOUR;
        holds!(left.contains(&rest), "it says when the first is an hour old, but it says {rest:?}");
    }
    let person = stage.person();
    for source in ["192.0.2.2", ""] {
        let answer = refresh(&stage, &person, source).await?;
        has_form!(answer, Refreshed::Skipped(_) => (), "a request from elsewhere");
    }
    stage.advance(MINUTE * 57).await;
    let answer = refresh(&stage, &person, "192.0.2.1").await?;
    has_form!(answer, Refreshed::Skipped(_) => (), "a request after an hour");
    Ok(())
}

pub(super) async fn of_many_requests_at_the_same_time_a_few_are_heard(stage: Stage) -> Checked {
    let user = stage.person();
    stage.invited(&user).await?;
    stage.advance(DAY).await;
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let (store, request) = (Arc::clone(&stage.store), request(&stage, &user, "192.0.2.1"));
            tokio::spawn(async move { store.refresh(request).await })
        })
        .collect();
    let (mut confirmed, mut skipped, mut too_often) = (0, 0, 0);
    for task in tasks {
        match task.await.map_err(|error| Failure::new(error.to_string()))?? {
            Refreshed::Confirmed(_) => confirmed += 1,
            Refreshed::Skipped(SkipReason::AlreadyQueued) => skipped += 1,
            Refreshed::TooOften => too_often += 1,
            other => return Err(Failure::new(format!("a request was answered {other:?}"))),
        }
    }
    same!((confirmed, skipped, too_often), (1, 2, 17), "confirmed, skipped, too often");
    same!(stage.send_all().await?.len(), 1, "messages");
    Ok(())
}

pub(super) async fn a_request_for_nobody_leaves_nothing_behind(stage: Stage) -> Checked {
    let events = stage.events().await?;
    let answer = refresh(&stage, &User::new(UserId::new()), "").await?;
    same!(answer, Refreshed::Skipped(SkipReason::NotFound), "the answer");
    same!(stage.events().await?, events, "the events");
    same!(audited(&stage, "fresh_requested").await?, 0, "lines of the audit");
    same!(stage.store.batches(stage.id(), None, 10).await?, [], "batches");
    Ok(())
}

pub(super) async fn requests_are_counted_in_each_organisation_and_forgotten(stage: Stage) -> Checked {
    let theirs = stage.neighbour("neighbour").await?;
    let user = stage.person();
    theirs.put(&user);
    for _ in 0..3 {
        has_form!(refresh(&stage, &user, "").await?, Refreshed::Skipped(_) => (), "a request here");
    }
    same!(refresh(&stage, &user, "").await?, Refreshed::TooOften, "a request too many here");
    has_form!(refresh(&theirs, &user, "").await?, Refreshed::Skipped(_) => (), "a request elsewhere");
    same!(stage.sweep().await?, 0, "rows swept within the hour");
    stage.advance(HOUR + MINUTE).await;
    holds!(stage.sweep().await? > 0, "the sweep forgets them after an hour");
    same!(stage.sweep().await?, 0, "rows of the next sweep");
    Ok(())
}

/// A link that must be handed over.
async fn handed_over(stage: &Stage, user: &User, resets: bool) -> Checked<(TokenDigest, Batch)> {
    let (digest, answer) = hand_over(stage, user, resets).await?;
    let batch = has_form!(answer, LinkHandedOver::Done { batch, .. } => batch, "handing a link over");
    Ok((digest, *batch))
}

async fn hand_over(stage: &Stage, user: &User, resets: bool) -> Checked<(TokenDigest, LinkHandedOver)> {
    let offer = offer(stage, user, resets)?;
    Ok((offer.digest, stage.store.hand_over_link(offer).await?))
}

/// A link that is to be handed over.
pub(super) fn offer(stage: &Stage, user: &User, resets: bool) -> Checked<HandOverLink> {
    let mut random = random::system_random().map_err(|error| Failure::new(error.to_string()))?;
    Ok(HandOverLink {
        plan: plan(stage.actor(), Action::HandOver, user),
        user: user.id,
        facts: stage.facts(user.id),
        digest: LinkToken::mint(&mut random).digest(),
        resets,
        policy: stage.policy.clone(),
    })
}

pub(super) async fn refresh(stage: &Stage, user: &User, source: &str) -> Checked<Refreshed> {
    Ok(stage.store.refresh(request(stage, user, source)).await?)
}

fn request(stage: &Stage, user: &User, source: &str) -> Refresh {
    Refresh {
        plan: plan(Actor::system(stage.id()), Action::Refresh, user),
        user: user.id,
        facts: stage.facts(user.id),
        senders: stage.senders.clone(),
        by: AskedBy::Name,
        source: source.to_owned(),
        policy: stage.policy.clone(),
    }
}

fn plan(actor: Actor, action: Action, user: &User) -> NewPlan {
    NewPlan {
        id: BatchId::new(),
        actor,
        inviter: "Ada Admin".into(),
        action,
        scheduled: false,
        selection: Selection::Ids(vec![user.id]),
        channels: ChannelRule::Preferred,
        templates: TemplatePins::default(),
        lifetime: Duration::from_hours(24),
    }
}

async fn skipped(stage: &Stage, user: &User, reason: SkipReason) -> Checked {
    same!(refresh(stage, user, "").await?, Refreshed::Skipped(reason), "the answer to a request");
    let told = Happening::FreshRequested { user: user.id, batch: None };
    same!(stage.count(|what| *what == told).await?, 1, "events of {reason}");
    Ok(())
}

async fn suppress(stage: &Stage, user: &User) -> Checked {
    let address = user.email.as_ref().map(|email| email.as_str().to_lowercase());
    let change = SuppressionChange {
        actor: stage.actor(),
        channel: Channel::Email,
        address: address.ok_or_else(|| Failure::new("the person has no address"))?,
        act: SuppressionAct::Put(SuppressionReason::ByHand),
    };
    Ok(stage.store.suppress(change).await?)
}

async fn audited(stage: &Stage, what: &str) -> Checked<usize> {
    let lines = stage.store.audit(stage.id(), None, 1_000).await?;
    Ok(lines.iter().filter(|line| line.what == what).count())
}

//! The work that schedules make.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use uuid::Uuid;

use super::stage::{DAY, HOUR, MINUTE, Stage, accepted};
use crate::conformance::Checked;
use crate::machine::batch::BatchEvent;
use crate::model::event::Happening;
use crate::model::id::UserId;
use crate::model::item::{Action, Decision, SkipReason};
use crate::model::schedule::{Due, DueKind, InviteNew, Schedule};
use crate::model::user::User;
use crate::port::schedules::{ClaimedDue, SettleDue};

impl Stage {
    async fn add(&self, kind: DueKind, subjects: &[Uuid], at: DateTime<Utc>) -> Checked {
        let due = subjects.iter().map(|subject| Due { kind, subject: *subject, at }).collect();
        Ok(self.store.add_due(self.id(), due).await?)
    }

    async fn claim_due(&self) -> Checked<Option<ClaimedDue>> {
        Ok(self.store.claim_due(100, MINUTE * 10).await?)
    }

    /// Claims due work, which must be there.
    async fn given(&self) -> Checked<ClaimedDue> {
        let claimed = self.claim_due().await?;
        Ok(has_form!(claimed, Some(claimed) => claimed, "work that is due"))
    }

    async fn settle(&self, claimed: ClaimedDue, next: Vec<Due>) -> Checked {
        let ClaimedDue { organisation, kind, token, subjects: done } = claimed;
        Ok(self.store.settle_due(SettleDue { organisation, token, kind, done, next }).await?)
    }

    /// That a plan of the schedule decides so about a reminder of this person.
    async fn reminder_is(&self, user: &User, skipped: Option<SkipReason>) -> Checked {
        let plan = self.plan(Action::Remind, std::slice::from_ref(user)).await?;
        holds!(plan.scheduled, "the plan says that a schedule made it");
        let expected = skipped.map_or(Decision::Send, Decision::Skip);
        same!(self.decision(plan.id, user.id).await?, expected, "the decision");
        Ok(())
    }

    /// Reminders after 3 and 7 days, at midnight where everybody is.
    async fn set_schedule(&mut self, change: impl FnOnce(&mut Schedule)) -> Checked {
        let mut schedule = Schedule {
            remind_after: vec![3, 7],
            reminder_hour: chrono::NaiveTime::MIN,
            ..Schedule::default()
        };
        change(&mut schedule);
        self.set(|settings| settings.schedule = Some(schedule)).await
    }
}

fn subjects(count: usize) -> Vec<Uuid> {
    let mut subjects: Vec<_> = (0..count).map(|_| UserId::new().as_uuid()).collect();
    subjects.sort_unstable();
    subjects
}

pub(super) async fn due_work_is_given_when_it_is_due_and_not_before(stage: Stage) -> Checked {
    let subjects = subjects(3);
    same!(stage.claim_due().await?, None, "work where there is none");
    stage.add(DueKind::Remind, &subjects, stage.now().await? + HOUR).await?;
    stage.advance(HOUR - MINUTE).await;
    same!(stage.claim_due().await?, None, "work before its time");
    stage.advance(MINUTE * 2).await;
    let claimed = stage.given().await?;
    same!(claimed.organisation, stage.id(), "its organisation");
    same!((claimed.kind, claimed.subjects), (DueKind::Remind, subjects), "its kind and subjects");
    Ok(())
}

pub(super) async fn due_work_is_given_to_one_until_its_lease_is_over(stage: Stage) -> Checked {
    let subjects = subjects(2);
    stage.add(DueKind::Invite, &subjects, stage.now().await?).await?;
    let first = stage.given().await?;
    same!(stage.claim_due().await?, None, "work that somebody has");
    stage.advance(MINUTE * 9).await;
    same!(stage.claim_due().await?, None, "work within its lease");
    stage.advance(MINUTE * 2).await;
    let second = stage.given().await?;
    same!(second.subjects, subjects, "work whose lease is over");
    // Who comes too late removes nothing.
    stage.settle(first, Vec::new()).await?;
    stage.advance(MINUTE * 11).await;
    same!(stage.given().await?.subjects, subjects, "work that only an overtaken worker has settled");
    Ok(())
}

pub(super) async fn due_work_of_a_claim_is_of_one_organisation_and_kind(stage: Stage) -> Checked {
    let there = stage.neighbour("there").await?;
    let now = stage.now().await?;
    let mut expected = BTreeSet::new();
    for (place, kind) in [
        (&stage, DueKind::Invite),
        (&stage, DueKind::Remind),
        (&there, DueKind::Remind),
        (&there, DueKind::Review),
    ] {
        let of_kind = subjects(2);
        place.add(kind, &of_kind, now).await?;
        expected.insert((place.id(), kind, of_kind));
    }
    // Nobody is told of an expiry by who claims.
    stage.add(DueKind::ExpiryNotice, &subjects(1), now).await?;
    let mut given = BTreeSet::new();
    while let Some(claimed) = stage.claim_due().await? {
        given.insert((claimed.organisation, claimed.kind, claimed.subjects));
    }
    same!(given, expected, "work by organisation and kind");
    Ok(())
}

pub(super) async fn of_due_work_what_has_been_due_for_longest_goes_first(stage: Stage) -> Checked {
    let there = stage.neighbour("there").await?;
    let now = stage.now().await?;
    let (late, later) = (subjects(3), subjects(3));
    stage.add(DueKind::Remind, &late, now - MINUTE).await?;
    there.add(DueKind::Remind, &later, now - MINUTE * 2).await?;
    stage.add(DueKind::Remind, &late[2..], now - MINUTE * 3).await?;
    let first = stage.store.claim_due(1, HOUR).await?;
    same!(first.map(|claimed| claimed.subjects), Some(vec![late[2]]), "the first");
    let second = stage.store.claim_due(2, HOUR).await?;
    same!(second.as_ref().map(|claimed| claimed.organisation), Some(there.id()), "whose the second is");
    same!(second.map(|claimed| claimed.subjects.len()), Some(2), "how much was asked for");
    Ok(())
}

pub(super) async fn those_who_look_for_due_work_at_the_same_time_share_it(stage: Stage) -> Checked {
    let all = subjects(200);
    stage.add(DueKind::Remind, &all, stage.now().await?).await?;
    let look = || async {
        let mut found = Vec::new();
        while let Some(claimed) = stage.store.claim_due(7, HOUR).await? {
            found.extend(claimed.subjects);
        }
        Checked::Ok(found)
    };
    let mut given = Vec::new();
    for found in join_all((0..4).map(|_| look())).await {
        given.extend(found?);
    }
    given.sort_unstable();
    same!(given, all, "work that four workers were given");
    Ok(())
}

pub(super) async fn work_that_is_settled_is_gone_and_what_comes_after_it_is_there(stage: Stage) -> Checked {
    let subjects = subjects(3);
    let now = stage.now().await?;
    stage.add(DueKind::Remind, &subjects, now).await?;
    let claimed = stage.given().await?;
    let next = vec![Due { kind: DueKind::Remind, subject: subjects[1], at: now + DAY }];
    stage.settle(claimed, next).await?;
    stage.advance(HOUR).await;
    same!(stage.claim_due().await?, None, "work that is settled");
    stage.advance(DAY).await;
    same!(stage.given().await?.subjects, vec![subjects[1]], "what comes after it");
    Ok(())
}

pub(super) async fn work_that_was_added_again_meanwhile_is_not_lost(stage: Stage) -> Checked {
    let subjects = subjects(2);
    let now = stage.now().await?;
    stage.add(DueKind::Remind, &subjects, now).await?;
    let claimed = stage.given().await?;
    // While a worker is at it, an invitation begins anew.
    stage.add(DueKind::Remind, &subjects[..1], now + DAY).await?;
    stage.settle(claimed, Vec::new()).await?;
    stage.advance(DAY * 2).await;
    same!(stage.given().await?.subjects, vec![subjects[0]], "what was added meanwhile");
    // The earlier of two times counts.
    let now = stage.now().await?;
    stage.add(DueKind::Invite, &subjects, now + HOUR).await?;
    stage.add(DueKind::Invite, &subjects[..1], now + HOUR * 3).await?;
    stage.add(DueKind::Invite, &subjects[1..], now + MINUTE).await?;
    stage.advance(MINUTE * 2).await;
    same!(stage.given().await?.subjects, vec![subjects[1]], "what was added earlier as well");
    stage.advance(HOUR).await;
    holds!(
        stage.given().await?.subjects.contains(&subjects[0]),
        "what was added later as well is due at its first time"
    );
    Ok(())
}

pub(super) async fn a_message_that_begins_makes_its_reminder_due(mut stage: Stage) -> Checked {
    let before = stage.person();
    stage.invited(&before).await?;
    stage.set_schedule(|_| {}).await?;
    let review = stage.given().await?;
    stage.settle(review, Vec::new()).await?;
    let user = stage.person();
    stage.invited(&user).await?;
    stage.advance(DAY * 3 - HOUR).await;
    same!(stage.claim_due().await?, None, "work before the first reminder could go");
    stage.advance(HOUR * 2).await;
    let claimed = stage.given().await?;
    let whose = vec![user.id.as_uuid()];
    same!((claimed.kind, &claimed.subjects), (DueKind::Remind, &whose), "whom to look at");
    stage.settle(claimed, Vec::new()).await?;
    // A reminder is on the ladder already; a new invitation begins it anew.
    stage.remind(std::slice::from_ref(&user)).await?;
    stage.send_one(accepted()).await?;
    stage.advance(DAY * 10).await;
    same!(stage.claim_due().await?, None, "work after a reminder");
    stage.invited(&user).await?;
    stage.advance(DAY * 3 + HOUR).await;
    same!(stage.given().await?.subjects, whose, "whom to look at after another invitation");
    Ok(())
}

pub(super) async fn a_schedule_that_changes_makes_its_work_due(mut stage: Stage) -> Checked {
    same!(stage.claim_due().await?, None, "work without a schedule");
    stage.set_schedule(|_| {}).await?;
    let review = stage.given().await?;
    same!((review.kind, &review.subjects), (DueKind::Review, &vec![Uuid::nil()]), "work of a new schedule");
    stage.settle(review, Vec::new()).await?;
    stage.set(|settings| settings.support = "Ask".into()).await?;
    same!(stage.claim_due().await?, None, "work where the schedule is as it was");
    let at = stage.now().await? + HOUR;
    stage.set_schedule(|schedule| schedule.invite = InviteNew::At(at)).await?;
    let review = stage.given().await?;
    stage.settle(review, Vec::new()).await?;
    same!(stage.claim_due().await?, None, "work before everybody is invited");
    stage.advance(HOUR + MINUTE).await;
    let all = stage.given().await?;
    same!((all.kind, &all.subjects), (DueKind::InviteAll, &vec![Uuid::nil()]), "work at its time");
    stage.settle(all, Vec::new()).await?;
    stage.set(|settings| settings.support = "Ask again".into()).await?;
    same!(stage.claim_due().await?, None, "work of a time that is past");
    Ok(())
}

pub(super) async fn a_reminder_by_the_schedule_keeps_to_its_days(mut stage: Stage) -> Checked {
    stage.set_schedule(|_| {}).await?;
    stage.by_schedule = true;
    let user = stage.person();
    let users = std::slice::from_ref(&user);
    stage.invited(&user).await?;
    stage.advance(DAY * 2 + HOUR).await;
    stage.reminder_is(&user, Some(SkipReason::TooSoon)).await?;
    stage.advance(DAY * 2).await;
    stage.reminder_is(&user, None).await?;
    let late = stage.remind(users).await?;
    holds!(stage.batch(late.id).await?.scheduled, "the batch says that a schedule made it");
    // It begins by the same days.
    stage.set(|settings| settings.reminders.gap = DAY * 30).await?;
    holds!(!stage.send_one(accepted()).await?.hand_over.last_reminder, "one more reminder comes");
    stage.reminder_is(&user, Some(SkipReason::TooSoon)).await?;
    stage.advance(DAY * 4).await;
    stage.remind(users).await?;
    holds!(stage.send_one(accepted()).await?.hand_over.last_reminder, "it is the last reminder");
    stage.advance(DAY * 30).await;
    stage.reminder_is(&user, Some(SkipReason::EnoughReminders)).await?;
    stage.set(|settings| settings.schedule = None).await?;
    stage.reminder_is(&user, Some(SkipReason::EnoughReminders)).await?;
    Ok(())
}

pub(super) async fn whoever_was_invited_is_not_invited_by_the_schedule(mut stage: Stage) -> Checked {
    let (invited, new) = (stage.person(), stage.person());
    stage.invited(&invited).await?;
    stage.advance(DAY).await;
    stage.by_schedule = true;
    let plan = stage.plan(Action::Invite, &[invited.clone(), new.clone()]).await?;
    let skipped = Decision::Skip(SkipReason::InvitedRecently);
    same!(stage.decision(plan.id, invited.id).await?, skipped, "whoever was invited");
    same!(stage.decision(plan.id, new.id).await?, Decision::Send, "whoever was not");
    Ok(())
}

pub(super) async fn an_invitation_that_expires_soon_is_told_once_a_generation(mut stage: Stage) -> Checked {
    stage.set_schedule(|schedule| schedule.expiry_notice = true).await?;
    let user = stage.person();
    let batch = stage.invite(std::slice::from_ref(&user)).await?;
    stage.send_one(accepted()).await?;
    let soon = |what: &Happening| matches!(what, Happening::ExpiresSoon { .. });
    for generation in 1..=2 {
        stage.advance(DAY * 6 - HOUR).await;
        stage.sweep().await?;
        same!(stage.count(soon).await?, generation - 1, "notices more than a day before it expires");
        stage.advance(HOUR * 2).await;
        stage.sweep().await?;
        stage.advance(HOUR * 2).await;
        stage.sweep().await?;
        same!(stage.count(soon).await?, generation, "notices of generation {generation}");
        let invitation = stage.story(&user).await?.invitations.remove(0);
        let expected = Happening::ExpiresSoon {
            user: user.id,
            invitation: invitation.id,
            batch: batch.id,
            inviter: Some(stage.admin.id),
            expires_at: invitation.expires_at.unwrap_or_default(),
        };
        let told = stage.events().await?.into_iter().rev().find(|event| soon(&event.what));
        same!(told.map(|event| event.what), Some(expected), "what is told");
        stage.remind(std::slice::from_ref(&user)).await?;
        stage.send_one(accepted()).await?;
    }
    Ok(())
}

pub(super) async fn nothing_is_told_of_an_invitation_that_is_closed_or_where_nobody_asked(
    mut stage: Stage,
) -> Checked {
    let soon = |what: &Happening| matches!(what, Happening::ExpiresSoon { .. });
    let unasked = stage.person();
    stage.invited(&unasked).await?;
    stage.set_schedule(|schedule| schedule.expiry_notice = true).await?;
    let (recalled, given_more_time) = (stage.person(), stage.person());
    let batch = stage.invite(std::slice::from_ref(&recalled)).await?;
    stage.send_one(accepted()).await?;
    stage.invited(&given_more_time).await?;
    stage.change(batch.id, BatchEvent::Recall).await?;
    stage.advance(DAY * 4).await;
    stage.remind(std::slice::from_ref(&given_more_time)).await?;
    stage.send_one(accepted()).await?;
    stage.advance(DAY * 2 + HOUR).await;
    stage.sweep().await?;
    same!(stage.count(soon).await?, 0, "notices");
    stage.set_schedule(|schedule| schedule.expiry_notice = false).await?;
    stage.advance(DAY * 4).await;
    stage.sweep().await?;
    same!(stage.count(soon).await?, 0, "notices where nobody wants them any more");
    Ok(())
}

//! What a person's rows say about them: `History::fold`, and the filters of a list.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use invite_core::decision::history::{History, InvitationFact, MessageFact, PersonRows, View};
use invite_core::model::delivery::DeliveryState;
use invite_core::model::id::{BatchId, InvitationId, UserId};
use invite_core::model::invitation::{InvitationState, RevokeReason};
use invite_core::model::item::Action;
use invite_core::model::message::Channel;
use invite_core::model::selection::HistoryFilter;
use invite_core::model::user::User;

fn day(number: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).expect("a time") + TimeDelta::days(number)
}

/// An e-mail of the first batch that was confirmed, on the given day; it waits.
fn message(batch: BatchId, invitation: InvitationId, changed: i64) -> MessageFact {
    MessageFact {
        batch,
        action: Action::Invite,
        confirmed: Some(1),
        batch_goes_on: true,
        invitation,
        channel: Channel::Email,
        state: DeliveryState::Queued,
        sent_at: None,
        changed_at: day(changed),
    }
}

fn sent(mut message: MessageFact) -> MessageFact {
    (message.state, message.sent_at) = (DeliveryState::Sent, Some(message.changed_at));
    message
}

fn invitation(id: InvitationId, batch: BatchId, created: i64) -> InvitationFact {
    InvitationFact {
        id,
        batch,
        state: InvitationState::Pending,
        created_at: day(created),
        expires_at: None,
        handed_over: false,
    }
}

fn rows(messages: impl Into<Vec<MessageFact>>, invitations: impl Into<Vec<InvitationFact>>) -> PersonRows {
    PersonRows { messages: messages.into(), invitations: invitations.into(), ..PersonRows::default() }
}

fn all(rows: &PersonRows) -> History {
    History::fold(rows, View::All, None)
}

#[test]
fn nobody_knows_anything_about_a_new_person() {
    assert_eq!(all(&PersonRows::default()), History::default());
}

#[test]
fn a_message_counts_as_on_its_way_until_it_has_left_or_ended() {
    use DeliveryState as S;
    for state in S::ALL.iter().copied() {
        let one = MessageFact { state, ..message(BatchId::new(), InvitationId::new(), 0) };
        let on_its_way = matches!(state, S::Planned | S::Queued | S::Claimed | S::HandingOver);
        assert_eq!(all(&rows([one], [])).on_their_way, on_its_way, "{state}");
    }
}

#[test]
fn of_a_batch_that_was_stopped_only_what_is_handed_over_is_on_its_way() {
    use DeliveryState as S;
    for state in [S::Queued, S::Claimed, S::HandingOver] {
        let waits = message(BatchId::new(), InvitationId::new(), 0);
        let one = MessageFact { state, batch_goes_on: false, ..waits };
        assert_eq!(all(&rows([one], [])).on_their_way, state == S::HandingOver, "{state}");
    }
}

#[test]
fn a_plan_that_is_not_confirmed_keeps_nobody_from_being_invited() {
    let planned = MessageFact { confirmed: None, ..message(BatchId::new(), InvitationId::new(), 0) };
    let rows = rows([planned], []);
    for view in [View::All, View::Planning(BatchId::new()), View::Beginning(BatchId::new(), 7)] {
        assert!(!History::fold(&rows, view, None).on_their_way, "{view:?}");
    }
}

#[test]
fn at_begin_only_batches_confirmed_earlier_come_first() {
    let (own, other) = (BatchId::new(), BatchId::new());
    for (confirmed, comes_first) in [(1, true), (2, true), (4, false)] {
        let waits = MessageFact { confirmed: Some(confirmed), ..message(other, InvitationId::new(), 0) };
        let rows = rows([waits], []);
        assert_eq!(
            History::fold(&rows, View::Beginning(own, 3), None).on_their_way,
            comes_first,
            "{confirmed}"
        );
        assert!(History::fold(&rows, View::Planning(own), None).on_their_way);
    }
}

#[test]
fn of_two_batches_for_one_person_exactly_one_may_begin() {
    let (first, second) = (BatchId::new(), BatchId::new());
    let order = |batch| if batch == first { 1 } else { 2 };
    let waits =
        |batch| MessageFact { confirmed: Some(order(batch)), ..message(batch, InvitationId::new(), 0) };
    let rows = rows([waits(first), waits(second)], []);
    let held_back = |batch| History::fold(&rows, View::Beginning(batch, order(batch)), None).on_their_way;
    assert!(!held_back(first) && held_back(second));
}

#[test]
fn a_batchs_own_rows_are_left_out() {
    let (own, before) = (BatchId::new(), BatchId::new());
    let (new, old) = (InvitationId::new(), InvitationId::new());
    let earlier = rows([sent(message(before, old, 1))], [invitation(old, before, 1)]);
    let mut rows = earlier.clone();
    rows.messages.push(MessageFact { confirmed: Some(2), ..sent(message(own, new, 9)) });
    rows.messages.push(MessageFact { confirmed: Some(2), ..message(own, new, 9) });
    rows.invitations.push(invitation(new, own, 9));
    for view in [View::Planning(own), View::Beginning(own, 2)] {
        assert_eq!(History::fold(&rows, view, None), History::fold(&earlier, view, None), "{view:?}");
    }
    assert_eq!(all(&rows).last_invitation.map(|last| last.id), Some(new));
}

#[test]
fn a_reminders_own_messages_do_not_count_as_a_reminder_or_as_arrived() {
    let (first, own, id) = (BatchId::new(), BatchId::new(), InvitationId::new());
    let reminder = MessageFact {
        action: Action::Remind,
        confirmed: Some(2),
        channel: Channel::Sms,
        ..sent(message(own, id, 5))
    };
    let rows = rows([sent(message(first, id, 1)), reminder], [invitation(id, first, 1)]);
    let seen = |view| History::fold(&rows, view, None).last_invitation.expect("it was begun");
    let own_left_out = seen(View::Beginning(own, 2));
    assert_eq!((own_left_out.reminders, own_left_out.arrived), (0, BTreeSet::from([Channel::Email])));
    let with_all = seen(View::All);
    assert_eq!((with_all.reminders, with_all.arrived), (1, BTreeSet::from(Channel::ALL)));
}

#[test]
fn invited_is_who_a_message_ever_reached_whatever_became_of_it() {
    use DeliveryState as S;
    for state in S::ALL.iter().copied() {
        let unsent = MessageFact { state, ..message(BatchId::new(), InvitationId::new(), 3) };
        let reached = matches!(state, S::Sent | S::Delivered | S::Bounced | S::Complained | S::Unknown);
        let history = all(&rows([unsent.clone()], []));
        assert_eq!(history.invited, reached, "{state}");
        assert_eq!(history.last_message_at, reached.then(|| day(3)), "{state}");
        let once_accepted = MessageFact { sent_at: Some(day(2)), ..unsent };
        let history = all(&rows([once_accepted], []));
        assert_eq!((history.invited, history.last_message_at), (true, Some(day(2))), "{state}");
    }
}

#[test]
fn arrived_is_where_a_message_of_the_last_invitation_is_now() {
    use DeliveryState as S;
    let (batch, id) = (BatchId::new(), InvitationId::new());
    for state in S::ALL.iter().copied() {
        let one = MessageFact { state, sent_at: Some(day(1)), ..message(batch, id, 1) };
        let elsewhere = MessageFact { channel: Channel::Sms, ..sent(message(batch, InvitationId::new(), 1)) };
        let history = all(&rows([one, elsewhere], [invitation(id, batch, 1)]));
        let arrived = history.last_invitation.expect("it was begun").arrived;
        let has = matches!(state, S::Sent | S::Delivered | S::Complained | S::Unknown);
        assert_eq!(arrived, has.then_some(Channel::Email).into_iter().collect(), "{state}");
    }
}

#[test]
fn the_last_invitation_is_the_newest_and_has_its_own_reminders() {
    let (batch, old, new) = (BatchId::new(), InvitationId::new(), InvitationId::new());
    let reminder = |of, number: u64| {
        let changed = i64::try_from(number).expect("small");
        let waits = message(BatchId::new(), of, changed);
        sent(MessageFact { action: Action::Remind, confirmed: Some(number), ..waits })
    };
    let twice = reminder(new, 6);
    let by_sms_too = MessageFact { channel: Channel::Sms, ..twice.clone() };
    let failed = MessageFact { state: DeliveryState::Failed, sent_at: None, ..reminder(new, 8) };
    let messages = [reminder(old, 2), reminder(old, 3), reminder(new, 5), twice, by_sms_too, failed];
    let mut rows = rows(messages, [invitation(new, batch, 4), invitation(old, batch, 1)]);
    rows.invitations[0].state = InvitationState::Revoked(RevokeReason::Recalled);
    let history = all(&rows);
    let last = history.last_invitation.expect("it was begun");
    assert_eq!((last.id, last.reminders), (new, 2));
    assert_eq!(last.state, InvitationState::Revoked(RevokeReason::Recalled));
    assert_eq!(history.last_reminder_at, Some(day(6)));
}

#[test]
fn of_somebody_who_returned_only_what_came_after_counts() {
    let (batch, old, new) = (BatchId::new(), InvitationId::new(), InvitationId::new());
    let mut rows = rows([sent(message(batch, old, 1))], [invitation(old, batch, 1)]);
    rows.came_at = Some(day(2));
    rows.suppressed = BTreeSet::from([Channel::Sms]);
    let returned = |rows: &PersonRows| History::fold(rows, View::All, Some(day(50)));
    let suppressed_still = History { suppressed: rows.suppressed.clone(), ..History::default() };
    assert_eq!(returned(&rows), suppressed_still);

    rows.messages.push(sent(message(BatchId::new(), new, 51)));
    rows.invitations.push(invitation(new, batch, 51));
    rows.came_at = Some(day(52));
    let history = returned(&rows);
    assert_eq!(
        (history.invited, history.last_message_at, history.came_at),
        (true, Some(day(51)), Some(day(52)))
    );
    assert_eq!(history.last_invitation.map(|last| last.id), Some(new));
}

#[test]
fn set_up_is_who_has_a_password_or_ever_came_since_they_returned() {
    let nothing = User::new(UserId::new());
    let history = History::default();
    assert!(!history.is_set_up(&nothing));
    assert!(history.is_set_up(&User { has_password: true, ..nothing.clone() }));
    let signed_in = User { signed_in_at: Some(day(1)), ..nothing.clone() };
    assert!(history.is_set_up(&signed_in));
    assert!(!history.is_set_up(&User { returned_at: Some(day(2)), ..signed_in.clone() }));
    assert!(history.is_set_up(&User { returned_at: Some(day(1)), ..signed_in }));
    assert!(History { came_at: Some(day(1)), ..history }.is_set_up(&nothing));

    let (batch, id) = (BatchId::new(), InvitationId::new());
    let accepted = InvitationFact { state: InvitationState::Accepted, ..invitation(id, batch, 1) };
    assert!(all(&rows([], [accepted.clone()])).is_set_up(&nothing));
    assert!(!History::fold(&rows([], [accepted]), View::All, Some(day(2))).is_set_up(&nothing));
}

#[test]
fn a_filter_without_conditions_matches_everybody_and_each_condition_those_it_names() {
    let user = User::new(UserId::new());
    let (batch, id) = (BatchId::new(), InvitationId::new());
    let never = History::default();
    let invited = all(&rows([sent(message(batch, id, 3))], [invitation(id, batch, 2)]));
    let came = History { came_at: Some(day(4)), ..invited.clone() };
    let signed_in = User { signed_in_at: Some(day(4)), ..user.clone() };
    let returned = User { returned_at: Some(day(5)), ..signed_in.clone() };

    for history in [&never, &invited, &came] {
        assert!(history.matches(&HistoryFilter::default(), &user));
    }
    let never_invited = HistoryFilter { never_invited: true, ..HistoryFilter::default() };
    assert!(never.matches(&never_invited, &user) && !invited.matches(&never_invited, &user));

    let never_signed_in = HistoryFilter { never_signed_in: true, ..HistoryFilter::default() };
    assert!(invited.matches(&never_signed_in, &user) && invited.matches(&never_signed_in, &returned));
    assert!(!invited.matches(&never_signed_in, &signed_in) && !came.matches(&never_signed_in, &user));

    let invited_before =
        |number| HistoryFilter { invited_before: Some(day(number)), ..HistoryFilter::default() };
    assert!(invited.matches(&invited_before(3), &user) && !invited.matches(&invited_before(2), &user));
    assert!(!never.matches(&invited_before(3), &user));

    let written_before =
        |number| HistoryFilter { reminded_before: Some(day(number)), ..HistoryFilter::default() };
    assert!(invited.matches(&written_before(4), &user) && !invited.matches(&written_before(3), &user));
    assert!(!never.matches(&written_before(4), &user));

    let both = HistoryFilter { never_invited: true, ..invited_before(3) };
    assert!(!invited.matches(&both, &user) && !never.matches(&both, &user));
}

#[test]
fn failed_is_whose_newest_message_failed_came_back_is_unknown_or_suppressed() {
    use DeliveryState as S;
    let user = User::new(UserId::new());
    let filter = HistoryFilter { failed: true, ..HistoryFilter::default() };
    for state in S::ALL.iter().copied() {
        let earlier = MessageFact { state, ..message(BatchId::new(), InvitationId::new(), 9) };
        let failed = matches!(state, S::Failed | S::Suppressed | S::Bounced | S::Unknown);
        assert_eq!(all(&rows([earlier.clone()], [])).matches(&filter, &user), failed, "{state}");
        let later =
            MessageFact { confirmed: Some(2), ..sent(message(BatchId::new(), InvitationId::new(), 5)) };
        let planned = MessageFact { confirmed: None, changed_at: day(20), ..later.clone() };
        assert!(!all(&rows([later, planned, earlier], [])).matches(&filter, &user), "{state}");
    }
}

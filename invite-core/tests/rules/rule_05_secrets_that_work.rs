//! Rule 5, secrets that work: every message a person received carries a credential that works until one is used, it
//! expires, or it is revoked; messages queued together share one, and so does every retry.

use std::time::Duration;

use invite_core::memory::RecordingTransport;
use invite_core::model::organisation::ChannelRule;
use invite_core::model::outcome::{Outcome, Scope};
use invite_core::port::redemption::LinkState;
use invite_core::service::{Acceptance, SignedIn};
use invite_core::{Invite, Remind, Secret};

use crate::house::{CHOSEN, House, answer, password, phone, secret, token};

const DAY: Duration = Duration::from_hours(24);

/// Invites Anna and reminds her twice, on both channels; gives what she received.
async fn invited_and_reminded(
    house: &House,
    read: fn(&invite_core::model::message::Message) -> Secret,
) -> Vec<Secret> {
    let anna = house.add_with("anna", |user| user.phone = Some(phone("+4791234567"))).await;
    house.send(Invite::users([anna]).channels(ChannelRule::Both)).await;
    for _ in 0..2 {
        house.clock.advance(3 * DAY);
        house.send(Remind::users([anna])).await;
    }
    house.transport.messages().iter().map(read).collect()
}

#[tokio::test]
async fn rule_05_every_temporary_password_received_works_until_one_is_used() {
    for used in 0..6 {
        let house = House::with(RecordingTransport::new(), |settings| {
            settings.credential_lifetime = 30 * DAY;
        })
        .await;
        let received = invited_and_reminded(&house, password).await;
        assert_eq!(received.len(), 6);
        for pair in received.chunks(2) {
            assert_eq!(pair[0].expose(), pair[1].expose(), "one secret a batch, whatever the channel");
        }
        assert_ne!(received[0].expose(), received[2].expose());
        for one in &received {
            assert_eq!(house.sign_in("anna", one).await, SignedIn::MustChangePassword);
        }
        assert!(matches!(house.sign_in_with_new("anna", &received[used], CHOSEN).await, SignedIn::In(_)));
        for one in &received {
            assert_eq!(house.sign_in("anna", one).await, SignedIn::Refused);
            // Guessing slows down: rule 16.
            house.clock.advance(Duration::from_mins(15));
        }
        assert!(matches!(house.sign_in("anna", &secret(CHOSEN)).await, SignedIn::In(_)));
    }
}

#[tokio::test]
async fn rule_05_every_link_received_works_until_one_is_used() {
    for used in 0..6 {
        let house = House::with(RecordingTransport::new(), |settings| {
            crate::house::links(settings);
            settings.credential_lifetime = 30 * DAY;
        })
        .await;
        let received = invited_and_reminded(&house, token).await;
        for one in &received {
            let view = house.invites.inspect_link(one).await.unwrap().unwrap();
            assert!(matches!(view.state, LinkState::Open { .. }));
        }
        assert!(matches!(house.accept(&received[used]).await, Acceptance::Accepted { .. }));
        for one in &received {
            assert_eq!(house.accept(one).await, Acceptance::Not(LinkState::Used));
        }
    }
}

#[tokio::test]
async fn rule_05_a_reminder_reopens_an_invitation_that_expired() {
    let house = House::new().await;
    let anna = house.add("anna").await;
    house.send(Invite::users([anna])).await;
    house.clock.advance(8 * DAY);
    house.send(Remind::users([anna])).await;
    let [first, second] = [0, 1].map(|number| password(&house.messages_to("anna")[number]));
    assert_eq!(house.sign_in("anna", &first).await, SignedIn::Refused);
    assert_eq!(house.sign_in("anna", &second).await, SignedIn::MustChangePassword);
}

#[tokio::test]
async fn rule_05_every_retry_carries_the_same_secret() {
    let house = House::new().await;
    let anna = house.add("anna").await;
    let deferred = || Outcome::Deferred { retry_after: None, answer: answer("greylisted") };
    let throttled =
        Outcome::Throttled { retry_after: None, scope: Scope::Sender, answer: answer("slow down") };
    let unknown = Outcome::Unknown { answer: answer("reset after the final dot") };
    house.transport.script([deferred(), throttled, deferred(), unknown]);
    let batch = house.confirm(Invite::users([anna])).await;
    house.work_to_the_end().await;

    let messages = house.messages_to("anna");
    assert_eq!(messages.len(), 5);
    let secrets: Vec<Secret> = messages.iter().map(password).collect();
    assert!(secrets.iter().all(|one| one.expose() == secrets[0].expose()));
    assert!(messages.iter().all(|message| message.delivery == messages[0].delivery));
    assert_eq!(house.deliveries(batch).await.len(), 1);
    assert_eq!(house.sign_in("anna", &secrets[0]).await, SignedIn::MustChangePassword);
}

#[tokio::test]
async fn rule_05_what_waited_for_half_the_life_of_its_secret_goes_with_a_fresh_one() {
    let house = House::new().await;
    let anna = house.add("anna").await;
    house.transport.script([Outcome::Blocked { scope: Scope::Sender, answer: answer("wrong password") }]);
    house.send(Invite::users([anna])).await;
    house.clock.advance(4 * DAY);
    house.work().await;
    let [first, second] = [0, 1].map(|number| password(&house.messages_to("anna")[number]));
    assert_ne!(first.expose(), second.expose());
    house.clock.advance(6 * DAY);
    assert_eq!(house.sign_in("anna", &second).await, SignedIn::MustChangePassword);
}

#[tokio::test]
async fn rule_05_what_was_received_works_until_a_newer_invitation_has_been_accepted_by_a_provider() {
    let house = House::new().await;
    let anna = house.add("anna").await;
    house.send(Invite::users([anna])).await;
    let first = password(&house.messages_to("anna")[0]);
    house.clock.advance(Duration::from_hours(2));
    house.transport.script([Outcome::Deferred { retry_after: None, answer: answer("greylisted") }]);
    house.send(Invite::users([anna])).await;
    assert_eq!(house.sign_in("anna", &first).await, SignedIn::MustChangePassword);
    house.work_to_the_end().await;
    assert_eq!(house.sign_in("anna", &first).await, SignedIn::Refused);
    let newer = password(house.messages_to("anna").last().unwrap());
    assert_eq!(house.sign_in("anna", &newer).await, SignedIn::MustChangePassword);
}

//! Superseding, retiring, lifting, reserving, closing, guessing, coming.

use std::time::Duration;

use super::world::{World, accepted, refused};
use crate::model::delivery::EndReason;
use crate::model::event::Happening;
use crate::model::id::{CredentialId, UserId};
use crate::model::invitation::{InvitationState, RevokeReason};
use crate::model::item::Action;
use crate::model::outcome::Refusal;
use crate::port::accounts::PasswordSet;
use crate::port::queue::Begun;
use crate::port::records::{Arrival, ArrivalKind, Records};
use crate::port::redemption::{Close, Guess, LinkState, Redemption, Reserve, Reserved};

impl World {
    async fn reserve(&self, credential: CredentialId, user: UserId) -> Reserved {
        let user = Some(self.user(user).await);
        let (organisation, policy) = (self.organisation, self.policy.clone());
        self.store.reserve(Reserve { organisation, credential, user, policy }).await.unwrap()
    }

    async fn close(&self, credential: CredentialId, reservation: u64) -> bool {
        let organisation = self.organisation;
        self.store.close(Close { organisation, credential, reservation }).await.unwrap()
    }

    async fn open(&self, user: UserId) -> Vec<CredentialId> {
        let open = self.store.open_passwords(self.organisation, user).await.unwrap();
        open.into_iter().map(|password| password.credential).collect()
    }

    async fn own_password_counts(&self, user: UserId) -> bool {
        self.store.own_password_counts(self.organisation, vec![user]).await.unwrap()[0]
    }
}

#[tokio::test]
async fn a_newer_invitation_replaces_the_older_when_its_first_message_is_accepted() {
    let world = World::new().await;
    let people = world.people(1).await;
    world.batch(Action::Invite, &people).await;
    world.send_all(&accepted()).await;
    world.minutes(120);
    world.batch(Action::Invite, &people).await;
    let claimed = world.claim(1).await;
    assert!(matches!(world.begin(&claimed).await[..], [Begun::Go(_)]));
    assert_eq!(world.open(people[0]).await.len(), 2, "the older one works until the newer one is accepted");
    world.record(claimed.token, claimed.deliveries[0].id, accepted()).await;
    assert_eq!(world.open(people[0]).await.len(), 1);
    let states: Vec<_> = world.person(people[0]).await.invitations.into_iter().map(|one| one.state).collect();
    assert_eq!(states, [InvitationState::Revoked(RevokeReason::Superseded), InvitationState::Pending]);
}

#[tokio::test]
async fn reminders_add_and_the_earlier_credentials_go_on_working() {
    let world = World::new().await;
    let people = world.people(1).await;
    world.batch(Action::Invite, &people).await;
    world.send_all(&accepted()).await;
    world.minutes(4 * 24 * 60);
    world.batch(Action::Remind, &people).await;
    assert_eq!(world.send_all(&accepted()).await, 1);
    let open = world.store.open_passwords(world.organisation, people[0]).await.unwrap();
    let generations: Vec<_> = open.iter().map(|password| password.generation.number()).collect();
    assert_eq!(generations, [2, 1]);
    assert_eq!(open[0].salt, open[1].salt);

    // Expired by the sweep, reopened by the next reminder.
    world.minutes(8 * 24 * 60);
    world.sweep().await;
    assert_eq!(world.person(people[0]).await.invitations[0].state, InvitationState::Expired);
    world.batch(Action::Remind, &people).await;
    assert_eq!(world.send_all(&accepted()).await, 1);
    assert_eq!(world.open(people[0]).await.len(), 1);
}

#[tokio::test]
async fn a_reset_that_never_arrived_gives_the_own_password_back() {
    let world = World::new().await;
    let people = world.people(2).await;
    for user in &people {
        world.set_password(*user, CredentialId::new(), 1).await;
    }
    world.batch(Action::Invite, &people).await;
    let claimed = world.claim(2).await;
    world.begin(&claimed).await;
    assert!(world.own_password_counts(people[0]).await, "nothing is retired before an acceptance");
    world.record(claimed.token, claimed.deliveries[0].id, accepted()).await;
    world.record(claimed.token, claimed.deliveries[1].id, refused(Refusal::Content)).await;
    assert!(!world.own_password_counts(people[0]).await);
    assert!(world.own_password_counts(people[1]).await);

    // Signing in with a session of old does not close the invitation that they need; setting a password does.
    let came = |how, at| Arrival { user: people[0], at, how };
    world.minutes(1);
    let now = crate::port::clock::Clock::now(&*world.clock);
    let arrivals = vec![came(ArrivalKind::SignedIn, now)];
    world.store.record_arrivals(world.organisation, arrivals).await.unwrap();
    assert_eq!(world.open(people[0]).await.len(), 1);
    assert!(!world.own_password_counts(people[0]).await);
    let arrivals = vec![came(ArrivalKind::PasswordSet, now)];
    world.store.record_arrivals(world.organisation, arrivals).await.unwrap();
    assert!(world.open(people[0]).await.is_empty());
    assert!(world.own_password_counts(people[0]).await);
}

#[tokio::test]
async fn redeeming_is_won_by_exactly_one_and_can_be_resumed() {
    let world = World::new().await;
    let people = world.people(1).await;
    let user = people[0];
    world.batch(Action::Invite, &people).await;
    world.send_all(&accepted()).await;
    let credential = world.open(user).await[0];
    assert_eq!(world.reserve(credential, user).await, Reserved::Yours { user, reservation: 1 });
    world.clock.advance(Duration::from_secs(20));
    assert_eq!(world.reserve(credential, user).await, Reserved::Busy(Duration::from_secs(40)));
    world.clock.advance(Duration::from_secs(40));
    assert_eq!(world.reserve(credential, user).await, Reserved::Yours { user, reservation: 2 });

    assert_eq!(world.set_password(user, credential, 2).await, PasswordSet::Done);
    assert_eq!(world.set_password(user, credential, 1).await, PasswordSet::Stale);
    assert!(!world.close(credential, 1).await);
    assert!(world.close(credential, 2).await);
    assert!(world.close(credential, 2).await);
    assert_eq!(world.reserve(credential, user).await, Reserved::Not(LinkState::Used));
    let events = world.events().await;
    let accepted = events.iter().filter(|event| matches!(event, Happening::Accepted { .. })).count();
    assert_eq!(accepted, 1);
    assert!(world.person(user).await.came_at.is_some());
}

#[tokio::test]
async fn a_credential_is_refused_to_whoever_has_left_and_a_reminder_ends_with_acceptance() {
    let world = World::new().await;
    let people = world.people(2).await;
    world.batch(Action::Invite, &people).await;
    world.send_all(&accepted()).await;
    let credential = world.open(people[0]).await[0];
    let mut gone = world.user(people[0]).await;
    gone.deactivated = true;
    let (organisation, policy) = (world.organisation, world.policy.clone());
    let reserve = Reserve { organisation, credential, user: Some(gone), policy };
    let refused = Reserved::Not(LinkState::Revoked(RevokeReason::Deactivated));
    assert_eq!(world.store.reserve(reserve).await.unwrap(), refused);
    assert!(world.open(people[0]).await.is_empty());

    world.minutes(4 * 24 * 60);
    let reminder = world.batch(Action::Remind, &people[1..]).await;
    let credential = world.open(people[1]).await[0];
    world.reserve(credential, people[1]).await;
    assert!(world.close(credential, 1).await);
    assert_eq!(world.deliveries(reminder).await[0].reason, Some(EndReason::InvitationClosed));
}

#[tokio::test]
async fn guessing_slows_down_for_one_source_and_is_never_dead() {
    let world = World::new().await;
    let user = UserId::new();
    let guess = async |source: &str| {
        let (organisation, policy) = (world.organisation, world.policy.clone());
        let guess = Guess { organisation, user, source: source.into(), policy };
        world.store.count_guess(guess).await.unwrap()
    };
    for _ in 0..5 {
        assert_eq!(guess("192.0.2.1").await, None);
    }
    assert_eq!(guess("192.0.2.1").await, Some(Duration::from_mins(1)));
    assert_eq!(guess("192.0.2.2").await, None);
    for wait in [1, 2, 4, 8, 15, 15] {
        assert_eq!(guess("192.0.2.1").await, Some(Duration::from_mins(wait)));
        world.minutes(wait);
        assert_eq!(guess("192.0.2.1").await, None);
    }
    world.store.forget_guesses(world.organisation, user, "192.0.2.1".into()).await.unwrap();
    assert_eq!(guess("192.0.2.1").await, None);
    assert_eq!(guess("192.0.2.1").await, None);
}

//! Erasing, exporting and finding a person.

use invite_core::memory::RecordingTransport;
use invite_core::model::delivery::{DeliveryState, EndReason};
use invite_core::model::event::{EventCursor, Happening};
use invite_core::model::invitation::{InvitationState, RevokeReason};
use invite_core::model::item::{Decision, SkipReason};
use invite_core::model::message::Channel;
use invite_core::model::role::Role;
use invite_core::port::records::Records;
use invite_core::service::{ConfirmOptions, Error, ImportOptions};
use invite_core::{Actor, Invite};

use crate::support::World;

#[tokio::test]
async fn rule_18_whoever_is_erased_loses_what_was_sent_and_what_waits() {
    let world = World::new().await;
    let anna = world.add("Anna").await;
    world.send(Invite::users([anna])).await;
    let plan = world.plan(Invite::users([anna])).await;
    world.invites.confirm_with(&world.admin, plan.id(), ConfirmOptions::new().resets(true)).await.unwrap();
    let erased = world.invites.erase_person(&world.admin, anna).await.unwrap();
    assert_eq!((erased.invitations, erased.messages), (1, 1));
    let record = world.store.person(world.organisation, anna).await.unwrap();
    assert_eq!(record.invitations[0].state, InvitationState::Revoked(RevokeReason::Erased));
    assert!(
        record
            .deliveries
            .iter()
            .all(|one| one.address.is_none() && one.receipt.is_none() && one.answer.is_none())
    );
    let last = record.deliveries.last().unwrap();
    assert_eq!((last.state, last.reason), (DeliveryState::Cancelled, Some(EndReason::Erased)));
    assert!(record.import_lines.is_empty() && record.came_at.is_none());
    assert!(world.dispatch().await.is_empty());
    assert!(matches!(world.invites.user(&world.admin, anna).await, Err(Error::NotFound(_))));
    assert!(matches!(world.invites.erase_person(&world.admin, anna).await, Err(Error::NotFound(_))));
    let events = world.invites.events(EventCursor::default(), 1000).await.unwrap();
    let told = events.iter().filter(|event| event.what == Happening::Erased { user: anna });
    assert_eq!(told.count(), 1);
    let everything = format!("{events:?} {:?}", world.invites.audit(&world.admin, None, 1000).await.unwrap());
    assert!(!everything.to_lowercase().contains("anna"), "{everything}");
}

#[tokio::test]
async fn nobody_erases_themselves_and_so_one_administrator_is_left() {
    let world = World::new().await;
    let me = world.admin.user().unwrap();
    assert!(matches!(world.invites.erase_person(&world.admin, me).await, Err(Error::EraseYourself)));
    let other = world.add_with("Ola", |user| user.role = Role::Administrator).await;
    world.plan(Invite::all()).await;
    let ola = Actor::administrator(world.organisation, other);
    world.invites.erase_person(&ola, me).await.unwrap();
    let batches = world.invites.batches(&ola, None, 10).await.unwrap().rows;
    assert_eq!(batches[0].inviter, "Rema", "the name of who planned it is gone");
}

#[tokio::test]
async fn an_address_that_was_suppressed_stays_so_when_its_person_is_erased() {
    let world = World::new().await;
    let anna = world.add("Anna").await;
    world.invites.suppress(&world.admin, Channel::Email, "anna@example.com").await.unwrap();
    assert_eq!(world.invites.erase_person(&world.admin, anna).await.unwrap().suppressed, 1);
    let listed = world.invites.suppressions(&world.admin, None, 10).await.unwrap().rows;
    assert!(listed.is_empty(), "the address itself is gone");
    let again = world.add_with("Anna", |user| user.email = "Anna@Example.com".parse().ok()).await;
    let plan = world.plan(Invite::users([again])).await;
    let items = world.invites.items(&world.admin, plan.id(), None, 10).await.unwrap().rows;
    assert_eq!(items[0].decision, Decision::Skip(SkipReason::Suppressed));
    let listed = world.invites.suppressions(&world.admin, None, 10).await.unwrap().rows;
    assert_eq!(listed.len(), 1, "it is known again");
    world.invites.erase_person(&world.admin, again).await.unwrap();
    world.invites.unsuppress(&world.admin, Channel::Email, "anna@example.com").await.unwrap();
    let third = world.add("Anna").await;
    assert_eq!(
        world.plan(Invite::users([third])).await.totals().send,
        1,
        "whoever releases it releases the hash"
    );
}

#[tokio::test]
async fn a_shared_address_stays_on_the_list_as_it_is() {
    let world = World::new().await;
    let anna = world.add_with("Anna", |user| user.email = "shop@example.com".parse().ok()).await;
    world.add_with("Bo", |user| user.email = "shop@example.com".parse().ok()).await;
    world.invites.suppress(&world.admin, Channel::Email, "shop@example.com").await.unwrap();
    assert_eq!(world.invites.erase_person(&world.admin, anna).await.unwrap().suppressed, 0);
    assert_eq!(world.invites.suppressions(&world.admin, None, 10).await.unwrap().rows.len(), 1);
}

#[tokio::test]
async fn whoever_is_erased_is_in_no_undo_of_an_import() {
    let world = World::new().await;
    let anna = world.add("Anna").await;
    let file = "username,group\nanna,Oslo\n".as_bytes();
    let import = world.invites.import(&world.admin, file, ImportOptions::default()).await.unwrap().import;
    world.invites.erase_person(&world.admin, anna).await.unwrap();
    let report = world.invites.undo_import(&world.admin, import).await.unwrap();
    assert_eq!((report.restored, report.changed_since_count), (0, 0));
}

#[tokio::test]
async fn a_host_tells_of_whom_it_erased_itself() {
    let world = World::new().await;
    let anna = world.add("Anna").await;
    world.send(Invite::users([anna])).await;
    let builder = invite_core::Invites::builder_with(world.store.clone(), world.store.clone());
    let host = builder.email(RecordingTransport::new()).seal_with(world.key.clone()).build().unwrap();
    assert!(matches!(host.erase_person(&world.admin, anna).await, Err(Error::NoPeople)));
    assert!(host.record_erased(world.organisation, anna).await.unwrap().found);
    assert!(!host.record_erased(world.organisation, anna).await.unwrap().found, "twice is once");
    let record = world.store.person(world.organisation, anna).await.unwrap();
    assert!(record.deliveries.iter().all(|delivery| delivery.address.is_none()));
}

#[tokio::test]
async fn an_export_has_everything_about_a_person_no_secret_and_nobody_else() {
    let world = World::new().await;
    let anna = world.add("Anna").await;
    let file = "username,group\nanna,Oslo\nbo,Bergen\n".as_bytes();
    world.invites.import(&world.admin, file, ImportOptions::of_file("staff.csv")).await.unwrap();
    let bo = world.invites.find_user(&world.admin, "bo").await.unwrap();
    let secret = world.secret_for(anna).await;
    world.sign_in("anna", &crate::support::secret("a wrong guess"), None).await;
    let chosen = crate::support::secret("rain over the fjord");
    world.sign_in("anna", &secret, Some(&chosen)).await;
    world.wait(std::time::Duration::from_hours(2));
    world.send(Invite::users([anna])).await;
    world.invites.suppress(&world.admin, Channel::Email, "anna@example.com").await.unwrap();
    let export = world.invites.export_person(&world.admin, anna).await.unwrap();
    assert_eq!(export.plans.len(), 2);
    assert!(export.plans[1].reset_consented && export.plans[1].decision == "send_with_reset");
    assert_eq!((export.messages.len(), export.invitations.len(), export.suppressed.len()), (2, 2, 1));
    assert_eq!(export.imports[0].file_name, "staff.csv");
    assert!(export.came_at.is_some() && export.password_retired.is_some());
    assert!(export.events.iter().all(|event| event.what.user() == Some(anna)) && export.events.len() >= 3);
    assert!(export.audit.iter().any(|entry| entry.what == "user_saved" && entry.by == "an administrator"));
    let text = serde_json::to_string(&export).unwrap();
    assert!(text.contains("anna@example.com") && text.contains("Oslo"), "{text}");
    for other in [secret.expose(), chosen.expose(), "argon2", "Kari", "Bergen", &bo.to_string()] {
        assert!(!text.contains(other), "{other} in {text}");
    }
    let admin = world.admin.user().unwrap().to_string();
    assert!(!text.contains(&admin), "{text}");
}

#[tokio::test]
async fn a_person_is_found_by_whatever_means_them_alone() {
    let world = World::new().await;
    let anna = world
        .add_with("Anna", |user| {
            user.phone = "+4791234567".to_owned().try_into().ok();
            user.employee_number = Some("007".into());
            user.external_id = Some("X-1".into());
        })
        .await;
    let bo = world.add_with("Bo", |user| user.employee_number = Some("ANNA".into())).await;
    let find = async |name: &str| world.invites.find_user(&world.admin, name).await;
    let id = anna.to_string();
    for name in [&*id, " Anna@Example.com ", "+4791234567", "912 34 567", "007", "x-1"] {
        assert_eq!(find(name).await.unwrap(), anna, "{name}");
    }
    let error = find("anna").await.unwrap_err();
    let words = error.to_string();
    assert!(words.contains(&format!("Anna ({anna})")) && words.contains(&format!("Bo ({bo})")), "{words}");
    for nobody in ["ann", "", "nobody@example.com", &invite_core::model::id::UserId::new().to_string()] {
        assert!(matches!(find(nobody).await, Err(Error::NotFound("person"))), "{nobody}");
    }
    // A host's own table is searched by its text filter.
    let builder = invite_core::Invites::builder_with(world.store.clone(), world.store.clone());
    let host = builder.email(RecordingTransport::new()).seal_with(world.key.clone()).build().unwrap();
    assert_eq!(host.find_user(&world.admin, "X-1").await.unwrap(), anna);
    assert!(
        matches!(host.find_user(&world.admin, "anna").await, Err(Error::Ambiguous { people }) if people.len() == 2)
    );
}

//! Editing people, finding them, signing them in.

use super::stage::{DAY, Stage, person};
use crate::conformance::Checked;
use crate::model::delivery::{DeliveryState, EndReason};
use crate::model::user::User;
use crate::port::people::Saved;

type Edit = fn(&mut User);

pub(super) async fn people_are_added_changed_and_left_as_they_are(stage: Stage) -> Checked {
    let mut anna = person("Anna", "anna");
    anna.has_password = true;
    same!(stage.save(&anna).await?, Saved::Created, "the first time");
    anna.has_password = false;
    same!(stage.fact(anna.id).await?.as_ref(), Some(&anna), "whether they have a password is not taken over");
    same!(stage.save(&anna).await?, Saved::Unchanged, "the second time");
    anna.last_name = "Berg".into();
    same!(stage.save(&anna).await?, Saved::Updated, "a change");
    same!(stage.fact(anna.id).await?.as_ref(), Some(&anna), "the person");
    Ok(())
}

pub(super) async fn a_unique_key_is_taken_whatever_its_case(stage: Stage) -> Checked {
    let mut anna = stage.add("Ægir").await?;
    (anna.employee_number, anna.external_id) = (Some("7a".into()), Some("X-1".into()));
    stage.save(&anna).await?;
    let changes: [(&str, Edit); 3] = [
        ("username", |user| user.username = Some("ÆGIR".into())),
        ("employee_number", |user| user.employee_number = Some("7A".into())),
        ("external_id", |user| user.external_id = Some("x-1".into())),
    ];
    for (column, change) in changes {
        let mut other = person("Bo", "bo");
        change(&mut other);
        same!(stage.save(&other).await?, Saved::Taken { by: anna.id, column }, "another with it");
        same!(stage.fact(other.id).await?, None, "the other person");
    }
    let neighbour = stage.neighbour().await?;
    same!(neighbour.save(&person("Ægir", "ægir")).await?, Saved::Created, "in another organisation");
    Ok(())
}

pub(super) async fn whoever_comes_back_after_30_days_begins_anew(stage: Stage) -> Checked {
    let mut anna = stage.add("Anna").await?;
    for (days, returned) in [(29, false), (30, true)] {
        anna.deactivated = true;
        stage.save(&anna).await?;
        stage.clock.advance(DAY * days).await;
        anna.deactivated = false;
        stage.save(&anna).await?;
        let found = stage.fact(anna.id).await?;
        same!(found.is_some_and(|user| user.returned_at.is_some()), returned, "returned after {days} days");
    }
    Ok(())
}

pub(super) async fn whoever_leaves_loses_what_waits(stage: Stage) -> Checked {
    let changes: [(Edit, EndReason); 2] = [
        (|user| user.deactivated = true, EndReason::Deactivated),
        (|user| user.email = "new@example.com".parse().ok(), EndReason::AddressChanged),
    ];
    for (number, (change, reason)) in changes.into_iter().enumerate() {
        let mut user = stage.add(&format!("Anna{number}")).await?;
        let batch = stage.invite(&user).await?;
        same!(stage.ended(batch).await?, (DeliveryState::Queued, None), "the message before");
        user.last_name = "Berg".into();
        stage.save(&user).await?;
        same!(stage.ended(batch).await?, (DeliveryState::Queued, None), "the message after a new name");
        change(&mut user);
        stage.save(&user).await?;
        same!(stage.ended(batch).await?, (DeliveryState::Cancelled, Some(reason)), "the message after it");
    }
    Ok(())
}

pub(super) async fn people_sign_in_by_the_first_column_that_means_one_person(stage: Stage) -> Checked {
    let (mut anna, mut bo) = (stage.add("Anna").await?, stage.add("Bo").await?);
    bo.employee_number = Some("ANNA".into());
    for user in [&mut anna, &mut bo] {
        user.email = "shop@example.com".parse().ok();
        stage.save(user).await?;
    }
    for (name, expected) in
        [(" ANNA ", Some(anna.id)), ("bo", Some(bo.id)), ("shop@example.com", None), ("", None)]
    {
        let record = stage.people.sign_in_record(stage.organisation, name.into()).await?;
        same!(record.map(|record| record.user.id), expected, "who signs in as {name:?}");
    }
    stage.people.note_sign_in(stage.organisation, anna.id, None).await?;
    let noted = stage.fact(anna.id).await?.is_some_and(|user| user.signed_in_at.is_some());
    holds!(noted, "a sign-in is noted");
    Ok(())
}

pub(super) async fn people_are_found_by_every_key_and_contact(stage: Stage) -> Checked {
    let mut anna = stage.add("Anna").await?;
    (anna.employee_number, anna.external_id) = (Some("7a".into()), Some("X-1".into()));
    anna.phone = "+4791234567".to_owned().try_into().ok();
    stage.save(&anna).await?;
    stage.add("Bo").await?;
    for name in ["ANNA", "Anna@Example.com", "+4791234567", "7A", "x-1"] {
        let found = stage.people.named(stage.organisation, name.into()).await?;
        same!(found.iter().map(|user| user.id).collect::<Vec<_>>(), [anna.id], "who is called {name:?}");
    }
    for name in ["ann", "", "anna@example"] {
        same!(stage.people.named(stage.organisation, name.into()).await?, [], "who is called {name:?}");
    }
    Ok(())
}

pub(super) async fn nobody_is_found_or_signed_in_from_another_organisation(stage: Stage) -> Checked {
    stage.add("Anna").await?;
    let neighbour = stage.neighbour().await?;
    same!(
        neighbour.people.named(neighbour.organisation, "anna".into()).await?,
        [],
        "who is called so elsewhere"
    );
    let record = neighbour.people.sign_in_record(neighbour.organisation, "anna".into()).await?;
    holds!(record.is_none(), "nobody signs in so elsewhere");
    Ok(())
}

pub(super) async fn what_is_saved_is_audited(stage: Stage) -> Checked {
    let anna = stage.add("Anna").await?;
    let audit = stage.store.audit(stage.organisation, None, 1).await?;
    let line = audit.first().map(|line| (line.what.as_str(), line.subject.clone(), line.actor.clone()));
    same!(line, Some(("user_saved", anna.id.to_string(), stage.actor())), "the newest line");
    let before = stage.store.audit(stage.organisation, None, 100).await?.len();
    stage.save(&anna).await?;
    same!(
        stage.store.audit(stage.organisation, None, 100).await?.len(),
        before,
        "lines when nothing changed"
    );
    Ok(())
}

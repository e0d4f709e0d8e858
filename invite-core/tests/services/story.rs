//! The story of one person.

use std::time::Duration;

use invite_core::Remind;
use invite_core::model::id::UserId;
use invite_core::model::selection::Filter;
use invite_core::service::{Error, ImportOptions};

use crate::support::{World, secret};

#[tokio::test]
async fn a_story_tells_everything_in_order_and_who_did_it() {
    let world = World::new().await;
    let file = "email,first_name,username\nanna@example.com,Anna,anna\n".as_bytes();
    world.invites.import(&world.admin, file, ImportOptions::of_file("people.csv")).await.unwrap();
    let rows = world.invites.users(&world.admin, Filter::default(), None, 10).await.unwrap().rows;
    let anna = rows.into_iter().find(|row| row.user.first_name == "Anna").unwrap().user.id;
    world.wait(Duration::from_mins(1));
    let temporary = world.secret_for(anna).await;
    world.wait(Duration::from_mins(1));
    world.plan(Remind::users([anna])).await;
    world.wait(Duration::from_mins(1));
    world.sign_in("anna", &temporary, Some(&secret("a good long password"))).await;

    let story = world.invites.story(&world.admin, anna).await.unwrap();
    let told = story.to_string();
    let in_order = [
        "Anna",
        "added by people.csv, line 2, by Kari",
        "invitation planned: send, e-mail, by Kari",
        "confirmed, with consent to resets, by Kari",
        "invitation begun",
        "e-mail to anna@example.com accepted by the provider (250 ok)",
        "reminder planned: skipped, the last message is too recent, by Kari",
        "invitation accepted",
        "credential 1 used",
        "came",
    ];
    let mut rest = told.as_str();
    for line in in_order {
        let at = rest.find(line).unwrap_or_else(|| panic!("{line:?} is not, or not there, in\n{told}"));
        rest = &rest[at..];
    }
    assert!(!told.contains(temporary.expose()) && !format!("{story:?}").contains(temporary.expose()));
}

#[tokio::test]
async fn nobody_has_no_story() {
    let world = World::new().await;
    let error = world.invites.story(&world.admin, UserId::new()).await.unwrap_err();
    assert!(matches!(error, Error::NotFound("person")), "{error}");
}

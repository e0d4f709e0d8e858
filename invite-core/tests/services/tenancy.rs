//! Who may, and that nothing crosses an organisation's border.

use invite_core::model::locale::Locale;
use invite_core::model::message::Channel;
use invite_core::model::message_kind::MessageKind;
use invite_core::model::organisation::Settings;
use invite_core::model::role::Role;
use invite_core::model::selection::Filter;
use invite_core::model::template_key::TemplateKey;
use invite_core::service::{Error, ImportOptions, Preview};
use invite_core::{Actor, Invite};

use crate::support::{World, person};

/// Every service that takes an actor.
async fn refusals(world: &World, actor: &Actor) -> Vec<(&'static str, Option<Error>)> {
    let anna = world.add("Anna").await;
    let plan = world.plan(Invite::all()).await.id();
    let invites = &world.invites;
    vec![
        ("settings", invites.change_settings(actor, Settings::new("Evil")).await.err()),
        ("import", invites.import(actor, "email\n".as_bytes(), ImportOptions::default()).await.err()),
        ("users", invites.users(actor, Filter::default(), None, 10).await.err()),
        ("user", invites.user(actor, anna).await.err()),
        ("add", invites.add_user(actor, person("Eve", |_| {})).await.err()),
        ("change", invites.change_user(actor, anna, |user| user.deactivated = true).await.err()),
        ("plan", invites.plan(actor, Invite::users([anna])).await.err()),
        ("planned", invites.planned(actor, plan).await.err()),
        ("items", invites.items(actor, plan, None, 10).await.err()),
        ("confirm", invites.confirm(actor, plan).await.err()),
        ("batch", invites.batch(actor, plan).await.err()),
        ("batches", invites.batches(actor, None, 10).await.err()),
        ("deliveries", invites.deliveries(actor, plan, None, 10).await.err()),
        ("pause", invites.pause(actor, plan, "no").await.err()),
        ("resume", invites.resume(actor, plan).await.err()),
        ("cancel", invites.cancel(actor, plan).await.err()),
        ("recall", invites.recall(actor, plan).await.err()),
        ("pauses", invites.sender_pauses(actor).await.err()),
        ("suppressions", invites.suppressions(actor, None, 10).await.err()),
        ("suppress", invites.suppress(actor, Channel::Email, "a@example.com").await.err()),
        ("unsuppress", invites.unsuppress(actor, Channel::Email, "a@example.com").await.err()),
        ("audit", invites.audit(actor, None, 10).await.err()),
        ("templates", invites.templates(actor).await.err()),
        ("template", invites.template(actor, &key(), None).await.err()),
        ("versions", invites.template_versions(actor, &key(), None, 10).await.err()),
        ("difference", invites.template_difference(actor, &key(), None, None).await.err()),
        ("check", invites.check_template(actor, &key(), "").await.err()),
        ("save", invites.save_template(actor, &key(), "").await.err()),
        ("reset", invites.reset_template(actor, &key()).await.err()),
        ("preview", invites.preview(actor, &Preview::of(key())).await.err()),
        ("test", invites.send_test(actor, &Preview::of(key()), "a@example.com").await.err()),
        ("story", invites.story(actor, anna).await.err()),
    ]
}

fn key() -> TemplateKey {
    let (kind, channel) = (MessageKind::Invitation, Channel::Email);
    TemplateKey { kind, channel, locale: Locale::english() }
}

#[tokio::test]
async fn members_former_administrators_and_strangers_may_do_nothing() {
    let world = World::new().await;
    let member = world.add("Per").await;
    let former = world
        .add_with("Ola", |user| {
            user.role = Role::Administrator;
            user.deactivated = true;
        })
        .await;
    let elsewhere =
        world.invites.create_organisation("kiwi".parse().unwrap(), Settings::new("Kiwi")).await.unwrap().id;
    let boss = person("Boss", |user| user.role = Role::Administrator);
    let boss_id = boss.id;
    world.invites.add_user(&Actor::system(elsewhere), boss).await.unwrap();

    for actor in [
        Actor::administrator(world.organisation, member),
        Actor::operator(world.organisation, "Support", member),
        Actor::administrator(world.organisation, former),
        Actor::administrator(world.organisation, boss_id),
    ] {
        let anna = world.invites.users(&world.admin, Filter::default(), None, 10).await.unwrap();
        if let Some(row) = anna.rows.iter().find(|row| row.user.first_name == "Anna") {
            let rename = |user: &mut invite_core::model::user::User| {
                user.username = None;
                user.first_name = "Older".into();
            };
            world.invites.change_user(&world.admin, row.user.id, rename).await.unwrap();
        }
        for (what, error) in refusals(&world, &actor).await {
            assert!(matches!(error, Some(Error::NotAllowed)), "{what} by {actor:?}: {error:?}");
        }
    }
}

#[tokio::test]
async fn an_administrator_of_one_organisation_finds_nothing_of_another() {
    let world = World::new().await;
    let anna = world.add("Anna").await;
    let plan = world.plan(Invite::all()).await.id();
    let elsewhere = world.invites.create_organisation("kiwi".parse().unwrap(), {
        let mut settings = Settings::new("Kiwi");
        settings.app_link = Some("https://kiwi.example.com".parse().unwrap());
        settings
    });
    let elsewhere = elsewhere.await.unwrap().id;
    let boss = person("Boss", |user| user.role = Role::Administrator);
    let actor = Actor::administrator(elsewhere, boss.id);
    world.invites.add_user(&Actor::system(elsewhere), boss).await.unwrap();

    assert!(matches!(world.invites.story(&actor, anna).await, Err(Error::NotFound(_))));
    let foreign = world.invites.plan(&actor, Invite::users([anna])).await.unwrap();
    assert_eq!(foreign.totals().recipients(), 0);
    assert!(matches!(world.invites.confirm(&actor, plan).await, Err(Error::NotFound(_))));
    assert!(matches!(world.invites.batch(&actor, plan).await, Err(Error::NotFound(_))));
    assert!(matches!(world.invites.recall(&actor, plan).await, Err(Error::NotFound(_))));
    assert!(matches!(world.invites.user(&actor, anna).await, Err(Error::NotFound(_))));
    assert!(world.invites.items(&actor, plan, None, 10).await.unwrap().rows.is_empty());
    assert!(world.invites.deliveries(&actor, plan, None, 10).await.unwrap().rows.is_empty());
    assert_eq!(world.invites.users(&actor, Filter::default(), None, 10).await.unwrap().rows.len(), 1);
}

#[tokio::test]
async fn an_alias_belongs_to_one_organisation_and_settings_are_checked() {
    let world = World::new().await;
    let error = world.invites.create_organisation("REMA".parse().unwrap(), Settings::new("Other")).await;
    assert!(matches!(error, Err(Error::AliasTaken(_))));
    let found = world.invites.organisation_by_alias("rema".parse().unwrap()).await.unwrap();
    assert_eq!(found.id, world.organisation);
    let mut settings = found.settings;
    settings.channels.clear();
    let error = world.invites.change_settings(&world.admin, settings.clone()).await;
    assert!(matches!(error, Err(Error::Settings(_))));
    settings.channels.insert(Channel::Sms);
    world.invites.change_settings(&world.admin, settings.clone()).await.unwrap();
    assert_eq!(world.invites.organisation(world.organisation).await.unwrap().settings, settings);
}

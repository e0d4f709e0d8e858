//! Organisations and their own messages.

use super::stage::{HOUR, Stage, near};
use crate::conformance::Checked;
use crate::model::actor::Actor;
use crate::model::batch::TemplatePins;
use crate::model::credential::CredentialKind;
use crate::model::id::{OrganisationId, UserId};
use crate::model::locale::Locale;
use crate::model::message::Channel;
use crate::model::message_kind::MessageKind;
use crate::model::organisation::{Organisation, Settings};
use crate::model::template_key::TemplateKey;
use crate::port::organisations::{OrganisationSaved, TemplateSaved, TestSend};

pub(super) async fn an_organisation_is_found_by_its_id_and_by_its_alias(stage: Stage) -> Checked {
    same!(stage.store.organisation(stage.id()).await?, Some(stage.org.clone()), "by id");
    same!(stage.store.by_alias(stage.org.alias.clone()).await?, Some(stage.org.clone()), "by alias");
    same!(stage.store.organisation(OrganisationId::new()).await?, None, "an unknown id");
    Ok(())
}

pub(super) async fn an_alias_belongs_to_one_organisation(stage: Stage) -> Checked {
    let other = Organisation {
        id: OrganisationId::new(),
        alias: stage.org.alias.clone(),
        settings: Settings::new("Another"),
    };
    let saved = stage
        .store
        .save_organisation(other.clone(), Actor::system(other.id), TemplatePins::default())
        .await?;
    same!(saved, OrganisationSaved::AliasTaken, "an alias that another has");
    same!(stage.store.organisation(other.id).await?, None, "the organisation that was refused");
    let mut renamed = stage.org.clone();
    renamed.alias = other.alias;
    same!(
        stage.store.save_organisation(renamed, stage.actor(), TemplatePins::default()).await?,
        OrganisationSaved::Done,
        "saving it again under its own alias"
    );
    Ok(())
}

pub(super) async fn saving_an_organisation_again_replaces_it_and_is_audited(mut stage: Stage) -> Checked {
    let lines = stage.store.audit(stage.id(), None, 10).await?.len();
    let old = stage.org.alias.clone();
    stage.org.alias = has_form!("renamed".parse(), Ok(alias) => alias, "an alias");
    stage.set(|settings| settings.support = "the help desk".into()).await?;
    same!(stage.store.organisation(stage.id()).await?, Some(stage.org.clone()), "the organisation");
    same!(stage.store.by_alias(old).await?, None, "the alias that it no longer has");
    let audit = stage.store.audit(stage.id(), None, 10).await?;
    same!(audit.len(), lines + 1, "lines of the audit");
    same!(audit[0].what, "organisation_saved", "the newest line of the audit");
    Ok(())
}

pub(super) async fn organisations_come_in_order_of_their_id_page_by_page(stage: Stage) -> Checked {
    for alias in ["b", "c", "d", "e"] {
        stage.neighbour(alias).await?;
    }
    let all = stage.store.organisations(None, 100).await?;
    same!(all.len(), 5, "organisations");
    holds!(all.windows(2).all(|two| two[0].id < two[1].id), "they are in ascending order of id");
    let (mut paged, mut after) = (Vec::new(), None);
    loop {
        let page = stage.store.organisations(after, 2).await?;
        holds!(page.len() <= 2, "a page is not longer than its limit");
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        paged.extend(page);
    }
    same!(paged, all, "the pages together");
    Ok(())
}

pub(super) async fn a_message_of_ones_own_has_versions_that_count_up_and_can_go_back_to_the_built_in_one(
    stage: Stage,
) -> Checked {
    let store = &stage.store;
    let key = key(MessageKind::Invitation, Channel::Email);
    same!(store.template(stage.id(), key.clone(), None).await?, None, "before any was saved");
    for (version, source) in [("1", Some("one")), ("2", Some("two")), ("3", None), ("4", Some("four"))] {
        same!(stage.save_template(&key, source).await?, version, "the name of the version");
        let newest = store.template(stage.id(), key.clone(), None).await?;
        same!(newest.as_ref().map(|template| template.source.as_str()), source, "the newest version");
    }
    let pinned = store.template(stage.id(), key.clone(), Some("1".into())).await?;
    same!(pinned.map(|template| template.source).as_deref(), Some("one"), "version 1 later on");
    let unknown = store.template(stage.id(), key, Some("9".into())).await?;
    same!(unknown, None, "a version that is not there");
    Ok(())
}

pub(super) async fn each_message_of_ones_own_has_versions_of_its_own(stage: Stage) -> Checked {
    let store = &stage.store;
    let invitation = key(MessageKind::Invitation, Channel::Email);
    stage.save_template(&invitation, Some("one")).await?;
    for other in
        [key(MessageKind::Reminder, Channel::Email), key(MessageKind::Invitation, Channel::Sms), norwegian()]
    {
        same!(store.template(stage.id(), other.clone(), None).await?, None, "another message, {other}");
        same!(stage.save_template(&other, Some("o")).await?, "1", "its first version");
    }
    Ok(())
}

pub(super) async fn the_own_messages_in_force_are_listed_and_those_that_went_back_are_not(
    stage: Stage,
) -> Checked {
    let keys = [
        key(MessageKind::Invitation, Channel::Email),
        key(MessageKind::Reminder, Channel::Sms),
        norwegian(),
        key(MessageKind::Sso, Channel::Email),
    ];
    for key in &keys {
        stage.save_template(key, Some("one")).await?;
    }
    stage.save_template(&keys[0], Some("two")).await?;
    stage.save_template(&keys[1], None).await?;
    stage.save_template(&keys[3], None).await?;
    stage.save_template(&keys[3], Some("three")).await?;
    let listed = stage.store.templates(stage.id()).await?;
    let listed: Vec<_> = listed.iter().map(|(key, own)| (key.to_string(), own.version.as_str())).collect();
    let expected = [(&keys[0], "2"), (&keys[2], "1"), (&keys[3], "3")];
    same!(listed, expected.map(|(key, version)| (key.to_string(), version)), "messages in force");
    Ok(())
}

pub(super) async fn the_versions_of_a_message_say_when_and_by_whom_newest_first_page_by_page(
    stage: Stage,
) -> Checked {
    let key = key(MessageKind::Invitation, Channel::Email);
    for source in [Some("one"), Some("two"), None] {
        stage.save_template(&key, source).await?;
        stage.advance(HOUR).await;
    }
    stage.save_template(&norwegian(), Some("another")).await?;
    let all = stage.store.template_versions(stage.id(), key.clone(), None, 100).await?;
    let named: Vec<_> = all.iter().map(|one| (one.version.as_str(), one.built_in)).collect();
    same!(named, [("3", true), ("2", false), ("1", false)], "versions, the newest first");
    let now = stage.now().await?;
    for (hours, version) in (1..).zip(&all) {
        holds!(
            version.saved_at.is_some_and(|at| near(at, now - HOUR * hours)),
            "version {} was saved {hours} h ago",
            version.version
        );
        same!(version.saved_by, Some(stage.actor()), "who saved version {}", version.version);
    }
    let first = stage.store.template_versions(stage.id(), key.clone(), None, 2).await?;
    same!(first, all[..2], "the first page");
    let rest = stage.store.template_versions(stage.id(), key, Some("2".into()), 2).await?;
    same!(rest, all[2..], "the page after it");
    Ok(())
}

pub(super) async fn settings_are_saved_only_with_the_messages_that_they_were_checked_with(
    stage: Stage,
) -> Checked {
    let key = key(MessageKind::Invitation, Channel::Email);
    let (store, mut changed) = (&stage.store, stage.org.clone());
    changed.settings.support = "changed".into();
    let before = stage.in_force(stage.id()).await?;
    stage.save_template(&key, Some("one")).await?;
    let one = stage.in_force(stage.id()).await?;
    stage.save_template(&key, Some("two")).await?;
    let two = stage.in_force(stage.id()).await?;
    for stale in [before.clone(), one] {
        let saved = store.save_organisation(changed.clone(), stage.actor(), stale.clone()).await?;
        same!(saved, OrganisationSaved::TemplatesChanged, "after a check of {stale:?}");
        same!(store.organisation(stage.id()).await?, Some(stage.org.clone()), "the organisation");
    }
    let saved = store.save_organisation(changed.clone(), stage.actor(), two.clone()).await?;
    same!(saved, OrganisationSaved::Done, "after a check of what is in force");
    stage.save_template(&key, None).await?;
    let saved = store.save_organisation(stage.org.clone(), stage.actor(), two).await?;
    same!(
        saved,
        OrganisationSaved::TemplatesChanged,
        "after a check of what went back to the built-in message"
    );
    let saved = store.save_organisation(stage.org.clone(), stage.actor(), before).await?;
    same!(saved, OrganisationSaved::Done, "after a check of nothing, where nothing is in force");
    Ok(())
}

pub(super) async fn a_message_is_saved_only_under_the_settings_that_it_was_checked_for(
    mut stage: Stage,
) -> Checked {
    let key = key(MessageKind::Invitation, Channel::Email);
    let for_passwords = stage.template(&key, Some("one"));
    stage.set(links).await?;
    let saved = stage.store.save_template(for_passwords).await?;
    same!(saved, TemplateSaved::SettingsChanged, "checked for temporary passwords, where links are sent");
    same!(stage.store.template(stage.id(), key.clone(), None).await?, None, "the message");
    same!(stage.save_template(&key, Some("two")).await?, "1", "checked for links");
    Ok(())
}

pub(super) async fn settings_and_a_message_that_exclude_each_other_are_never_both_saved(
    stage: Stage,
) -> Checked {
    let key = key(MessageKind::Invitation, Channel::Email);
    let mut with_links = stage.org.clone();
    links(&mut with_links.settings);
    for round in 0..20 {
        let templates = stage.in_force(stage.id()).await?;
        let (settings, message) = tokio::join!(
            stage.store.save_organisation(with_links.clone(), stage.actor(), templates),
            stage.store.save_template(stage.template(&key, Some("a password alone"))),
        );
        let both = settings? == OrganisationSaved::Done && message? != TemplateSaved::SettingsChanged;
        holds!(!both, "round {round}: one of two that exclude each other is refused");
        stage.put_back().await?;
    }
    Ok(())
}

pub(super) async fn messages_of_ones_own_are_audited(stage: Stage) -> Checked {
    let key = key(MessageKind::Invitation, Channel::Email);
    stage.save_template(&key, Some("one")).await?;
    stage.save_template(&key, None).await?;
    let audit = stage.store.audit(stage.id(), None, 2).await?;
    let lines: Vec<_> = audit.iter().map(|line| (line.what.as_str(), line.subject.clone())).collect();
    same!(lines, [("template_reset", key.to_string()), ("template_saved", key.to_string())], "the audit");
    holds!(audit.iter().all(|line| line.actor == stage.actor()), "the lines say who it was");
    Ok(())
}

pub(super) async fn test_messages_are_counted_for_each_actor_and_time(stage: Stage) -> Checked {
    let send = |actor: &Actor| TestSend {
        actor: actor.clone(),
        key: key(MessageKind::Invitation, Channel::Email),
        details: "to example.com".into(),
        at_most: 3,
        within: HOUR,
    };
    let (store, admin) = (&stage.store, stage.actor());
    let started = stage.now().await?;
    for number in 1..=3 {
        same!(store.count_test_send(send(&admin)).await?, None, "test message {number} of 3");
        stage.advance(HOUR / 6).await;
    }
    let lines = stage.store.audit(stage.id(), None, 100).await?;
    same!(lines.iter().filter(|line| line.what == "test_sent").count(), 3, "test messages in the audit");
    same!(lines[0].details, "to example.com", "details in the audit");
    let again = store.count_test_send(send(&admin)).await?;
    holds!(
        again.is_some_and(|at| near(at, started + HOUR)),
        "the fourth waits for the first to be an hour ago"
    );
    let other = Actor::administrator(stage.id(), UserId::new());
    same!(store.count_test_send(send(&other)).await?, None, "another actor's first");
    let lines = stage.store.audit(stage.id(), None, 100).await?;
    same!(
        lines.iter().filter(|line| line.what == "test_sent").count(),
        4,
        "a refused one is not in the audit"
    );
    stage.advance(HOUR / 2 + HOUR / 60).await;
    same!(store.count_test_send(send(&admin)).await?, None, "an hour after the first");
    let again = store.count_test_send(send(&admin)).await?;
    holds!(
        again.is_some_and(|at| near(at, started + HOUR / 6 + HOUR)),
        "the next waits for the second to be an hour ago"
    );
    Ok(())
}

fn links(settings: &mut Settings) {
    settings.credential = CredentialKind::SetUpLink;
    settings.link_pattern = "https://app.example.com/welcome#{token}".parse().ok();
}

pub(super) fn key(kind: MessageKind, channel: Channel) -> TemplateKey {
    TemplateKey { kind, channel, locale: Locale::english() }
}

fn norwegian() -> TemplateKey {
    let mut key = key(MessageKind::Invitation, Channel::Email);
    key.locale = "nb".parse().unwrap_or(key.locale);
    key
}

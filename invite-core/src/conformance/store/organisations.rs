//! Organisations and their own messages.

use super::stage::Stage;
use crate::conformance::Checked;
use crate::model::actor::Actor;
use crate::model::id::OrganisationId;
use crate::model::locale::Locale;
use crate::model::message::Channel;
use crate::model::message_kind::MessageKind;
use crate::model::organisation::{Organisation, Settings};
use crate::model::template_key::TemplateKey;
use crate::port::organisations::OrganisationSaved;

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
    let saved = stage.store.save_organisation(other.clone(), Actor::system(other.id)).await?;
    same!(saved, OrganisationSaved::AliasTaken, "an alias that another has");
    same!(stage.store.organisation(other.id).await?, None, "the organisation that was refused");
    let mut renamed = stage.org.clone();
    renamed.alias = other.alias;
    same!(
        stage.store.save_organisation(renamed, stage.actor()).await?,
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
        let source = source.map(str::to_owned);
        let saved = store.save_template(stage.id(), key.clone(), source.clone(), stage.actor()).await?;
        same!(saved, version, "the name of the version");
        let newest = store.template(stage.id(), key.clone(), None).await?;
        same!(newest.map(|template| template.source), source, "the newest version");
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
    store.save_template(stage.id(), invitation, Some("one".into()), stage.actor()).await?;
    for other in
        [key(MessageKind::Reminder, Channel::Email), key(MessageKind::Invitation, Channel::Sms), norwegian()]
    {
        same!(store.template(stage.id(), other.clone(), None).await?, None, "another message, {other}");
        let version = store.save_template(stage.id(), other, Some("o".into()), stage.actor()).await?;
        same!(version, "1", "its first version");
    }
    Ok(())
}

fn key(kind: MessageKind, channel: Channel) -> TemplateKey {
    TemplateKey { kind, channel, locale: Locale::english() }
}

fn norwegian() -> TemplateKey {
    let mut key = key(MessageKind::Invitation, Channel::Email);
    key.locale = "nb".parse().unwrap_or(key.locale);
    key
}

//! Rule 19, templates: what does not check is not saved; a batch pins the versions it was planned with; a setting that
//! would invalidate a saved message is refused and names it.

use std::time::Duration;

use invite_core::Invite;
use invite_core::model::batch::TemplatePins;
use invite_core::model::credential::CredentialKind;
use invite_core::model::delivery::{DeliveryState, EndReason};
use invite_core::model::id::{BatchId, UserId};
use invite_core::model::locale::Locale;
use invite_core::model::message::Channel;
use invite_core::model::message_kind::MessageKind;
use invite_core::model::organisation::{ChannelRule, Settings};
use invite_core::model::selection::Selection;
use invite_core::model::sender::SenderKey;
use invite_core::model::template_key::TemplateKey;
use invite_core::port::accounts::Accounts;
use invite_core::port::organisations::{Organisations, SaveTemplate};
use invite_core::port::plans::{NewPlan, PlanPage, Plans};
use invite_core::service::{ConfirmOptions, Error};
use invite_core::template::{
    BUILTIN_LANGUAGES, CredentialForm, MAX_SOURCE, Purpose, Template, builtin, builtin_source,
};

use crate::house::{House, links, text};

fn problems(kind: MessageKind, channel: Channel, source: &str) -> Vec<String> {
    let purpose = Purpose { kind, channel, locale: Locale::english() };
    match Template::check(source, purpose, &CredentialForm::ALL) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn rule_19_every_built_in_message_checks_for_every_credential() {
    for kind in MessageKind::ALL {
        for channel in Channel::ALL {
            for language in BUILTIN_LANGUAGES {
                let locale: Locale = language.parse().unwrap();
                let source = builtin_source(kind, channel, &locale);
                assert_eq!(problems(kind, channel, source), [""; 0], "{language} {kind} {channel}");
                assert_eq!(*builtin(kind, channel, &locale).purpose(), Purpose { kind, channel, locale });
            }
        }
    }
}

#[test]
fn rule_19_what_does_not_check_is_no_template_and_says_what_to_do() {
    let email = |body: &str| format!("Subject: Hello\n\n{body}\n");
    let long = "a".repeat(MAX_SOURCE + 1);
    let wrong = [
        email("Hello {{ nobody }}: {{ credential }}"),
        email("{% if reset %}never closed"),
        email("{% for name in names %}{{ name }}{% endfor %}"),
        email("{% include \"/etc/passwd\" %}"),
        email("{{ first_name | no_such_filter }}"),
        email("Hello, and nothing to sign in with"),
        "no subject at all".to_owned(),
        email(&long),
        String::new(),
    ];
    for source in wrong {
        let problems = problems(MessageKind::Invitation, Channel::Email, &source);
        assert!(!problems.is_empty(), "{}", &source[..source.len().min(100)]);
        assert!(problems.iter().all(|problem| !problem.is_empty()));
    }
}

#[test]
fn rule_19_a_message_that_carries_no_credential_cannot_ask_for_one() {
    let invitation = builtin_source(MessageKind::Invitation, Channel::Email, &Locale::english());
    for kind in [MessageKind::Sso, MessageKind::Announcement] {
        assert!(!problems(kind, Channel::Email, invitation).is_empty(), "{kind}");
    }
}

#[test]
fn rule_19_a_subject_cannot_hold_a_credential() {
    let source = builtin_source(MessageKind::Invitation, Channel::Email, &Locale::english());
    let (_, body) = source.split_once('\n').unwrap();
    for variable in ["password", "setup_link"] {
        let source = format!("Subject: {{{{ {variable} }}}}\n{body}");
        assert!(!problems(MessageKind::Invitation, Channel::Email, &source).is_empty(), "{variable}");
    }
}

fn key() -> TemplateKey {
    let (kind, channel) = (MessageKind::Invitation, Channel::Email);
    TemplateKey { kind, channel, locale: Locale::english() }
}

fn with_password(words: &str) -> String {
    format!("Subject: Hello\n\n{words}\n\nSign in as {{{{ sign_in_name }}}} with {{{{ password }}}}\n")
}

fn with_link(words: &str) -> String {
    format!("Subject: Hello\n\n{words}\n\nSign in as {{{{ sign_in_name }}}} here: {{{{ setup_link }}}}\n")
}

/// What is in force of the message; none where it is the built-in one.
async fn in_force(house: &House) -> Option<String> {
    let newest = house.invites.template(&house.admin, &key(), None).await.unwrap();
    (!newest.built_in).then_some(newest.source)
}

#[tokio::test]
async fn rule_19_a_message_is_saved_only_if_it_checks_under_the_settings_in_force() {
    let house = House::new().await;
    let save = async |source: String| house.invites.save_template(&house.admin, &key(), &source).await;
    let refused = save(with_link("A link where passwords are sent")).await;
    assert!(
        matches!(refused, Err(Error::Template { key: named, problems }) if named == key() && !problems.is_empty())
    );
    assert_eq!(in_force(&house).await, None);
    assert_eq!(save(with_password("Fine")).await.unwrap(), "1");
    assert!(save("Subject: Hello\n\n{{ pasword }}\n".into()).await.is_err());
    assert_eq!(in_force(&house).await, Some(with_password("Fine")));
}

#[tokio::test]
async fn rule_19_a_setting_that_would_invalidate_a_saved_message_is_refused_and_names_it() {
    let house = House::new().await;
    house.invites.save_template(&house.admin, &key(), &with_password("Passwords")).await.unwrap();
    let before = house.invites.organisation(house.organisation).await.unwrap();
    let mut settings = before.settings.clone();
    links(&mut settings);
    let refused = house.invites.change_settings(&house.admin, settings.clone()).await.unwrap_err();
    assert!(refused.to_string().contains("invitation/email/en"), "{refused}");
    assert!(matches!(refused, Error::SettingBreaksTemplate { templates } if templates[0].0 == key()));
    assert_eq!(house.invites.organisation(house.organisation).await.unwrap(), before);

    let harmless = Settings { support: "the help desk".into(), ..before.settings.clone() };
    house.invites.change_settings(&house.admin, harmless).await.unwrap();
    house.invites.reset_template(&house.admin, &key()).await.unwrap();
    house.invites.change_settings(&house.admin, settings).await.unwrap();
    assert!(house.invites.save_template(&house.admin, &key(), &with_password("Too late")).await.is_err());
    house.invites.save_template(&house.admin, &key(), &with_link("Links")).await.unwrap();
}

#[tokio::test]
async fn rule_19_whoever_saves_at_the_same_time_what_is_in_force_checks() {
    let house = House::new().await;
    let mut with_links = house.invites.organisation(house.organisation).await.unwrap().settings;
    let with_passwords = with_links.clone();
    links(&mut with_links);
    for round in 0..30 {
        let (passwords, links) = (with_password(&round.to_string()), with_link(&round.to_string()));
        let (invites, admin, key) = (&house.invites, &house.admin, key());
        let settings = if round % 2 == 0 { &with_links } else { &with_passwords };
        let _ = tokio::join!(
            invites.save_template(admin, &key, &passwords),
            invites.change_settings(admin, settings.clone()),
            invites.save_template(admin, &key, &links),
            invites.reset_template(admin, &key),
        );
        let settings = invites.organisation(house.organisation).await.unwrap().settings;
        if let Some(source) = in_force(&house).await {
            let forms = CredentialForm::in_use(settings.credential);
            let locale = Locale::english();
            let purpose = Purpose { kind: key.kind, channel: key.channel, locale };
            assert!(Template::check(&source, purpose, &forms).is_ok(), "{:?}: {source}", settings.credential);
        }
    }
}

#[tokio::test]
async fn rule_19_an_edit_or_a_reset_between_plan_and_sending_changes_nothing_in_that_batch() {
    let house = House::new().await;
    let (anna, bo) = (house.add("anna").await, house.add("bo").await);
    house.invites.save_template(&house.admin, &key(), &with_password("As planned")).await.unwrap();
    let plan = house.invites.plan(&house.admin, Invite::users([anna])).await.unwrap();
    house.invites.save_template(&house.admin, &key(), &with_password("Edited")).await.unwrap();
    house.invites.confirm(&house.admin, plan.id()).await.unwrap();
    let next = house.invites.plan(&house.admin, Invite::users([bo])).await.unwrap();
    house.invites.reset_template(&house.admin, &key()).await.unwrap();
    house.work().await;
    assert!(text(&house.messages_to("anna")[0]).starts_with("As planned"));

    house.invites.confirm(&house.admin, next.id()).await.unwrap();
    house.work().await;
    assert!(text(&house.messages_to("bo")[0]).starts_with("Edited"));
    let carl = house.add("carl").await;
    house.send(Invite::users([carl])).await;
    assert!(text(&house.messages_to("carl")[0]).starts_with("Hello carl"));
}

/// Plans an invitation with this version of the message pinned, confirms it and works.
async fn sent_with(house: &House, user: UserId, version: &str) -> BatchId {
    let policy = house.invites.policy().clone();
    let plan = NewPlan {
        id: BatchId::new(),
        actor: house.admin.clone(),
        inviter: "Ada".into(),
        action: invite_core::model::item::Action::Invite,
        scheduled: false,
        selection: Selection::Ids(vec![user]),
        channels: ChannelRule::Email,
        templates: TemplatePins([(key().to_string(), version.to_owned())].into()),
        lifetime: policy.plan_lifetime,
    };
    let plan = house.store.open_plan(plan).await.unwrap().id;
    let facts = house.store.facts(house.organisation, vec![user]).await.unwrap();
    let page = PlanPage {
        organisation: house.organisation,
        plan,
        after: None,
        people: vec![(user, facts[0].clone())],
        senders: [(Channel::Email, (SenderKey("email".into()), "email".to_owned()))].into(),
        sms_sizes: std::collections::BTreeMap::new(),
        last: true,
        policy,
    };
    house.store.plan_page(page).await.unwrap();
    let options = ConfirmOptions::new().hold(Duration::ZERO);
    house.invites.confirm_with(&house.admin, plan, options).await.unwrap();
    house.work().await;
    plan
}

#[tokio::test]
async fn rule_19_a_pinned_message_that_cannot_be_used_is_not_sent_and_says_why() {
    let house = House::new().await;
    let anna = house.add("anna").await;
    // Nothing that a service does leads here; a store that was put back from an old copy does.
    let batch = sent_with(&house, anna, "7").await;
    assert_eq!(house.ended(batch, anna).await, (DeliveryState::Failed, Some(EndReason::NotRendered)));
    let answer = house.deliveries(batch).await.remove(0).answer.unwrap().to_string();
    assert!(answer.contains("version 7 of the message invitation/email/en is not there"), "{answer}");

    let save = SaveTemplate {
        actor: house.admin.clone(),
        key: key(),
        source: Some("Subject: Hello\n\nNothing to sign in with\n".into()),
        credential: CredentialKind::TemporaryPassword,
    };
    house.store.save_template(save).await.unwrap();
    let bo = house.add("bo").await;
    let batch = sent_with(&house, bo, "1").await;
    assert_eq!(house.ended(batch, bo).await, (DeliveryState::Failed, Some(EndReason::NotRendered)));
    let answer = house.deliveries(batch).await.remove(0).answer.unwrap().to_string();
    assert!(answer.contains("3:1: a message with a password can come out without it"), "{answer}");
    assert!(house.transport.messages().is_empty());
}

//! Messages of an organisation's own.

use std::sync::Arc;
use std::time::Duration;

use invite_core::credential::{HashCost, LinkToken, SealingKey, TemporaryPassword, random::system_random};
use invite_core::memory::{ManualClock, MemoryStore, RecordingTransport};
use invite_core::model::credential::CredentialKind;
use invite_core::model::message::{Channel, Content};
use invite_core::model::message_kind::MessageKind;
use invite_core::model::organisation::{Retirement, Settings};
use invite_core::model::outcome::{Answer, Outcome, Receipt, Refusal};
use invite_core::model::template_key::TemplateKey;
use invite_core::service::{BUILT_IN, Error, Preview, Previewed};
use invite_core::template::sms::{SmsEncoding, SmsSize};
use invite_core::template::{BUILTIN_LANGUAGES, CredentialForm, Rendered};
use invite_core::{Actor, Invite, Invites};

use crate::support::{World, person};

const HOUR: Duration = Duration::from_hours(1);

/// An organisation that uses both channels, and what it sends with.
async fn world() -> (World, RecordingTransport) {
    let clock = Arc::new(ManualClock::new("2026-11-23T08:00:00Z".parse().unwrap()));
    let store = MemoryStore::with_clock(clock.clone());
    let key = SealingKey::generate(&mut system_random().unwrap());
    let transport = RecordingTransport::new();
    let builder = Invites::builder(store.clone()).email(transport.clone()).sms(transport.clone());
    let builder = builder.seal_with(key.clone()).hash_cost(HashCost::weak_for_tests());
    let world = World::on(store, clock, key, builder.build().unwrap(), |settings| {
        settings.channels = Channel::ALL.into();
        settings.link_pattern = Some("https://app.example.com/welcome#{token}".parse().unwrap());
    });
    (world.await, transport)
}

fn key(name: &str) -> TemplateKey {
    name.parse().unwrap()
}

fn email(words: &str) -> String {
    format!("Subject: Hello\n\n{words}\n\nUser {{{{ sign_in_name }}}}, password {{{{ password }}}}\n")
}

fn words(previewed: &Previewed) -> String {
    match &previewed.words {
        Rendered::Email(email) => format!("{}\n{}\n{}", email.subject, email.text, email.html),
        Rendered::Sms(sms) => sms.text.clone(),
    }
}

#[tokio::test]
async fn all_messages_are_listed_with_the_version_that_is_in_force() {
    let (world, _) = world().await;
    let (invites, admin) = (&world.invites, &world.admin);
    let all = MessageKind::ALL.len() * Channel::ALL.len();
    let rows = invites.templates(admin).await.unwrap();
    assert_eq!(rows.len(), all * BUILTIN_LANGUAGES.len());
    assert!(rows.iter().all(|row| row.own.is_none() && row.has_builtin));

    let polish = key("invitation/email/pl");
    assert_eq!(invites.save_template(admin, &polish, &email("Witaj")).await.unwrap(), "1");
    let rows = invites.templates(admin).await.unwrap();
    assert_eq!(rows.len(), all * (BUILTIN_LANGUAGES.len() + 1));
    let own: Vec<_> = rows.iter().filter(|row| row.own.is_some()).collect();
    assert_eq!((own.len(), &own[0].key, own[0].has_builtin), (1, &polish, false));
    let version = own[0].own.as_ref().unwrap();
    assert_eq!((version.version.as_str(), version.built_in), ("1", false));
    assert_eq!((version.saved_at, version.saved_by.as_ref()), (Some(world.now().await), Some(admin)));

    assert_eq!(invites.reset_template(admin, &polish).await.unwrap(), "2");
    assert!(invites.templates(admin).await.unwrap().iter().all(|row| row.own.is_none()));
    assert!(matches!(invites.reset_template(admin, &polish).await, Err(Error::NotFound(_))));
}

#[tokio::test]
async fn a_source_is_that_in_force_or_of_a_version_or_the_built_in_one() {
    let (world, _) = world().await;
    let (invites, admin) = (&world.invites, &world.admin);
    let german = key("invitation/email/de-AT");
    let built_in = invites.template(admin, &german, None).await.unwrap();
    assert_eq!((built_in.built_in, built_in.version.as_str()), (true, BUILT_IN));
    assert_eq!(built_in.key, key("invitation/email/de"), "the nearest that there is");
    for (source, version) in [("Eins", "1"), ("Zwei", "2")] {
        assert_eq!(invites.save_template(admin, &german, &email(source)).await.unwrap(), version);
    }
    let source = async |version| invites.template(admin, &german, version).await.map(|found| found.source);
    assert_eq!(source(None).await.unwrap(), email("Zwei"));
    assert_eq!(source(Some("1")).await.unwrap(), email("Eins"));
    assert_eq!(source(Some(BUILT_IN)).await.unwrap(), built_in.source);
    for unknown in ["3", "0", "one"] {
        assert!(matches!(source(Some(unknown)).await, Err(Error::NotFound(_))), "{unknown}");
    }
}

#[tokio::test]
async fn versions_say_when_and_by_whom_and_differences_are_unified() {
    let (world, _) = world().await;
    let (invites, admin) = (&world.invites, &world.admin);
    let key = key("reminder/sms/en");
    let system = Actor::system(world.organisation);
    let sms = |words: &str| format!("{words}\nUser {{{{ sign_in_name }}}} password {{{{ password }}}}");
    invites.save_template(admin, &key, &sms("Please come")).await.unwrap();
    world.wait(HOUR);
    invites.save_template(&system, &key, &sms("Do come")).await.unwrap();
    invites.reset_template(admin, &key).await.unwrap();
    let page = invites.template_versions(admin, &key, None, 2).await.unwrap();
    let named: Vec<_> = page.rows.iter().map(|one| (one.version.as_str(), one.built_in)).collect();
    assert_eq!(named, [("3", true), ("2", false)]);
    let rest = invites.template_versions(admin, &key, page.next, 2).await.unwrap();
    assert_eq!((rest.rows.len(), rest.rows[0].saved_by.as_ref()), (1, Some(admin)));
    assert_eq!(rest.rows[0].saved_at.unwrap() + HOUR, page.rows[1].saved_at.unwrap());

    let difference = invites.template_difference(admin, &key, Some("1"), Some("2")).await.unwrap();
    assert_eq!(
        difference,
        "--- reminder/sms/en (1)\n+++ reminder/sms/en (2)\n@@ -1,2 +1,2 @@\n-Please come\n+Do come\n \
         User {{ sign_in_name }} password {{ password }}\n\\ No newline at end of file\n"
    );
    let to_builtin = invites.template_difference(admin, &key, Some("2"), Some(BUILT_IN)).await.unwrap();
    assert!(to_builtin.contains("+++ reminder/sms/en (builtin)") && to_builtin.contains("-Do come"));
    assert_eq!(invites.template_difference(admin, &key, Some("1"), Some("1")).await.unwrap(), "");
}

/// What is wrong with a source, as an administrator is told.
async fn problems(world: &World, name: &str, source: &str) -> Vec<String> {
    match world.invites.check_template(&world.admin, &key(name), source).await {
        Ok(()) => Vec::new(),
        Err(Error::Template { problems, .. }) => problems.iter().map(ToString::to_string).collect(),
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_check_says_what_is_wrong_and_where() {
    let (world, _) = world().await;
    let one = async |name, source: &str| {
        let problems = problems(&world, name, source).await;
        assert_eq!(problems.len(), 1, "{problems:?}");
        problems.into_iter().next().unwrap()
    };
    let unknown = one("invitation/email/en", "Subject: Hi\n\nDear {{ frist_name }},\n{{ password }}\n").await;
    assert!(unknown.starts_with("3:") && unknown.contains("did you mean `first_name`?"), "{unknown}");
    let missing = one("invitation/email/en", "Subject: Hi\n\nDear {{ first_name }}, welcome\n").await;
    assert!(missing.starts_with("3:1: a message with a password can come out without it"), "{missing}");
    let sso = one("sso/sms/en", "Sign in with {{ password }} now").await;
    assert_eq!(sso, "1:14: a message of kind sso has no `password`: remove it");
    let subject = one("invitation/email/en", "Subject: Hi {{ password }}\n\nUse {{ password }}\n").await;
    assert!(subject.contains("must not stand in the subject"), "{subject}");
    // Fine for the first message, not for a reset; fine with a name, not without.
    let reset =
        one("reset/sms/en", "Hi {% if reset %}nothing for you{% else %}{{ password }}{% endif %}").await;
    assert!(reset.contains("can come out without it"), "{reset}");
    let nameless = problems(&world, "invitation/sms/en", "{{ first_name }}, come: {{ password }}").await;
    assert!(nameless.iter().any(|problem| problem.contains("stray `,`")), "{nameless:?}");
    assert_eq!(problems(&world, "invitation/email/en", &email("Welcome")).await, [""; 0]);
    assert_eq!(problems(&world, "sso/sms/en", "Sign in with your company account").await, [""; 0]);
}

#[tokio::test]
async fn a_check_is_for_the_credential_that_the_organisation_uses() {
    let (world, _) = world().await;
    let link = "Subject: Hi\n\nChoose a password: {{ setup_link }}\n";
    assert!(!problems(&world, "invitation/email/en", link).await.is_empty());
    let mut settings = world.invites.organisation(world.organisation).await.unwrap().settings;
    settings.credential = CredentialKind::SetUpLink;
    world.invites.change_settings(&world.admin, settings).await.unwrap();
    assert_eq!(problems(&world, "invitation/email/en", link).await, [""; 0]);
    assert!(!problems(&world, "invitation/email/en", &email("Hi")).await.is_empty());
}

#[tokio::test]
async fn a_preview_shows_a_message_with_a_sample_that_is_no_credential() {
    let (world, _) = world().await;
    let preview = async |preview: Preview| world.invites.preview(&world.admin, &preview).await.unwrap();
    let shown = words(&preview(Preview::of(key("invitation/email/en"))).await);
    assert!(shown.contains("Rema: your Rema account") && shown.contains("Hello Kari"), "{shown}");
    assert!(shown.contains("samp-lepa-sswd") && TemporaryPassword::normalise("samp-lepa-sswd").is_none());
    assert!(shown.contains("Kari sent this invitation"), "whoever asks is the inviter: {shown}");

    let anna = world.add_with("Anna", |user| user.locale = "nb".parse().ok()).await;
    let of_anna = Preview::of(key("invitation/email/nb")).person(anna).credential(CredentialForm::Link);
    let shown = words(&preview(of_anna).await);
    assert!(shown.contains("Anna") && !shown.contains("Kari Nordmann"), "{shown}");
    let (_, token) = shown.split_once("https://app.example.com/welcome#").unwrap();
    assert!(LinkToken::parse(&token[..LinkToken::CHARACTERS]).is_none(), "{}", &token[..22]);

    let last = words(&preview(Preview::of(key("reminder/email/en")).last_reminder(true)).await);
    assert!(last.contains("last reminder") && !last.contains("{{"), "{last}");
    let own = Preview::of(key("invitation/sms/en"))
        .source("{% if reset %}Again{% else %}First{% endif %} {{ password }}")
        .reset(true);
    let own = preview(own).await;
    assert_eq!(words(&own), "Again samp-lepa-sswd");
    assert_eq!(own.sms, Some(SmsSize { encoding: SmsEncoding::Gsm7, units: 20, segments: 1 }));
    let sso = words(&preview(Preview::of(key("sso/sms/en")).credential(CredentialForm::Password)).await);
    assert!(!sso.contains("samp-lepa"), "{sso}");
    let unknown = Preview::of(key("sso/sms/en")).person(invite_core::model::id::UserId::new());
    assert!(matches!(world.invites.preview(&world.admin, &unknown).await, Err(Error::NotFound(_))));
}

#[tokio::test]
async fn a_preview_is_of_what_somebody_with_that_language_gets() {
    let (world, _) = world().await;
    let preview = async |name| world.invites.preview(&world.admin, &Preview::of(key(name))).await;
    let polish = preview("invitation/email/pl").await.unwrap();
    assert_eq!(polish.key, key("invitation/email/en"));
    world.invites.save_template(&world.admin, &key("invitation/email/pl"), &email("Witaj")).await.unwrap();
    let polish = preview("invitation/email/pl-PL").await.unwrap();
    assert!(polish.key == key("invitation/email/pl") && words(&polish).contains("Witaj"));
    let wrong = Preview::of(key("invitation/email/pl")).source("Subject: x\n\n{{ nothing }}");
    assert!(matches!(world.invites.preview(&world.admin, &wrong).await, Err(Error::Template { .. })));
}

#[tokio::test]
async fn a_reset_whose_old_password_works_is_shown_so() {
    let (world, _) = world().await;
    let reset = Preview::of(key("reset/sms/en"));
    let retired = words(&world.invites.preview(&world.admin, &reset).await.unwrap());
    assert!(retired.contains("no longer works"), "{retired}");
    let settings = world.invites.organisation(world.organisation).await.unwrap().settings;
    let settings = Settings { retirement: Some(Retirement::FirstUse), ..settings };
    world.invites.change_settings(&world.admin, settings).await.unwrap();
    let works = words(&world.invites.preview(&world.admin, &reset).await.unwrap());
    assert!(works.contains("works until then"), "{works}");
}

#[tokio::test]
async fn a_test_message_goes_to_one_address_and_is_audited_without_it() {
    let (world, transport) = world().await;
    let (invites, admin) = (&world.invites, &world.admin);
    let anna = world.add("Anna").await;
    let preview = Preview::of(key("invitation/email/en")).person(anna);
    let refused = Outcome::Refused { refusal: Refusal::Content, answer: Answer::new("554", "no") };
    transport.script([Outcome::Accepted(Receipt("1".into())), refused.clone()]);
    let sent = invites.send_test(admin, &preview, "Tester@Elsewhere.example").await.unwrap();
    assert_eq!(sent, Outcome::Accepted(Receipt("1".into())));
    assert_eq!(invites.send_test(admin, &preview, "tester@elsewhere.example").await.unwrap(), refused);
    let sms = Preview::of(key("reminder/sms/nb"));
    invites.send_test(admin, &sms, "912 34 567").await.unwrap();

    let messages = transport.messages();
    let Content::Email(email) = &messages[0].content else { panic!("an e-mail") };
    assert_eq!(email.to.address.as_str(), "Tester@Elsewhere.example");
    assert!(email.text.contains("Hello Anna") && email.text.contains("samp-lepa-sswd"));
    assert_ne!(messages[0].delivery, messages[1].delivery);
    let Content::Sms(sms) = &messages[2].content else { panic!("a text message") };
    assert_eq!(sms.to.as_str(), "+4791234567");

    let audit = invites.audit(admin, None, 3).await.unwrap().rows;
    let lines: Vec<_> = audit.iter().map(|line| (line.what.as_str(), line.subject.as_str())).collect();
    let invitation = ("test_sent", "invitation/email/en");
    assert_eq!(lines, [("test_sent", "reminder/sms/nb"), invitation, invitation]);
    assert_eq!(audit[2].details, format!("data of {anna}, to elsewhere.example"));
    assert_eq!(audit[0].details, "sample data, to NO");
}

#[tokio::test]
async fn nobody_gets_anything_by_a_test_but_the_message() {
    let (world, _) = world().await;
    let anna = world.add("Anna").await;
    let preview = Preview::of(key("invitation/email/en")).person(anna);
    world.invites.send_test(&world.admin, &preview, "anna@example.com").await.unwrap();
    let row = world.invites.user(&world.admin, anna).await.unwrap();
    assert_eq!((row.last_message_at, row.last_invited_at), (None, None));
    assert_eq!(world.plan(Invite::never_invited()).await.totals().send, 1);
}

#[tokio::test]
async fn so_many_test_messages_an_hour_may_be_sent_and_the_error_says_when_the_next_may() {
    let (world, transport) = world().await;
    let preview = Preview::of(key("sso/email/en"));
    let send = async |actor: &Actor| world.invites.send_test(actor, &preview, "a@example.com").await;
    for _ in 0..20 {
        send(&world.admin).await.unwrap();
        world.wait(Duration::from_mins(1));
    }
    let error = send(&world.admin).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "you have sent 20 test messages within an hour, which is the limit: the next can go at 2026-11-23 09:00:00 UTC"
    );
    assert_eq!(transport.messages().len(), 20);
    let boss = person("Boss", |user| user.role = invite_core::model::role::Role::Administrator);
    let other = Actor::administrator(world.organisation, boss.id);
    world.invites.add_user(&world.admin, boss).await.unwrap();
    send(&other).await.unwrap();
    world.wait(Duration::from_mins(40));
    send(&world.admin).await.unwrap();
    assert!(matches!(send(&world.admin).await, Err(Error::TestLimit { at_most: 20, .. })));
}

#[tokio::test]
async fn a_test_goes_to_no_address_that_must_not_be_written_to() {
    let (world, transport) = world().await;
    let (email, sms) = (Preview::of(key("invitation/email/en")), Preview::of(key("invitation/sms/en")));
    world.invites.suppress(&world.admin, Channel::Email, "gone@example.com").await.unwrap();
    let error = async |preview, address| {
        world.invites.send_test(&world.admin, preview, address).await.unwrap_err().to_string()
    };
    assert!(error(&email, "Gone@example.com").await.contains("suppressed"));
    assert!(error(&sms, "+4520123456").await.contains("a country that is not allowed"));
    assert!(matches!(world.invites.send_test(&world.admin, &email, "nobody").await, Err(Error::Contact(_))));
    assert!(transport.messages().is_empty());
    let audit = world.invites.audit(&world.admin, None, 100).await.unwrap().rows;
    assert!(audit.iter().all(|line| line.what != "test_sent"), "what is refused counts nowhere");
}

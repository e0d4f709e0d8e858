//! Rule 4, tenancy: every key and query begins with the organisation.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

use invite_core::model::id::{BatchId, ImportId, OrganisationId, UserId};
use invite_core::model::item::{Decision, SkipReason};
use invite_core::model::locale::Locale;
use invite_core::model::message::Channel;
use invite_core::model::message_kind::MessageKind;
use invite_core::model::role::Role;
use invite_core::model::selection::Filter;
use invite_core::model::sender::Covers;
use invite_core::model::template_key::TemplateKey;
use invite_core::service::{
    Acceptance, ConfirmOptions, Consent, Correction, Error, FreshAnswer, FreshRequest, HandOverOptions,
    ImportOptions, Preview, Retry, SecretCheck, SignIn, SignedIn,
};
use invite_core::{Actor, Invite, Invites, Secret};

use crate::house::{CHOSEN, House, password, person, secret, settings};
use crate::sources::below;

/// Two organisations: ours, in which much has happened to Anna, and theirs, whose administrator has got hold of our ids.
struct Two {
    house: House,
    anna: UserId,
    plan: BatchId,
    batch: BatchId,
    temporary: Secret,
    import: ImportId,
    theirs: OrganisationId,
    thief: Actor,
}

impl Two {
    async fn new() -> Self {
        let house = House::new().await;
        let anna = house.add("anna").await;
        house.set_up("anna", anna).await;
        let file = "username,group\nanna,Oslo\n".as_bytes();
        let import = house.invites.import(&house.admin, file, ImportOptions::default()).await.unwrap().import;
        let batch = house.send(Invite::users([anna])).await;
        let temporary = password(house.messages_to("anna").last().unwrap());
        house.add("bo").await;
        let plan = house.invites.plan(&house.admin, Invite::never_invited()).await.unwrap().id();
        house.invites.suppress(&house.admin, Channel::Email, "bo@acme.example").await.unwrap();
        house.invites.save_template(&house.admin, &key(), OWN).await.unwrap();

        let theirs = house.invites.create_organisation("theirs".parse().unwrap(), settings("Theirs")).await;
        let theirs = theirs.unwrap().id;
        let boss = person("boss", |user| user.role = Role::Administrator);
        let thief = Actor::administrator(theirs, boss.id);
        house.invites.add_user(&Actor::system(theirs), boss).await.unwrap();
        Self { house, anna, plan, batch, temporary, import, theirs, thief }
    }

    /// Everything of ours that could be changed, in words.
    async fn ours(&self) -> String {
        let Self { house, .. } = self;
        let (invites, admin) = (&house.invites, &house.admin);
        let mut all = String::new();
        for row in invites.users(admin, Filter::default(), None, 100).await.unwrap().rows {
            let story = invites.story(admin, row.user.id).await.unwrap();
            writeln!(all, "{row:?} {story:?} {}", house.own_counts(row.user.id).await).unwrap();
        }
        for batch in invites.batches(admin, None, 100).await.unwrap().rows {
            let items = invites.items(admin, batch.id, None, 100).await.unwrap();
            writeln!(all, "{batch:?} {items:?} {:?}", house.deliveries(batch.id).await).unwrap();
        }
        let suppressions = invites.suppressions(admin, None, 100).await.unwrap();
        writeln!(all, "{:?}", invites.imports(admin, None, 100).await.unwrap()).unwrap();
        let settings = invites.organisation(house.organisation).await.unwrap();
        let audit = invites.audit(admin, None, 1000).await.unwrap();
        let templates = invites.templates(admin).await.unwrap();
        writeln!(all, "{suppressions:?} {settings:?} {audit:?} {templates:?}").unwrap();
        all
    }

    /// Calls a service of [`Invites`] as the administrator of the other organisation, with ids of ours.
    async fn try_to_cross_with(&self, service: &str) {
        let Self { house, anna, plan, batch, temporary, theirs, thief, .. } = self;
        let (invites, anna, plan, batch, theirs): (&Invites, _, _, _, _) =
            (&house.invites, *anna, *plan, *batch, *theirs);
        let now = "2026-11-23T09:00:00Z".parse().unwrap();
        match service {
            // Of the host itself, which serves all organisations; they take no actor.
            "builder" | "builder_with" | "over" | "over_with" | "worker" | "policy" | "events" | "metrics" | "create_organisation"
            | "organisation" | "organisation_by_alias" | "organisations"
            // By the delivery's id alone, from a provider whose signature the host has verified.
            | "report"
            // Here the token alone says which organisation, and what follows is scoped by it: rule 17.
            | "inspect_link" | "accept" => {}
            "authorise" => {
                let pretends = Actor::administrator(house.organisation, thief.user().unwrap());
                assert!(matches!(invites.authorise(&pretends).await, Err(Error::NotAllowed)));
            }
            "users" | "user" | "add_user" | "change_user" | "import" | "imports" | "undo_import" | "find_user"
            | "export_person" | "correct_address" | "erase_person" | "record_erased" => self.try_to_cross_with_people(service).await,
            "plan" => {
                let plan = invites.plan(thief, Invite::users([anna])).await.unwrap();
                assert_eq!(plan.totals().recipients(), 0);
            }
            "planned" => not_found(invites.planned(thief, plan).await),
            "items" => assert!(invites.items(thief, plan, None, 10).await.unwrap().rows.is_empty()),
            "confirm" => not_found(invites.confirm(thief, plan).await),
            "confirm_with" => not_found(invites.confirm_with(thief, plan, ConfirmOptions::new()).await),
            "batch" => not_found(invites.batch(thief, batch).await),
            "batches" => assert!(invites.batches(thief, None, 10).await.unwrap().rows.is_empty()),
            "deliveries" => {
                assert!(invites.deliveries(thief, batch, None, 10).await.unwrap().rows.is_empty());
            }
            "pause" => not_found(invites.pause(thief, batch, "theft").await),
            "resume" => not_found(invites.resume(thief, batch).await),
            "cancel" => not_found(invites.cancel(thief, batch).await),
            "recall" => not_found(invites.recall(thief, batch).await),
            "retry" => not_found(invites.retry(thief, batch, Retry::Both).await),
            // Of whoever operates the senders, which organisations may share.
            "pause_sender" => {
                let paused = invites.pause_sender(thief, Covers::Account("email".into()), "theft").await;
                assert!(matches!(paused, Err(Error::OperatorsOnly)));
            }
            "resume_sender" => {
                let resumed = invites.resume_sender(thief, Covers::Account("email".into())).await;
                assert!(matches!(resumed, Err(Error::OperatorsOnly)));
            }
            // Pauses are the senders', which organisations share or not as the host says.
            "sender_pauses" => assert_eq!(invites.sender_pauses(thief).await.unwrap(), []),
            "suppressions" => assert!(invites.suppressions(thief, None, 10).await.unwrap().rows.is_empty()),
            "suppress" => invites.suppress(thief, Channel::Email, "anna@acme.example").await.unwrap(),
            "unsuppress" => invites.unsuppress(thief, Channel::Email, "bo@acme.example").await.unwrap(),
            "audit" => {
                let entries = invites.audit(thief, None, 1000).await.unwrap().rows;
                assert!(entries.iter().all(|entry| entry.actor.organisation() == theirs));
            }
            "story" => not_found(invites.story(thief, anna).await),
            "change_settings" => drop(invites.change_settings(thief, settings("Renamed")).await.unwrap()),
            "templates" | "template" | "template_versions" | "template_difference" | "check_template"
            | "save_template" | "reset_template" | "preview" | "send_test" => {
                self.try_to_cross_with_messages(service).await;
            }
            "hand_over_link" => {
                let options = HandOverOptions { reset: true };
                let refused = invites.hand_over_link(thief, anna, options).await.unwrap_err();
                let unknown = Decision::Skip(SkipReason::NotFound);
                assert!(matches!(refused, Error::NotHandedOver(decision) if decision == unknown));
            }
            "request_fresh" => {
                for request in [FreshRequest::Name("anna".into()), FreshRequest::Person(anna)] {
                    let answer = invites.request_fresh(theirs, request, "").await.unwrap();
                    assert_eq!(answer, FreshAnswer::Noted);
                }
                assert_eq!(house.work().await.sent, 0);
            }
            "own_password_counts" => {
                // It is retired with us.
                assert!(!house.own_counts(anna).await);
                assert_eq!(invites.own_password_counts(theirs, vec![anna]).await.unwrap(), [true]);
            }
            "check_secret" => {
                let check = invites.check_secret(theirs, anna, temporary, "").await.unwrap();
                assert_eq!(check, SecretCheck::No);
            }
            "redeem" => {
                let redeemed = invites.redeem(theirs, anna, temporary, &secret(CHOSEN), "").await.unwrap();
                assert_eq!(redeemed, Acceptance::Unknown);
            }
            "sign_in" => {
                let sign_in = SignIn::new("anna", temporary.clone());
                assert_eq!(invites.sign_in(theirs, sign_in).await.unwrap(), SignedIn::Refused);
            }
            "consent" => {
                let stop = invites.consent(theirs, Channel::Email, "anna@acme.example", Consent::OptedOut);
                stop.await.unwrap();
            }
            "record_change" => invites.record_change(theirs, &[anna]).await.unwrap(),
            "record_added" => invites.record_added(theirs, &[anna]).await.unwrap(),
            "record_sign_in" => invites.record_sign_in(theirs, &[(anna, now)]).await.unwrap(),
            "record_password_set" => {
                let later = now + Duration::from_hours(24);
                invites.record_password_set(theirs, &[(anna, later)]).await.unwrap();
            }
            new => panic!("rule 4: try {new} here with another organisation's ids"),
        }
    }

    /// The services about people.
    async fn try_to_cross_with_people(&self, service: &str) {
        let Self { house, anna, theirs, thief, .. } = self;
        let (invites, anna, theirs): (&Invites, _, _) = (&house.invites, *anna, *theirs);
        match service {
            "users" => {
                let rows = invites.users(thief, Filter::default(), None, 100).await.unwrap().rows;
                assert_eq!(rows.iter().map(|row| row.user.id).collect::<Vec<_>>(), [thief.user().unwrap()]);
            }
            "user" => not_found(invites.user(thief, anna).await),
            "add_user" => {
                // The same id in another organisation is another person.
                let mut other = person("other", |_| {});
                other.id = anna;
                invites.add_user(thief, other).await.unwrap();
            }
            "correct_address" => {
                let wrong = Correction::Email("thief@acme.example".parse().unwrap());
                not_found(invites.correct_address(thief, anna, wrong).await);
            }
            "change_user" => {
                not_found(invites.change_user(thief, anna, |user| user.deactivated = true).await);
            }
            "import" => {
                let file = "email,username,first_name\nanna@acme.example,anna,Stolen\n".as_bytes();
                let report = invites.import(thief, file, ImportOptions::default()).await.unwrap();
                assert_eq!((report.created, report.updated), (1, 0));
            }
            "imports" => assert!(invites.imports(thief, None, 10).await.unwrap().rows.is_empty()),
            "undo_import" => not_found(invites.undo_import(thief, self.import).await),
            "find_user" => {
                for name in ["anna", "anna@acme.example", &anna.to_string()] {
                    not_found(invites.find_user(thief, name).await);
                }
            }
            "export_person" => not_found(invites.export_person(thief, anna).await),
            "erase_person" => not_found(invites.erase_person(thief, anna).await),
            "record_erased" => assert!(!invites.record_erased(theirs, anna).await.unwrap().found),
            new => panic!("rule 4: try {new} here with another organisation's ids"),
        }
    }

    /// The services about messages of an organisation's own.
    async fn try_to_cross_with_messages(&self, service: &str) {
        let Self { house, anna, thief, .. } = self;
        let (invites, anna): (&Invites, _) = (&house.invites, *anna);
        match service {
            "templates" => {
                let rows = invites.templates(thief).await.unwrap();
                assert!(rows.iter().all(|row| row.own.is_none()));
            }
            "template" => {
                assert!(invites.template(thief, &key(), None).await.unwrap().built_in);
                not_found(invites.template(thief, &key(), Some("1")).await);
            }
            "template_versions" => {
                assert!(invites.template_versions(thief, &key(), None, 10).await.unwrap().rows.is_empty());
            }
            "template_difference" => {
                not_found(invites.template_difference(thief, &key(), Some("1"), None).await);
            }
            "check_template" => invites.check_template(thief, &key(), OWN).await.unwrap(),
            "save_template" => assert_eq!(invites.save_template(thief, &key(), OWN).await.unwrap(), "1"),
            "reset_template" => not_found(invites.reset_template(thief, &key()).await),
            "preview" => not_found(invites.preview(thief, &Preview::of(key()).person(anna)).await),
            "send_test" => {
                let preview = Preview::of(key()).person(anna);
                not_found(invites.send_test(thief, &preview, "thief@example.com").await);
            }
            new => panic!("rule 4: try {new} here with another organisation's ids"),
        }
    }
}

/// A message of their own that they saved.
const OWN: &str = "Subject: Ours\n\nSign in as {{ sign_in_name }} with {{ password }}\n";

fn key() -> TemplateKey {
    let (kind, channel) = (MessageKind::Invitation, Channel::Email);
    TemplateKey { kind, channel, locale: Locale::english() }
}

fn not_found<T>(answer: Result<T, Error>) {
    assert!(matches!(answer.err(), Some(Error::NotFound(_))));
}

/// The public methods of `Invites`, read from the source, so that none is forgotten.
fn services() -> BTreeSet<String> {
    let mut services = BTreeSet::new();
    for (_, source) in below("service") {
        let mut of_invites = false;
        for line in source.lines() {
            if line.starts_with("impl ") || line == "}" {
                of_invites = line == "impl Invites {";
            }
            let public = ["    pub async fn ", "    pub fn ", "    pub const fn "];
            if let Some(rest) =
                public.iter().find_map(|start| line.strip_prefix(start)).filter(|_| of_invites)
            {
                services.insert(rest.split(['(', '<']).next().unwrap().to_owned());
            }
        }
    }
    services
}

#[tokio::test]
async fn rule_04_no_service_crosses_an_organisations_border_with_anothers_ids() {
    let services = services();
    assert!(services.len() > 30, "{services:?}");
    for service in services {
        let two = Two::new().await;
        let before = two.ours().await;
        two.try_to_cross_with(&service).await;
        assert_eq!(two.ours().await, before, "{service}");
    }
}

#[tokio::test]
async fn rule_04_two_organisations_with_the_same_people_send_each_its_own() {
    let two = Two::new().await;
    let house = &two.house;
    let twin = person("anna", |user| user.id = two.anna);
    house.invites.add_user(&two.thief, twin).await.unwrap();
    let plan = house.invites.plan(&two.thief, Invite::users([two.anna])).await.unwrap();
    assert_eq!((plan.totals().send, plan.totals().reset), (1, 0));
    house.invites.confirm(&two.thief, plan.id()).await.unwrap();
    house.work().await;
    let theirs = password(house.messages_to("anna").last().unwrap());
    assert_eq!(house.sign_in("anna", &theirs).await, SignedIn::Refused);
    assert_eq!(house.sign_in("anna", &two.temporary).await, SignedIn::MustChangePassword);
    let there = house.invites.sign_in(two.theirs, SignIn::new("anna", theirs)).await.unwrap();
    assert_eq!(there, SignedIn::MustChangePassword);
}

/// The methods of ports that do not begin with the organisation; each says why in its trait's documentation.
const WITHOUT_ORGANISATION: [&str; 20] = [
    // How an organisation is found, and how the host lists them.
    "organisations::by_alias",
    "organisations::organisations",
    // The clock.
    "plans::now",
    // Work for all organisations; what is touched is found by the claim's token or the delivery's id.
    "queue::begin",
    "queue::claim",
    "queue::listen",
    "queue::metrics",
    "queue::record",
    "queue::release",
    "queue::renew",
    "queue::report",
    "queue::reserve_sends",
    "queue::sweep",
    "queue::waiting",
    // For the host itself.
    "records::events",
    "records::resume_sender",
    "records::sender_pauses",
    // The digest is all that there is.
    "redemption::link",
    // Work for all organisations; what it gives names its own.
    "schedules::claim_due",
    // One message, which names its organisation.
    "transport::send",
];

#[test]
fn rule_04_the_port_methods_that_do_not_begin_with_the_organisation_are_these() {
    let ports = below("port");
    let scoped: BTreeSet<&str> = ports.iter().flat_map(|(_, source)| scoped_requests(source)).collect();
    let mut without = Vec::new();
    for (name, source) in &ports {
        let name = name.trim_start_matches("port/").trim_end_matches(".rs");
        for part in source.split("    async fn ").skip(1) {
            let signature: String = part[..part.find(" -> ").unwrap()].split_whitespace().collect();
            let (method, arguments) = signature.split_once('(').unwrap();
            let first = arguments.trim_start_matches("&self").trim_start_matches(',');
            let first = first.split(',').next().unwrap().trim_end_matches(')');
            let kind = first.split(':').next_back().unwrap();
            let by_organisation = ["OrganisationId", "Organisation", "Arc<Organisation>"].contains(&kind)
                || scoped.contains(kind);
            if !by_organisation {
                without.push(format!("{name}::{method}"));
            }
        }
    }
    without.sort();
    without.dedup();
    assert_eq!(without, WITHOUT_ORGANISATION);
}

/// The structs of a port's source that name an organisation, or an actor or a new plan, which have one.
fn scoped_requests(source: &str) -> Vec<&str> {
    let structs = source.split("pub struct ").skip(1);
    let scoped = structs.filter(|text| {
        let fields = text.split("\n}").next().unwrap();
        ["pub organisation: OrganisationId", "pub actor: Actor", "pub plan: NewPlan"]
            .iter()
            .any(|field| fields.contains(field))
    });
    scoped.map(|text| text.split([' ', '(']).next().unwrap()).collect()
}

//! Rule 6, secrets that stay secret: plaintext is in no log, `Debug`, error, plan, event or API type.

use std::cell::RefCell;
use std::fmt;
use std::fmt::Write;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use invite_core::credential::LinkToken;
use invite_core::memory::RecordingTransport;
use invite_core::model::credential::CredentialKind;
use invite_core::model::event::EventCursor;
use invite_core::model::message::Message;
use invite_core::model::outcome::{Outcome, Receipt};
use invite_core::model::selection::Filter;
use invite_core::port::redemption::{OpenPassword, Redemption};
use invite_core::service::SignIn;
use invite_core::{Invite, Remind, Secret};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::house::{CHOSEN, House, answer, password, secret, token};

/// Keeps every span and event at every level, with all its fields, of the threads that listen.
#[derive(Debug)]
struct Log;

thread_local! {
    static HEARD: RefCell<Option<String>> = const { RefCell::new(None) };
}

impl Log {
    /// Listens on this thread: the one of all tasks of a test.
    fn listen() {
        static ONCE: Once = Once::new();
        // One subscriber for all threads: what is enabled by one thread's own is not reliably enabled in time.
        ONCE.call_once(|| tracing::subscriber::set_global_default(Log).unwrap());
        HEARD.set(Some(String::new()));
    }

    fn heard() -> String {
        HEARD.take().unwrap()
    }

    fn line(start: &str, visit: impl FnOnce(&mut dyn Visit)) {
        HEARD.with_borrow_mut(|heard| {
            if let Some(heard) = heard {
                heard.push_str(start);
                visit(&mut Line(heard));
                heard.push('\n');
            }
        });
    }
}

struct Line<'a>(&'a mut String);

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        Self::line(span.metadata().name(), |line| span.record(line));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        Self::line("recorded", |line| values.record(line));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        Self::line(event.metadata().name(), |line| event.record(line));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Everything that a whole rollout with faults, reminders and sign-ins says of itself, and the secrets that were sent.
async fn all_that_is_said(kind: CredentialKind, read: fn(&Message) -> Secret) -> (String, Vec<Secret>) {
    Log::listen();
    let house = House::with(RecordingTransport::new(), |settings| settings.credential = kind).await;
    let [anna, bo] = [house.add("anna").await, house.add("bo").await];
    let panicking = Outcome::Unknown { answer: answer("reset") };
    house.transport.script([Outcome::Deferred { retry_after: None, answer: answer("later") }, panicking]);
    let plan = house.invites.plan(&house.admin, Invite::all()).await.unwrap();
    let mut said = format!("{plan:?}\n{}\n", plan.summary());
    house.invites.confirm(&house.admin, plan.id()).await.unwrap();
    // While sealed secrets wait.
    writeln!(said, "{:?}", house.work().await).unwrap();
    writeln!(said, "{:?} {:?}", house.record(anna).await, house.store).unwrap();
    house.work_to_the_end().await;
    house.clock.advance(Duration::from_hours(3 * 24));
    house.send(Remind::never_signed_in()).await;
    let messages = house.transport.messages();
    let secrets: Vec<Secret> = messages.iter().map(read).collect();
    writeln!(said, "{messages:?} {:?} {:?}", house.transport, house.invites).unwrap();

    let own = "a password of my own";
    for user in [anna, bo] {
        let open = house.store.open_passwords(house.organisation, user).await.unwrap();
        writeln!(said, "{open:?}").unwrap();
    }
    for one in &secrets {
        let mut sign_in = SignIn::new("anna", one.clone());
        writeln!(said, "{sign_in:?} {:?}", LinkToken::parse(one.expose())).unwrap();
        let checked = house.invites.check_secret(house.organisation, bo, one, "192.0.2.1").await;
        writeln!(said, "{checked:?}").unwrap();
        sign_in.new_password = Some(one.clone());
        writeln!(said, "{:?}", house.invites.sign_in(house.organisation, sign_in.clone()).await).unwrap();
        sign_in.new_password = Some(secret("q7zx"));
        writeln!(said, "{:?}", house.invites.sign_in(house.organisation, sign_in.clone()).await).unwrap();
        sign_in.new_password = Some(secret(own));
        writeln!(said, "{:?}", house.invites.sign_in(house.organisation, sign_in).await).unwrap();
        writeln!(said, "{:?}", house.invites.inspect_link(one).await).unwrap();
        writeln!(said, "{:?}", house.invites.accept(one, &secret(CHOSEN)).await).unwrap();
    }
    writeln!(said, "{:?}", house.invites.events(EventCursor::default(), 10_000).await.unwrap()).unwrap();
    writeln!(said, "{:?}", house.invites.audit(&house.admin, None, 10_000).await.unwrap()).unwrap();
    for row in house.invites.users(&house.admin, Filter::default(), None, 100).await.unwrap().rows {
        let story = house.invites.story(&house.admin, row.user.id).await.unwrap();
        writeln!(said, "{row:?} {story:?} {story}").unwrap();
    }
    for batch in house.invites.batches(&house.admin, None, 100).await.unwrap().rows {
        let deliveries = house.deliveries(batch.id).await;
        writeln!(said, "{} {deliveries:?}", serde_json::to_string(&batch).unwrap()).unwrap();
        writeln!(said, "{}", serde_json::to_string(&deliveries).unwrap()).unwrap();
    }
    let log = Log::heard();
    assert!(log.contains("sign_in") && log.contains("plan"), "the log is listened to");
    (said + &log, [secrets, vec![secret(own), secret(CHOSEN), secret("q7zx")]].concat())
}

fn is_nowhere(said: &str, secrets: &[Secret]) {
    let said = said.to_lowercase();
    for secret in secrets {
        let plain = secret.expose().to_lowercase();
        for form in [plain.clone(), plain.replace('-', "")] {
            let place = said.find(&form);
            assert!(place.is_none(), "{:?}", place.map(|at| &said[at.saturating_sub(300)..at]));
        }
    }
    assert!(!said.contains("$argon2id$"), "no hash either");
}

#[tokio::test]
async fn rule_06_a_temporary_password_is_in_no_log_debug_error_plan_event_or_story() {
    let (said, secrets) = all_that_is_said(CredentialKind::TemporaryPassword, password).await;
    assert!(secrets.len() >= 6 && said.len() > 10_000);
    is_nowhere(&said, &secrets);
}

#[tokio::test]
async fn rule_06_a_link_token_is_in_no_log_debug_error_plan_event_or_story() {
    let (said, secrets) = all_that_is_said(CredentialKind::SetUpLink, token).await;
    assert!(secrets.len() >= 6 && said.len() > 10_000);
    is_nowhere(&said, &secrets);
}

#[tokio::test]
async fn rule_06_the_sealed_secret_is_wiped_when_no_message_needs_it_any_more() {
    let house = House::new().await;
    let anna = house.add("anna").await;
    house.transport.script([Outcome::Deferred { retry_after: None, answer: answer("later") }]);
    house.send(Invite::users([anna])).await;
    let sealed = |record: invite_core::port::records::PersonRecord| {
        record.credentials.iter().map(|credential| credential.sealed).collect::<Vec<_>>()
    };
    assert_eq!(sealed(house.record(anna).await), [true]);
    house.work_to_the_end().await;
    assert_eq!(sealed(house.record(anna).await), [false]);
}

#[tokio::test]
async fn rule_06_a_sign_in_spends_one_hash_on_temporary_passwords_however_many_invitations_are_open() {
    let accepted = AtomicUsize::new(0);
    let transport = RecordingTransport::answering(move |_| match accepted.fetch_add(1, Ordering::SeqCst) {
        0 => Outcome::Accepted(Receipt("1".into())),
        _ => Outcome::Deferred { retry_after: Some(Duration::from_hours(1)), answer: answer("later") },
    });
    let house = House::with(transport, |_| {}).await;
    let anna = house.add("anna").await;
    let bo = house.add("bo").await;
    house.send(Invite::users([anna])).await;
    house.clock.advance(Duration::from_hours(2));
    house.send(Invite::users([anna, bo])).await;
    let open = house.store.open_passwords(house.organisation, anna).await.unwrap();
    assert_eq!(open.len(), 2);
    assert_ne!(open[0].invitation, open[1].invitation);
    let settings = |of: &OpenPassword| (of.hash.salt().unwrap(), of.hash.cost());
    assert_eq!(settings(&open[0]), settings(&open[1]));
    assert_ne!(open[0].hash.as_str(), open[1].hash.as_str());
    let other = house.store.open_passwords(house.organisation, bo).await.unwrap();
    assert_ne!(other[0].salt.as_bytes(), open[0].salt.as_bytes());
}

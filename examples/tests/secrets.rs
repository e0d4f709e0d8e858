//! A delivered secret stands in its message and nowhere else: not in the database or its write-ahead log, in no log, event
//! or answer. Nor does a password that somebody chose or mistyped.

mod support;

use std::collections::{BTreeSet, HashSet};
use std::fmt::{Debug, Display};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use invite_core::credential::{HashCost, random};
use invite_core::memory::ManualClock;
use invite_core::model::credential::CredentialKind;
use invite_core::model::event::EventCursor;
use invite_core::model::id::{BatchId, DeliveryId, OrganisationId, UserId};
use invite_core::model::message::{Channel, Content, Message};
use invite_core::model::organisation::{ChannelRule, ReminderRules, Settings};
use invite_core::model::outcome::{Answer, Outcome};
use invite_core::model::selection::{Filter, PeopleFilter};
use invite_core::port::transport::Transport;
use invite_core::service::{Acceptance, ConfirmOptions, ImportOptions, PlanRequest, SignIn, SignedIn};
use invite_core::{Actor, Invite, Invites, Remind, SealingKey, Secret};
use invite_file::FileTransport;
use invite_sqlite::SqliteStore;
use sqlx::ConnectOptions;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use support::search::{Search, forms};
use support::{Arrived, arrived};
use tracing_subscriber::fmt::format::FmtSpan;

const LINK: &str = "https://app.acme.example/welcome#";
/// What people choose, and what they mistype: neither is ever in a message.
const CHOSEN: [&str; 3] = ["rain over the fjord", "wind in the birches", "snow on the harbour"];
const TOO_SHORT: &str = "kx9qz";
const MISTYPED: &str = "my own passwrod of old";

/// What was written to the log, at every level, by every crate.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Puts the first attempt of some people's messages off, so that their secrets wait in the database.
#[derive(Debug, Clone)]
struct PutsOff {
    folder: Arc<FileTransport>,
    seen: Arc<Mutex<HashSet<DeliveryId>>>,
}

#[async_trait]
impl Transport for PutsOff {
    async fn send(&self, message: &Message, deadline: Duration) -> Outcome {
        let is_slow = match &message.content {
            Content::Email(email) => email.to.address.as_str().contains("slow"),
            Content::Sms(_) => true,
        };
        if is_slow && self.seen.lock().unwrap().insert(message.delivery) {
            let answer = Answer::new("451", "try again later");
            return Outcome::Deferred { retry_after: Some(Duration::from_mins(10)), answer };
        }
        self.folder.send(message, deadline).await
    }
}

/// Everything that the library answered, as somebody might print it.
#[derive(Default)]
struct Said(Vec<(&'static str, String)>);

impl Said {
    fn debug<T: Debug>(&mut self, what: &'static str, answer: T) -> T {
        self.0.push((what, format!("{answer:?}\n{answer:#?}")));
        answer
    }

    fn display<T: Debug + Display>(&mut self, what: &'static str, answer: T) -> T {
        self.0.push((what, answer.to_string()));
        self.debug(what, answer)
    }
}

struct House {
    folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
    pool: SqlitePool,
    invites: Invites,
    said: Said,
}

impl House {
    /// The settings that `SqliteStore::open` gives its connections, and each statement in the log.
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteConnectOptions::new()
            .filename(folder.path().join("acme.db"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .pragma("secure_delete", "ON")
            .log_statements("trace".parse().unwrap());
        let pool = SqlitePoolOptions::new().max_connections(8).connect_with(options).await.unwrap();
        let clock = Arc::new(ManualClock::new("2026-11-23T09:00:00Z".parse().unwrap()));
        let store = SqliteStore::with_pool(pool.clone()).await.unwrap().with_clock(clock.clone());
        let transport = PutsOff {
            folder: Arc::new(FileTransport::new(folder.path().join("outbox")).unwrap()),
            seen: Arc::default(),
        };
        let mut said = Said::default();
        said.debug("the store", &store);
        let builder = Invites::builder(store)
            .email(transport.clone())
            .sms(transport)
            .seal_with(SealingKey::generate(&mut random::system_random().unwrap()))
            .hash_cost(HashCost::weak_for_tests());
        let invites = said.debug("the builder", builder).build().unwrap();
        said.debug("the library", &invites);
        Self { folder, clock, pool, invites, said }
    }

    fn outbox(&self) -> PathBuf {
        self.folder.path().join("outbox")
    }

    async fn organisation(&mut self, alias: &str, credential: CredentialKind) -> OrganisationId {
        let settings = Settings {
            app_link: Some("https://app.acme.example".parse().unwrap()),
            link_pattern: Some(format!("{LINK}{{token}}").parse().unwrap()),
            channels: Channel::ALL.into(),
            country: Some("NO".parse().unwrap()),
            credential,
            reminders: ReminderRules { gap: Duration::ZERO, ..ReminderRules::default() },
            ..Settings::new(alias)
        };
        let id = self.invites.create_organisation(alias.parse().unwrap(), settings).await.unwrap().id;
        let file = format!(
            "email,phone_number,first_name,username\n{alias}.anna@acme.example,+4791234561,Anna,anna\n\
             {alias}.slow@acme.example,,Bo,bo\n{alias}.carl@acme.example,+4791234562,Carl,carl\nnobody@,,x,y\n"
        );
        let options = ImportOptions::default();
        let report = self.invites.import(&Actor::system(id), io::Cursor::new(file), options).await.unwrap();
        self.said.debug("an import", report);
        id
    }

    async fn find(&mut self, organisation: OrganisationId, name: &str) -> UserId {
        let people = PeopleFilter { text: Some(name.into()), ..PeopleFilter::default() };
        let filter = Filter { people, ..Filter::default() };
        let page = self.invites.users(&Actor::system(organisation), filter, None, 10).await.unwrap();
        self.said.debug("the people", page).rows[0].user.id
    }

    /// Plans, confirms and works until nothing is due.
    async fn roll_out(&mut self, organisation: OrganisationId, request: PlanRequest) -> BatchId {
        let actor = Actor::system(organisation);
        let plan = self.invites.plan(&actor, request).await.unwrap();
        self.said.0.push(("the summary", plan.summary()));
        let plan = self.said.debug("a plan", plan);
        let options = ConfirmOptions::new().resets(true);
        let batch = self.invites.confirm_with(&actor, plan.id(), options).await.unwrap();
        self.said.debug("a batch", &batch);
        self.work().await;
        batch.id
    }

    async fn work(&mut self) {
        let worker = self.said.debug("a worker", self.invites.worker());
        let report = worker.run_until_idle().await.unwrap();
        assert_eq!((report.failed, report.unknown), (0, 0));
        self.said.debug("a worker's report", report);
    }

    async fn sign_in(
        &mut self,
        organisation: OrganisationId,
        name: &str,
        secret: &str,
        new: Option<&str>,
    ) -> Option<SignedIn> {
        let new_password = new.map(secret_of);
        let sign_in = SignIn { new_password, ..SignIn::new(name, secret_of(secret)) };
        self.said.debug("a sign-in", &sign_in);
        match self.invites.sign_in(organisation, sign_in).await {
            Ok(answer) => Some(self.said.debug("the door's answer", answer)),
            Err(error) => {
                self.said.display("the door's error", error);
                None
            }
        }
    }

    /// Everything that can be asked about an organisation.
    async fn ask(&mut self, organisation: OrganisationId, batches: &[BatchId]) {
        let Self { invites, said, .. } = self;
        let actor = Actor::system(organisation);
        said.debug("the organisation", invites.organisation(organisation).await.unwrap());
        said.debug("the batches", invites.batches(&actor, None, 100).await.unwrap());
        for batch in batches {
            said.debug("a batch's status", invites.batch(&actor, *batch).await.unwrap());
            said.debug("items", invites.items(&actor, *batch, None, 100).await.unwrap());
            said.debug("deliveries", invites.deliveries(&actor, *batch, None, 100).await.unwrap());
        }
        let people = invites.users(&actor, Filter::default(), None, 100).await.unwrap();
        for row in said.debug("the people", people).rows {
            said.display("a story", invites.story(&actor, row.user.id).await.unwrap());
        }
        said.debug("the audit", invites.audit(&actor, None, 1_000).await.unwrap());
        said.debug("the senders", invites.sender_pauses(&actor).await.unwrap());
    }

    /// The database as it is on the disk.
    fn database(&self) -> Vec<(String, Vec<u8>)> {
        ["acme.db", "acme.db-wal", "acme.db-shm"]
            .map(|name| (name.to_owned(), std::fs::read(self.folder.path().join(name)).unwrap()))
            .into()
    }
}

fn secret_of(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

/// The temporary passwords and the tokens in messages.
fn secrets_in(messages: &[Arrived]) -> BTreeSet<String> {
    let words = messages.iter().flat_map(|message| message.text.split_whitespace());
    words
        .filter_map(|word| match word.strip_prefix(LINK) {
            Some(token) => Some(token.to_owned()),
            None => is_password(word).then(|| word.to_owned()),
        })
        .collect()
}

fn is_password(word: &str) -> bool {
    let groups: Vec<&str> = word.split('-').collect();
    let is_group = |group: &&str| group.len() == 4 && group.bytes().all(|b| b.is_ascii_alphanumeric());
    groups.len() == 3 && groups.iter().all(is_group)
}

/// The secret in the newest message to an address.
fn newest(outbox: &Path, to: &str) -> String {
    let messages: Vec<Arrived> = arrived(outbox).into_iter().filter(|message| message.to == to).collect();
    let newest = messages.last().unwrap_or_else(|| panic!("no message to {to}"));
    secrets_in(std::slice::from_ref(newest)).into_iter().next().expect("a message with a secret")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rule_06_no_secret_stands_anywhere_but_in_the_folder_of_messages() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_span_events(FmtSpan::FULL)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();
    let mut house = House::open().await;
    let passwords = house.organisation("passwords", CredentialKind::TemporaryPassword).await;
    let links = house.organisation("links", CredentialKind::SetUpLink).await;
    let outbox = house.outbox();

    // Everybody is invited; some messages wait, with their secrets sealed.
    let mut batches = Vec::new();
    for organisation in [passwords, links] {
        let request = Invite::never_invited().channels(ChannelRule::Both);
        batches.push((organisation, house.roll_out(organisation, request).await));
    }
    assert_eq!(arrived(&outbox).len(), 4);
    let waiting = house.database();
    house.clock.advance(Duration::from_mins(15));
    house.work().await;
    assert_eq!(arrived(&outbox).len(), 10);

    // Anna comes, in several wrong ways first.
    let anna = newest(&outbox, "passwords.anna@acme.example");
    let wrong = house.sign_in(passwords, "anna", MISTYPED, None).await;
    assert_eq!(wrong, Some(SignedIn::Refused));
    // It happens that somebody types a password where the name belongs; what was asked is then not ours to print.
    let mixed_up = SignIn::new(MISTYPED, secret_of(CHOSEN[0]));
    assert_eq!(house.invites.sign_in(passwords, mixed_up).await.unwrap(), SignedIn::Refused);
    let right = house.sign_in(passwords, "anna", &anna.to_uppercase(), None).await;
    assert_eq!(right, Some(SignedIn::MustChangePassword));
    assert_eq!(house.sign_in(passwords, "anna", &anna, Some(TOO_SHORT)).await, None);
    assert_eq!(house.sign_in(passwords, "anna", &anna, Some(&anna)).await, None);
    let anna_id = house.find(passwords, "anna").await;
    let came = house.sign_in(passwords, "anna", &anna, Some(CHOSEN[0])).await;
    assert_eq!(came, Some(SignedIn::In(anna_id)));
    assert_eq!(house.sign_in(passwords, "anna", CHOSEN[0], None).await, Some(SignedIn::In(anna_id)));

    // So does the Anna who has a link.
    let link = newest(&outbox, "links.anna@acme.example");
    let view = house.invites.inspect_link(&secret_of(&link)).await.unwrap();
    house.said.debug("a link's page", view);
    let refused = house.invites.accept(&secret_of(&link), &secret_of(TOO_SHORT)).await.unwrap_err();
    house.said.display("the link's error", refused);
    let accepted = house.invites.accept(&secret_of(&link), &secret_of(CHOSEN[1])).await.unwrap();
    assert!(matches!(accepted, Acceptance::Accepted { .. }));
    house.said.debug("the link's answer", accepted);
    let again = house.invites.accept(&secret_of(&link), &secret_of(CHOSEN[2])).await.unwrap();
    house.said.debug("the link's answer", again);

    // A reset, a reminder, and a check by a host with a sign-in of its own.
    house.clock.advance(Duration::from_hours(2));
    batches.push((passwords, house.roll_out(passwords, Invite::users([anna_id])).await));
    for organisation in [passwords, links] {
        batches.push((organisation, house.roll_out(organisation, Remind::never_signed_in()).await));
    }
    house.clock.advance(Duration::from_mins(15));
    house.work().await;
    let bo = newest(&outbox, "passwords.slow@acme.example");
    let bo_id = house.find(passwords, "bo").await;
    let check = house.invites.check_secret(passwords, bo_id, &secret_of(&bo), "203.0.113.7").await.unwrap();
    house.said.debug("a check", check);
    let same =
        house.invites.redeem(passwords, bo_id, &secret_of(&bo), &secret_of(&bo), "").await.unwrap_err();
    house.said.display("a refusal", same);

    for organisation in [passwords, links] {
        let of_it: Vec<BatchId> =
            batches.iter().filter(|(owner, _)| *owner == organisation).map(|(_, batch)| *batch).collect();
        house.ask(organisation, &of_it).await;
    }
    let events = house.invites.events(EventCursor::default(), 1_000).await.unwrap();
    house.said.0.push(("events as JSON", serde_json::to_string(&events).unwrap()));
    house.said.debug("events", events);

    let mut secrets: Vec<String> = secrets_in(&arrived(&outbox)).into_iter().collect();
    assert!(
        secrets.len() >= 9,
        "six people, a reset, and a reminder of whoever needs another: {}",
        secrets.len()
    );
    secrets.extend(CHOSEN.into_iter().chain([TOO_SHORT, MISTYPED]).map(str::to_owned));
    let search = Search::new(&secrets);
    let mut found = Vec::new();
    for (name, octets) in house.database() {
        found.extend(search.find(&name, &octets));
    }
    for (name, octets) in &waiting {
        found.extend(search.find(&format!("{name} while messages wait"), octets));
    }
    for (what, answer) in &house.said.0 {
        found.extend(search.find(what, answer.as_bytes()));
    }
    let logged = log.0.lock().unwrap().clone();
    found.extend(search.find("the log", &logged));
    assert_eq!(found, Vec::<String>::new());

    // The log was listened to, and the search finds what is there.
    let text = String::from_utf8_lossy(&logged);
    for source in ["invite_core", "sqlx", "TRACE"] {
        assert!(text.contains(source), "nothing of {source} was logged");
    }
    let arrived: Vec<u8> = arrived(&outbox).into_iter().flat_map(|message| message.octets).collect();
    assert!(!search.find("the folder of messages", &arrived).is_empty());
    sqlx::query("create table planted (note text)").execute(&house.pool).await.unwrap();
    sqlx::query("insert into planted values (?)").bind(&secrets[0]).execute(&house.pool).await.unwrap();
    let planted = house.database().into_iter().flat_map(|(name, octets)| search.find(&name, &octets));
    assert_ne!(planted.count(), 0);
    tracing::trace!(secret = secrets[1], "planted");
    assert!(!search.find("the log", &log.0.lock().unwrap().clone()).is_empty());
}

#[test]
fn the_search_finds_a_secret_in_every_form_and_at_every_place() {
    let secrets = ["abcd-efgh-jkmn", "AAECAwQFBgcICQoLDA0ODw", "rain over the fjord"].map(str::to_owned);
    let search = Search::new(&secrets);
    for secret in &secrets {
        for (form, octets) in forms(secret) {
            for before in 0..4 {
                let place = [vec![b'#'; before].as_slice(), &octets, b"#"].concat();
                assert!(!search.find("planted", &place).is_empty(), "{form} of {secret}");
            }
        }
        use base64::Engine;
        for before in 0..6 {
            let around = format!("{}{secret} and more", "#".repeat(before));
            let encoded = base64::engine::general_purpose::STANDARD.encode(around);
            assert!(
                !search.find("planted", encoded.as_bytes()).is_empty(),
                "base64 of {secret} after {before}"
            );
        }
        let folded = format!("{}=\r\n{}", &secret[..5], &secret[5..]);
        assert!(!search.find("planted", folded.as_bytes()).is_empty(), "folded {secret}");
        assert!(!search.find("planted", secret.to_uppercase().as_bytes()).is_empty(), "{secret} in capitals");
    }
    assert_eq!(search.find("elsewhere", b"abcd efgh jkmo, rain over the birches"), Vec::<String>::new());
}

#[test]
fn the_quickstart_shows_one_message_and_no_other_secret() {
    let mut quickstart = Command::new(env!("CARGO_BIN_EXE_quickstart"));
    let output = quickstart.env("RUST_LOG", "trace").output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success(), "{said}");
    let folder =
        said.lines().find_map(|line| line.split_once("rm -r ")).map(|(_, path)| path.trim()).unwrap();
    let folder = PathBuf::from(folder);
    let messages = arrived(&folder.join("outbox"));
    let secrets: Vec<String> = secrets_in(&messages).into_iter().collect();
    assert!(secrets.len() > 10, "{} secrets in {} messages", secrets.len(), messages.len());

    // The lines of the one message are marked.
    let (shown, rest): (Vec<&str>, Vec<&str>) = said.lines().partition(|line| line.contains('│'));
    let search = Search::new(&secrets);
    let in_message: BTreeSet<String> = secrets
        .iter()
        .filter(|secret| shown.iter().any(|line| line.contains(secret.as_str())))
        .cloned()
        .collect();
    assert_eq!(in_message.len(), 1, "one message is shown, and it holds one secret");
    assert_eq!(search.find("the output", rest.join("\n").as_bytes()), Vec::<String>::new());

    let mut all = secrets.clone();
    all.push("rain over the fjord".to_owned());
    let search = Search::new(&all);
    for entry in std::fs::read_dir(&folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_file() {
            let name = entry.file_name().into_string().unwrap();
            assert_eq!(search.find(&name, &std::fs::read(entry.path()).unwrap()), Vec::<String>::new());
        }
    }
    assert_eq!(search.find("the output", rest.join("\n").as_bytes()), Vec::<String>::new());
    std::fs::remove_dir_all(folder).unwrap();
}

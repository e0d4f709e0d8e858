//! Workers side by side, each a process with connections of its own, with a provider that takes its time.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use invite_benches::people::{invites, organisation};
use invite_benches::transport::After;
use invite_benches::{Answer, Arguments, Comparison, Database, say, timed};
use invite_core::SealingKey;
use invite_core::credential::random::system_random;
use invite_core::model::credential::CredentialKind;
use invite_core::service::Invite;
use tokio::task::JoinSet;

use crate::whole::confirm;

/// Beside each other.
const WORKERS: [usize; 3] = [1, 2, 4];
/// How long the provider takes.
const LATENCY: Duration = Duration::from_millis(20);
/// Messages with the provider at once, a worker: the default.
const CONCURRENCY: usize = 32;
/// The environment variable with the key that all workers share.
const KEY: &str = "INVITE_SECRET_KEY";

pub(crate) fn head() -> Answer<()> {
    say(
        "\nWorkers of a process each, a transport that answers after 20 ms, links. Instead of bare SQL: the transport",
    )?;
    say("alone, called by as many as the workers may have with it at once (32 each).\n")?;
    Comparison::head()
}

pub(crate) async fn measure(kind: &str, size: usize, rounds: usize) -> Answer<()> {
    let folder = tempfile::tempdir()?;
    let people = Database::new(kind, folder.path(), "people").await?;
    let store = people.open().await?;
    let actor = organisation(&store, "acme", size, CredentialKind::SetUpLink).await?;
    store.analyse().await?;
    store.close().await;
    for workers in WORKERS {
        let mut comparison = None;
        for round in 0..rounds {
            let database = people.copy(&format!("workers-{workers}-{round}")).await?;
            let store = database.open().await?;
            let invites = invites(&store)?;
            let plan = invites.plan(&actor, Invite::all()).await?;
            let messages = confirm(&invites, &actor, &plan).await?;
            drop(invites);
            store.close().await;
            let ours = send(&database, workers, messages)?;
            let (least, ()) = timed(transport_alone(workers * CONCURRENCY, messages)).await;
            let name = format!("{workers} worker{}", if workers == 1 { "" } else { "s" });
            comparison.get_or_insert_with(|| Comparison::of(name, messages, messages)).round(ours, least);
            database.remove().await?;
        }
        if let Some(comparison) = comparison {
            comparison.say(people.kind(), size)?;
        }
    }
    people.remove().await
}

/// How long so many workers take for all messages, from when they are told to begin until the last one finds nothing.
fn send(database: &Database, workers: usize, messages: usize) -> Answer<Duration> {
    let key = SealingKey::generate(&mut system_random()?).to_text();
    let start = |_| Worker::start(database, key.expose());
    let mut workers = (0..workers).map(start).collect::<Answer<Vec<_>>>()?;
    for worker in &mut workers {
        worker.line()?;
    }
    let began = Instant::now();
    for worker in &mut workers {
        worker.orders.write_all(b"begin\n")?;
    }
    let mut sent = 0;
    for worker in &mut workers {
        sent += worker.line()?.parse::<usize>()?;
    }
    let took = began.elapsed();
    if sent == messages { Ok(took) } else { Err(format!("{sent} of {messages} messages were sent").into()) }
}

/// The process of a worker: says that it is ready, waits for a line, works, says how many it sent.
pub(crate) async fn work(arguments: &Arguments) -> Answer<()> {
    let database: Database = arguments.needed("at")?;
    let store = database.open().await?;
    let invites = store.builder().email(After(LATENCY)).seal_with(SealingKey::from_env(KEY)?).build()?;
    say("ready")?;
    std::io::stdin().lock().read_line(&mut String::new())?;
    let report = invites.worker().run_until_idle().await?;
    say(&report.sent.to_string())?;
    Ok(())
}

/// So many callers, each of whom waits for an answer before it sends the next message.
async fn transport_alone(callers: usize, messages: usize) {
    let mut calling = JoinSet::new();
    for caller in 0..callers {
        calling.spawn(async move {
            for _ in (caller..messages).step_by(callers) {
                tokio::time::sleep(LATENCY).await;
            }
        });
    }
    calling.join_all().await;
}

/// A worker's process; it ends with this.
struct Worker {
    process: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Worker {
    fn start(database: &Database, key: &str) -> Answer<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(["worker", "--at", &database.to_string()])
            .env(KEY, key)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let orders = process.stdin.take().ok_or("it is piped")?;
        let answers = BufReader::new(process.stdout.take().ok_or("it is piped")?);
        Ok(Self { process, orders, answers })
    }

    /// The next line that it says.
    fn line(&mut self) -> Answer<String> {
        let mut line = String::new();
        match self.answers.read_line(&mut line)? {
            0 => Err("a worker ended early".into()),
            _ => Ok(line.trim().to_owned()),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // One that has ended is gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

//! How long ten messages of one organisation wait while those of a large one are being sent.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use invite_benches::people::organisation;
use invite_benches::{Answer, Database, grouped, median, say};
use invite_core::credential::random::system_random;
use invite_core::model::actor::Actor;
use invite_core::model::credential::CredentialKind;
use invite_core::model::id::OrganisationId;
use invite_core::model::message::Message;
use invite_core::model::outcome::{Outcome, Receipt};
use invite_core::port::transport::Transport;
use invite_core::service::{Invite, Plan};
use invite_core::{Invites, SealingKey};
use tokio::sync::{mpsc, oneshot};

use crate::whole::confirm;

/// The small batch.
const TEN: usize = 10;
/// How long the provider takes.
const LATENCY: Duration = Duration::from_millis(20);
/// So many messages of the large batch are sent before the first small one is confirmed.
const UNDER_WAY: usize = 500;

pub(crate) fn head() -> Answer<()> {
    say(
        "\nTen messages, confirmed alone or while another organisation's batch is being sent: milliseconds from confirming",
    )?;
    say(
        "until the last of the ten was handed over. One worker in the same process, a transport that answers after 20 ms.\n",
    )?;
    say("| database | users of the other | rounds | alone | longest | beside the other | longest |")?;
    Ok(say("|---|---:|---:|---:|---:|---:|---:|")?)
}

pub(crate) async fn measure(kind: &str, size: usize, rounds: usize) -> Answer<()> {
    let folder = tempfile::tempdir()?;
    let database = Database::new(kind, folder.path(), "fairness").await?;
    let store = database.open().await?;
    let large = organisation(&store, "large", size, CredentialKind::SetUpLink).await?;
    let (watched, mut sent) = Watched::new(large.organisation());
    let key = SealingKey::generate(&mut system_random()?);
    let invites = store.builder().email(watched).seal_with(key).build()?;
    let mut small = Vec::new();
    for number in 0..2 * rounds {
        let actor = organisation(&store, &format!("small-{number}"), TEN, CredentialKind::SetUpLink).await?;
        let plan = invites.plan(&actor, Invite::all()).await?;
        small.push((actor, plan));
    }
    let plan = invites.plan(&large, Invite::all()).await?;

    let (stop, stopped) = oneshot::channel::<()>();
    let worker = invites.worker();
    let working = tokio::spawn(worker.run_until(async {
        let _ = stopped.await;
    }));
    let (first, second) = small.split_at(rounds);
    let alone = ten_each(&invites, first, &mut sent).await?;
    confirm(&invites, &large, &plan).await?;
    for _ in 0..UNDER_WAY.min(size / 4) {
        sent.large.recv().await.ok_or("the worker ended")?;
    }
    let beside = ten_each(&invites, second, &mut sent).await?;
    let _ = stop.send(());
    working.await??;
    let longest = |figures: &[f64]| figures.iter().copied().fold(0.0, f64::max);
    say(&format!(
        "| {} | {} | {rounds} | {:.0} ms | {:.0} ms | {:.0} ms | {:.0} ms |",
        database.kind(),
        grouped(size),
        median(alone.clone()),
        longest(&alone),
        median(beside.clone()),
        longest(&beside),
    ))?;
    drop(invites);
    store.close().await;
    database.remove().await
}

/// Confirms ten after ten, and waits for each. How many milliseconds each took.
async fn ten_each(invites: &Invites, small: &[(Actor, Plan)], sent: &mut Sent) -> Answer<Vec<f64>> {
    let mut waits = Vec::new();
    for (actor, plan) in small {
        let began = Instant::now();
        confirm(invites, actor, plan).await?;
        let mut last = began;
        for _ in 0..TEN {
            last = sent.small.recv().await.ok_or("the worker ended")?;
        }
        waits.push((last - began).as_secs_f64() * 1e3);
    }
    Ok(waits)
}

/// A provider that says when it took a message.
#[derive(Debug)]
struct Watched {
    large: OrganisationId,
    of_large: mpsc::UnboundedSender<()>,
    of_small: mpsc::UnboundedSender<Instant>,
}

/// What it says.
struct Sent {
    large: mpsc::UnboundedReceiver<()>,
    small: mpsc::UnboundedReceiver<Instant>,
}

impl Watched {
    fn new(large: OrganisationId) -> (Self, Sent) {
        let (of_large, from_large) = mpsc::unbounded_channel();
        let (of_small, from_small) = mpsc::unbounded_channel();
        (Self { large, of_large, of_small }, Sent { large: from_large, small: from_small })
    }
}

#[async_trait]
impl Transport for Watched {
    async fn send(&self, message: &Message, _: Duration) -> Outcome {
        // Nobody listens any more at the end.
        if message.organisation == self.large {
            let _ = self.of_large.send(());
        } else {
            let _ = self.of_small.send(Instant::now());
        }
        tokio::time::sleep(LATENCY).await;
        Outcome::Accepted(Receipt(message.delivery.to_string()))
    }
}

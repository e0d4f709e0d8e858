//! Whoever waits for work is told of it. A store that says that it never rings is not asked.

use std::time::Duration;

use futures_util::future::join;
use tokio::time::timeout;

use super::offers::refresh;
use super::stage::{Stage, accepted, refused};
use crate::conformance::{Checked, Failure};
use crate::machine::batch::BatchEvent;
use crate::model::item::Action;
use crate::model::message::Channel;
use crate::model::outcome::Refusal;
use crate::model::sender::Covers;
use crate::port::bell::Rings;
use crate::port::offers::Refreshed;
use crate::port::plans::{Retried, RetryChunk};
use crate::port::records::SenderStop;

/// How long a ring is waited for.
const RINGS_WITHIN: Duration = Duration::from_secs(10);

/// Listens from now on, where the store can ring.
async fn listening(stage: &Stage) -> Option<Rings> {
    let rings = stage.store.listen().await;
    rings.can_ring().then_some(rings)
}

async fn rings_for(rings: &mut Rings, what: &str) -> Checked {
    let rung = timeout(RINGS_WITHIN, rings.next()).await;
    rung.map_err(|_| Failure::new(format!("expected that {what} rings within {RINGS_WITHIN:?}")))
}

pub(super) async fn a_batch_that_is_confirmed_rings(stage: Stage) -> Checked {
    let plan = stage.plan(Action::Invite, &stage.persons(1)).await?;
    let Some(mut rings) = listening(&stage).await else { return Ok(()) };
    let mut others = stage.store.listen().await;
    stage.confirm(plan.id).await?;
    rings_for(&mut rings, "a confirmed batch").await?;
    rings_for(&mut others, "a confirmed batch, for everybody who listens,").await
}

pub(super) async fn a_batch_that_goes_on_rings(stage: Stage) -> Checked {
    let batch = stage.invite(&stage.persons(1)).await?;
    stage.change(batch.id, BatchEvent::Pause).await?;
    let Some(mut rings) = listening(&stage).await else { return Ok(()) };
    stage.change(batch.id, BatchEvent::Resume).await?;
    rings_for(&mut rings, "a batch that goes on").await
}

pub(super) async fn a_batch_that_is_stopped_for_good_rings(stage: Stage) -> Checked {
    for (event, what) in [(BatchEvent::Cancel, "a cancelled batch"), (BatchEvent::Recall, "a recalled batch")]
    {
        let batch = stage.invite(&stage.persons(1)).await?;
        let Some(mut rings) = listening(&stage).await else { return Ok(()) };
        stage.change(batch.id, event).await?;
        rings_for(&mut rings, what).await?;
        holds!(stage.sweep().await? > 0, "there is something to sweep when it rings");
    }
    Ok(())
}

pub(super) async fn messages_that_are_sent_again_ring(stage: Stage) -> Checked {
    let batch = stage.invite(&stage.persons(1)).await?;
    stage.send_one(refused(Refusal::Content)).await?;
    let Some(mut rings) = listening(&stage).await else { return Ok(()) };
    let chunk = RetryChunk {
        batch: batch.id,
        actor: stage.actor(),
        failed: true,
        unknown: false,
        cursor: None,
        limit: 10,
    };
    let retried = stage.store.retry(chunk).await?;
    has_form!(retried, Retried::Queued { failed: 1, .. } => (), "a retry");
    rings_for(&mut rings, "a message that is sent again").await
}

pub(super) async fn a_sender_that_goes_on_rings(stage: Stage) -> Checked {
    stage.invite(&stage.persons(1)).await?;
    let covers = Covers::Sender(stage.senders[&Channel::Email].0.clone());
    let stop = SenderStop { actor: stage.actor(), covers: covers.clone(), because: "a test".into() };
    stage.store.pause_sender(stop).await?;
    let Some(mut rings) = listening(&stage).await else { return Ok(()) };
    holds!(stage.store.resume_sender(stage.actor(), covers).await?, "it is resumed");
    rings_for(&mut rings, "a sender that goes on").await
}

pub(super) async fn a_fresh_credential_rings(stage: Stage) -> Checked {
    let user = stage.person();
    stage.invited(&user).await?;
    let Some(mut rings) = listening(&stage).await else { return Ok(()) };
    let refreshed = refresh(&stage, &user, "").await?;
    has_form!(refreshed, Refreshed::Confirmed(_) => (), "the answer to a request");
    rings_for(&mut rings, "a fresh credential").await
}

pub(super) async fn a_ring_between_two_looks_is_not_lost(stage: Stage) -> Checked {
    let Some(mut rings) = listening(&stage).await else { return Ok(()) };
    for _ in 0..3 {
        stage.invite(&stage.persons(1)).await?;
        // Nobody waits while it works.
        stage.send_one(accepted()).await?;
        rings_for(&mut rings, "a batch that was confirmed while nobody waited").await?;
    }
    Ok(())
}

pub(super) async fn whoever_looks_when_it_rings_finds_the_work(stage: Stage) -> Checked {
    for _ in 0..5 {
        let plan = stage.plan(Action::Invite, &stage.persons(1)).await?;
        let Some(mut rings) = listening(&stage).await else { return Ok(()) };
        let (confirmed, found) = join(stage.confirm(plan.id), finds_work(&stage, &mut rings)).await;
        confirmed?;
        found?;
    }
    Ok(())
}

/// Looks whenever it rings, until it finds something.
async fn finds_work(stage: &Stage, rings: &mut Rings) -> Checked {
    loop {
        rings_for(rings, "what is there").await?;
        if !stage.claim(10).await?.deliveries.is_empty() {
            return Ok(());
        }
    }
}

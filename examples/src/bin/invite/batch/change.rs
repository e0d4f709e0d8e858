//! Pausing, resuming, cancelling and recalling a batch.

use invite_core::model::batch::Batch;
use invite_core::model::id::BatchId;
use invite_core::service::Retry;
use serde_json::json;

use super::show::Figures;
use crate::ask;
use crate::exit::{Done, Exit};
use crate::output::{Output, counted};
use crate::session::{Acting, Session};

pub(super) async fn pause(session: &Session, acting: &Acting, batch: BatchId, because: String) -> Done {
    let changed = session.invites.pause(&acting.actor, batch, because).await?;
    told(session.output, &changed, "Paused: nothing of it leaves until `invite batch resume`.")
}

pub(super) async fn resume(session: &Session, acting: &Acting, batch: BatchId) -> Done {
    let changed = session.invites.resume(&acting.actor, batch).await?;
    told(session.output, &changed, "It goes on.")
}

pub(super) async fn cancel(session: &Session, acting: &Acting, batch: BatchId, yes: bool) -> Done {
    let figures = Figures::of(&session.invites.batch(&acting.actor, batch).await?);
    let question = format!(
        "Cancel it? {} not sent; what was sent ({}) goes on working.",
        counted(figures.waiting, "message is", "messages are"),
        counted(figures.sent, "message", "messages")
    );
    if !ask::consent(session.output, yes, &question, "cancelling cannot be undone")? {
        return kept(session.output);
    }
    let changed = session.invites.cancel(&acting.actor, batch).await?;
    told(session.output, &changed, "Cancelled: nothing more of it is sent.")
}

pub(super) async fn recall(session: &Session, acting: &Acting, batch: BatchId, yes: bool) -> Done {
    let figures = Figures::of(&session.invites.batch(&acting.actor, batch).await?);
    let question = format!(
        "Recall it? What {} said stops working, and {} not sent.",
        counted(figures.sent, "message", "messages"),
        counted(figures.waiting, "message is", "messages are")
    );
    if !ask::consent(session.output, yes, &question, "recalling cannot be undone")? {
        return kept(session.output);
    }
    let changed = session.invites.recall(&acting.actor, batch).await?;
    let text = "Recalled: nothing that it sent works any more, and passwords that it reset count again.";
    told(session.output, &changed, text)
}

pub(super) async fn retry(session: &Session, acting: &Acting, batch: BatchId, which: Retry) -> Done {
    let output = session.output;
    let report = session.invites.retry(&acting.actor, batch, which).await?;
    if output.json() {
        output.object(&json!({ "batch": batch, "failed": report.failed, "unknown": report.unknown }))?;
    } else if report.queued() == 0 {
        output.say("There is nothing to send again.")?;
    } else {
        output.say(format!("{} again.", counted(report.queued(), "message is sent", "messages are sent")))?;
        output.note("`invite work` sends them.");
    }
    Ok(Exit::Done)
}

fn kept(output: Output) -> Done {
    output.say("It stays as it is.")?;
    Ok(Exit::Done)
}

fn told(output: Output, batch: &Batch, text: &str) -> Done {
    if output.json() {
        output.object(&json!({ "batch": batch.id, "state": batch.state }))?;
    } else {
        output.say(text)?;
    }
    Ok(Exit::Done)
}

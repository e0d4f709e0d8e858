//! `invite sender`: what stops messages from leaving.

use clap::Subcommand;
use invite_core::model::sender::{Covers, PauseKind, SenderPause};

use crate::arguments::Globals;
use crate::exit::{Done, Exit};
use crate::output::{Output, time};
use crate::session::{Needs, Session};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List what is stopped, why, and when it is tried again
    List,
}

pub(crate) async fn run(command: Command, globals: &Globals, output: Output) -> Done {
    let session = Session::open(globals, output, Needs::Database).await?;
    match command {
        Command::List => list(&session).await,
    }
}

async fn list(session: &Session) -> Done {
    let (output, acting) = (session.output, session.acting().await?);
    let zone = acting.organisation.settings.time_zone;
    let pauses = session.invites.sender_pauses(&acting.actor).await?;
    if output.json() {
        pauses.iter().try_for_each(|pause| output.object(pause))?;
        return Ok(Exit::Done);
    }
    if pauses.is_empty() {
        output.say("Nothing is stopped: every sender may send.")?;
        return Ok(Exit::Done);
    }
    let rows = pauses.iter().map(|pause| {
        vec![
            covers(pause),
            kind(pause.kind).into(),
            pause.answer.to_string(),
            time(pause.since, zone),
            time(pause.next_at, zone),
        ]
    });
    output.table(&["STOPPED", "HOW", "WHY", "SINCE", "TRIED AGAIN"], rows.collect())?;
    Ok(Exit::Done)
}

fn covers(pause: &SenderPause) -> String {
    match &pause.covers {
        Covers::Account(account) => format!("account {account}"),
        Covers::Sender(key) => key.to_string(),
        Covers::Destination(key, destination) => format!("{key} to {destination}"),
    }
}

const fn kind(kind: PauseKind) -> &'static str {
    match kind {
        PauseKind::Blocked => "blocked",
        PauseKind::Throttled => "slowed down",
    }
}

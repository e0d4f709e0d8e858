//! `invite sender`: what stops messages from leaving.

use clap::Subcommand;
use invite_core::Actor;
use invite_core::model::sender::{Covers, PauseKind, SenderKey};
use serde_json::json;

use crate::arguments::Globals;
use crate::exit::{Done, Exit};
use crate::failure::Failure;
use crate::output::{Output, time};
use crate::session::{Acting, Needs, Session};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List what is stopped, why, and when it is tried again
    List,
    /// Let nothing through it, for all organisations, until it is resumed
    Pause {
        /// Which: email, sms, or as `invite sender list` shows it
        sender: String,
        /// Why, in words, for those who look
        #[arg(long, value_name = "TEXT", default_value = "paused by hand")]
        because: String,
    },
    /// Let it go on, whatever stopped it
    Resume {
        /// Which: email, sms, or as `invite sender list` shows it
        sender: String,
    },
}

pub(crate) async fn run(command: Command, globals: &Globals, output: Output) -> Done {
    let session = Session::open(globals, output, Needs::Database).await?;
    match command {
        Command::List => list(&session).await,
        Command::Pause { sender, because } => pause(&session, &sender, because).await,
        Command::Resume { sender } => resume(&session, &sender).await,
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
            covers(&pause.covers),
            kind(pause.kind).into(),
            pause.answer.to_string(),
            time(pause.since, zone),
            pause.next_at.map_or_else(|| "when it is resumed".into(), |at| time(at, zone)),
        ]
    });
    output.table(&["STOPPED", "HOW", "WHY", "SINCE", "TRIED AGAIN"], rows.collect())?;
    Ok(Exit::Done)
}

async fn pause(session: &Session, sender: &str, because: String) -> Done {
    let (output, acting) = (session.output, session.acting().await?);
    let covers = read(sender)?;
    session.invites.pause_sender(&operator(&acting), covers.clone(), because).await?;
    if output.json() {
        output.object(&json!({ "sender": covers, "paused": true }))?;
    } else {
        output.say(format!("Nothing leaves through {sender} until `invite sender resume {sender}`."))?;
    }
    Ok(Exit::Done)
}

async fn resume(session: &Session, sender: &str) -> Done {
    let (output, acting) = (session.output, session.acting().await?);
    let covers = read(sender)?;
    let resumed = session.invites.resume_sender(&operator(&acting), covers.clone()).await?;
    if output.json() {
        output.object(&json!({ "sender": covers, "resumed": resumed }))?;
    } else if resumed {
        output.say(format!("{sender} goes on."))?;
    } else {
        output.say(format!("Nothing stopped {sender}; `invite sender list` shows what is stopped."))?;
    }
    Ok(Exit::Done)
}

/// Whoever can run this program on the database operates the application; the administrator is named in the audit.
fn operator(acting: &Acting) -> Actor {
    match acting.actor.user() {
        Some(user) => Actor::operator(acting.organisation.id, "the command line", user),
        None => acting.actor.clone(),
    }
}

/// Reads what [`covers`] writes.
fn read(text: &str) -> Result<Covers, Failure> {
    let known = |name: &str| ["email", "sms"].contains(&name).then(|| SenderKey(name.to_owned()));
    let covers = match text.split_once(' ') {
        None => known(text).map(Covers::Sender),
        Some(("account", name)) => known(name).map(|key| Covers::Account(key.0)),
        Some((name, destination)) => {
            let destination = destination.strip_prefix("to ").map(str::trim);
            known(name).zip(destination).map(|(key, to)| Covers::Destination(key, to.to_owned()))
        }
    };
    covers.ok_or_else(|| {
        Failure::wrong(format!(
            "there is no sender {text}: write email, sms, or one as `invite sender list` shows it, such as \
             'email to example.com'"
        ))
    })
}

fn covers(covers: &Covers) -> String {
    match covers {
        Covers::Account(account) => format!("account {account}"),
        Covers::Sender(key) => key.to_string(),
        Covers::Destination(key, destination) => format!("{key} to {destination}"),
    }
}

const fn kind(kind: PauseKind) -> &'static str {
    match kind {
        PauseKind::Blocked => "blocked",
        PauseKind::Throttled => "slowed down",
        PauseKind::ByHand => "paused by hand",
    }
}

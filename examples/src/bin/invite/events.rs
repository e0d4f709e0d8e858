//! `invite events`: what happened, for the application.

use std::pin::pin;
use std::time::Duration;

use clap::Args;
use invite_core::model::event::{Event, EventCursor};
use serde_json::Value;

use crate::arguments::Globals;
use crate::exit::{Done, Exit};
use crate::failure::Failure;
use crate::output::{Output, time, words};
use crate::session::{Needs, Session};

/// Events a page.
const PAGE: usize = 500;
/// How often new ones are looked for.
const LOOK: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Those after this cursor: the one of the last event that was dealt with
    #[arg(long, value_name = "CURSOR", default_value_t = 0)]
    after: u64,
    /// At most so many
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// Wait for more, until Ctrl-C
    #[arg(long)]
    follow: bool,
}

pub(crate) async fn run(arguments: Arguments, globals: &Globals, output: Output) -> Done {
    let session = Session::open(globals, output, Needs::Database).await?;
    let only = if session.names_organisation() { Some(session.organisation().await?.id) } else { None };
    let mut cursor = EventCursor(arguments.after);
    let mut left = arguments.limit.unwrap_or(u64::MAX);
    // One for all rounds: a signal that comes between two of them would be lost.
    let mut interrupted = pin!(tokio::signal::ctrl_c());
    loop {
        let events = session.invites.events(cursor, PAGE).await?;
        let is_last = events.len() < PAGE;
        let mut rows = Vec::new();
        for event in events {
            cursor = event.cursor;
            if only.is_some() && event.organisation.is_some() && event.organisation != only {
                continue;
            }
            if left == 0 {
                break;
            }
            left -= 1;
            if output.json() {
                output.object(&event)?;
            } else {
                rows.push(row(&event)?);
            }
        }
        if !rows.is_empty() {
            output.table(&["CURSOR", "AT (UTC)", "WHAT", "ABOUT"], rows)?;
        }
        if left == 0 || is_last && !arguments.follow {
            return Ok(Exit::Done);
        }
        if is_last {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                _ = &mut interrupted => return Ok(Exit::Done),
            }
        }
    }
}

fn row(event: &Event) -> Result<Vec<String>, Failure> {
    let what = serde_json::to_value(&event.what)
        .map_err(|error| Failure::failed(format!("an event cannot be written as JSON: {error}")))?;
    let mut name = String::new();
    let mut about = Vec::new();
    if let Value::Object(fields) = what {
        for (key, value) in fields {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            if key == "event" { name = words(text) } else { about.push(format!("{key} {text}")) }
        }
    }
    Ok(vec![event.cursor.0.to_string(), time(event.at, chrono_tz::UTC), name, about.join(", ")])
}

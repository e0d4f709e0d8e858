//! `invite audit`: who did what.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use clap::Args;
use invite_core::Actor;
use invite_core::model::actor::Who;
use invite_core::model::id::UserId;

use crate::arguments::Globals;
use crate::exit::{Done, Exit};
use crate::output::{Output, time, words};
use crate::session::{Acting, Needs, Session};

/// Lines a page.
const PAGE: usize = 500;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// At most so many, the newest first
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    /// Those before this line: the number of the last one that you saw
    #[arg(long, value_name = "NUMBER")]
    before: Option<u64>,
}

pub(crate) async fn run(arguments: Arguments, globals: &Globals, output: Output) -> Done {
    let session = Session::open(globals, output, Needs::Database).await?;
    let acting = session.acting().await?;
    let zone = acting.organisation.settings.time_zone;
    let mut names = HashMap::new();
    let (mut before, mut left) = (arguments.before, arguments.limit);
    while left > 0 {
        let page = session.invites.audit(&acting.actor, before, PAGE.min(left)).await?;
        left -= page.rows.len().min(left);
        if output.json() {
            page.rows.iter().try_for_each(|entry| output.object(entry))?;
        } else if !page.rows.is_empty() {
            let mut rows = Vec::with_capacity(page.rows.len());
            for entry in &page.rows {
                let who = who(&session, &acting, &entry.actor, &mut names).await;
                let details =
                    if entry.details.is_empty() { String::new() } else { format!(": {}", entry.details) };
                let subject = match entry.subject.parse() {
                    Ok(user) => name(&session, &acting, user, &mut names).await,
                    Err(_) => entry.subject.clone(),
                };
                rows.push(vec![
                    entry.number.to_string(),
                    time(entry.at, zone),
                    who,
                    format!("{}{details}", words(&entry.what)),
                    subject,
                ]);
            }
            output.table(&["NUMBER", "AT", "WHO", "WHAT", "ON"], rows)?;
        }
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    Ok(Exit::Done)
}

async fn who(
    session: &Session,
    acting: &Acting,
    actor: &Actor,
    names: &mut HashMap<UserId, String>,
) -> String {
    let Some(id) = actor.user() else { return "the system".into() };
    let name = name(session, acting, id, names).await;
    match actor.who() {
        Who::Operator { name: operator, .. } => format!("{operator} for {name}"),
        _ => name,
    }
}

/// What a person is called; the id of somebody who is gone, and of what is no person.
async fn name(session: &Session, acting: &Acting, id: UserId, names: &mut HashMap<UserId, String>) -> String {
    match names.entry(id) {
        Entry::Occupied(known) => known.get().clone(),
        Entry::Vacant(place) => {
            let user = session.invites.user(&acting.actor, id).await;
            place.insert(user.map_or_else(|_| id.to_string(), |row| row.user.display_name())).clone()
        }
    }
}

//! `invite suppress`: addresses that must not be written to.

use clap::Subcommand;
use invite_core::model::message::Channel;
use serde_json::json;

use crate::arguments::Globals;
use crate::exit::{Done, Exit};
use crate::output::{Output, time, words};
use crate::session::{Needs, Session};

/// Addresses a page.
const PAGE: usize = 500;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List them
    List,
    /// Never write to these addresses or numbers again
    Add {
        /// E-mail addresses or phone numbers
        #[arg(required = true, value_name = "ADDRESS")]
        addresses: Vec<String>,
    },
    /// Write to these addresses or numbers again, whatever put them on the list
    Remove {
        /// E-mail addresses or phone numbers
        #[arg(required = true, value_name = "ADDRESS")]
        addresses: Vec<String>,
    },
}

pub(crate) async fn run(command: Command, globals: &Globals, output: Output) -> Done {
    let session = Session::open(globals, output, Needs::Database).await?;
    match command {
        Command::List => list(&session).await,
        Command::Add { addresses } => change(&session, &addresses, true).await,
        Command::Remove { addresses } => change(&session, &addresses, false).await,
    }
}

async fn list(session: &Session) -> Done {
    let (output, acting) = (session.output, session.acting().await?);
    let zone = acting.organisation.settings.time_zone;
    let (mut after, mut shown) = (None, 0);
    loop {
        let page = session.invites.suppressions(&acting.actor, after, PAGE).await?;
        shown += page.rows.len();
        if output.json() {
            page.rows.iter().try_for_each(|row| output.object(row))?;
        } else if !page.rows.is_empty() {
            let rows = page.rows.iter().map(|row| {
                vec![row.address.clone(), row.channel.to_string(), words(row.reason), time(row.since, zone)]
            });
            output.table(&["ADDRESS", "CHANNEL", "WHY", "SINCE"], rows.collect())?;
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    if shown == 0 {
        output.note("No address is suppressed.");
    }
    Ok(Exit::Done)
}

async fn change(session: &Session, addresses: &[String], suppress: bool) -> Done {
    let (output, acting) = (session.output, session.acting().await?);
    session.can_recognise(acting.organisation.id).await?;
    for address in addresses {
        let channel = if address.contains('@') { Channel::Email } else { Channel::Sms };
        if suppress {
            session.invites.suppress(&acting.actor, channel, address).await?;
        } else {
            session.invites.unsuppress(&acting.actor, channel, address).await?;
        }
        if output.json() {
            output.object(&json!({ "address": address, "channel": channel, "suppressed": suppress }))?;
        } else {
            let what = if suppress { "is not written to any more" } else { "may be written to again" };
            output.say(format!("{address} {what}."))?;
        }
    }
    Ok(Exit::Done)
}

//! `invite key`: the key that secrets are sealed with while they wait.

use clap::Subcommand;
use invite_core::SealingKey;
use invite_core::credential::random;
use serde_json::json;

use crate::exit::{Done, Exit};
use crate::failure::Failure;
use crate::output::Output;
use crate::session::{KEY, sealing_key};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print a new key, for INVITE_SECRET_KEY
    New,
    /// Print INVITE_SECRET_KEY with a new key in front: the first seals, all open
    ///
    /// Give every process the new list. The old key can go when nothing that it sealed waits any more, at the latest
    /// when the credentials of that time have expired; but addresses that are suppressed although their people were erased
    /// are recognised only with the key of that time.
    Rotate {
        /// Keep this many of the old keys, the newest ones
        #[arg(long, value_name = "N")]
        keep: Option<usize>,
    },
}

pub(crate) fn run(command: Command, output: Output) -> Done {
    let new = random::system_random().map(|mut random| SealingKey::generate(&mut random).to_text());
    let new = new.map_err(|error| Failure::failed(error.to_string()))?;
    let keys = match command {
        Command::New => new.expose().to_owned(),
        Command::Rotate { keep } => {
            let old = sealing_key()?.to_text();
            let kept = old.expose().split(',').take(keep.unwrap_or(usize::MAX));
            std::iter::once(new.expose()).chain(kept).collect::<Vec<_>>().join(",")
        }
    };
    if output.json() {
        output.object(&json!({ "key": keys }))?;
    } else {
        output.say(&keys)?;
        if output.is_terminal() {
            output.note(format!(
                "Put it into {KEY} of every process, and keep it as safe as the database: without it, messages that \
                 wait cannot be sent."
            ));
        }
    }
    Ok(Exit::Done)
}

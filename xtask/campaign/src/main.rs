//! Injects faults at random moments while workers carry out a rollout, and looks at what is left.
//!
//! `invite-campaign campaign` is the whole of it: docs/reliability.md has its method.
//!
//! `invite-campaign run` looks at SQLite alone, and at phases that only the library can tell. It makes two organisations with their people, confirms batches, and starts workers, which are this
//! program too. It kills them (SIGKILL) inside each phase of a message's way in turn, lets the last one work until
//! nothing is left, and then holds the database against the journal of a provider that writes durably before it
//! answers: nothing lost, nothing twice but where a kill fell on it, and every secret that arrived works. It ends with 1
//! where that is not so.
//!
//! `invite-campaign scale` measures a rollout by its size, each in a process of its own.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to whoever runs it")]

mod aftermath;
mod arguments;
mod bug;
mod buggy_work;
mod campaign;
mod database;
mod folder;
mod journal;
mod kills;
mod library;
mod observed;
mod oracle;
mod phase;
mod rollout;
mod run;
mod scale;
mod secrets;
mod setting;
mod table;
mod work;

use std::error::Error;
use std::process::ExitCode;

use crate::arguments::Arguments;

const USAGE: &str = "\
Usage: invite-campaign campaign --store postgres|sqlite [--faults 100] [--deliveries 5000] [--seed 1] [--workers 4] [--bug NAME]
                       [--dir FOLDER]
       invite-campaign work-with --bug NAME --place N --db URL --email URL --policy FILE

  campaign   injects faults into so many workers, which are `invite work`, while they send so many messages; the seed
             repeats which faults fall when and on whom; the folder, which must be empty, is kept
  work-with  is such a worker with a deliberate bug

       invite-campaign run [--kills 300] [--deliveries 5000] [--seed 1] [--dir FOLDER]
       invite-campaign work --dir FOLDER --number N --concurrency N --seed N

  run    kills workers so often over so many messages; the seed repeats which phases and waits are chosen; the folder,
         which must be empty, is kept
  work   is such a worker, until nothing is due

       invite-campaign scale [--people 100000]
       invite-campaign measure --people N

  scale    measures a rollout to 1,000 people and one to so many: time and peak memory of each step
  measure  is such a rollout";

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let task = words.next().unwrap_or_default();
    let answer: Result<bool, Box<dyn Error>> = match (task.as_str(), Arguments::of(words)) {
        ("run", Ok(arguments)) => run::run(&arguments),
        ("campaign", Ok(arguments)) => campaign::run(&arguments),
        ("work-with", Ok(arguments)) => buggy_work::work(&arguments).map(|()| true),
        ("work", Ok(arguments)) => work::work(&arguments).map(|()| true),
        ("scale", Ok(arguments)) => scale::scale(&arguments),
        ("measure", Ok(arguments)) => scale::measure(&arguments).map(|()| true),
        (_, Err(error)) => Err(error.into()),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match answer {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

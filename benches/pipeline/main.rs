//! A rollout from the plan to the last message, and what workers get done.
//!
//! `cargo bench -p invite-benches --bench pipeline -- [--size N] [--passwords N] [--other N] [--rounds N]
//! [--database sqlite|postgres]`. Three tables: plan, confirm and work to the end by one worker, with set-up links and with temporary
//! passwords; one, two and four workers, each a process with connections of its own, with a transport that answers after
//! 20 ms; and how long ten messages wait that are confirmed while a batch of `--other` is being sent.

mod argon2;
mod fairness;
mod fleet;
mod whole;

use invite_benches::{Answer, Arguments, block_on};

/// Without `--size`.
const SIZE: usize = 10_000;
/// Without `--passwords`: people who get a temporary password, each of which costs a hash.
const PASSWORDS: usize = 1_000;
/// Workers send so many messages at most: more say nothing new.
const MOST_OF_WORKERS: usize = 20_000;

fn main() -> Answer<()> {
    let arguments = Arguments::of_process()?;
    match arguments.task.as_str() {
        "whole" => return block_on(whole::measure(&arguments)),
        "worker" => return block_on(fleet::work(&arguments)),
        _ => {}
    }
    let size = arguments.value("size")?.unwrap_or(SIZE);
    let passwords = arguments.value("passwords")?.unwrap_or(PASSWORDS);
    let other = arguments.value("other")?.unwrap_or(size);
    let rounds = arguments.rounds(size)?;
    let kinds = arguments.databases()?;
    block_on(async {
        whole::head()?;
        for kind in &kinds {
            whole::links(kind, size, rounds).await?;
            whole::passwords(kind, passwords, rounds).await?;
        }
        fleet::head()?;
        for kind in &kinds {
            fleet::measure(kind, size.min(MOST_OF_WORKERS), rounds).await?;
        }
        fairness::head()?;
        for kind in &kinds {
            fairness::measure(kind, other, rounds).await?;
        }
        Ok(())
    })
}

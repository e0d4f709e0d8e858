//! What the stores cost, each step beside bare SQL that leaves or reads the same rows.
//!
//! `cargo bench -p invite-benches --bench store -- [--size N] [--rounds N] [--database sqlite|postgres]`. Each round is
//! on a fresh copy of a database with so many people: plan, confirm, claim + begin + record in groups of 200, and pages
//! of people with each filter. Ours and the bare one take turns. Each size on each database is a process of its own, so
//! that its peak of memory is its own; of PostgreSQL it is the client's.

mod pages;

use std::process::Command;

use invite_benches::bare::{GROUP, Sieve};
use invite_benches::people::{invites, organisation};
use invite_benches::{Answer, Arguments, Comparison, Database, Memory, block_on, queue, timed};
use invite_core::model::actor::Actor;
use invite_core::model::credential::CredentialKind;
use invite_core::model::id::OrganisationId;
use invite_core::service::{ConfirmOptions, Invite};

/// Without `--size`.
const SIZES: [usize; 2] = [10_000, 100_000];
/// More messages than this say nothing new of the queue.
const MOST: usize = 100_000;

fn main() -> Answer<()> {
    let arguments = Arguments::of_process()?;
    if arguments.task == "measure" {
        return block_on(measure(&arguments));
    }
    let sizes = arguments.value("size")?.map_or(SIZES.to_vec(), |size| vec![size]);
    Comparison::head()?;
    for size in sizes {
        let rounds = arguments.rounds(size)?;
        for kind in arguments.databases()? {
            block_on(in_a_process(kind, size, rounds))?;
        }
    }
    Ok(())
}

/// Makes a database with so many people, and measures on copies of it in another process.
async fn in_a_process(kind: &str, size: usize, rounds: usize) -> Answer<()> {
    let folder = tempfile::tempdir()?;
    let people = Database::new(kind, folder.path(), "people").await?;
    let store = people.open().await?;
    let actor = organisation(&store, "acme", size, CredentialKind::SetUpLink).await?;
    store.analyse().await?;
    store.close().await;
    let status = Command::new(std::env::current_exe()?)
        .args(["measure", "--at", &people.to_string(), "--organisation", &actor.organisation().to_string()])
        .args(["--size", &size.to_string(), "--rounds", &rounds.to_string()])
        .status()?;
    people.remove().await?;
    if status.success() { Ok(()) } else { Err(format!("{kind}, {size} people: {status}").into()) }
}

async fn measure(arguments: &Arguments) -> Answer<()> {
    let people: Database = arguments.needed("at")?;
    let organisation: OrganisationId = arguments.needed("organisation")?;
    let (size, rounds): (usize, usize) = (arguments.needed("size")?, arguments.needed("rounds")?);
    let mut steps = Vec::new();
    for round in 0..rounds {
        let database = people.copy(&format!("round-{round}")).await?;
        let measured = measure_round(&database, &Actor::system(organisation), size, &mut steps).await;
        database.remove().await?;
        measured?;
    }
    for step in steps {
        step.say(people.kind(), size)?;
    }
    Ok(())
}

async fn measure_round(
    database: &Database,
    actor: &Actor,
    size: usize,
    steps: &mut Vec<Comparison>,
) -> Answer<()> {
    let store = database.open().await?;
    let mut bare = database.bare().await?;
    let invites = invites(&store)?;
    let mut round = Round { steps, next: 0 };

    let memory = Memory::watch()?;
    let (ours, plan) = timed(invites.plan(actor, Invite::all())).await;
    let (plan, peak) = (plan?, memory.peak()?);
    let (least, rows) = timed(bare.write_plan(actor.organisation())).await;
    let step = round.step("plan", rows?, size);
    step.round(ours, least);
    step.peak(peak);

    let memory = Memory::watch()?;
    let options = ConfirmOptions::new().hold(std::time::Duration::ZERO);
    let (ours, batch) = timed(invites.confirm_with(actor, plan.id(), options)).await;
    let (batch, peak) = (batch?, memory.peak()?);
    let (least, done) = timed(bare.confirm(batch.id)).await;
    done?;
    let step = round.step("confirm", 1, size);
    step.round(ours, least);
    step.peak(peak);

    let messages = plan.totals().messages.values().sum::<u64>();
    let messages = (usize::try_from(messages)? / 2).min(MOST).next_multiple_of(GROUP);
    let memory = Memory::watch()?;
    let sent = queue::send(&store, messages).await?;
    let peak = memory.peak()?;
    let (least, done) = timed(bare.send(batch.id, messages)).await;
    done?;
    let step = round.step("claim + begin + record", messages, messages);
    step.round(sent.time(), least);
    step.peak(peak);

    let far_in = [(sent.last, Sieve::Everybody)];
    for (from, sieve) in far_in.into_iter().chain(Sieve::ALL.map(|one| (None, one))) {
        let place = if from.is_some() { ", far in" } else { "" };
        let memory = Memory::watch()?;
        let (ours, pages, people) = pages::list(&invites, actor, sieve, from).await?;
        let peak = memory.peak()?;
        let (least, found) = pages::bare(&mut *bare, actor.organisation(), sieve, from).await?;
        if people != found {
            return Err(format!("{}: {people} people, the bare query found {found}", sieve.name()).into());
        }
        let step = round.step(&format!("page of 100: {}{place}", sieve.name()), pages, people);
        step.round(ours, least);
        step.peak(peak);
    }
    store.close().await;
    Ok(())
}

/// The steps of a round, in their order; the first round names them.
struct Round<'a> {
    steps: &'a mut Vec<Comparison>,
    next: usize,
}

impl Round<'_> {
    fn step(&mut self, name: &str, rows: usize, people: usize) -> &mut Comparison {
        if self.next == self.steps.len() {
            self.steps.push(Comparison::of(name, rows, people));
        }
        self.next += 1;
        &mut self.steps[self.next - 1]
    }
}

//! Plan, confirm, and work until nothing is left, with a transport that answers at once.

use std::time::Duration;

use invite_benches::people::{invites, organisation};
use invite_benches::{Answer, Arguments, Comparison, Database, Memory, say, timed};
use invite_core::Invites;
use invite_core::model::actor::Actor;
use invite_core::model::credential::CredentialKind;
use invite_core::model::id::OrganisationId;
use invite_core::service::{ConfirmOptions, Invite, Plan};

use crate::argon2;

pub(crate) fn head() -> Answer<()> {
    say(
        "One worker, a transport that answers at once. With links bare SQL is the plan's rows, claimed and acknowledged;",
    )?;
    say("with passwords it is argon2id of all processors and no SQL.\n")?;
    Comparison::head()
}

/// With set-up links.
pub(crate) async fn links(kind: &str, size: usize, rounds: usize) -> Answer<()> {
    in_a_process(kind, size, rounds, CredentialKind::SetUpLink).await
}

/// With temporary passwords, hashed at the default cost.
pub(crate) async fn passwords(kind: &str, size: usize, rounds: usize) -> Answer<()> {
    in_a_process(kind, size, rounds, CredentialKind::TemporaryPassword).await
}

async fn in_a_process(kind: &str, size: usize, rounds: usize, credential: CredentialKind) -> Answer<()> {
    let folder = tempfile::tempdir()?;
    let people = Database::new(kind, folder.path(), "people").await?;
    let store = people.open().await?;
    let actor = organisation(&store, "acme", size, credential).await?;
    store.analyse().await?;
    store.close().await;
    let links = credential == CredentialKind::SetUpLink;
    let status = std::process::Command::new(std::env::current_exe()?)
        .args(["whole", "--at", &people.to_string(), "--organisation", &actor.organisation().to_string()])
        .args(["--size", &size.to_string(), "--rounds", &rounds.to_string(), "--links", &links.to_string()])
        .status()?;
    people.remove().await?;
    if status.success() { Ok(()) } else { Err(format!("{kind}, {size} people: {status}").into()) }
}

pub(crate) async fn measure(arguments: &Arguments) -> Answer<()> {
    let people: Database = arguments.needed("at")?;
    let organisation: OrganisationId = arguments.needed("organisation")?;
    let (size, rounds): (usize, usize) = (arguments.needed("size")?, arguments.needed("rounds")?);
    let links: bool = arguments.needed("links")?;
    let actor = Actor::system(organisation);
    let mut comparison = None;
    for round in 0..rounds {
        let database = people.copy(&format!("round-{round}")).await?;
        let store = database.open().await?;
        let invites = invites(&store)?;
        let memory = Memory::watch()?;
        let (planning, plan) = timed(invites.plan(&actor, Invite::all())).await;
        let (plan, planned_peak) = (plan?, memory.peak()?);
        // Now, since the messages of the plan are queued still.
        let mut bare = database.bare().await?;
        let (mut least, rows) = timed(bare.write_plan(organisation)).await;
        rows?;
        let memory = Memory::watch()?;
        let (working, sent) = timed(send(&invites, &actor, &plan)).await;
        let (sent, peak) = (sent?, memory.peak()?.max(planned_peak));
        if links {
            let (claiming, done) = timed(bare.send(plan.id(), sent)).await;
            done?;
            least += claiming;
        } else {
            least = argon2::hash(sent)?;
        }
        let ours = planning + working;
        let step = if links { "to the end, with links" } else { "to the end, with passwords" };
        let comparison = comparison.get_or_insert_with(|| Comparison::of(step, sent, size));
        comparison.round(ours, least);
        comparison.peak(peak);
        store.close().await;
        database.remove().await?;
    }
    comparison.map_or(Ok(()), |comparison| comparison.say(people.kind(), size))
}

/// Confirms a plan, with no hold, and works until nothing is left. How many messages there were.
async fn send(invites: &Invites, actor: &Actor, plan: &Plan) -> Answer<usize> {
    let messages = confirm(invites, actor, plan).await?;
    let report = invites.worker().run_until_idle().await?;
    if usize::try_from(report.sent)? != messages {
        return Err(format!("{} of {messages} messages were sent", report.sent).into());
    }
    Ok(messages)
}

/// Confirms a plan, with no hold. How many messages it has.
pub(crate) async fn confirm(invites: &Invites, actor: &Actor, plan: &Plan) -> Answer<usize> {
    let now = ConfirmOptions::new().hold(Duration::ZERO);
    let batch = invites.confirm_with(actor, plan.id(), now).await?;
    Ok(usize::try_from(batch.totals.messages.values().sum::<u64>())?)
}

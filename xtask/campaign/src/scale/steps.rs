//! The steps of one rollout, each measured, and whether what arrived is what the plan said.

use std::error::Error;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use invite_core::SealingKey;
use invite_core::credential::random::system_random;
use invite_core::model::actor::Actor;
use invite_core::model::credential::CredentialKind;
use invite_core::model::event::{EventCursor, Happening};
use invite_core::model::id::UserId;
use invite_core::model::item::SkipReason;
use invite_core::model::message::{Content, Message};
use invite_core::model::organisation::{ReminderRules, Settings};
use invite_core::model::outcome::{Outcome, Receipt};
use invite_core::model::selection::Filter;
use invite_core::port::transport::Transport;
use invite_core::service::{ConfirmOptions, ImportOptions, Invite, Invites, Remind};
use invite_sqlite::SqliteStore;

use super::measured::{Measured, Step, Stopwatch};
use super::people::{self, Expected};
use crate::rollout::LINK;

/// Rolls out to so many people, with set-up links, which cost no hashing.
pub(crate) async fn measure(people: u64) -> Result<Measured, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let (csv, database) = (folder.path().join("people.csv"), folder.path().join("invites.db"));
    let counter = Counter::default();
    let invites = Invites::builder(SqliteStore::open(&database).await?)
        .email(counter.clone())
        .seal_with(SealingKey::generate(&mut system_random()?))
        .build()?;
    let actor = Actor::system(invites.create_organisation("acme".parse()?, settings()?).await?.id);
    let (mut steps, mut check) = (Vec::new(), Check::default());

    let watch = Stopwatch::start("write the file")?;
    let Expected { created, refused, no_contact, send } = people::write(&csv, people)?;
    steps.push(watch.stop()?);

    let options = || ImportOptions { max_bytes: u64::MAX, ..ImportOptions::of_file("people.csv") };
    let watch = Stopwatch::start("import")?;
    let report = invites.import(&actor, File::open(&csv)?, options()).await?;
    steps.push(watch.stop()?);
    check.equal("added", report.created, created);
    check.equal("refused", report.refused, refused);

    let watch = Stopwatch::start("import again")?;
    let report = invites.import(&actor, File::open(&csv)?, options()).await?;
    steps.push(watch.stop()?);
    check.equal("left as they were by the second import", report.unchanged, created);

    let watch = Stopwatch::start("plan")?;
    let plan = invites.plan(&actor, Invite::never_invited()).await?;
    steps.push(watch.stop()?);
    let messages: u64 = plan.totals().messages.values().sum();
    check.equal("planned to be invited", plan.totals().send, send);
    check.equal("planned messages", messages, send);
    check.equal("skipped", plan.totals().skipped(), no_contact);
    let without = plan.totals().skip.get(&SkipReason::NoContact).copied().unwrap_or_default();
    check.equal("skipped for want of an address", without, no_contact);

    let watch = Stopwatch::start("confirm")?;
    let now = ConfirmOptions::new().hold(Duration::ZERO);
    let batch = invites.confirm_with(&actor, plan.id(), now).await?;
    steps.push(watch.stop()?);
    check.equal("messages of the batch", batch.totals.messages.values().sum(), messages);

    let watch = Stopwatch::start("send")?;
    let report = invites.worker().run_until_idle().await?;
    steps.push(watch.stop()?);
    check.equal("reported as sent", report.sent, messages);
    check.equal("handed to the transport", counter.messages.load(Ordering::Relaxed), messages);
    check.equal("with a link", counter.links.load(Ordering::Relaxed), messages);

    let watch = Stopwatch::start("look at the batch")?;
    let status = invites.batch(&actor, batch.id).await?;
    steps.push(watch.stop()?);
    check.equal("sent by the batch", status.progress.funnel.sent, send);
    check.equal("finished batches", u64::from(status.finished), 1);

    let watch = Stopwatch::start("read the events")?;
    let invited = invited(&invites).await?;
    steps.push(watch.stop()?);
    check.equal("events of somebody invited", invited, send);

    let watch = Stopwatch::start("plan reminders")?;
    let plan = invites.plan(&actor, Remind::never_signed_in()).await?;
    steps.push(watch.stop()?);
    check.equal("planned to be reminded", plan.totals().send, send);

    let chosen = ids(&invites, &actor).await?;
    let watch = Stopwatch::start("plan, chosen by id")?;
    let plan = invites.plan(&actor, Invite::users(chosen)).await?;
    steps.push(Step { is_handed_a_list: true, ..watch.stop()? });
    check.equal("planned to be invited again", plan.totals().send, send);

    let database_bytes = std::fs::metadata(&database)?.len();
    Ok(Measured { people, messages, database_bytes, steps, faults: check.faults })
}

fn settings() -> Result<Settings, Box<dyn Error>> {
    Ok(Settings {
        app_link: Some("https://app.example.com".parse()?),
        link_pattern: Some(format!("{LINK}{{token}}").parse()?),
        credential: CredentialKind::SetUpLink,
        reminders: ReminderRules { gap: Duration::ZERO, ..ReminderRules::default() },
        ..Settings::new("Acme")
    })
}

async fn invited(invites: &Invites) -> Result<u64, Box<dyn Error>> {
    let (mut invited, mut cursor) = (0, EventCursor::default());
    loop {
        let events = invites.events(cursor, 1_000).await?;
        let Some(last) = events.last() else { return Ok(invited) };
        cursor = last.cursor;
        let counted = events.iter().filter(|event| matches!(event.what, Happening::Invited { .. }));
        invited += counted.count() as u64;
    }
}

/// Everybody, as somebody who ticks them all in a list would send them.
async fn ids(invites: &Invites, actor: &Actor) -> Result<Vec<UserId>, Box<dyn Error>> {
    let (mut ids, mut after) = (Vec::new(), None);
    loop {
        let page = invites.users(actor, Filter::default(), after, 500).await?;
        ids.extend(page.rows.iter().map(|row| row.user.id));
        let Some(next) = page.next else { return Ok(ids) };
        after = Some(next);
    }
}

/// A transport that takes everything and keeps nothing.
#[derive(Debug, Clone, Default)]
struct Counter {
    messages: Arc<AtomicU64>,
    links: Arc<AtomicU64>,
}

#[async_trait]
impl Transport for Counter {
    async fn send(&self, message: &Message, _: Duration) -> Outcome {
        let has_link = matches!(&message.content, Content::Email(email) if email.text.contains(LINK));
        self.messages.fetch_add(1, Ordering::Relaxed);
        self.links.fetch_add(u64::from(has_link), Ordering::Relaxed);
        Outcome::Accepted(Receipt(message.delivery.to_string()))
    }
}

/// What was not as it should be.
#[derive(Debug, Default)]
struct Check {
    faults: Vec<String>,
}

impl Check {
    fn equal(&mut self, what: &str, found: u64, expected: u64) {
        if found != expected {
            self.faults.push(format!("{what}: {found}, not {expected}"));
        }
    }
}

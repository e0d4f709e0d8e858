//! How the rollout is told to a person who reads along.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use invite_core::model::batch::Batch;
use invite_core::model::event::{Event, Happening};
use invite_core::model::id::BatchId;
use invite_core::service::{BatchStatus, ImportReport, Plan, SignedIn};
use invite_core::{Actor, Invites};

use crate::outbox::Mail;

pub fn chapter(title: &str) {
    if std::io::stdout().is_terminal() {
        println!("\n\x1b[1m{title}\x1b[0m");
    } else {
        println!("\n{title}");
    }
}

pub fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

pub fn import(report: &ImportReport) {
    let ImportReport { created, updated, unchanged, refused, .. } = report;
    println!(
        "  {created} people added, {updated} changed, {unchanged} as they were, {refused} rows refused:"
    );
    for error in &report.errors {
        print!("{}", indented(&error.to_string()));
    }
    if !report.unknown_columns.is_empty() {
        println!("  Columns that were ignored: {}", report.unknown_columns.join(", "));
    }
}

pub fn plan(plan: &Plan) {
    print!("{}", indented(&plan.summary()));
}

/// Names those who are skipped, with the reason: a plan can be read person by person.
pub async fn skipped(invites: &Invites, actor: &Actor, plan: BatchId) -> Result<(), Box<dyn Error>> {
    println!("  Skipped:");
    for item in invites.items(actor, plan, None, 1_000).await?.rows {
        if let Some(reason) = item.decision.skip_reason() {
            let user = invites.user(actor, item.user).await?.user;
            println!("    {:<20} {}", user.display_name(), reason.text());
        }
    }
    Ok(())
}

/// Runs a worker until nothing is left to do, with a bar where somebody watches.
pub async fn work(invites: &Invites, actor: &Actor, batch: &Batch) -> Result<(), Box<dyn Error>> {
    let messages = batch.totals.messages.values().chain(batch.totals.reset_messages.values()).sum();
    let style = ProgressStyle::with_template("  {bar:40} {pos}/{len} {elapsed}")?;
    let bar = ProgressBar::new(messages).with_style(style);
    let worker = invites.worker().run_until_idle();
    tokio::pin!(worker);
    let report = loop {
        tokio::select! {
            report = &mut worker => break report?,
            () = tokio::time::sleep(Duration::from_millis(100)) => {
                let states = invites.batch(actor, batch.id).await?.progress.states;
                bar.set_position(states.iter().filter(|(state, _)| !state.is_on_its_way()).map(|(_, count)| count).sum());
            }
        }
    };
    bar.finish_and_clear();
    println!("  sent {}, failed {}, unknown {}", report.sent, report.failed, report.unknown);
    Ok(())
}

pub fn batch(status: &BatchStatus) {
    let funnel = &status.progress.funnel;
    println!(
        "  {} selected → {} to get a message → {} sent → {} came",
        funnel.selected, funnel.recipients, funnel.sent, funnel.accepted
    );
}

pub fn mail(mail: &Mail) {
    println!("  From:    {}\n  To:      {}\n  Subject: {}", mail.from, mail.to, mail.subject);
    for line in mail.text.trim_end().lines() {
        println!("  │ {line}");
    }
}

pub fn answer(how: &str, answer: &SignedIn) {
    let answer = match answer {
        SignedIn::In(_) => "she is in".to_owned(),
        SignedIn::MustChangePassword => "right; she must choose a password of her own".to_owned(),
        SignedIn::Wait(wait) => format!("wait {} s", wait.as_secs()),
        _ => "refused".to_owned(),
    };
    println!("  {how:<36} → {answer}");
}

pub fn events(events: &[Event]) {
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for event in events {
        let name = match event.what {
            Happening::Invited { .. } => "invited",
            Happening::PasswordRetired { .. } => "password_retired",
            Happening::Accepted { .. } => "accepted",
            Happening::BatchFinished { .. } => "batch_finished",
            _ => "other",
        };
        *counts.entry(name).or_default() += 1;
    }
    let counts: Vec<_> = counts.into_iter().map(|(name, count)| format!("{name} {count}")).collect();
    println!("  {} events: {}", events.len(), counts.join(", "));
}

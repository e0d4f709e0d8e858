//! A whole rollout on real input: a CSV of people becomes users, a plan says who would get what and why not, real
//! messages arrive in a folder, somebody signs in with what the message said, is invited again and reset with consent,
//! and the rest are reminded.
//!
//! ```text
//! cargo run -p invite-examples --bin quickstart
//! ```
//!
//! Everything lands in a fresh folder, whose path is printed at the end.

mod outbox;
mod tell;

use std::error::Error;
use std::path::Path;

use invite_core::credential::random;
use invite_core::model::event::EventCursor;
use invite_core::model::id::UserId;
use invite_core::model::message::Channel;
use invite_core::model::organisation::{Organisation, ReminderRules, Settings};
use invite_core::model::selection::{Filter, PeopleFilter};
use invite_core::policy::Policy;
use invite_core::service::{ConfirmOptions, ImportOptions, Invite, Remind, SignIn};
use invite_core::{Actor, Invites, SealingKey, Secret};
use invite_file::FileTransport;
use invite_sqlite::SqliteStore;

const PEOPLE: &str = include_str!("../../../data/people.csv");

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::Builder::new().prefix("invite-quickstart-").tempdir()?.keep();
    let outbox = folder.join("outbox");

    tell::chapter("1. An organisation, and a file of its people");
    let store = SqliteStore::open(folder.join("acme.db")).await?;
    let invites = Invites::builder(store)
        .email(FileTransport::new(&outbox)?)
        .sms(FileTransport::new(&outbox)?)
        .seal_with(SealingKey::generate(&mut random::system_random()?))
        .policy(Policy::default())
        .build()?;
    let acme = organisation(&invites).await?;
    let options = ImportOptions::of_file("people.csv");
    let report = invites.import(&Actor::system(acme.id), PEOPLE.as_bytes(), options).await?;
    tell::import(&report);

    tell::chapter("2. Astrid, an administrator, plans to invite all who were never invited");
    let astrid = Actor::administrator(acme.id, find(&invites, &acme, "astrid").await?);
    let plan = invites.plan(&astrid, Invite::never_invited()).await?;
    tell::plan(&plan);
    tell::skipped(&invites, &astrid, plan.id()).await?;

    tell::chapter("3. She confirms; a worker carries out exactly that");
    let batch = invites.confirm(&astrid, plan.id()).await?;
    tell::work(&invites, &astrid, &batch).await?;
    tell::batch(&invites.batch(&astrid, batch.id).await?);

    tell::chapter("4. What Anna received");
    let mail = outbox::newest_to(&outbox, "anna@acme.example")?;
    tell::mail(&mail);

    tell::chapter("5. Anna signs in");
    let temporary =
        outbox::temporary_password(&mail.text).ok_or("the message holds no temporary password")?;
    let mut sign_in = SignIn::new("anna", Secret::new(temporary.clone()));
    tell::answer("with the temporary password", &invites.sign_in(acme.id, sign_in.clone()).await?);
    sign_in.new_password = Some(Secret::new("rain over the fjord".into()));
    tell::answer("and a password of her own", &invites.sign_in(acme.id, sign_in.clone()).await?);
    let again = SignIn::new("anna", Secret::new(temporary));
    tell::answer("with the temporary one again", &invites.sign_in(acme.id, again).await?);

    tell::chapter("6. Anna is invited again: that resets her password, and needs consent");
    let anna = find(&invites, &acme, "anna").await?;
    let plan = invites.plan(&astrid, Invite::users([anna])).await?;
    tell::plan(&plan);
    let batch = invites.confirm_with(&astrid, plan.id(), ConfirmOptions::new().resets(true)).await?;
    tell::work(&invites, &astrid, &batch).await?;
    let own = SignIn::new("anna", Secret::new("rain over the fjord".into()));
    tell::answer("with her own password, now retired", &invites.sign_in(acme.id, own).await?);
    let mail = outbox::newest_to(&outbox, "anna@acme.example")?;
    println!("  The new message says: {}", mail.subject);

    tell::chapter("7. The others have not come: they are reminded");
    let plan = invites.plan(&astrid, Remind::never_signed_in()).await?;
    tell::plan(&plan);
    let batch = invites.confirm(&astrid, plan.id()).await?;
    tell::work(&invites, &astrid, &batch).await?;

    tell::chapter("8. The story of Anna");
    print!("{}", tell::indented(&invites.story(&astrid, anna).await?.to_string()));

    tell::chapter("9. What the host is told");
    tell::events(&invites.events(EventCursor::default(), 1_000).await?);

    next(&folder, &outbox);
    Ok(())
}

/// Acme, as its administrator would set it up. Reminders may follow at once, so that this example need not wait.
async fn organisation(invites: &Invites) -> Result<Organisation, Box<dyn Error>> {
    let mut settings = Settings::new("Acme Ltd");
    settings.app_name = "Shiftbook".into();
    settings.app_link = Some("https://app.acme.example".parse()?);
    settings.support = "help@acme.example".into();
    settings.country = Some("NO".parse()?);
    settings.time_zone = chrono_tz::Europe::Oslo;
    // So that it shows its SMS at any time of day.
    settings.quiet_hours = None;
    settings.channels = [Channel::Email, Channel::Sms].into();
    settings.reminders = ReminderRules { gap: std::time::Duration::ZERO, ..ReminderRules::default() };
    Ok(invites.create_organisation("acme".parse()?, settings).await?)
}

async fn find(invites: &Invites, acme: &Organisation, name: &str) -> Result<UserId, Box<dyn Error>> {
    let people = PeopleFilter { text: Some(name.into()), ..PeopleFilter::default() };
    let page =
        invites.users(&Actor::system(acme.id), Filter { people, ..Filter::default() }, None, 100).await?;
    let user = page.rows.into_iter().find(|row| row.user.username.as_deref() == Some(name));
    Ok(user.ok_or_else(|| format!("there is no {name}"))?.user.id)
}

fn next(folder: &Path, outbox: &Path) {
    tell::chapter("Next");
    println!("  All messages:          xdg-open {}", outbox.join("index.html").display());
    println!("  The smallest host:     cargo run -p invite-examples --bin embed");
    println!("  Your own users table:  cargo run -p invite-examples --bin host_users");
    println!("\n  The messages hold passwords; when you are done: rm -r {}", folder.display());
}

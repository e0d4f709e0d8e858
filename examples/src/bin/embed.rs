//! The smallest host: what README.md shows.
//!
//! ```text
//! INVITE_SECRET_KEY=$(openssl rand -base64 32) cargo run -p invite-examples --bin embed
//! ```

use std::error::Error;
use std::process::ExitCode;

use invite_core::model::organisation::Settings;
use invite_core::model::{id::UserId, role::Role, user::User};
use invite_core::service::Invite;
use invite_core::{Actor, Invites, SealingKey};
use invite_file::FileTransport;
use invite_sqlite::SqliteStore;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    // README: from here
    let store = SqliteStore::open("app.db").await?;
    let invites = Invites::builder(store)
        .email(FileTransport::new("outbox")?)
        .seal_with(SealingKey::from_env("INVITE_SECRET_KEY")?)
        .build()?;
    let admin = an_organisation_with_two_people(&invites).await?;

    let plan = invites.plan(&admin, Invite::never_invited()).await?; // who gets what, who is skipped and why
    println!("{}", plan.summary());
    let batch = invites.confirm(&admin, plan.id()).await?; // carries out exactly that
    let report = invites.worker().run_until_idle().await?;
    println!("batch {}: {} sent; look at outbox/index.html", batch.id, report.sent);
    // README: to here
    Ok(())
}

/// What a host has already: an organisation, its administrator, and somebody to invite.
async fn an_organisation_with_two_people(invites: &Invites) -> Result<Actor, Box<dyn Error>> {
    let mut settings = Settings::new("Acme Ltd");
    settings.app_link = Some("https://app.acme.example".parse()?);
    let alias = format!("acme-{}", std::process::id());
    let acme = invites.create_organisation(alias.parse()?, settings).await?;
    let mut people = Vec::new();
    for (name, role) in [("Astrid", Role::Administrator), ("Anna", Role::Member)] {
        let email = Some(format!("{name}@acme.example").parse()?);
        let user = User { first_name: name.into(), email, role, ..User::new(UserId::new()) };
        people.push(user.id);
        invites.add_user(&Actor::system(acme.id), user).await?;
    }
    Ok(Actor::administrator(acme.id, people[0]))
}

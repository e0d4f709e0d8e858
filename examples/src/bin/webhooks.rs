//! A server that providers call with what became of messages: Amazon SES through SNS, Twilio, and a mail server's
//! notifications, on the database of `invite`. `docs/webhooks.md` says how to set each of them up.
//!
//! ```text
//! INVITE_DB=sqlite:acme.db INVITE_SECRET_KEY=… WEBHOOKS_LISTEN=127.0.0.1:8080 \
//!     WEBHOOKS_URL=https://hooks.acme.example TWILIO_AUTH_TOKEN=… \
//!     cargo run -p invite-examples --bin webhooks
//! ```
//!
//! | variable | what it is | which path it opens |
//! |---|---|---|
//! | `WEBHOOKS_LISTEN` | where it listens; 127.0.0.1:8080 by default, behind something that ends TLS | |
//! | `SNS_TOPIC` | the ARN of the SNS topic | `/ses` |
//! | `WEBHOOKS_URL`, `TWILIO_AUTH_TOKEN` | where Twilio calls, without the path; the account's token | `/twilio` |
//! | `BOUNCE_ADDRESS`, `BOUNCE_SECRET`, `BOUNCE_TOKEN` | the address and secret of the transport; the token of the mail server | `/mail` |

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;

use axum::Router;
use invite_core::memory::RecordingTransport;
use invite_core::model::id::OrganisationId;
use invite_core::{Invites, SealingKey, Secret};
use invite_ses::sns::{self, HttpsCertificates};
use invite_smtp::dsn::{self, BounceAddress};
use invite_sqlite::SqliteStore;
use invite_twilio::webhook;

type Failure = Box<dyn Error + Send + Sync>;

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

async fn run() -> Result<(), Failure> {
    let database = variable("INVITE_DB").unwrap_or_else(|| "sqlite:acme.db".into());
    let path = database.strip_prefix("sqlite:").ok_or("INVITE_DB must be sqlite:FILE here")?;
    let invites = Invites::builder(SqliteStore::open(path).await?)
        // It sends nothing: workers do.
        .email(RecordingTransport::new())
        .seal_with(SealingKey::from_env("INVITE_SECRET_KEY")?)
        .build()?;
    let (router, paths) = providers(&invites).await?;
    if paths.is_empty() {
        return Err(
            "no provider is set up: see `--bin webhooks` in docs/webhooks.md for the variables".into()
        );
    }
    let listen = variable("WEBHOOKS_LISTEN").unwrap_or_else(|| "127.0.0.1:8080".into());
    let listener = tokio::net::TcpListener::bind(&listen).await?;
    println!("listening on http://{}: {}", listener.local_addr()?, paths.join(", "));
    axum::serve(listener, router).with_graceful_shutdown(ended()).await?;
    Ok(())
}

/// A path for each provider that is set up.
async fn providers(invites: &Invites) -> Result<(Router, Vec<&'static str>), Failure> {
    let (mut router, mut paths) = (Router::new(), Vec::new());
    if let Some(topic) = variable("SNS_TOPIC") {
        let settings = sns::Settings::new([topic])?;
        let confirm = |url: sns::SubscribeUrl| async move {
            println!("open this to begin what Amazon SES reports: {}", url.as_str());
        };
        let ses = sns::router(invites.clone(), settings, HttpsCertificates::new()?, confirm);
        router = router.nest("/ses", ses);
        paths.push("/ses");
    }
    if let (Some(url), Some(token)) = (variable("WEBHOOKS_URL"), variable("TWILIO_AUTH_TOKEN")) {
        let url = format!("{}/twilio", url.trim_end_matches('/'));
        let tokens: Arc<[Secret]> = Arc::from([Secret::new(token)]);
        // Here all organisations send from one number.
        let all = all_organisations(invites).await?;
        router = router.nest("/twilio", webhook::router(invites.clone(), url, tokens, move |_| all.clone()));
        paths.push("/twilio");
    }
    let bounces = (variable("BOUNCE_ADDRESS"), variable("BOUNCE_SECRET"), variable("BOUNCE_TOKEN"));
    if let (Some(address), Some(secret), Some(token)) = bounces {
        let address = BounceAddress::new(&address, Secret::new(secret))?;
        router = router.nest("/mail", dsn::router(invites.clone(), address, Secret::new(token)));
        paths.push("/mail");
    }
    Ok((router, paths))
}

async fn all_organisations(invites: &Invites) -> Result<Vec<OrganisationId>, Failure> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = invites.organisations(after, 500).await?;
        let Some(last) = page.last() else { return Ok(all) };
        after = Some(last.id);
        all.extend(page.iter().map(|organisation| organisation.id));
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

async fn ended() {
    // Without a signal handler it runs until it is killed, which loses nothing: providers call again.
    let _ = tokio::signal::ctrl_c().await;
}

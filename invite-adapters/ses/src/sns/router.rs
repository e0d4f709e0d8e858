//! The same as a router of axum.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::routing::post;
use invite_core::Invites;
use invite_core::port::clock::{Clock, SystemClock};
use tracing::{info, warn};

use super::certificate::Certificates;
use super::receive::{Received, SubscribeUrl, receive};
use super::settings::Settings;

/// More than SNS carries, 256 KiB and what is around them.
const LARGEST: usize = 512 * 1024;

/// What is done with a subscription that is to be confirmed.
type Confirming = Arc<dyn Fn(SubscribeUrl) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

#[derive(Clone)]
struct Shared {
    invites: Invites,
    settings: Arc<Settings>,
    certificates: Arc<dyn Certificates>,
    confirm: Confirming,
}

/// A router that takes what SNS posts to `/`: to be nested under the path that the topic's subscription has.
///
/// `confirm` is called with the URL of a subscription that is to be confirmed, once it was found genuine, and fetches it; or
/// shows it to somebody who opens it.
///
/// It answers 200 to what was taken, 403 to what is not from SNS, and 503 where the certificate or the store cannot be
/// reached, so that SNS tries again. Nothing of a body is logged.
pub fn router<F>(
    invites: Invites,
    settings: Settings,
    certificates: impl Certificates + 'static,
    confirm: impl Fn(SubscribeUrl) -> F + Send + Sync + 'static,
) -> Router
where
    F: Future<Output = ()> + Send + 'static,
{
    let shared = Shared {
        invites,
        settings: Arc::new(settings),
        certificates: Arc::new(certificates),
        confirm: Arc::new(move |url| Box::pin(confirm(url))),
    };
    Router::new().route("/", post(take)).layer(DefaultBodyLimit::max(LARGEST)).with_state(shared)
}

async fn take(State(shared): State<Shared>, body: Bytes) -> StatusCode {
    let received = receive(&body, &shared.settings, &*shared.certificates, SystemClock.now()).await;
    match received {
        Ok(Received::Reports(reports)) => match shared.invites.report(reports).await {
            Ok(_) => StatusCode::OK,
            Err(error) => {
                warn!(%error, "what SES reports could not be kept; SNS tries again");
                StatusCode::SERVICE_UNAVAILABLE
            }
        },
        Ok(Received::Confirm(url)) => {
            (shared.confirm)(url).await;
            StatusCode::OK
        }
        Ok(Received::Unsubscribed) => {
            warn!("the subscription of the SNS topic was ended: nothing is reported any more");
            StatusCode::OK
        }
        Err(error) if error.is_transient() => {
            warn!(%error, "a message of SNS could not be checked; SNS tries again");
            StatusCode::SERVICE_UNAVAILABLE
        }
        Err(error) => {
            info!(%error, "a message that says it is from SNS is refused");
            StatusCode::FORBIDDEN
        }
    }
}

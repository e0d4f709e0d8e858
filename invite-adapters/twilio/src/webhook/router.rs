//! The same as a router of axum.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::routing::post;
use invite_core::model::contact::PhoneNumber;
use invite_core::model::id::OrganisationId;
use invite_core::model::message::Channel;
use invite_core::{Invites, Secret};
use tracing::{info, warn};

use super::{SIGNATURE_HEADER, Verified, Webhook, verify};

/// Twilio's requests have some kilooctets.
const LARGEST: usize = 64 * 1024;

type Organisations = Arc<dyn Fn(&PhoneNumber) -> Vec<OrganisationId> + Send + Sync>;

#[derive(Clone)]
struct Shared {
    invites: Invites,
    public_url: Arc<str>,
    tokens: Arc<[Secret]>,
    organisations: Organisations,
}

/// A router that takes what Twilio posts to `/`, status callbacks and incoming messages alike: to be nested under the path
/// of `public_url`.
///
/// * `public_url` is where Twilio calls it, as it stands in the callback: scheme, host and path, without a query. It comes
///   from the host's settings, since a request's `Host` can be anybody's.
/// * `tokens` are the account's auth tokens: while it is changed, the new one and the old one.
/// * `organisations` names those that send to this number, for STOP and START. Where all send from one number, that is all
///   of them: Twilio stops that number for each.
///
/// It answers 204 to what was taken, 403 to what is not signed, and 503 where the store cannot be reached. Nothing of a
/// body is logged.
pub fn router(
    invites: Invites,
    public_url: impl Into<Arc<str>>,
    tokens: impl Into<Arc<[Secret]>>,
    organisations: impl Fn(&PhoneNumber) -> Vec<OrganisationId> + Send + Sync + 'static,
) -> Router {
    let shared = Shared {
        invites,
        public_url: public_url.into(),
        tokens: tokens.into(),
        organisations: Arc::new(organisations),
    };
    Router::new().route("/", post(take)).layer(DefaultBodyLimit::max(LARGEST)).with_state(shared)
}

async fn take(State(shared): State<Shared>, uri: Uri, headers: HeaderMap, body: Bytes) -> StatusCode {
    let url = match uri.query() {
        Some(query) => format!("{}?{query}", shared.public_url),
        None => shared.public_url.to_string(),
    };
    let signature = headers.get(SIGNATURE_HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let request = Webhook { url: &url, signature, body: &body };
    let Ok(verified) = verify(&request, &shared.tokens) else {
        info!("a request that says it is from Twilio is not signed for this URL");
        return StatusCode::FORBIDDEN;
    };
    match kept(&shared, &verified).await {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(error) => {
            warn!(%error, "what Twilio reports could not be kept");
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}

async fn kept(shared: &Shared, verified: &Verified) -> Result<(), invite_core::service::Error> {
    if let Some(reported) = verified.report() {
        shared.invites.report(vec![reported]).await?;
    }
    if let Some(change) = verified.consent() {
        for organisation in (shared.organisations)(&change.number) {
            let number = change.number.as_str();
            shared.invites.consent(organisation, Channel::Sms, number, change.consent).await?;
        }
    }
    Ok(())
}

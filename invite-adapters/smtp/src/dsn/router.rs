//! The same as a router of axum.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::routing::post;
use invite_core::{Invites, Secret};
use subtle::ConstantTimeEq;
use tracing::{info, warn};
use url::form_urlencoded;

use super::{BounceAddress, LARGEST, read};

#[derive(Clone)]
struct Shared {
    invites: Invites,
    address: BounceAddress,
    token: Arc<Secret>,
}

/// A router that takes notifications which a mail server hands on: posted to `/?recipient=ADDRESS`, the message as it came
/// as the body, with the header `Authorization: Bearer TOKEN`.
///
/// It answers 200 to what was taken and to mail that is none of ours, 400 where no recipient is named, 403 to another token, 413 to more than
/// [`LARGEST`] octets, and 503 where the store cannot be reached, so that the mail server tries again. Nothing of a body is
/// logged.
pub fn router(invites: Invites, address: BounceAddress, token: Secret) -> Router {
    let shared = Shared { invites, address, token: Arc::new(token) };
    Router::new().route("/", post(take)).layer(DefaultBodyLimit::max(LARGEST)).with_state(shared)
}

async fn take(State(shared): State<Shared>, uri: Uri, headers: HeaderMap, body: Bytes) -> StatusCode {
    let given = headers.get(AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    if !given.is_some_and(|given| bool::from(given.ct_eq(shared.token.expose().as_bytes()))) {
        info!("a notification came without the token");
        return StatusCode::FORBIDDEN;
    }
    let mut query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let Some((_, recipient)) = query.find(|(name, _)| name == "recipient") else {
        return StatusCode::BAD_REQUEST;
    };
    let Some(delivery) = shared.address.delivery(&recipient) else { return StatusCode::OK };
    let Ok(reported) = read(&body, delivery) else { return StatusCode::PAYLOAD_TOO_LARGE };
    match shared.invites.report(reported.into_iter().collect()).await {
        Ok(_) => StatusCode::OK,
        Err(error) => {
            warn!(%error, "a notification could not be kept; the mail server tries again");
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}

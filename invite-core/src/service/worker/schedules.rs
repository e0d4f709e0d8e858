//! What is due by the schedules of organisations.

use std::sync::Arc;
use std::time::Duration;

use super::ports::Ports;
use super::stop::Stop;
use super::{FIRST_WAIT, LONGEST_WAIT, pause};
use crate::port::bell::Rings;
use crate::port::error::{PortError, PortResult};
use crate::service::error::Error;
use crate::service::invites::{Inner, Invites};

/// How often it is looked for. Nothing is planned to the second.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Does what is due until the worker ends.
pub(super) async fn keep_schedules(inner: Arc<Inner>, ports: Ports, stop: Stop, mut rings: Rings) {
    let invites = Invites { inner };
    let mut wait = FIRST_WAIT;
    while !stop.is_told() {
        if ports.caught_up(&stop).await.is_err() || stop.is_told() {
            return;
        }
        rings.forget();
        match did_some(&invites, &ports).await {
            Ok(true) => wait = FIRST_WAIT,
            Ok(false) => {
                wait = FIRST_WAIT;
                pause(&stop, LOOK_EVERY, &mut rings).await;
            }
            Err(error) => {
                ports.tell(&error);
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
        }
    }
}

/// Does what is due, until nothing is.
pub(super) async fn catch_up(inner: Arc<Inner>, ports: &Ports) -> PortResult<()> {
    let invites = Invites { inner };
    let mut wait = FIRST_WAIT;
    loop {
        match did_some(&invites, ports).await {
            Ok(true) => wait = FIRST_WAIT,
            Ok(false) => return Ok(()),
            Err(error) if !error.is_transient() => return Err(error),
            Err(error) => {
                ports.tell(&error);
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
        }
    }
}

/// What cannot be done, since a sender is missing, say, is told, and tried again when its lease is over; meanwhile others
/// have their turn.
async fn did_some(invites: &Invites, ports: &Ports) -> Result<bool, PortError> {
    let claimed = ports.store("look for what is due", invites.claim_what_is_due()).await?;
    let Some(claimed) = claimed else { return Ok(false) };
    match invites.do_what_is_due(claimed).await {
        Ok(()) => Ok(true),
        Err(Error::Port(error)) => {
            ports.store_failed(&error);
            Err(error)
        }
        Err(error) => {
            tracing::error!(%error, "what a schedule asks for cannot be done; it is tried again in some minutes");
            Ok(true)
        }
    }
}

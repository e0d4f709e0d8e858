//! The last step: open the secret, render, call the transport, say what it saw.

use std::sync::Arc;

use super::compose::compose;
use super::lease::Lease;
use super::paced::Turn;
use super::ports::Ports;
use crate::credential::{OpenError, SealContext, SealingKey, Secret};
use crate::model::batch::Batch;
use crate::model::organisation::Organisation;
use crate::model::outcome::Answer;
use crate::port::InvitationStore;
use crate::port::queue::{HandOver, HandOverResult};
use crate::port::senders::Sender;
use crate::service::call::call;
use crate::service::compiled::{Compiled, NotReady, Ready};
use crate::service::invites::Inner;
use crate::template::{CredentialForm, resolve};

/// A message that was begun, with all that it needs.
pub(super) struct Departure {
    pub(super) hand_over: HandOver,
    pub(super) organisation: Arc<Organisation>,
    pub(super) batch: Arc<Batch>,
    pub(super) sender: Sender,
    pub(super) lease: Arc<Lease>,
}

/// Hands it over when it is its turn.
pub(super) async fn hand_over(
    departure: &Departure,
    turn: Turn,
    inner: &Inner,
    ports: &Ports,
) -> HandOverResult {
    let policy = &inner.policy;
    let template = match template(departure, &*inner.store, &inner.compiled, ports).await {
        Ok(template) => template,
        Err(result) => return result,
    };
    let secret = match secret(&departure.hand_over, &inner.key) {
        Ok(secret) => secret,
        Err(result) => return result,
    };
    let message = match compose(departure, &template, secret.as_ref()) {
        Ok(message) => message,
        Err(answer) => return HandOverResult::NotRendered(answer),
    };
    drop(secret);
    let Some(_place) = turn.come(&*inner.store, ports).await else { return HandOverResult::NotCalled };
    if !departure.lease.stands(policy.margin()) {
        return HandOverResult::NotCalled;
    }
    let transport = &*departure.sender.transport;
    HandOverResult::Outcome(call(transport, &message, policy.send_deadline).await)
}

/// The template that the batch pinned, by the person's language now.
async fn template(
    departure: &Departure,
    store: &dyn InvitationStore,
    compiled: &Compiled,
    ports: &Ports,
) -> Result<Ready, HandOverResult> {
    let Departure { hand_over, organisation, batch, .. } = departure;
    let (kind, channel) = (hand_over.kind, hand_over.channel);
    let locale = hand_over.user.locale.as_ref();
    let resolved = resolve(kind, channel, locale, &organisation.settings.locale, &batch.templates);
    let form = hand_over.credential.as_ref();
    let form = form.map_or(CredentialForm::None, |credential| CredentialForm::of(credential.kind));
    let ready = async {
        match compiled.get(store, organisation.id, resolved, form).await {
            Err(NotReady::Port(error)) => Err(error),
            answered => Ok(answered),
        }
    };
    let ready = ports.store("read a message", ready).await;
    ready.unwrap_or_else(|error| Err(NotReady::Port(error))).map_err(|why| match why {
        NotReady::Port(error) => {
            tracing::debug!(delivery = %hand_over.id, %error, "its template could not be read");
            ports.tell(&error);
            HandOverResult::NotCalled
        }
        NotReady::Gone(key, version) => {
            let text = format!("version {version} of the message {key} is not there: plan again");
            HandOverResult::NotRendered(Answer::new("template_gone", text))
        }
        NotReady::Problems(key, problems) => {
            let problem = problems.first().map(ToString::to_string).unwrap_or_default();
            let text = format!("the message {key} cannot be used: {problem}; mend it and plan again");
            HandOverResult::NotRendered(Answer::new("template", text))
        }
    })
}

/// The secret, or what becomes of a message whose secret cannot be opened. Where the key is not at hand, that is mended
/// by giving it back, so the message waits, and so it does for a newer version where that has sealed it; a secret that is
/// damaged is of no use to anybody, so another one is minted.
fn secret(hand_over: &HandOver, key: &SealingKey) -> Result<Option<Secret>, HandOverResult> {
    let Some(credential) = &hand_over.credential else { return Ok(None) };
    let context = SealContext {
        organisation: hand_over.organisation,
        invitation: credential.invitation,
        generation: credential.generation,
    };
    key.open(&credential.sealed, &context).map(Some).map_err(|error| {
        tracing::error!(delivery = %hand_over.id, %error, "the sealed secret cannot be opened");
        match error {
            OpenError::UnknownKey { .. } => {
                HandOverResult::Locked(Answer::new("unknown_key", error.to_string()))
            }
            OpenError::Format => HandOverResult::Locked(Answer::new("unknown_format", error.to_string())),
            OpenError::Damaged => HandOverResult::Damaged(Answer::new("damaged_secret", error.to_string())),
        }
    })
}

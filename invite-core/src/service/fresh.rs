//! A fresh credential, asked for by the invitee whose own has expired or was replaced.
//!
//! Anybody can ask, for anybody. So the answer is the same whether or not there is such a person, it takes the same
//! lookups and one transaction, and all that a stranger can bring about is a message to the address on file, a few times
//! an hour.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tracing::instrument;

use super::error::Error;
use super::invites::Invites;
use super::sign_in::nobody;
use crate::credential::{LinkToken, Secret};
use crate::model::actor::Actor;
use crate::model::id::{BatchId, OrganisationId, UserId};
use crate::model::invitation::RevokeReason;
use crate::model::item::Action;
use crate::model::organisation::ChannelRule;
use crate::model::selection::Selection;
use crate::port::offers::{AskedBy, Refresh, Refreshed};
use crate::port::plans::NewPlan;
use crate::port::redemption::LinkState;

/// For whom a fresh credential is asked.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum FreshRequest {
    /// For whoever signs in with this name. Where the people are the host's own it looks for the name itself, and
    /// hands in a [`Person`](Self::Person).
    Name(String),
    /// For a person whom the host has found by a name. Where it found nobody it hands in a new id, so that the answer
    /// takes as long.
    Person(UserId),
    /// For whoever this token of a set-up link was for: it is expired, replaced, or used.
    Link(Secret),
}

/// What whoever asked is told, whether or not there is such a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FreshAnswer {
    /// The request is noted. Its `Display` is the sentence to show.
    Noted,
    /// Too many requests from this address: again after this.
    Wait(Duration),
}

impl fmt::Display for FreshAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Noted => f.write_str(
                "If you are invited and have no password that works, a message is on its way to your address on file",
            ),
            Self::Wait(rest) => {
                write!(f, "Too many requests from here: ask again in {} min", rest.as_secs().div_ceil(60))
            }
        }
    }
}

impl Invites {
    /// Has a fresh invitation sent to a person who asks for it; `source` is the address that the request came from,
    /// empty where the host knows none, and then there is no limit of requests from one address.
    ///
    /// The message goes to the person's address on file alone. It is sent to somebody who was invited before, is not
    /// set up or has had their password retired by a reset, is not deactivated, suppressed, under SSO (unless the
    /// organisation announces it) or waiting for a message already; never in place of a password that works, of an
    /// invitation that was recalled, or of a link that was handed over and works. Nobody is told which of these it was;
    /// the audit has it. A link that works, and one that was revoked for another reason than a newer one, gives
    /// nothing.
    ///
    /// It is asked for 3 times an hour and person at most, beyond which nothing happens, and 100 times an hour and
    /// address.
    #[instrument(skip_all, fields(%organisation))]
    pub async fn request_fresh(
        &self,
        organisation: OrganisationId,
        request: FreshRequest,
        source: &str,
    ) -> Result<FreshAnswer, Error> {
        let found = Arc::new(self.organisation(organisation).await?);
        let senders = self.senders_for(&found, ChannelRule::Both).await?;
        let (by, user) = self.asked_for(organisation, request).await?;
        let facts = self.fact(organisation, user).await?;
        let plan = NewPlan {
            id: BatchId::new(),
            actor: Actor::system(organisation),
            inviter: found.settings.name.clone(),
            action: Action::Refresh,
            scheduled: false,
            selection: Selection::Ids(vec![user]),
            channels: ChannelRule::default(),
            templates: self.pins(organisation).await?,
            lifetime: self.inner.policy.plan_lifetime,
        };
        let (source, policy) = (source.to_owned(), self.inner.policy.clone());
        let refresh = Refresh { plan, user, facts, senders, by, source, policy };
        Ok(match self.inner.store.refresh(refresh).await? {
            Refreshed::Confirmed(_) => {
                self.inner.bell.ring();
                FreshAnswer::Noted
            }
            Refreshed::Skipped(_) | Refreshed::TooOften => FreshAnswer::Noted,
            Refreshed::Wait(rest) => FreshAnswer::Wait(rest),
        })
    }

    /// For whom it is asked; an id that is nobody's where there is nobody.
    async fn asked_for(
        &self,
        organisation: OrganisationId,
        request: FreshRequest,
    ) -> Result<(AskedBy, UserId), Error> {
        Ok(match request {
            FreshRequest::Person(user) => (AskedBy::Name, user),
            FreshRequest::Name(name) => {
                let record = self.people()?.sign_in_record(organisation, name.clone()).await?;
                (AskedBy::Name, record.map_or_else(|| nobody(organisation, &name), |record| record.user.id))
            }
            FreshRequest::Link(token) => {
                let link = match LinkToken::parse(token.expose()) {
                    Some(token) => self.inner.store.link(token.digest()).await?,
                    None => None,
                };
                let link = link.filter(|link| link.organisation == organisation && may_ask(link.state));
                let user = link.map_or_else(|| nobody(organisation, token.expose()), |link| link.user);
                (AskedBy::Link, user)
            }
        })
    }
}

/// Whether whoever has a link in this state may ask for another.
const fn may_ask(state: LinkState) -> bool {
    matches!(state, LinkState::Used | LinkState::Expired | LinkState::Revoked(RevokeReason::Superseded))
}

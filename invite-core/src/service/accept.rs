//! Accept: a person opens their set-up link, chooses a password, and is in.

use tracing::instrument;

use super::error::Error;
use super::invites::Invites;
use super::redeem::Acceptance;
use crate::credential::{ChosenPassword, LinkToken, Secret};
use crate::decision::leave::leaving;
use crate::model::organisation::Organisation;
use crate::port::redemption::LinkState;

/// What the page of a set-up link needs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkView {
    /// The organisation, for its name and looks.
    pub organisation: Organisation,
    /// Whether the link works, or why not.
    pub state: LinkState,
    /// Who it is for, where it works; an old link tells nobody's name.
    pub invitee: Option<Invitee>,
}

/// Who a link is for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Invitee {
    /// Their first name; may be empty.
    pub first_name: String,
    /// What they will sign in with.
    pub sign_in_name: Option<String>,
}

impl Invites {
    /// What a link leads to. It only reads: mail programs and scanners open links too. None where it is no link of ours.
    #[instrument(skip_all)]
    pub async fn inspect_link(&self, token: &Secret) -> Result<Option<LinkView>, Error> {
        let Some(token) = LinkToken::parse(token.expose()) else { return Ok(None) };
        let Some(link) = self.inner.store.link(token.digest()).await? else { return Ok(None) };
        let organisation = self.organisation(link.organisation).await?;
        let user = self.fact(link.organisation, link.user).await?;
        let left = leaving(user.as_ref(), &organisation.settings, [], false);
        let state = match (link.state, left) {
            (LinkState::Open { .. }, Some(reason)) => LinkState::Revoked(reason),
            (state, _) => state,
        };
        let invitee = user
            .filter(|_| matches!(state, LinkState::Open { .. }))
            .map(|user| Invitee { sign_in_name: user.sign_in_name(), first_name: user.first_name });
        Ok(Some(LinkView { organisation, state, invitee }))
    }

    /// Uses a link: the person's password is what they chose. Of many who use it at once, exactly one is accepted.
    #[instrument(skip_all)]
    pub async fn accept(&self, token: &Secret, new_password: &Secret) -> Result<Acceptance, Error> {
        let chosen = ChosenPassword::parse(new_password)?;
        let Some(token) = LinkToken::parse(token.expose()) else { return Ok(Acceptance::Unknown) };
        let Some(link) = self.inner.store.link(token.digest()).await? else { return Ok(Acceptance::Unknown) };
        if !matches!(link.state, LinkState::Open { .. }) {
            return Ok(Acceptance::Not(link.state));
        }
        let user = self.fact(link.organisation, link.user).await?;
        self.redeem_credential(link.organisation, link.credential, user, chosen).await
    }
}

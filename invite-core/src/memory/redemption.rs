//! Credentials and those who come with them.

use std::time::Duration;

use async_trait::async_trait;

use super::MemoryStore;
use super::state::{CredentialRow, InvitationRow};
use super::transaction::{Transaction, delta};
use crate::credential::{StoredForm, TokenDigest};
use crate::model::delivery::EndReason;
use crate::model::event::Happening;
use crate::model::id::{CredentialId, InvitationId, OrganisationId, UserId};
use crate::model::invitation::{InvitationState, RevokeReason};
use crate::model::item::{Action, Decision};
use crate::model::organisation::Retirement;
use crate::port::error::PortResult;
use crate::port::redemption::{Close, Guess, Link, LinkState, OpenPassword, Redemption, Reserve, Reserved};

#[async_trait]
impl Redemption for MemoryStore {
    async fn open_passwords(
        &self,
        organisation: OrganisationId,
        user: UserId,
    ) -> PortResult<Vec<OpenPassword>> {
        self.transact(|transaction| transaction.open_passwords(organisation, user))
    }

    async fn link(&self, digest: TokenDigest) -> PortResult<Option<Link>> {
        self.transact(|transaction| {
            let (organisation, credential) = *transaction.state.links.get(digest.as_bytes())?;
            let (invitation, row, one) = transaction.credential(organisation, credential)?;
            let state = transaction.link_state(organisation, row, one);
            Some(Link { organisation, user: row.user, credential, invitation, state })
        })
    }

    async fn reserve(&self, reserve: Reserve) -> PortResult<Reserved> {
        self.transact_with(reserve.policy.clone(), |transaction| transaction.reserve(&reserve))
    }

    async fn close(&self, close: Close) -> PortResult<bool> {
        self.transact(|transaction| transaction.close(&close).unwrap_or(false))
    }

    async fn own_password_counts(
        &self,
        organisation: OrganisationId,
        users: Vec<UserId>,
    ) -> PortResult<Vec<bool>> {
        self.transact(|transaction| {
            users.into_iter().map(|user| !transaction.is_retired(organisation, user)).collect()
        })
    }

    async fn count_guess(&self, guess: Guess) -> PortResult<Option<Duration>> {
        self.transact_with(guess.policy.clone(), |transaction| transaction.count_guess(guess))
    }

    async fn forget_guesses(
        &self,
        organisation: OrganisationId,
        user: UserId,
        source: String,
    ) -> PortResult<()> {
        self.transact(|transaction| {
            transaction.state.guesses.remove(&(organisation, user, source));
        })
    }
}

impl Transaction<'_> {
    fn open_passwords(&self, organisation: OrganisationId, user: UserId) -> Vec<OpenPassword> {
        let mut open = Vec::new();
        for invitation in self.open_invitations(organisation, user) {
            let row = &self.state.invitations[&(organisation, invitation)];
            for (generation, credential) in &row.credentials {
                let state = self.link_state(organisation, row, credential);
                if let (LinkState::Open { until }, StoredForm::Password(hash), Some(salt)) =
                    (state, &credential.stored, row.salt)
                {
                    let password = OpenPassword {
                        credential: credential.id,
                        invitation,
                        generation: *generation,
                        salt,
                        hash: hash.clone(),
                        expires_at: until,
                    };
                    open.push((credential.minted_at, password));
                }
            }
        }
        open.sort_by_key(|(minted_at, password)| {
            std::cmp::Reverse((*minted_at, password.generation, password.credential))
        });
        open.into_iter().map(|(_, password)| password).collect()
    }

    fn credential(
        &self,
        organisation: OrganisationId,
        credential: CredentialId,
    ) -> Option<(InvitationId, &InvitationRow, &CredentialRow)> {
        let (invitation, generation) = *self.state.credentials.get(&(organisation, credential))?;
        let row = self.state.invitations.get(&(organisation, invitation))?;
        Some((invitation, row, row.credentials.get(&generation)?))
    }

    /// Whether a credential works, or why not.
    fn link_state(
        &self,
        organisation: OrganisationId,
        row: &InvitationRow,
        credential: &CredentialRow,
    ) -> LinkState {
        let used = row.credentials.values().any(|one| one.used_at.is_some());
        match self.seen_state(organisation, row) {
            _ if used => LinkState::Used,
            InvitationState::Accepted => LinkState::Used,
            InvitationState::Revoked(reason) => LinkState::Revoked(reason),
            _ if self.is_recalled(organisation, credential.batch) => {
                LinkState::Revoked(RevokeReason::Recalled)
            }
            InvitationState::Expired => LinkState::Expired,
            InvitationState::Pending if credential.expires_at <= self.now => LinkState::Expired,
            InvitationState::Pending => LinkState::Open { until: credential.expires_at },
        }
    }

    fn reserve(&mut self, reserve: &Reserve) -> Reserved {
        let organisation = reserve.organisation;
        let Some((invitation, row, credential)) = self.credential(organisation, reserve.credential) else {
            return Reserved::Unknown;
        };
        let user = row.user;
        let state = self.link_state(organisation, row, credential);
        if !matches!(state, LinkState::Open { .. }) {
            return Reserved::Not(state);
        }
        let facts = reserve.user.as_ref().filter(|facts| facts.id == user);
        if let Some(reason) = self.reason_to_leave(organisation, invitation, facts) {
            self.revoke(organisation, user, invitation, reason);
            return Reserved::Not(LinkState::Revoked(reason));
        }
        let reserved_at = row.credentials.values().filter_map(|one| one.reserved_at).max();
        let free_at = reserved_at.map(|at| at + delta(self.policy.reservation));
        if let Some(rest) = free_at.filter(|at| *at > self.now).and_then(|at| (at - self.now).to_std().ok()) {
            return Reserved::Busy(rest);
        }
        let reservation = row.last_reservation() + 1;
        let now = self.now;
        if let Some(credential) = self.credential_mut(organisation, reserve.credential) {
            credential.reservation = reservation;
            credential.reserved_at = Some(now);
        }
        Reserved::Yours { user, reservation }
    }

    /// None where there is no such credential.
    fn close(&mut self, close: &Close) -> Option<bool> {
        let organisation = close.organisation;
        let (invitation, row, credential) = self.credential(organisation, close.credential)?;
        if credential.reservation != close.reservation || close.reservation == 0 {
            return Some(false);
        }
        if credential.used_at.is_some() {
            return Some(true);
        }
        let other_used = row.credentials.values().any(|one| one.used_at.is_some());
        if other_used || row.last_reservation() != close.reservation {
            return Some(false);
        }
        let (user, batch, now) = (row.user, row.batch, self.now);
        self.credential_mut(organisation, close.credential)?.used_at = Some(now);
        let reset = self.item(organisation, batch, user).item.decision == Decision::SendWithReset;
        let handed_over = self.batch_row(organisation, batch).batch.action == Action::HandOver;
        let at_first_use = handed_over || self.settings(organisation)?.retirement() == Retirement::FirstUse;
        if reset && at_first_use {
            self.event(Some(organisation), Happening::PasswordRetired { user, invitation });
        }
        self.accept(organisation, user, invitation, EndReason::InvitationClosed, true);
        for other in self.open_invitations(organisation, user) {
            self.accept(organisation, user, other, EndReason::PasswordSet, false);
        }
        let person = self.person_mut(organisation, user);
        person.retired = None;
        person.came_at = person.came_at.max(Some(now));
        self.touch(organisation, batch, user, invitation);
        Some(true)
    }

    fn credential_mut(
        &mut self,
        organisation: OrganisationId,
        credential: CredentialId,
    ) -> Option<&mut CredentialRow> {
        let (invitation, generation) = self.state.credentials.get(&(organisation, credential))?;
        self.state.invitations.get_mut(&(organisation, *invitation))?.credentials.get_mut(generation)
    }

    /// Whether a person's own password is retired at present.
    fn is_retired(&self, organisation: OrganisationId, user: UserId) -> bool {
        self.retired_by(organisation, user).is_some()
    }

    /// The invitation by which a person's own password is retired at present.
    pub(super) fn retired_by(&self, organisation: OrganisationId, user: UserId) -> Option<InvitationId> {
        let (invitation, _) = self.state.persons.get(&(organisation, user))?.retired?;
        let row = self.state.invitations.get(&(organisation, invitation))?;
        (!self.is_recalled(organisation, row.batch)).then_some(invitation)
    }

    fn count_guess(&mut self, guess: Guess) -> Option<Duration> {
        let now = self.now;
        let guesses = self.state.guesses.entry((guess.organisation, guess.user, guess.source)).or_default();
        let rest = guesses.wait_until.filter(|until| *until > now);
        if let Some(rest) = rest.and_then(|until| (until - now).to_std().ok()) {
            return Some(rest);
        }
        guesses.failures = guesses.failures.saturating_add(1);
        guesses.last_at = now;
        if let Some(beyond) = guesses.failures.checked_sub(self.policy.free_guesses) {
            let wait = self.policy.guess_wait.saturating_mul(2_u32.saturating_pow(beyond));
            guesses.wait_until = Some(now + delta(wait.min(self.policy.guess_wait_at_most)));
        }
        None
    }
}

impl InvitationRow {
    fn last_reservation(&self) -> u64 {
        self.credentials.values().map(|one| one.reservation).max().unwrap_or(0)
    }
}

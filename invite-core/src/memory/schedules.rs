//! The work that schedules make.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::MemoryStore;
use super::transaction::{Transaction, delta};
use crate::decision::schedule::{due_on_begin, notice_at};
use crate::model::event::Happening;
use crate::model::id::{ClaimToken, InvitationId, OrganisationId, UserId};
use crate::model::invitation::InvitationState;
use crate::model::schedule::{Due, DueKind};
use crate::port::error::PortResult;
use crate::port::schedules::{ClaimedDue, Schedules, SettleDue};

/// A row of due work: when, and who has it.
#[derive(Clone, Copy)]
pub(super) struct DueRow {
    pub(super) at: DateTime<Utc>,
    pub(super) token: Option<ClaimToken>,
}

pub(super) type DueKey = (OrganisationId, DueKind, Uuid);

#[async_trait]
impl Schedules for MemoryStore {
    async fn add_due(&self, organisation: OrganisationId, due: Vec<Due>) -> PortResult<()> {
        self.transact(|transaction| transaction.add_due(organisation, due))
    }

    async fn claim_due(&self, limit: usize, lease: Duration) -> PortResult<Option<ClaimedDue>> {
        self.transact(|transaction| transaction.claim_due(limit, lease))
    }

    async fn settle_due(&self, settle: SettleDue) -> PortResult<()> {
        let SettleDue { organisation, token, kind, done, next } = settle;
        self.transact(|transaction| {
            for subject in done {
                let key = (organisation, kind, subject);
                if transaction.state.due.get(&key).is_some_and(|row| row.token == Some(token)) {
                    transaction.stand_due(key, None);
                }
            }
            transaction.add_due(organisation, next);
        })
    }
}

impl Transaction<'_> {
    /// Adds work; what is there is due at the earlier of both times, and nobody has it.
    pub(super) fn add_due(&mut self, organisation: OrganisationId, due: Vec<Due>) {
        for Due { kind, subject, at } in due {
            let key = (organisation, kind, subject);
            let at = self.state.due.get(&key).map_or(at, |row| row.at.min(at));
            self.stand_due(key, Some(DueRow { at, token: None }));
        }
    }

    /// What a message that has begun makes due.
    pub(super) fn add_due_on_begin(
        &mut self,
        organisation: OrganisationId,
        invitation: InvitationId,
        begins: bool,
        minted: bool,
    ) {
        let row = &self.state.invitations[&(organisation, invitation)];
        let began = begins.then_some((row.user, row.created_at));
        let minted = row.expires_at.filter(|_| minted).map(|at| (invitation, at));
        let Some(settings) = self.settings(organisation) else { return };
        let due = due_on_begin(settings, began, minted);
        self.add_due(organisation, due);
    }

    fn claim_due(&mut self, limit: usize, lease: Duration) -> Option<ClaimedDue> {
        let now = self.now;
        let due = || self.state.due_order.iter().take_while(|(at, _)| *at <= now).map(|(_, key)| *key);
        let (organisation, kind, _) = due().find(|(_, kind, _)| *kind != DueKind::ExpiryNotice)?;
        let same = |key: &DueKey| (key.0, key.1) == (organisation, kind);
        let keys: Vec<DueKey> = due().filter(same).take(limit.max(1)).collect();
        let token = ClaimToken::new();
        for key in &keys {
            self.stand_due(*key, Some(DueRow { at: now + delta(lease), token: Some(token) }));
        }
        let mut subjects: Vec<Uuid> = keys.into_iter().map(|(_, _, subject)| subject).collect();
        subjects.sort_unstable();
        Some(ClaimedDue { organisation, kind, token, subjects })
    }

    /// Removes the work on a person who is erased.
    pub(super) fn forget_due(&mut self, organisation: OrganisationId, user: UserId) {
        for kind in [DueKind::Invite, DueKind::Remind] {
            self.stand_due((organisation, kind, user.as_uuid()), None);
        }
    }

    /// Keeps a row of due work, or removes it.
    fn stand_due(&mut self, key: DueKey, row: Option<DueRow>) {
        if let Some(before) = self.state.due.remove(&key) {
            self.state.due_order.remove(&(before.at, key));
        }
        if let Some(row) = row {
            self.state.due_order.insert((row.at, key));
            self.state.due.insert(key, row);
        }
    }

    /// Tells of invitations that expire soon.
    pub(super) fn sweep_notices(&mut self, limit: u64) -> u64 {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let due = self.state.due_order.iter().take_while(|(at, _)| *at <= self.now);
        let notices = due.map(|(_, key)| *key).filter(|(_, kind, _)| *kind == DueKind::ExpiryNotice);
        let keys: Vec<DueKey> = notices.take(limit).collect();
        for key in &keys {
            let later = self.notice(key.0, InvitationId::from_uuid(key.2));
            self.stand_due(*key, later.map(|at| DueRow { at, token: None }));
        }
        keys.len() as u64
    }

    /// Tells of an invitation that expires soon; gives when to look again, where it expires later.
    fn notice(&mut self, organisation: OrganisationId, id: InvitationId) -> Option<DateTime<Utc>> {
        let row = self.state.invitations.get(&(organisation, id))?;
        let settings = self.settings(organisation)?;
        let wanted = settings.schedule.as_ref().is_some_and(|schedule| schedule.expiry_notice);
        let open = self.seen_state(organisation, row) == InvitationState::Pending;
        let expires_at = row.expires_at.filter(|at| wanted && open && *at > self.now)?;
        let at = notice_at(settings, expires_at);
        if at > self.now {
            return Some(at);
        }
        let (user, batch) = (row.user, row.batch);
        let inviter = self.batch_row(organisation, batch).batch.planned_by.user();
        self.event(
            Some(organisation),
            Happening::ExpiresSoon { user, invitation: id, batch, inviter, expires_at },
        );
        None
    }
}

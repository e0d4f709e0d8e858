//! What is known and what happened.

use std::ops::Bound;

use async_trait::async_trait;

use super::MemoryStore;
use super::consequences::Put;
use super::transaction::{Transaction, compared};
use crate::decision::history::{History, View};
use crate::model::actor::Actor;
use crate::model::delivery::EndReason;
use crate::model::event::{Event, EventCursor};
use crate::model::id::{ImportId, InvitationId, OrganisationId, UserId};
use crate::model::invitation::Invitation;
use crate::model::message::Channel;
use crate::model::sender::{Covers, PauseKind, SenderPause};
use crate::model::suppression::{Suppression, SuppressionReason};
use crate::model::user::User;
use crate::port::error::PortResult;
use crate::port::records::{
    Arrival, ArrivalKind, AuditEntry, CredentialFact, Erase, Erased, EventsForgotten, ImportLine,
    KnownAddress, PersonRecord, Records, SenderStop, SuppressionAct, SuppressionChange, Traces,
};

#[async_trait]
impl Records for MemoryStore {
    async fn histories(&self, organisation: OrganisationId, users: Vec<User>) -> PortResult<Vec<History>> {
        self.transact(|transaction| {
            let history = |user: User| {
                let rows = transaction.rows(organisation, user.id, Some(&user));
                History::fold(&rows, View::All, user.returned_at)
            };
            users.into_iter().map(history).collect()
        })
    }

    async fn record_changes(
        &self,
        organisation: OrganisationId,
        people: Vec<(UserId, Option<User>)>,
    ) -> PortResult<()> {
        self.transact(|transaction| {
            for (id, user) in people {
                transaction.depart(organisation, id, user.as_ref());
            }
        })
    }

    async fn record_arrivals(&self, organisation: OrganisationId, arrivals: Vec<Arrival>) -> PortResult<()> {
        self.transact(|transaction| {
            for arrival in arrivals {
                transaction.arrive(organisation, arrival);
            }
        })
    }

    async fn events(
        &self,
        after: EventCursor,
        limit: usize,
    ) -> PortResult<Result<Vec<Event>, EventsForgotten>> {
        self.transact(|transaction| {
            let removed = transaction.state.events_removed;
            EventsForgotten::check(after, EventCursor(removed))?;
            let read = usize::try_from(after.0.saturating_sub(removed)).unwrap_or(usize::MAX);
            Ok(transaction.state.events.iter().skip(read).take(limit).cloned().collect())
        })
    }

    async fn audit(
        &self,
        organisation: OrganisationId,
        before: Option<u64>,
        limit: usize,
    ) -> PortResult<Vec<AuditEntry>> {
        let range = (organisation, 0)..(organisation, before.unwrap_or(u64::MAX));
        self.transact(|transaction| {
            let entries = transaction.state.audit.range(range).rev();
            entries.map(|(_, entry)| entry.clone()).take(limit).collect()
        })
    }

    async fn person(&self, organisation: OrganisationId, user: UserId) -> PortResult<PersonRecord> {
        self.transact(|transaction| transaction.person(organisation, user))
    }

    async fn pause_sender(&self, pause: SenderStop) -> PortResult<()> {
        self.transact(|transaction| transaction.pause_sender(pause))
    }

    async fn resume_sender(&self, actor: Actor, covers: Covers) -> PortResult<bool> {
        self.transact(|transaction| transaction.resume_sender(&actor, &covers))
    }

    async fn sender_pauses(&self) -> PortResult<Vec<SenderPause>> {
        self.transact(|transaction| {
            let now = transaction.now;
            let stands = |pause: &&SenderPause| pause.kind == PauseKind::Blocked || pause.stops(now);
            transaction.state.pauses.values().filter(stands).cloned().collect()
        })
    }

    async fn suppressions(
        &self,
        organisation: OrganisationId,
        after: Option<(Channel, String)>,
        limit: usize,
    ) -> PortResult<Vec<Suppression>> {
        let from = match after {
            Some((channel, address)) => Bound::Excluded((organisation, channel, address)),
            None => Bound::Included((organisation, Channel::ALL[0], String::new())),
        };
        self.transact(|transaction| {
            let found = transaction.state.suppressions.range((from, Bound::Unbounded));
            let found = found.take_while(|((of, ..), _)| *of == organisation);
            found.map(|(_, suppression)| suppression.clone()).take(limit).collect()
        })
    }

    async fn suppress(&self, change: SuppressionChange) -> PortResult<()> {
        let SuppressionChange { actor, channel, address, act } = change;
        let address = compared(&address);
        let place = (actor.organisation(), channel, address.clone());
        self.transact(|transaction| {
            let list = &mut transaction.state.suppressions;
            let opted_out = list.get(&place).is_some_and(|there| there.reason == SuppressionReason::OptedOut);
            match act {
                SuppressionAct::Put(reason) => {
                    if transaction.put_suppression(actor.organisation(), channel, address, reason)
                        != Put::Unchanged
                    {
                        transaction.audit(&actor, "address_suppressed", &channel, reason.as_str());
                    }
                }
                SuppressionAct::OptIn if !opted_out => {}
                SuppressionAct::Release | SuppressionAct::OptIn => {
                    if list.remove(&place).is_some() {
                        transaction.audit(&actor, "address_released", &channel, "");
                    }
                }
            }
        })
    }

    async fn erase(&self, erase: Erase) -> PortResult<Erased> {
        self.transact(|transaction| transaction.erase(&erase))
    }

    async fn has_hashed_suppressions(&self, organisation: OrganisationId) -> PortResult<bool> {
        self.transact(|transaction| {
            let mut hashed = transaction.state.hashed_suppressions.keys();
            hashed.any(|(of, _, _)| *of == organisation)
        })
    }

    async fn recognise(&self, organisation: OrganisationId, addresses: Vec<KnownAddress>) -> PortResult<()> {
        self.transact(|transaction| transaction.recognise(organisation, addresses))
    }

    async fn traces(
        &self,
        organisation: OrganisationId,
        user: UserId,
        addresses: Vec<(Channel, String)>,
    ) -> PortResult<Traces> {
        self.transact(|transaction| transaction.traces(organisation, user, &addresses))
    }
}

impl Transaction<'_> {
    /// What imports did to a person, oldest first.
    pub(super) fn import_lines(&self, organisation: OrganisationId, user: UserId) -> Vec<ImportLine> {
        let person = self.state.persons.get(&(organisation, user));
        let imports = person.into_iter().flat_map(|person| &person.imports);
        let line = |import: &ImportId| {
            self.state.import_lines.get(&(organisation, *import, user)).map(|row| row.line.clone())
        };
        let mut lines: Vec<_> = imports.filter_map(line).collect();
        lines.sort_by_key(|line| (line.at, line.import));
        lines
    }

    /// Somebody came at the host.
    fn arrive(&mut self, organisation: OrganisationId, arrival: Arrival) {
        let Arrival { user, at, how } = arrival;
        let retired_by = self.retired_by(organisation, user);
        let person = self.person_mut(organisation, user);
        person.came_at = person.came_at.max(Some(at));
        let retired_at = person.retired.map(|(_, at)| at);
        for invitation in self.open_invitations(organisation, user) {
            let newer = self.state.invitations[&(organisation, invitation)].created_at < at;
            // Whoever signed in while their own password is retired needs the invitation all the more.
            let needed = how == ArrivalKind::SignedIn && retired_by == Some(invitation);
            if newer && !needed {
                self.accept(organisation, user, invitation, EndReason::PasswordSet, true);
            }
        }
        if how == ArrivalKind::PasswordSet && retired_at.is_some_and(|retired_at| at >= retired_at) {
            self.person_mut(organisation, user).retired = None;
        }
    }

    fn person(&self, organisation: OrganisationId, user: UserId) -> PersonRecord {
        let Some(person) = self.state.persons.get(&(organisation, user)) else {
            return PersonRecord::default();
        };
        let mut invitations: Vec<InvitationId> = person.invitations.iter().copied().collect();
        let row = |id: &InvitationId| &self.state.invitations[&(organisation, *id)];
        invitations.sort_by_key(|id| (row(id).created_at, *id));
        let items = person.batches.iter().map(|batch| {
            let row = self.batch_row(organisation, *batch);
            (row.batch.clone(), row.items[&user].item.clone())
        });
        let credentials = invitations.iter().flat_map(|id| {
            row(id).credentials.iter().map(|(generation, one)| CredentialFact {
                invitation: *id,
                generation: *generation,
                minted_at: one.minted_at,
                expires_at: one.expires_at,
                used_at: one.used_at,
                sealed: one.sealed.is_some(),
            })
        });
        PersonRecord {
            import_lines: self.import_lines(organisation, user),
            items: items.collect(),
            credentials: credentials.collect(),
            invitations: invitations.iter().map(|id| self.invitation(organisation, *id)).collect(),
            deliveries: person.deliveries.iter().map(|id| self.view((organisation, *id))).collect(),
            retired: person.retired,
            came_at: person.came_at,
        }
    }

    fn invitation(&self, organisation: OrganisationId, id: InvitationId) -> Invitation {
        let row = &self.state.invitations[&(organisation, id)];
        let state = self.seen_state(organisation, row);
        let stopped_at = self.batch_row(organisation, row.batch).batch.stopped_at;
        Invitation {
            id,
            user: row.user,
            batch: row.batch,
            state,
            created_at: row.created_at,
            expires_at: row.expires_at,
            closed_at: row.closed_at.or(stopped_at.filter(|_| state != row.state)),
        }
    }
}

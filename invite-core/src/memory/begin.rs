//! The last step before the transport: which credential a message takes, and whether it may go.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::state::{CredentialRow, InvitationRow, ItemRow};
use super::transaction::{DeliveryKey, Transaction};
use crate::credential::{Minted, Salt, SealedSecret, StoredForm};
use crate::decision::begin::{self, Planned, Saved, Stop, Take, may_go};
use crate::decision::history::{History, View};
use crate::decision::schedule::is_last_reminder;
use crate::decision::sms_limits::SmsDay;
use crate::decision::{Case, Request};
use crate::machine::delivery::DeliveryEvent;
use crate::machine::invitation::InvitationEvent;
use crate::model::batch::behind;
use crate::model::credential::{CredentialKind, Generation};
use crate::model::delivery::{DeliveryState, EndReason, WaitCause};
use crate::model::id::{BatchId, ClaimToken, CredentialId, DeliveryId, InvitationId, OrganisationId, UserId};
use crate::model::invitation::InvitationState;
use crate::model::item::Action;
use crate::model::message::Channel;
use crate::model::user::User;
use crate::port::queue::{BeginDelivery, Begun, CredentialWish, HandOver, HandOverCredential};

impl Transaction<'_> {
    /// What a message wants for a credential, and what there is of it.
    pub(super) fn wish(&self, key: DeliveryKey) -> Option<CredentialWish> {
        let row = self.delivery(key);
        let item = self.item(key.0, row.batch, row.user);
        let kind = item.credential?;
        let (take, salt) = self.take(key.0, row.invitation, item);
        Some(CredentialWish { kind, take, salt })
    }

    pub(super) fn begin(&mut self, token: ClaimToken, wish: BeginDelivery) -> Begun {
        let lapsed = self.state.claims.get(&token).is_none_or(|claim| claim.lease_until <= self.now);
        let Some(key) = self.held(token, wish.id, DeliveryState::Claimed).filter(|_| !lapsed) else {
            return Begun::Fenced;
        };
        let row = self.delivery(key);
        let (batch, id, invitation) = (row.batch, row.user, row.invitation);
        let user = wish.user.filter(|user| user.id == id);
        let reminders = match self.may_go(key, user.as_ref()) {
            Ok(reminders) => reminders,
            Err(Stop::Release) => {
                self.step(key, DeliveryEvent::Release);
                return Begun::Released;
            }
            Err(Stop::Wait(until, cause)) => {
                self.step(key, DeliveryEvent::Postpone(until, cause));
                return Begun::PutOff(cause);
            }
            Err(Stop::Cancel(reason)) => {
                self.step(key, DeliveryEvent::Cancel(reason));
                return Begun::Stopped(reason);
            }
        };
        let user = user.expect("nothing goes to nobody");
        let item = self.item(key.0, batch, id).clone();
        let (generation, minted) = match item.credential {
            None => (None, None),
            Some(kind) => match self.take(key.0, invitation, &item) {
                (Take::Saved(generation), _) => (Some(generation), None),
                (Take::Mint(generation), salt) => {
                    let fits = |minted: &Minted| {
                        let same_salt = salt.is_none() || minted.salt == salt;
                        minted.generation == generation
                            && minted.kind == kind
                            && (same_salt || kind == CredentialKind::SetUpLink)
                    };
                    match wish.minted.filter(fits) {
                        None => return Begun::Mint(generation, salt),
                        minted => (Some(generation), minted),
                    }
                }
            },
        };

        let mints = minted.is_some();
        self.begin_invitation(key, mints);
        if let Some(minted) = minted {
            self.save_credential(key, minted);
        }
        let action = self.batch_row(key.0, batch).batch.action;
        self.add_due_on_begin(key.0, invitation, action.begins_invitation(), mints);
        self.step(key, DeliveryEvent::Begin);
        let row = self.state.deliveries.get_mut(&key).expect("it is held");
        if row.channel == Channel::Sms {
            self.state.text_messages.insert(key, (self.now, row.address.clone()));
        }
        (row.sender, row.account) = wish.sender;
        let channel = row.channel;
        let invited_at = self.state.invitations[&(key.0, invitation)].created_at;
        let scheduled = self.batch_row(key.0, batch).batch.scheduled;
        let last = self.settings(key.0).is_none_or(|settings| {
            is_last_reminder(settings, scheduled, &user, reminders, (invited_at, self.now))
        });
        Begun::Go(Box::new(HandOver {
            id: key.1,
            organisation: key.0,
            batch,
            user,
            channel,
            kind: item.item.decision.message_kind(action).expect("nothing of a skip may go"),
            credential: generation.map(|generation| self.carried(key.0, invitation, generation)),
            invited_at,
            last_reminder: action == Action::Remind && last,
            at: self.now,
        }))
    }

    /// Whether one more text message may go to this number now.
    fn within_limits(&self, organisation: OrganisationId, number: &str) -> Result<(), Stop> {
        let first = (organisation, DeliveryId::from_uuid(uuid::Uuid::nil()));
        let sent = self.state.text_messages.range(first..);
        let sent = sent.take_while(|((of, _), _)| *of == organisation).map(|(_, sent)| sent);
        let all = sent.clone().map(|(at, _)| *at).collect();
        let day = SmsDay::new(all, sent.map(|(at, to)| (to.clone(), *at)).filter(|(to, _)| to == number));
        match day.waits_until(number, self.now, &self.policy) {
            Some(until) => Err(Stop::Wait(until, WaitCause::SmsLimit)),
            None => Ok(()),
        }
    }

    /// Whether a message may go, with fresh facts; gives how many reminders its person got before.
    fn may_go(&self, key: DeliveryKey, user: Option<&User>) -> Result<u32, Stop> {
        let organisation = key.0;
        let row = self.delivery(key);
        let found = self.batch_row(organisation, row.batch);
        let batch = &found.batch;
        let item = self.item(organisation, row.batch, row.user);
        let settings = self.settings(organisation).ok_or(Stop::Cancel(EndReason::ChangedSincePlan))?;
        let rows = self.rows(organisation, row.user, user);
        let view = View::Beginning(row.batch, found.order.unwrap_or_default());
        let history = History::fold(&rows, view, user.and_then(|user| user.returned_at));
        let begun = self.state.invitations.get(&(organisation, row.invitation));
        let planned = Planned {
            decision: item.item.decision,
            credential: item.credential,
            channel: row.channel,
            address: &row.address,
            batch: batch.state,
            resets_consented: batch.confirmed.as_ref().is_some_and(|confirmed| confirmed.resets),
            invitation: begun.map(|begun| self.seen_state(organisation, begun)),
        };
        let confirmed_by = batch.confirmed.as_ref().map(|confirmed| &confirmed.by);
        let case = Case {
            user,
            history: &history,
            request: Request {
                action: batch.action,
                by_id: batch.selection.is_by_id(),
                channels: batch.channels,
                scheduled: batch.scheduled,
            },
            settings,
            policy: &self.policy,
            behind: &behind(&batch.planned_by, confirmed_by),
            now: self.now,
        };
        may_go(&planned, &case)?;
        if row.channel == Channel::Sms {
            self.within_limits(organisation, &row.address)?;
        }
        Ok(history.last_invitation.map_or(0, |last| last.reminders))
    }

    /// Which credential a message of an item takes, and the salt of its invitation.
    fn take(
        &self,
        organisation: OrganisationId,
        invitation: InvitationId,
        item: &ItemRow,
    ) -> (Take, Option<Salt>) {
        let row = self.state.invitations.get(&(organisation, invitation));
        let saved = row.zip(item.generation).and_then(|(row, generation)| {
            let credential = row.credentials.get(&generation)?;
            Some(Saved {
                generation,
                sealed: credential.sealed.is_some(),
                minted_at: credential.minted_at,
                expires_at: credential.expires_at,
            })
        });
        let newest = row.and_then(|row| row.credentials.last_key_value()).map(|(generation, _)| *generation);
        (begin::credential(item.generation, newest, saved, self.now), row.and_then(|row| row.salt))
    }

    /// Begins the invitation of a message, or, for a reminder or a new credential, opens it again.
    fn begin_invitation(&mut self, (organisation, id): DeliveryKey, has_new_credential: bool) {
        let row = self.delivery((organisation, id));
        let (batch, user, invitation) = (row.batch, row.user, row.invitation);
        if self.state.invitations.contains_key(&(organisation, invitation)) {
            if has_new_credential || self.batch_row(organisation, batch).batch.action == Action::Remind {
                self.step_invitation(organisation, invitation, InvitationEvent::Remind);
            }
        } else {
            self.add_invitation(organisation, batch, user, invitation);
        }
    }

    pub(super) fn add_invitation(
        &mut self,
        organisation: OrganisationId,
        batch: BatchId,
        user: UserId,
        invitation: InvitationId,
    ) {
        let row = InvitationRow {
            user,
            batch,
            state: InvitationState::Pending,
            created_at: self.now,
            expires_at: None,
            closed_at: None,
            told: false,
            salt: None,
            credentials: BTreeMap::new(),
        };
        self.state.invitations.insert((organisation, invitation), row);
        self.person_mut(organisation, user).invitations.insert(invitation);
    }

    /// Saves what was minted for a message; all messages of its item share it.
    fn save_credential(&mut self, (organisation, id): DeliveryKey, minted: Minted) {
        let row = self.delivery((organisation, id));
        let (batch, user, invitation) = (row.batch, row.user, row.invitation);
        let Minted { generation, salt, stored, sealed, .. } = minted;
        self.add_credential(organisation, (batch, user, invitation), generation, (stored, Some(sealed)));
        let row = self.state.invitations.get_mut(&(organisation, invitation)).expect("it was begun");
        row.salt = row.salt.or(salt);
    }

    /// Keeps a credential for an item, with its sealed secret where a message needs it; gives when it expires.
    pub(super) fn add_credential(
        &mut self,
        organisation: OrganisationId,
        (batch, user, invitation): (BatchId, UserId, InvitationId),
        generation: Generation,
        (stored, sealed): (StoredForm, Option<SealedSecret>),
    ) -> DateTime<Utc> {
        let lifetime = self.settings(organisation).map(|settings| settings.credential_lifetime);
        let expires_at = begin::expires_at(self.now, lifetime.unwrap_or_default());
        let credential = CredentialId::new();
        if let StoredForm::Link(digest) = &stored {
            self.state.links.insert(*digest.as_bytes(), (organisation, credential));
        }
        self.state.credentials.insert((organisation, credential), (invitation, generation));
        self.state.expiring.insert((expires_at, organisation, invitation));
        let row = self.state.invitations.get_mut(&(organisation, invitation)).expect("it was begun");
        row.expires_at = Some(expires_at);
        let credential = CredentialRow {
            id: credential,
            batch,
            stored,
            sealed,
            minted_at: self.now,
            expires_at,
            reservation: 0,
            reserved_at: None,
            used_at: None,
        };
        row.credentials.insert(generation, credential);
        let batch = self.state.batches.get_mut(&(organisation, batch)).expect("a batch stays");
        batch.items.get_mut(&user).expect("a credential has its item").generation = Some(generation);
        expires_at
    }

    fn carried(
        &self,
        organisation: OrganisationId,
        invitation: InvitationId,
        generation: Generation,
    ) -> HandOverCredential {
        let credential = &self.state.invitations[&(organisation, invitation)].credentials[&generation];
        HandOverCredential {
            kind: credential.kind(),
            invitation,
            generation,
            sealed: credential.sealed.clone().expect("a message on its way has its secret"),
            expires_at: credential.expires_at,
        }
    }
}

impl CredentialRow {
    const fn kind(&self) -> CredentialKind {
        match self.stored {
            StoredForm::Password(_) => CredentialKind::TemporaryPassword,
            StoredForm::Link(_) => CredentialKind::SetUpLink,
        }
    }
}

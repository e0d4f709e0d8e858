//! The last step before the transport: deciding again, and keeping what the message carries.

use std::collections::{BTreeSet, HashMap};

use invite_core::credential::{Minted, StoredForm};
use invite_core::decision::Case;
use invite_core::decision::begin::{self as rules, Planned, Stop, Take};
use invite_core::decision::history::{History, View};
use invite_core::decision::schedule::{due_on_begin, is_last_reminder};
use invite_core::decision::sms_limits::SmsDay;
use invite_core::machine::delivery::DeliveryEvent;
use invite_core::machine::invitation::{self, InvitationEvent};
use invite_core::model::batch::behind;
use invite_core::model::credential::Generation;
use invite_core::model::delivery::{DeliveryState, WaitCause};
use invite_core::model::id::{
    BatchId, ClaimToken, CredentialId, DeliveryId, InvitationId, OrganisationId, UserId,
};
use invite_core::model::invitation::{InvitationState, RevokeReason};
use invite_core::model::item::Action;
use invite_core::model::message::Channel;
use invite_core::model::organisation::Settings;
use invite_core::model::schedule::Due;
use invite_core::model::user::User;
use invite_core::policy::Policy;
use invite_core::port::queue::{Begin, BeginDelivery, Begun, HandOver, HandOverCredential};
use serde_json::json;

use crate::deliveries::{Delivery, deliveries};
use crate::error::Step;
use crate::histories::People;
use crate::invitations::{self, Credential, Invitation};
use crate::organisations::settings;
use crate::rows::{At, Key, json, micros};
use crate::write::Write;

/// What is known while a few messages begin, and what has to be kept at the end.
struct Table {
    token: ClaimToken,
    settings: HashMap<OrganisationId, Settings>,
    people: HashMap<OrganisationId, People>,
    begun: invitations::Begun,
    /// What becomes due.
    due: HashMap<OrganisationId, Vec<Due>>,
    /// Items whose generation is new.
    generations: HashMap<(OrganisationId, BatchId, UserId), Generation>,
    /// Invitations that are new or changed.
    changed: BTreeSet<(OrganisationId, InvitationId)>,
    /// What counts for the limits of text messages.
    sms: HashMap<OrganisationId, SmsDay>,
    /// Text messages that go.
    texting: Vec<(OrganisationId, DeliveryId, String)>,
    /// New credentials, as columns.
    minted: Vec<serde_json::Value>,
}

impl Write {
    /// Begins messages; answers in the order asked.
    pub(crate) async fn begin(&mut self, begin: Begin) -> Step<Vec<Begun>> {
        let rows = deliveries(self.db(), begin.deliveries.iter().map(|wish| wish.id)).await?;
        let mut table = self.set_table(begin.token, &rows, &begin.deliveries).await?;
        let mut rows: HashMap<DeliveryId, Delivery> = rows.into_iter().map(|row| (row.id, row)).collect();
        let mut answers = Vec::with_capacity(begin.deliveries.len());
        for wish in begin.deliveries {
            answers.push(match rows.get_mut(&wish.id) {
                Some(delivery) => self.begin_one(delivery, wish, &mut table).await?,
                None => Begun::Fenced,
            });
        }
        self.save_deliveries(rows.values()).await?;
        self.clear_table(table).await?;
        Ok(answers)
    }

    async fn set_table(
        &mut self,
        token: ClaimToken,
        rows: &[Delivery],
        wishes: &[BeginDelivery],
    ) -> Step<Table> {
        let keys = rows.iter().map(|delivery| (delivery.organisation, delivery.invitation));
        let begun = invitations::Begun::read(self.db(), keys).await?;
        let (mut all_settings, mut people) = (HashMap::new(), HashMap::new());
        let organisations: BTreeSet<_> = rows.iter().map(|delivery| delivery.organisation).collect();
        for organisation in organisations {
            all_settings.insert(organisation, settings(self.db(), organisation).await?);
            let of_organisation: BTreeSet<_> = rows
                .iter()
                .filter(|delivery| delivery.organisation == organisation)
                .map(|delivery| delivery.user)
                .collect();
            let users: Vec<&User> = wishes
                .iter()
                .filter_map(|wish| wish.user.as_ref())
                .filter(|user| of_organisation.contains(&user.id))
                .collect();
            let mut seen = BTreeSet::new();
            let users: Vec<&User> = users.into_iter().filter(|user| seen.insert(user.id)).collect();
            people.insert(organisation, People::read(self.db(), organisation, users.iter().copied()).await?);
        }
        Ok(Table {
            token,
            settings: all_settings,
            people,
            begun,
            due: HashMap::new(),
            generations: HashMap::new(),
            changed: BTreeSet::new(),
            sms: self.sms_days(rows).await?,
            texting: Vec::new(),
            minted: Vec::new(),
        })
    }

    async fn begin_one(
        &mut self,
        delivery: &mut Delivery,
        wish: BeginDelivery,
        table: &mut Table,
    ) -> Step<Begun> {
        let lease_holds = delivery.lease_until.is_some_and(|until| until > self.now);
        if delivery.token != Some(table.token)
            || delivery.standing.state != DeliveryState::Claimed
            || !lease_holds
        {
            return Ok(Begun::Fenced);
        }
        let organisation = delivery.organisation;
        let user = wish.user.filter(|user| user.id == delivery.user);
        let history = table.history(delivery, user.as_ref());
        let answer = match (self.may_go(delivery, user.as_ref(), &history, table), user) {
            (Err(Stop::Release), _) => {
                self.step(delivery, DeliveryEvent::Release);
                Begun::Released
            }
            (Err(Stop::Wait(until, cause)), _) => {
                self.step(delivery, DeliveryEvent::Postpone(until, cause));
                Begun::PutOff(cause)
            }
            (Err(Stop::Cancel(reason)), _) => {
                self.step(delivery, DeliveryEvent::Cancel(reason));
                Begun::Stopped(reason)
            }
            (Ok(()), None) => {
                unreachable!("a message without a person is stopped")
            }
            (Ok(()), Some(user)) => match table.carry(delivery, wish.minted.as_ref(), self.now) {
                Err(mint) => return Ok(mint),
                Ok(credential) => {
                    if (&delivery.sender, &delivery.account) != (&wish.sender.0, &wish.sender.1) {
                        (delivery.sender, delivery.account) = wish.sender;
                        delivery.lane = self.lane(&delivery.sender, &delivery.account).await?;
                        self.batch_uses_lane(organisation, delivery.batch.id, delivery.lane).await?;
                    }
                    self.step(delivery, DeliveryEvent::Begin);
                    table.note_text_message(delivery, self.now);
                    Begun::Go(Box::new(self.hand_over(delivery, user, credential, &history, table)))
                }
            },
        };
        if let Some(people) = table.people.get_mut(&organisation) {
            people.note(delivery);
        }
        Ok(answer)
    }

    fn may_go(
        &self,
        delivery: &Delivery,
        user: Option<&User>,
        history: &History,
        table: &Table,
    ) -> Result<(), Stop> {
        let batch = &delivery.batch;
        let planned = Planned {
            decision: delivery.decision,
            credential: delivery.credential,
            channel: delivery.channel,
            address: delivery.address.as_deref().unwrap_or_default(),
            batch: batch.state,
            resets_consented: batch.resets,
            invitation: table.invitation(delivery).map(|invitation| invitation.state),
        };
        let behind = behind(&batch.planned_by, batch.confirmed_by.as_ref());
        let case = Case {
            user,
            history,
            request: batch.request(),
            settings: &table.settings[&delivery.organisation],
            policy: &self.policy,
            behind: &behind,
            now: self.now,
        };
        rules::may_go(&planned, &case)?;
        match table.sms_waits_until(delivery, self.now, &self.policy) {
            Some(until) => Err(Stop::Wait(until, WaitCause::SmsLimit)),
            None => Ok(()),
        }
    }

    fn hand_over(
        &self,
        delivery: &Delivery,
        user: User,
        credential: Option<HandOverCredential>,
        history: &History,
        table: &Table,
    ) -> HandOver {
        let reminders = history
            .last_invitation
            .as_ref()
            .filter(|last| last.id == delivery.invitation)
            .map_or(0, |last| last.reminders);
        let settings = &table.settings[&delivery.organisation];
        let invited_at = table.invitation(delivery).map_or(self.now, |invitation| invitation.created_at);
        let last =
            is_last_reminder(settings, delivery.batch.scheduled, &user, reminders, (invited_at, self.now));
        HandOver {
            id: delivery.id,
            organisation: delivery.organisation,
            batch: delivery.batch.id,
            user,
            channel: delivery.channel,
            kind: delivery.decision.message_kind(delivery.batch.action).expect("nothing of a skip may go"),
            credential,
            invited_at,
            last_reminder: delivery.batch.action == Action::Remind && last,
            at: self.now,
        }
    }

    /// Keeps invitations, credentials and the items' generations.
    async fn clear_table(&mut self, table: Table) -> Step<()> {
        self.note_text_messages(&table.texting).await?;
        let invitations: Vec<_> =
            table.changed.iter().filter_map(|key| table.begun.invitations.get(key)).map(columns).collect();
        if !invitations.is_empty() {
            sqlx::query(include_str!("sql/save_invitations.sql"))
                .bind(json(&invitations))
                .execute(self.db())
                .await?;
        }
        for (organisation, due) in &table.due {
            self.add_due(*organisation, due).await?;
        }
        if !table.minted.is_empty() {
            sqlx::query(include_str!("sql/save_credentials.sql"))
                .bind(json(&table.minted))
                .execute(self.db())
                .await?;
        }
        if !table.generations.is_empty() {
            let list: Vec<_> = table
                .generations
                .iter()
                .map(|((o, b, u), generation)| json!([o.hex(), b.hex(), u.hex(), generation.number()]))
                .collect();
            let list = json(&list);
            // What the item used so far is used by none of its messages any more.
            sqlx::query(
                "UPDATE invite_credential SET sealed = NULL
                 WHERE sealed IS NOT NULL AND (organisation, invitation, generation) IN (
                     SELECT i.organisation, i.invitation, i.generation FROM json_each(?1) AS w
                     CROSS JOIN invite_item AS i ON i.organisation = unhex(w.value ->> 0)
                         AND i.batch = unhex(w.value ->> 1) AND i.user = unhex(w.value ->> 2))",
            )
            .bind(list.clone())
            .execute(self.db())
            .await?;
            sqlx::query(
                "UPDATE invite_item SET generation = w.value ->> 3 FROM json_each(?1) AS w
                 WHERE invite_item.organisation = unhex(w.value ->> 0)
                     AND invite_item.batch = unhex(w.value ->> 1) AND invite_item.user = unhex(w.value ->> 2)",
            )
            .bind(list)
            .execute(self.db())
            .await?;
        }
        Ok(())
    }
}

impl Table {
    fn sms_waits_until(&self, delivery: &Delivery, now: At, policy: &Policy) -> Option<At> {
        let day = self.sms.get(&delivery.organisation).filter(|_| delivery.channel == Channel::Sms)?;
        day.waits_until(delivery.address.as_deref()?, now, policy)
    }

    fn note_text_message(&mut self, delivery: &Delivery, now: At) {
        let Some(number) = delivery.address.clone().filter(|_| delivery.channel == Channel::Sms) else {
            return;
        };
        self.sms.entry(delivery.organisation).or_default().note(&number, now);
        self.texting.push((delivery.organisation, delivery.id, number));
    }

    fn invitation(&self, delivery: &Delivery) -> Option<&Invitation> {
        self.begun.invitations.get(&(delivery.organisation, delivery.invitation))
    }

    fn history(&self, delivery: &Delivery, user: Option<&User>) -> History {
        let view = View::Beginning(delivery.batch.id, delivery.batch.order.unwrap_or_default());
        match (self.people.get(&delivery.organisation), user) {
            (Some(people), Some(user)) => people.history(user, view),
            _ => History::default(),
        }
    }

    /// What the message carries: begins or reopens the invitation, and takes the credential that is minted if it fits.
    /// The error is the answer that another one has to be minted.
    fn carry(
        &mut self,
        delivery: &Delivery,
        minted: Option<&Minted>,
        now: At,
    ) -> Result<Option<HandOverCredential>, Begun> {
        let key = (delivery.organisation, delivery.invitation);
        let item = (delivery.organisation, delivery.batch.id, delivery.user);
        let mut new = None;
        if delivery.decision.wants_credential() {
            let of_item = self.generations.get(&item).copied().or(delivery.generation);
            if let Take::Mint(generation) = self.begun.take(key, of_item, now) {
                let salt = self.begun.salt(key);
                let fits = |minted: &&Minted| {
                    minted.generation == generation
                        && Some(minted.kind) == delivery.credential
                        && (salt.is_none() || minted.salt.is_none() || salt == minted.salt)
                };
                let Some(minted) = minted.filter(fits) else { return Err(Begun::Mint(generation, salt)) };
                new = Some(minted);
            }
        }
        self.open(delivery, new.is_some(), now);
        if let Some(minted) = new {
            self.keep(delivery, minted, now);
        }
        self.note_due(delivery, new.is_some());
        if !delivery.decision.wants_credential() {
            return Ok(None);
        }
        let of_item = self.generations.get(&item).copied().or(delivery.generation);
        let credential = self.begun.credentials(key).iter().find(|one| Some(one.generation) == of_item);
        Ok(credential.and_then(|one| {
            Some(HandOverCredential {
                kind: one.kind,
                invitation: delivery.invitation,
                generation: one.generation,
                sealed: one.sealed.clone()?,
                expires_at: one.expires_at,
            })
        }))
    }

    /// Notes what the message makes due.
    fn note_due(&mut self, delivery: &Delivery, minted: bool) {
        let Some(invitation) = self.begun.invitations.get(&(delivery.organisation, delivery.invitation))
        else {
            return;
        };
        let begins = delivery.batch.action.begins_invitation();
        let began = begins.then_some((invitation.user, invitation.created_at));
        let minted = invitation.expires_at.filter(|_| minted).map(|at| (invitation.id, at));
        let due = due_on_begin(&self.settings[&delivery.organisation], began, minted);
        self.due.entry(delivery.organisation).or_default().extend(due);
    }

    /// Begins the invitation, or reopens one that expired.
    fn open(&mut self, delivery: &Delivery, has_new_credential: bool, now: At) {
        let key = (delivery.organisation, delivery.invitation);
        match self.begun.invitations.get_mut(&key) {
            None => {
                let invitation = Invitation {
                    organisation: delivery.organisation,
                    id: delivery.invitation,
                    user: delivery.user,
                    batch: delivery.batch.id,
                    stored: InvitationState::Pending,
                    state: InvitationState::Pending,
                    created_at: now,
                    expires_at: None,
                    announced: !delivery.decision.wants_credential(),
                    told: false,
                    salt: None,
                };
                self.begun.invitations.insert(key, invitation);
                self.changed.insert(key);
            }
            Some(invitation) if delivery.batch.action == Action::Remind || has_new_credential => {
                invitation.stored = invitation::next(invitation.stored, InvitationEvent::Remind);
                invitation.state = invitation.stored;
                self.changed.insert(key);
            }
            Some(_) => {}
        }
    }

    fn keep(&mut self, delivery: &Delivery, minted: &Minted, now: At) {
        let key = (delivery.organisation, delivery.invitation);
        let lifetime = self.settings[&delivery.organisation].credential_lifetime;
        let credential = Credential {
            id: CredentialId::new(),
            batch: delivery.batch.id,
            kind: minted.kind,
            generation: minted.generation,
            sealed: Some(minted.sealed.clone()),
            minted_at: now,
            expires_at: rules::expires_at(now, lifetime),
            reservation: 0,
            used_at: None,
        };
        if let Some(invitation) = self.begun.invitations.get_mut(&key) {
            invitation.expires_at = Some(credential.expires_at);
            invitation.salt = invitation.salt.or(minted.salt);
            invitation.announced = false;
            self.changed.insert(key);
        }
        self.minted.push(credential_columns(key.0, key.1, &credential, &minted.stored));
        self.begun.credentials.entry(key).or_default().push(credential);
        self.generations.insert((delivery.organisation, delivery.batch.id, delivery.user), minted.generation);
    }
}

pub(crate) fn columns(invitation: &Invitation) -> serde_json::Value {
    json!({
        "organisation": invitation.organisation.hex(),
        "id": invitation.id.hex(),
        "user": invitation.user.hex(),
        "batch": invitation.batch.hex(),
        "state": invitation.stored.as_str(),
        "reason": invitation.stored.revoke_reason().map(RevokeReason::as_str),
        "created_at": micros(invitation.created_at),
        "expires_at": invitation.expires_at.map(micros),
        "announced": i64::from(invitation.announced),
        "salt": invitation.salt.map(|salt| hex(salt.as_bytes())),
    })
}

pub(crate) fn credential_columns(
    organisation: OrganisationId,
    invitation: InvitationId,
    credential: &Credential,
    stored: &StoredForm,
) -> serde_json::Value {
    let (password, digest) = match stored {
        StoredForm::Password(hash) => (Some(hash.as_str()), None),
        StoredForm::Link(digest) => (None, Some(hex(digest.as_bytes()))),
    };
    json!({
        "organisation": organisation.hex(),
        "invitation": invitation.hex(),
        "generation": credential.generation.number(),
        "id": credential.id.hex(),
        "batch": credential.batch.hex(),
        "kind": credential.kind,
        "password": password,
        "digest": digest,
        "sealed": credential.sealed.as_ref().map(|sealed| hex(sealed.as_bytes())),
        "minted_at": micros(credential.minted_at),
        "expires_at": micros(credential.expires_at),
    })
}

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::with_capacity(octets.len() * 2), |mut digits, octet| {
        for half in [octet >> 4, octet & 0xf] {
            digits.extend(char::from_digit(u32::from(half), 16));
        }
        digits
    })
}

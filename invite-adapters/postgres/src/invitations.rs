//! Invitations and their credentials.

use std::collections::HashMap;

use crate::db::Db;
use invite_core::credential::{Salt, SealedSecret, StoredForm};
use invite_core::decision::begin::{self, Take};
use invite_core::decision::leave::end_reason;
use invite_core::machine::delivery::DeliveryEvent;
use invite_core::machine::invitation::{self, InvitationEvent};
use invite_core::model::credential::{CredentialKind, Generation};
use invite_core::model::delivery::EndReason;
use invite_core::model::id::{BatchId, CredentialId, DeliveryId, InvitationId, OrganisationId, UserId};
use invite_core::model::invitation::{InvitationState, RevokeReason};
use sqlx::postgres::PgRow;

use crate::deliveries::seen;
use crate::error::Step;
use crate::rows::{At, Columns, Key, missing, uuids, word};
use crate::write::Write;

/// An invitation.
#[derive(Debug, Clone)]
pub(crate) struct Invitation {
    pub(crate) organisation: OrganisationId,
    pub(crate) id: InvitationId,
    pub(crate) user: UserId,
    pub(crate) batch: BatchId,
    /// As it is stored.
    pub(crate) stored: InvitationState,
    /// As everybody sees it: one whose batch is recalled is revoked.
    pub(crate) state: InvitationState,
    pub(crate) created_at: At,
    pub(crate) expires_at: Option<At>,
    pub(crate) announced: bool,
    pub(crate) told: bool,
    pub(crate) salt: Option<Salt>,
}

impl Invitation {
    pub(crate) fn read(row: &PgRow) -> Step<Self> {
        let stored = state_of(row)?;
        Ok(Self {
            organisation: row.id("organisation")?,
            id: row.id("id")?,
            user: row.id("user_id")?,
            batch: row.id("batch")?,
            stored,
            state: seen(stored, row.word("batch_state")?),
            created_at: row.at("created_at")?,
            expires_at: row.maybe_at("expires_at")?,
            announced: row.flag("announced")?,
            told: row.flag("told")?,
            salt: maybe_salt(row)?,
        })
    }
}

fn maybe_salt(row: &PgRow) -> Step<Option<Salt>> {
    let octets: Option<&[u8]> = row.plain("salt")?;
    octets.map(|octets| octets.try_into().map(Salt::from_bytes).map_err(|_| missing("salt"))).transpose()
}

/// The state in the columns `state` and `reason`, as it is stored.
pub(crate) fn state_of(row: &PgRow) -> Step<InvitationState> {
    let reason = row.maybe_text("reason")?;
    InvitationState::from_parts(&row.text("state")?, reason.as_deref()).ok_or_else(|| missing("state"))
}

/// A credential.
#[derive(Debug, Clone)]
pub(crate) struct Credential {
    pub(crate) id: CredentialId,
    pub(crate) batch: BatchId,
    pub(crate) kind: CredentialKind,
    pub(crate) generation: Generation,
    pub(crate) sealed: Option<SealedSecret>,
    pub(crate) minted_at: At,
    pub(crate) expires_at: At,
    pub(crate) reservation: u64,
    pub(crate) used_at: Option<At>,
}

impl Credential {
    pub(crate) fn read(row: &PgRow) -> Step<Self> {
        Ok(Self {
            id: row.id("id")?,
            batch: row.id("batch")?,
            kind: row.word("kind")?,
            generation: row.maybe_generation("generation")?.ok_or_else(|| missing("generation"))?,
            sealed: row.plain::<Option<Vec<u8>>>("sealed")?.map(SealedSecret::from_bytes),
            minted_at: row.at("minted_at")?,
            expires_at: row.at("expires_at")?,
            reservation: row.count("reservation")?,
            used_at: row.maybe_at("used_at")?,
        })
    }
}

/// Invitations that are begun, and the credentials of each, in ascending order of generation.
#[derive(Debug, Default)]
pub(crate) struct Begun {
    pub(crate) invitations: HashMap<(OrganisationId, InvitationId), Invitation>,
    pub(crate) credentials: HashMap<(OrganisationId, InvitationId), Vec<Credential>>,
}

type InvitationKey = (OrganisationId, InvitationId);

impl Begun {
    /// Reads those that are there.
    pub(crate) async fn read(db: &mut Db, keys: impl IntoIterator<Item = InvitationKey>) -> Step<Self> {
        let mut keys: Vec<_> = keys.into_iter().collect();
        keys.sort_unstable();
        keys.dedup();
        let organisations = uuids(keys.iter().map(|(organisation, _)| *organisation));
        let invitations = uuids(keys.iter().map(|(_, invitation)| *invitation));
        let mut begun = Self::default();
        let rows = db
            .query(include_str!("sql/invitations.sql"))
            .bind(organisations.clone())
            .bind(invitations.clone())
            .fetch_all(db.connection())
            .await?;
        for row in rows {
            let invitation = Invitation::read(&row)?;
            begun.invitations.insert((invitation.organisation, invitation.id), invitation);
        }
        let rows = db
            .query(
                "SELECT c.* FROM unnest($1::uuid[], $2::uuid[]) AS w (organisation, invitation)
             CROSS JOIN LATERAL (
                 SELECT * FROM invite.credential AS c
                 WHERE c.organisation = w.organisation AND c.invitation = w.invitation OFFSET 0
             ) AS c
             ORDER BY c.generation",
            )
            .bind(organisations)
            .bind(invitations)
            .fetch_all(db.connection())
            .await?;
        for row in rows {
            let key = (row.id("organisation")?, row.id("invitation")?);
            begun.credentials.entry(key).or_default().push(Credential::read(&row)?);
        }
        Ok(begun)
    }

    pub(crate) fn credentials(&self, key: InvitationKey) -> &[Credential] {
        self.credentials.get(&key).map_or(&[], Vec::as_slice)
    }

    /// Which credential a message takes whose item uses `of_item` so far.
    pub(crate) fn take(&self, key: InvitationKey, of_item: Option<Generation>, now: At) -> Take {
        let credentials = self.credentials(key);
        let saved = credentials.iter().find(|one| Some(one.generation) == of_item).map(|one| begin::Saved {
            generation: one.generation,
            sealed: one.sealed.is_some(),
            minted_at: one.minted_at,
            expires_at: one.expires_at,
        });
        begin::credential(of_item, credentials.last().map(|one| one.generation), saved, now)
    }

    /// The salt of an invitation's generations.
    pub(crate) fn salt(&self, key: InvitationKey) -> Option<Salt> {
        self.invitations.get(&key).and_then(|invitation| invitation.salt)
    }
}

/// The open invitations of people, the oldest first; those of recalled batches are not open.
pub(crate) async fn open_invitations(
    db: &mut Db,
    people: impl IntoIterator<Item = (OrganisationId, UserId)>,
) -> Step<Vec<Invitation>> {
    let mut people: Vec<_> = people.into_iter().collect();
    people.sort_unstable();
    people.dedup();
    let rows = db
        .query(include_str!("sql/open_invitations_of.sql"))
        .bind(uuids(people.iter().map(|(organisation, _)| *organisation)))
        .bind(uuids(people.iter().map(|(_, user)| *user)))
        .fetch_all(db.connection())
        .await?;
    let mut open = rows.iter().map(Invitation::read).collect::<Step<Vec<_>>>()?;
    open.retain(|one| invitation::is_open(one.state));
    Ok(open)
}

/// A credential that was minted just now.
#[derive(Debug)]
pub(crate) struct NewCredential {
    pub(crate) organisation: OrganisationId,
    pub(crate) invitation: InvitationId,
    pub(crate) credential: Credential,
    pub(crate) stored: StoredForm,
}

impl Write {
    /// Keeps invitations that are new or changed.
    pub(crate) async fn save_invitations<'a>(
        &mut self,
        invitations: impl IntoIterator<Item = &'a Invitation>,
    ) -> Step<()> {
        let invitations: Vec<_> = invitations.into_iter().collect();
        if invitations.is_empty() {
            return Ok(());
        }
        let all = || invitations.iter();
        let reason = |one: &&Invitation| one.stored.revoke_reason().map(RevokeReason::as_str);
        self.query(include_str!("sql/save_invitations.sql"))
            .bind(uuids(all().map(|one| one.organisation)))
            .bind(uuids(all().map(|one| one.id)))
            .bind(uuids(all().map(|one| one.user)))
            .bind(uuids(all().map(|one| one.batch)))
            .bind(all().map(|one| one.stored.as_str()).collect::<Vec<_>>())
            .bind(all().map(reason).collect::<Vec<_>>())
            .bind(all().map(|one| one.created_at).collect::<Vec<_>>())
            .bind(all().map(|one| one.expires_at).collect::<Vec<_>>())
            .bind(all().map(|one| one.announced).collect::<Vec<_>>())
            .bind(all().map(|one| one.salt.map(|salt| salt.as_bytes().to_vec())).collect::<Vec<_>>())
            .execute(self.db().connection())
            .await?;
        Ok(())
    }

    /// Keeps credentials that were minted just now.
    pub(crate) async fn save_credentials(&mut self, new: &[NewCredential]) -> Step<()> {
        if new.is_empty() {
            return Ok(());
        }
        let all = || new.iter().map(|new| &new.credential);
        let stored = |new: &NewCredential| match &new.stored {
            StoredForm::Password(hash) => (Some(hash.as_str().to_owned()), None),
            StoredForm::Link(digest) => (None, Some(digest.as_bytes().to_vec())),
        };
        let (passwords, digests): (Vec<_>, Vec<_>) = new.iter().map(stored).unzip();
        let sealed = |one: &Credential| one.sealed.as_ref().map(|sealed| sealed.as_bytes().to_vec());
        self.query(include_str!("sql/save_credentials.sql"))
            .bind(uuids(new.iter().map(|new| new.organisation)))
            .bind(uuids(new.iter().map(|new| new.invitation)))
            .bind(all().map(|one| i64::from(one.generation.number())).collect::<Vec<_>>())
            .bind(uuids(all().map(|one| one.id)))
            .bind(uuids(all().map(|one| one.batch)))
            .bind(all().map(|one| word(&one.kind)).collect::<Vec<_>>())
            .bind(passwords)
            .bind(digests)
            .bind(all().map(sealed).collect::<Vec<_>>())
            .bind(all().map(|one| one.minted_at).collect::<Vec<_>>())
            .bind(all().map(|one| one.expires_at).collect::<Vec<_>>())
            .execute(self.db().connection())
            .await?;
        Ok(())
    }

    /// Revokes an invitation, cancels what is unsent of it, and looks whether a retirement by it has to be lifted.
    pub(crate) async fn revoke(&mut self, invitation: &Invitation, reason: RevokeReason) -> Step<()> {
        if self.close_invitation(invitation, InvitationEvent::Revoke(reason)).await? {
            self.may_lift(invitation.organisation, invitation.user, invitation.id);
        }
        self.cancel_of_invitation(invitation, end_reason(reason)).await
    }

    /// Moves an invitation on and keeps it. Whether that changed it.
    pub(crate) async fn close_invitation(
        &mut self,
        invitation: &Invitation,
        event: InvitationEvent,
    ) -> Step<bool> {
        let state = invitation::next(invitation.stored, event);
        if state == invitation.stored {
            return Ok(false);
        }
        let closed_at = (!invitation::is_open(state)).then_some(self.now);
        self.query(
            "UPDATE invite.invitation SET state = $1, reason = $2, closed_at = $3 WHERE organisation = $4 AND id = $5",
        )
        .bind(state.as_str())
        .bind(state.revoke_reason().map(RevokeReason::as_str))
        .bind(closed_at)
        .bind(invitation.organisation.uuid())
        .bind(invitation.id.uuid())
        .execute(self.db().connection())
        .await?;
        Ok(true)
    }

    /// Cancels the messages of an invitation that are queued or claimed.
    pub(crate) async fn cancel_of_invitation(
        &mut self,
        invitation: &Invitation,
        reason: EndReason,
    ) -> Step<()> {
        let rows = self
            .query(
                "SELECT id FROM (
                 SELECT * FROM invite.delivery WHERE organisation = $1 AND invitation = $2 OFFSET 0
             ) AS d
             WHERE state IN ('queued', 'claimed')",
            )
            .bind(invitation.organisation.uuid())
            .bind(invitation.id.uuid())
            .fetch_all(self.db().connection())
            .await?;
        let ids = rows.iter().map(|row| row.id("id")).collect::<Step<Vec<_>>>()?;
        self.cancel(ids, reason).await
    }

    /// Cancels messages.
    pub(crate) async fn cancel(&mut self, ids: Vec<DeliveryId>, reason: EndReason) -> Step<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let mut rows = self.hold_deliveries(ids).await?;
        for delivery in &mut rows {
            self.step(delivery, DeliveryEvent::Cancel(reason));
        }
        self.save_deliveries(&rows).await
    }
}

//! Credentials and those who come with them.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use crate::db::Db;
use async_trait::async_trait;
use invite_core::credential::TokenDigest;
use invite_core::model::batch::BatchState;
use invite_core::model::delivery::EndReason;
use invite_core::model::event::Happening;
use invite_core::model::id::{CredentialId, InvitationId, OrganisationId, UserId};
use invite_core::model::invitation::{InvitationState, RevokeReason};
use invite_core::model::item::Action;
use invite_core::model::organisation::Retirement;
use invite_core::policy::Policy;
use invite_core::port::error::PortResult;
use invite_core::port::redemption::{
    Close, Guess, Link, LinkState, OpenPassword, Redemption, Reserve, Reserved,
};
use sqlx::postgres::PgRow;

use crate::PgStore;
use crate::error::{Fault, Step};
use crate::invitations::{Credential, Invitation, open_invitations};
use crate::organisations::{lasting_settings, settings};
use crate::rows::{At, Columns, Key, delta, missing, uuids};
use crate::source::Single;
use crate::write::Write;

#[async_trait]
impl Redemption for PgStore {
    async fn open_passwords(
        &self,
        organisation: OrganisationId,
        user: UserId,
    ) -> PortResult<Vec<OpenPassword>> {
        let open = async {
            let mut read = self.read().await?;
            let now = self.instant(&mut read).await?;
            let rows = read
                .query(include_str!("sql/open_passwords.sql"))
                .bind(organisation.uuid())
                .bind(user.uuid())
                .bind(now)
                .fetch_all(read.connection())
                .await?;
            rows.iter().map(open_password).collect::<Step<Vec<_>>>()
        };
        open.await.map_err(|fault: Fault| fault.doing("look for temporary passwords"))
    }

    async fn link(&self, digest: TokenDigest) -> PortResult<Option<Link>> {
        let link = async {
            let mut read = self.read().await?;
            let now = self.instant(&mut read).await?;
            let row = read
                .query("SELECT organisation, id, digest FROM invite.credential WHERE digest = $1")
                .bind(digest.as_bytes().to_vec())
                .fetch_optional(read.connection())
                .await?;
            let Some(row) = row else { return Ok(None) };
            let kept: &[u8] = row.plain("digest")?;
            let kept = kept.try_into().map(TokenDigest::from_bytes).map_err(|_| missing("digest"))?;
            if kept != digest {
                return Ok(None);
            }
            let (organisation, credential) = (row.id("organisation")?, row.id("id")?);
            let offer = offer(&mut read, organisation, credential).await?;
            Ok(offer.map(|offer| Link {
                organisation,
                user: offer.invitation.user,
                credential,
                invitation: offer.invitation.id,
                state: offer.state(now),
            }))
        };
        link.await.map_err(|fault: Fault| fault.doing("look for a link"))
    }

    async fn reserve(&self, reserve: Reserve) -> PortResult<Reserved> {
        self.writing("reserve a credential", &reserve.policy, &reserve, |write, reserve| {
            Box::pin(write.reserve(reserve))
        })
        .await
    }

    async fn close(&self, close: Close) -> PortResult<bool> {
        let policy = Policy::default();
        self.writing("close a credential", &policy, &close, |write, close| Box::pin(write.close(close))).await
    }

    async fn own_password_counts(
        &self,
        organisation: OrganisationId,
        users: Vec<UserId>,
    ) -> PortResult<Vec<bool>> {
        let rows = self
            .schema
            .query(
                "SELECT p.user_id FROM unnest($2::uuid[]) AS w (id)
             CROSS JOIN LATERAL (
                 SELECT * FROM invite.person AS p WHERE p.organisation = $1 AND p.user_id = w.id OFFSET 0
             ) AS p
             JOIN invite.invitation AS v ON v.organisation = p.organisation AND v.id = p.retired_by
             JOIN invite.batch AS b ON b.organisation = v.organisation AND b.id = v.batch
             WHERE b.state <> 'recalled'",
            )
            .bind(organisation.uuid())
            .bind(uuids(users.iter().copied()))
            .rows(&self.source)
            .await;
        let retired: Step<HashSet<UserId>> =
            rows.and_then(|rows| rows.iter().map(|row| row.id("user_id")).collect());
        let retired = retired.map_err(|fault| fault.doing("look whether passwords count"))?;
        Ok(users.iter().map(|user| !retired.contains(user)).collect())
    }

    async fn count_guess(&self, guess: Guess) -> PortResult<Option<Duration>> {
        self.writing("count a guess", &guess.policy, &guess, |write, guess| {
            Box::pin(write.count_guess(guess))
        })
        .await
    }

    async fn forget_guesses(
        &self,
        organisation: OrganisationId,
        user: UserId,
        source: String,
    ) -> PortResult<()> {
        let mut write = self.write("forget guesses").await?;
        let forgotten = write
            .query("DELETE FROM invite.guess WHERE organisation = $1 AND user_id = $2 AND source = $3")
            .bind(organisation.uuid())
            .bind(user.uuid())
            .bind(source)
            .execute(write.db().connection())
            .await;
        write.end(forgotten.map(drop).map_err(Fault::from)).await
    }
}

fn open_password(row: &PgRow) -> Step<OpenPassword> {
    let salt: &[u8] = row.plain("salt")?;
    Ok(OpenPassword {
        credential: row.id("id")?,
        invitation: row.id("invitation")?,
        generation: row.maybe_generation("generation")?.ok_or_else(|| missing("generation"))?,
        salt: salt.try_into().map(invite_core::credential::Salt::from_bytes).map_err(|_| missing("salt"))?,
        hash: row.text("password")?.parse().map_err(|_| missing("password"))?,
        expires_at: row.at("expires_at")?,
    })
}

/// A credential, with what decides whether it works.
struct Offer {
    invitation: Invitation,
    credential: Credential,
    /// Whether the batch that minted it is recalled.
    recalled: bool,
    /// Whether any credential of the invitation is used.
    used: bool,
    /// The highest number of a reservation of the invitation's credentials.
    last_reservation: u64,
    /// When one of the invitation's credentials was reserved last.
    reserved_at: Option<At>,
}

impl Offer {
    fn state(&self, now: At) -> LinkState {
        match self.invitation.state {
            _ if self.used => LinkState::Used,
            InvitationState::Accepted => LinkState::Used,
            InvitationState::Revoked(reason) => LinkState::Revoked(reason),
            _ if self.recalled => LinkState::Revoked(RevokeReason::Recalled),
            InvitationState::Expired => LinkState::Expired,
            InvitationState::Pending if self.credential.expires_at <= now => LinkState::Expired,
            InvitationState::Pending => LinkState::Open { until: self.credential.expires_at },
        }
    }
}

async fn offer(db: &mut Db, organisation: OrganisationId, credential: CredentialId) -> Step<Option<Offer>> {
    let row = db
        .query(
            "SELECT c.*, b.state AS minting_state,
                (SELECT max(used_at) FROM invite.credential AS o
                 WHERE o.organisation = c.organisation AND o.invitation = c.invitation) AS any_used_at,
                (SELECT max(reservation) FROM invite.credential AS o
                 WHERE o.organisation = c.organisation AND o.invitation = c.invitation) AS last_reservation,
                (SELECT max(reserved_at) FROM invite.credential AS o
                 WHERE o.organisation = c.organisation AND o.invitation = c.invitation) AS last_reserved_at
         FROM invite.credential AS c
         JOIN invite.batch AS b ON b.organisation = c.organisation AND b.id = c.batch
         WHERE c.organisation = $1 AND c.id = $2",
        )
        .bind(organisation.uuid())
        .bind(credential.uuid())
        .fetch_optional(db.connection())
        .await?;
    let Some(row) = row else { return Ok(None) };
    let invitation = db
        .query(
            "SELECT v.*, b.state AS batch_state FROM invite.invitation AS v
         JOIN invite.batch AS b ON b.organisation = v.organisation AND b.id = v.batch
         WHERE v.organisation = $1 AND v.id = $2",
        )
        .bind(organisation.uuid())
        .bind(row.id::<InvitationId>("invitation")?.uuid())
        .fetch_one(db.connection())
        .await?;
    Ok(Some(Offer {
        invitation: Invitation::read(&invitation)?,
        credential: Credential::read(&row)?,
        recalled: row.word::<BatchState>("minting_state")? == BatchState::Recalled,
        used: row.maybe_at("any_used_at")?.is_some(),
        last_reservation: row.count("last_reservation")?,
        reserved_at: row.maybe_at("last_reserved_at")?,
    }))
}

impl Write {
    /// Takes a credential, with what decides whether it works: its batches stay in their states, and nobody else is at
    /// its person.
    async fn hold_offer(&mut self, organisation: OrganisationId, of: CredentialId) -> Step<Option<Offer>> {
        let Some(found) = offer(self.db(), organisation, of).await? else { return Ok(None) };
        lasting_settings(self.db(), organisation).await?;
        self.hold_batches(&BTreeSet::from(
            [found.invitation.batch, found.credential.batch].map(|id| (organisation, id)),
        ))
        .await?;
        self.hold(organisation, [found.invitation.user]).await?;
        self.look_at_the_clock().await?;
        offer(self.db(), organisation, of).await
    }

    async fn reserve(&mut self, reserve: &Reserve) -> Step<Reserved> {
        let Some(offer) = self.hold_offer(reserve.organisation, reserve.credential).await? else {
            return Ok(Reserved::Unknown);
        };
        let state = offer.state(self.now);
        if !matches!(state, LinkState::Open { .. }) {
            return Ok(Reserved::Not(state));
        }
        let user = offer.invitation.user;
        let facts = reserve.user.as_ref().filter(|facts| facts.id == user);
        if let Some(reason) = self.reason_to_leave(&offer.invitation, facts).await? {
            self.revoke(&offer.invitation, reason).await?;
            return Ok(Reserved::Not(LinkState::Revoked(reason)));
        }
        let pause = delta(self.policy.reservation);
        let free_at = offer.reserved_at.map(|at| at + pause).filter(|at| *at > self.now);
        if let Some(rest) = free_at.and_then(|at| (at - self.now).to_std().ok()) {
            return Ok(Reserved::Busy(rest));
        }
        let reservation = offer.last_reservation + 1;
        let now = self.now;
        self.query(
            "UPDATE invite.credential SET reservation = $1, reserved_at = $2 WHERE organisation = $3 AND id = $4",
        )
        .bind(i64::try_from(reservation).unwrap_or(i64::MAX))
        .bind(now)
        .bind(reserve.organisation.uuid())
        .bind(reserve.credential.uuid())
        .execute(self.db().connection())
        .await?;
        Ok(Reserved::Yours { user, reservation })
    }

    async fn close(&mut self, close: &Close) -> Step<bool> {
        let organisation = close.organisation;
        let Some(offer) = self.hold_offer(organisation, close.credential).await? else { return Ok(false) };
        if close.reservation == 0 || offer.credential.reservation != close.reservation {
            return Ok(false);
        }
        if offer.credential.used_at.is_some() {
            return Ok(true);
        }
        if offer.used || offer.last_reservation != close.reservation {
            return Ok(false);
        }
        let now = self.now;
        self.query("UPDATE invite.credential SET used_at = $1 WHERE organisation = $2 AND id = $3")
            .bind(now)
            .bind(organisation.uuid())
            .bind(close.credential.uuid())
            .execute(self.db().connection())
            .await?;
        let invitation = &offer.invitation;
        if self.retires_at_first_use(invitation).await? {
            let (user, id) = (invitation.user, invitation.id);
            self.event(organisation, Happening::PasswordRetired { user, invitation: id });
        }
        self.accept(invitation, EndReason::InvitationClosed, true).await?;
        self.wipe_all(invitation).await?;
        for other in open_invitations(self.db(), [(organisation, invitation.user)]).await? {
            self.accept(&other, EndReason::PasswordSet, false).await?;
            self.wipe_all(&other).await?;
        }
        self.clear_retirement(organisation, invitation.user).await?;
        let now = self.now;
        self.came(organisation, [(invitation.user, now)]).await?;
        Ok(true)
    }

    /// Whether the first use of an invitation's credential retires the person's own password: it was a reset, in an
    /// organisation that wants it so, or by a link that was handed over.
    async fn retires_at_first_use(&mut self, invitation: &Invitation) -> Step<bool> {
        let reset = self.query(
            "SELECT b.action FROM invite.item AS i
             JOIN invite.batch AS b ON b.organisation = i.organisation AND b.id = i.batch
             WHERE i.organisation = $1 AND i.batch = $2 AND i.user_id = $3 AND i.decision = 'send_with_reset'",
        )
        .bind(invitation.organisation.uuid())
        .bind(invitation.batch.uuid())
        .bind(invitation.user.uuid())
        .fetch_optional(self.db().connection())
        .await?;
        let Some(reset) = reset else { return Ok(false) };
        let retirement = settings(self.db(), invitation.organisation).await?.retirement();
        Ok(retirement == Retirement::FirstUse || reset.word::<Action>("action")? == Action::HandOver)
    }

    async fn wipe_all(&mut self, invitation: &Invitation) -> Step<()> {
        self.query(
            "UPDATE invite.credential SET sealed = NULL
             WHERE organisation = $1 AND invitation = $2 AND sealed IS NOT NULL",
        )
        .bind(invitation.organisation.uuid())
        .bind(invitation.id.uuid())
        .execute(self.db().connection())
        .await?;
        Ok(())
    }

    async fn count_guess(&mut self, guess: &Guess) -> Step<Option<Duration>> {
        // Of many guesses at the same time, each is counted after the one before it.
        self.query(
            "INSERT INTO invite.guess (organisation, user_id, source, failures, last_at) VALUES ($1, $2, $3, 0, $4)
             ON CONFLICT DO NOTHING",
        )
        .bind(guess.organisation.uuid())
        .bind(guess.user.uuid())
        .bind(guess.source.clone())
        .bind(self.now)
        .execute(self.db().connection())
        .await?;
        let row = self
            .query(
                "SELECT failures, wait_until FROM invite.guess
             WHERE organisation = $1 AND user_id = $2 AND source = $3 FOR UPDATE",
            )
            .bind(guess.organisation.uuid())
            .bind(guess.user.uuid())
            .bind(guess.source.clone())
            .fetch_optional(self.db().connection())
            .await?;
        self.look_at_the_clock().await?;
        let (failures, mut wait_until) = match row {
            Some(row) => (row.small("failures")?, row.maybe_at("wait_until")?),
            None => (0, None),
        };
        let rest = wait_until.filter(|until| *until > self.now);
        if let Some(rest) = rest.and_then(|until| (until - self.now).to_std().ok()) {
            return Ok(Some(rest));
        }
        let failures = failures.saturating_add(1);
        if let Some(beyond) = failures.checked_sub(self.policy.free_guesses) {
            let wait = self.policy.guess_wait.saturating_mul(2_u32.saturating_pow(beyond));
            let wait = wait.min(self.policy.guess_wait_at_most);
            wait_until = Some(self.now + delta(wait));
        }
        let now = self.now;
        self.query(
            "UPDATE invite.guess SET failures = $4, wait_until = $5, last_at = $6
             WHERE organisation = $1 AND user_id = $2 AND source = $3",
        )
        .bind(guess.organisation.uuid())
        .bind(guess.user.uuid())
        .bind(guess.source.clone())
        .bind(i64::from(failures))
        .bind(wait_until)
        .bind(now)
        .execute(self.db().connection())
        .await?;
        Ok(None)
    }
}

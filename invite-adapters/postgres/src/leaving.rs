//! People who leave, change their address or come under SSO, and people who come.

use std::collections::HashMap;

use invite_core::decision::leave::{end_reason, leaving};
use invite_core::machine::invitation::InvitationEvent;
use invite_core::model::credential::CredentialKind;
use invite_core::model::delivery::{DeliveryState, EndReason};
use invite_core::model::event::Happening;
use invite_core::model::id::{DeliveryId, InvitationId, OrganisationId, UserId};
use invite_core::model::invitation::RevokeReason;
use invite_core::model::message::Channel;
use invite_core::model::organisation::Settings;
use invite_core::model::user::User;
use invite_core::port::records::{Arrival, ArrivalKind};

use crate::error::Step;
use crate::invitations::{Invitation, open_invitations};
use crate::organisations::{lasting_settings, maybe_settings};
use crate::rows::{At, Columns, Key, uuids};
use crate::write::Write;

/// A message that is unsent, or that arrived.
struct Sent {
    id: DeliveryId,
    invitation: InvitationId,
    channel: Channel,
    address: String,
    unsent: bool,
    announced: bool,
    begun: bool,
}

impl Write {
    /// Keeps what is known of people as it is until the transaction ends: whoever decides by it takes these locks first,
    /// and reads afterwards.
    pub(crate) async fn hold(
        &mut self,
        organisation: OrganisationId,
        people: impl IntoIterator<Item = UserId>,
    ) -> Step<()> {
        let people = uuids(people);
        self.query(
            "INSERT INTO invite.person (organisation, user_id)
             SELECT $1, w.id FROM (SELECT DISTINCT w.id FROM unnest($2::uuid[]) AS w (id)) AS w
             ORDER BY w.id ON CONFLICT DO NOTHING",
        )
        .bind(organisation.uuid())
        .bind(people.clone())
        .execute(self.db().connection())
        .await?;
        self.query(
            "SELECT 1 FROM (SELECT DISTINCT w.id FROM unnest($2::uuid[]) AS w (id) ORDER BY w.id) AS w
             CROSS JOIN LATERAL (
                 SELECT 1 FROM invite.person AS p WHERE p.organisation = $1 AND p.user_id = w.id FOR UPDATE
             ) AS p",
        )
        .bind(organisation.uuid())
        .bind(people)
        .execute(self.db().connection())
        .await?;
        Ok(())
    }

    /// Revokes what people, as they are now, must not have any more, and cancels their unsent messages. How many
    /// invitations and messages that were not begun it was.
    pub(crate) async fn leave(
        &mut self,
        organisation: OrganisationId,
        people: &[(UserId, Option<User>)],
    ) -> Step<u64> {
        let Some(settings) = lasting_settings(self.db(), organisation).await? else { return Ok(0) };
        self.hold(organisation, people.iter().map(|(id, _)| *id)).await?;
        let sent = self.sent_to(organisation, people.iter().map(|(id, _)| *id)).await?;
        let open = open_invitations(self.db(), people.iter().map(|(id, _)| (organisation, *id))).await?;
        let mut changed = 0;
        for (id, user) in people {
            let none = Vec::new();
            let sent = sent.get(id).unwrap_or(&none);
            for invitation in open.iter().filter(|invitation| invitation.user == *id) {
                if let Some(reason) = reason_to_leave(user.as_ref(), &settings, invitation, sent) {
                    self.revoke(invitation, reason).await?;
                    changed += 1;
                }
            }
            for message in sent.iter().filter(|message| message.unsent && !message.begun) {
                let address = [(message.channel, message.address.as_str())];
                if let Some(reason) = leaving(user.as_ref(), &settings, address, message.announced) {
                    self.cancel(vec![message.id], end_reason(reason)).await?;
                    changed += 1;
                }
            }
        }
        Ok(changed)
    }

    /// Why an invitation must be revoked, seen from its person as they are now.
    pub(crate) async fn reason_to_leave(
        &mut self,
        invitation: &Invitation,
        user: Option<&User>,
    ) -> Step<Option<RevokeReason>> {
        let Some(settings) = maybe_settings(self.db(), invitation.organisation).await? else {
            return Ok(None);
        };
        let sent = self.sent_to(invitation.organisation, [invitation.user]).await?;
        let sent = sent.get(&invitation.user).map_or(&[][..], Vec::as_slice);
        Ok(reason_to_leave(user, &settings, invitation, sent))
    }

    async fn sent_to(
        &mut self,
        organisation: OrganisationId,
        people: impl IntoIterator<Item = UserId>,
    ) -> Step<HashMap<UserId, Vec<Sent>>> {
        let rows = self
            .query(include_str!("sql/messages_to_leave.sql"))
            .bind(organisation.uuid())
            .bind(uuids(people))
            .fetch_all(self.db().connection())
            .await?;
        let mut sent: HashMap<_, Vec<_>> = HashMap::new();
        for row in rows {
            let state: DeliveryState = row.word("state")?;
            let Some(address) = row.maybe_text("address")? else { continue };
            sent.entry(row.id("user_id")?).or_default().push(Sent {
                id: row.id("id")?,
                invitation: row.id("invitation")?,
                channel: row.word("channel")?,
                address,
                unsent: matches!(state, DeliveryState::Queued | DeliveryState::Claimed),
                announced: row.maybe_word::<CredentialKind>("credential")?.is_none(),
                begun: row.flag("begun")?,
            });
        }
        Ok(sent)
    }

    /// Keeps that people came at the host.
    pub(crate) async fn arrive(&mut self, organisation: OrganisationId, arrivals: &[Arrival]) -> Step<()> {
        let people = || arrivals.iter().map(|arrival| arrival.user);
        self.hold(organisation, people()).await?;
        let mut open = open_invitations(self.db(), people().map(|user| (organisation, user))).await?;
        let mut retired = self.retired(organisation, people()).await?;
        for Arrival { user, at, how } in arrivals {
            let by = retired.get(user).copied();
            let closed: Vec<_> = open
                .extract_if(.., |invitation| {
                    // Whoever signed in while their own password is retired needs the invitation all the more.
                    let needed = *how == ArrivalKind::SignedIn
                        && by.is_some_and(|by| by.in_force && by.by == invitation.id);
                    invitation.user == *user && invitation.created_at < *at && !needed
                })
                .collect();
            for invitation in closed {
                self.accept(&invitation, EndReason::PasswordSet, true).await?;
            }
            if *how == ArrivalKind::PasswordSet && by.is_some_and(|by| *at >= by.at) {
                self.clear_retirement(organisation, *user).await?;
                retired.remove(user);
            }
        }
        self.came(organisation, arrivals.iter().map(|arrival| (arrival.user, arrival.at))).await
    }

    /// Keeps when people came; what is older than what is known changes nothing.
    pub(crate) async fn came(
        &mut self,
        organisation: OrganisationId,
        people: impl IntoIterator<Item = (UserId, At)>,
    ) -> Step<()> {
        let (people, at): (Vec<_>, Vec<_>) = people.into_iter().unzip();
        self.query(
            "INSERT INTO invite.person AS p (organisation, user_id, came_at)
             SELECT $1, w.id, max(w.at) FROM unnest($2::uuid[], $3::timestamptz[]) AS w (id, at)
             GROUP BY w.id ORDER BY w.id
             ON CONFLICT (organisation, user_id) DO UPDATE SET came_at = greatest(p.came_at, excluded.came_at)",
        )
        .bind(organisation.uuid())
        .bind(uuids(people))
        .bind(at)
        .execute(self.db().connection())
        .await?;
        Ok(())
    }

    /// Accepts an invitation, tells so if asked, and cancels its unsent messages for this reason.
    pub(crate) async fn accept(
        &mut self,
        invitation: &Invitation,
        reason: EndReason,
        tell: bool,
    ) -> Step<()> {
        if self.close_invitation(invitation, InvitationEvent::Come).await? && tell {
            let (user, id) = (invitation.user, invitation.id);
            self.event(invitation.organisation, Happening::Accepted { user, invitation: id });
        }
        self.cancel_of_invitation(invitation, reason).await
    }

    async fn retired(
        &mut self,
        organisation: OrganisationId,
        people: impl IntoIterator<Item = UserId>,
    ) -> Step<HashMap<UserId, Retired>> {
        let rows = self
            .query(
                "SELECT p.user_id, p.retired_by, p.retired_at, b.state <> 'recalled' AS in_force
             FROM unnest($2::uuid[]) AS w (id)
             CROSS JOIN LATERAL (
                 SELECT * FROM invite.person AS p WHERE p.organisation = $1 AND p.user_id = w.id OFFSET 0
             ) AS p
             JOIN invite.invitation AS v ON v.organisation = p.organisation AND v.id = p.retired_by
             JOIN invite.batch AS b ON b.organisation = v.organisation AND b.id = v.batch",
            )
            .bind(organisation.uuid())
            .bind(uuids(people))
            .fetch_all(self.db().connection())
            .await?;
        rows.iter()
            .map(|row| {
                let retired = Retired {
                    by: row.id("retired_by")?,
                    at: row.at("retired_at")?,
                    in_force: row.flag("in_force")?,
                };
                Ok((row.id("user_id")?, retired))
            })
            .collect()
    }
}

/// How a person's own password was retired.
#[derive(Clone, Copy)]
struct Retired {
    by: InvitationId,
    at: At,
    /// Whether its batch is not recalled.
    in_force: bool,
}

fn reason_to_leave(
    user: Option<&User>,
    settings: &Settings,
    invitation: &Invitation,
    sent: &[Sent],
) -> Option<RevokeReason> {
    let addresses = sent
        .iter()
        .filter(|message| message.invitation == invitation.id)
        .map(|message| (message.channel, message.address.as_str()));
    leaving(user, settings, addresses, invitation.announced)
}

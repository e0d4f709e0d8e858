//! Hand over: an administrator gets one person's set-up link, to pass on themselves, and no message goes out.

use chrono::{DateTime, Utc};
use tracing::instrument;

use super::error::Error;
use super::invites::Invites;
use crate::credential::{LinkToken, Secret, random};
use crate::model::actor::Actor;
use crate::model::batch::TemplatePins;
use crate::model::id::{BatchId, InvitationId, UserId};
use crate::model::item::Action;
use crate::model::organisation::ChannelRule;
use crate::model::selection::Selection;
use crate::port::offers::{HandOverLink, LinkHandedOver};
use crate::port::plans::NewPlan;

/// How a link is handed over: by default without consent to a reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HandOverOptions {
    /// Whether the link may replace the password of somebody who is set up, when it is used. Without it, such a person
    /// gets no link.
    pub reset: bool,
}

/// A link that was made for one person. This is the only time that it is seen: nothing keeps it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HandedOver {
    /// The whole link, by the organisation's pattern.
    pub link: Secret,
    /// When it expires.
    pub expires_at: DateTime<Utc>,
    /// Its invitation.
    pub invitation: InvitationId,
    /// The batch of this one person, which can be recalled like any other.
    pub batch: BatchId,
    /// Whether the person is set up, so that their password is replaced when the link is used.
    pub reset: bool,
}

impl Invites {
    /// Makes a set-up link for one person and gives it to the administrator, who passes it on: for somebody without an
    /// address, or whom no message reaches. It is never a password, whatever the organisation's invitations carry.
    ///
    /// Any earlier invitation of theirs ends, and what was waiting to be sent to them is cancelled: one link, the
    /// newest, works. A message that is planned later replaces it in its turn.
    ///
    /// The person is not counted as invited, since nobody knows whether the link ever reaches them: they stay among
    /// those who were never invited, and get no reminders. The list of people shows
    /// [`LinkHandedOver`](super::UserStatus::LinkHandedOver).
    #[instrument(skip_all, fields(organisation = %actor.organisation(), %user, reset = options.reset))]
    pub async fn hand_over_link(
        &self,
        actor: &Actor,
        user: UserId,
        options: HandOverOptions,
    ) -> Result<HandedOver, Error> {
        let administrator = self.authorise(actor).await?;
        let settings = self.organisation(actor.organisation()).await?.settings;
        let pattern = settings.link_pattern.as_ref().ok_or(Error::NoLinkPattern)?;
        let facts = self.fact(actor.organisation(), user).await?;
        let token = LinkToken::mint(&mut random::system_random()?);
        let plan = NewPlan {
            id: BatchId::new(),
            actor: actor.clone(),
            inviter: administrator.map_or_else(|| settings.name.clone(), |user| user.display_name()),
            action: Action::HandOver,
            scheduled: false,
            selection: Selection::Ids(vec![user]),
            channels: ChannelRule::default(),
            templates: TemplatePins::default(),
            lifetime: self.inner.policy.plan_lifetime,
        };
        let hand_over = HandOverLink {
            plan,
            user,
            facts,
            digest: token.digest(),
            resets: options.reset,
            policy: self.inner.policy.clone(),
        };
        match self.inner.store.hand_over_link(hand_over).await? {
            LinkHandedOver::Refused(decision) => Err(Error::NotHandedOver(decision)),
            LinkHandedOver::Done { batch, invitation, expires_at } => Ok(HandedOver {
                link: Secret::new(pattern.link(token.secret().expose())),
                expires_at,
                invitation,
                batch: batch.id,
                reset: batch.totals.reset > 0,
            }),
        }
    }
}

//! The people of an organisation: the list, and editing where the people are ours.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tracing::instrument;

use super::error::Error;
use super::invites::Invites;
use super::page::Page;
use crate::decision::history::History;
use crate::model::actor::Actor;
use crate::model::delivery::DeliveryState;
use crate::model::id::{OrganisationId, UserId};
use crate::model::invitation::InvitationState;
use crate::model::organisation::Settings;
use crate::model::plain_text;
use crate::model::selection::Filter;
use crate::model::user::User;
use crate::port::accounts::UserPage;
use crate::port::people::{SaveUsers, Saved};

/// People looked at in one step of a search by history.
const STEP: usize = 500;

/// A person in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UserRow {
    /// The person.
    pub user: User,
    /// How far they are.
    pub status: UserStatus,
    /// When their last invitation was begun.
    pub last_invited_at: Option<DateTime<Utc>>,
    /// When a message last reached them.
    pub last_message_at: Option<DateTime<Utc>>,
    /// When a reminder last did.
    pub last_reminder_at: Option<DateTime<Utc>>,
}

/// How far a person is; of several that hold, the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum UserStatus {
    /// Deactivated.
    Deactivated,
    /// Has signed in, or accepted an invitation.
    SignedIn,
    /// Has a password of their own, and has not signed in as far as is known.
    HasPassword,
    /// A message of theirs is on its way.
    OnItsWay,
    /// Their set-up link was given to somebody who is to hand it over, and it has not expired.
    LinkHandedOver,
    /// Their newest message did not arrive, or nobody knows.
    Failed(DeliveryState),
    /// Their invitation expired unused.
    Expired,
    /// Invited and reminded.
    Reminded,
    /// Invited.
    Invited,
    /// Never invited, and signs in with the company account.
    SignsInWithSso,
    /// Never invited.
    NeverInvited,
}

impl UserStatus {
    fn of(user: &User, history: &History, settings: &Settings) -> Self {
        let failed = history.newest.filter(|state| {
            matches!(
                state,
                DeliveryState::Failed
                    | DeliveryState::Suppressed
                    | DeliveryState::Bounced
                    | DeliveryState::Unknown
            )
        });
        let invitation = history.last_invitation.as_ref().map(|invitation| invitation.state);
        let handed_over = history.last_invitation.as_ref().is_some_and(|invitation| invitation.handed_over);
        if user.deactivated {
            Self::Deactivated
        } else if history.is_set_up(&User { has_password: false, ..user.clone() }) {
            Self::SignedIn
        } else if user.has_password {
            Self::HasPassword
        } else if history.on_their_way {
            Self::OnItsWay
        } else if handed_over && invitation == Some(InvitationState::Pending) {
            Self::LinkHandedOver
        } else if let Some(state) = failed {
            Self::Failed(state)
        } else if (history.invited || handed_over) && invitation == Some(InvitationState::Expired) {
            Self::Expired
        } else if history.last_reminder_at.is_some() {
            Self::Reminded
        } else if history.invited {
            Self::Invited
        } else if settings.sso_applies(user) {
            Self::SignsInWithSso
        } else {
            Self::NeverInvited
        }
    }
}

impl Invites {
    /// The people of the actor's organisation who match, in ascending order of id, after the cursor.
    #[instrument(skip_all, fields(organisation = %actor.organisation()))]
    pub async fn users(
        &self,
        actor: &Actor,
        filter: Filter,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Page<UserRow>, Error> {
        self.authorise(actor).await?;
        let organisation = actor.organisation();
        let settings = self.organisation(organisation).await?.settings;
        let step = if filter.history.is_empty() { limit.clamp(1, STEP) } else { STEP };
        let (mut rows, mut next) = (Vec::new(), after);
        loop {
            let page = UserPage { organisation, filter: filter.clone(), after: next, limit: step };
            let people = self.inner.accounts.page(page).await?;
            let is_last = people.len() < step;
            for (user, history) in self.with_histories(organisation, people).await? {
                if rows.len() == limit {
                    return Ok(Page { rows, next });
                }
                next = Some(user.id);
                if history.matches(&filter.history, &user) {
                    rows.push(row(user, &history, &settings));
                }
            }
            if is_last || rows.len() == limit {
                return Ok(Page { rows, next: next.filter(|_| !is_last) });
            }
        }
    }

    /// One person of the actor's organisation.
    pub async fn user(&self, actor: &Actor, user: UserId) -> Result<UserRow, Error> {
        self.authorise(actor).await?;
        let organisation = actor.organisation();
        let settings = self.organisation(organisation).await?.settings;
        let user = self.fact(organisation, user).await?.ok_or(Error::NotFound("person"))?;
        let people = self.with_histories(organisation, vec![user]).await?;
        let (user, history) = people.into_iter().next().ok_or(Error::NotFound("person"))?;
        Ok(row(user, &history, &settings))
    }

    /// Adds a person.
    #[instrument(skip_all, fields(organisation = %actor.organisation(), user = %user.id))]
    pub async fn add_user(&self, actor: &Actor, user: User) -> Result<(), Error> {
        self.authorise(actor).await?;
        if self.fact(actor.organisation(), user.id).await?.is_some() {
            return Err(Error::AlreadyThere);
        }
        self.save_user(actor, user).await
    }

    /// Changes a person: their names, contact, role, and whether they are deactivated. What they can sign in with is
    /// left as it is; open invitations are revoked where the change says so.
    #[instrument(skip_all, fields(organisation = %actor.organisation(), %user))]
    pub async fn change_user(
        &self,
        actor: &Actor,
        user: UserId,
        change: impl FnOnce(&mut User) + Send,
    ) -> Result<(), Error> {
        self.authorise(actor).await?;
        let fact = self.fact(actor.organisation(), user).await?;
        let mut changed = fact.ok_or(Error::NotFound("person"))?;
        change(&mut changed);
        changed.id = user;
        self.save_user(actor, changed).await
    }

    async fn save_user(&self, actor: &Actor, user: User) -> Result<(), Error> {
        check_texts(&user)?;
        let (organisation, actor) = (actor.organisation(), actor.clone());
        let saved = self.people()?.save(SaveUsers { organisation, actor, users: vec![user] }).await?;
        match saved.into_iter().next() {
            Some(Saved::Taken { by, column }) => Err(Error::Taken { column, by }),
            _ => Ok(()),
        }
    }

    /// People with their histories, in order.
    pub(super) async fn with_histories(
        &self,
        organisation: OrganisationId,
        people: Vec<User>,
    ) -> Result<Vec<(User, History)>, Error> {
        if people.is_empty() {
            return Ok(Vec::new());
        }
        let histories = self.inner.store.histories(organisation, people.clone()).await?;
        Ok(people.into_iter().zip(histories).collect())
    }
}

fn row(user: User, history: &History, settings: &Settings) -> UserRow {
    UserRow {
        status: UserStatus::of(&user, history, settings),
        last_invited_at: history.last_invitation.as_ref().map(|invitation| invitation.created_at),
        last_message_at: history.last_message_at,
        last_reminder_at: history.last_reminder_at,
        user,
    }
}

/// The rule of an upload, for people who are entered by hand.
fn check_texts(user: &User) -> Result<(), Error> {
    let texts = [
        ("first name", Some(&user.first_name)),
        ("last name", Some(&user.last_name)),
        ("user name", user.username.as_ref()),
        ("employee number", user.employee_number.as_ref()),
        ("external id", user.external_id.as_ref()),
        ("group", user.group.as_ref()),
    ];
    for (column, text) in texts.into_iter().filter_map(|(column, text)| Some((column, text?))) {
        let too_long = (text.len() > 1024).then(|| "it is longer than 1,024 bytes".to_owned());
        if let Some(reason) = too_long.or_else(|| plain_text::objection(text)) {
            return Err(Error::Text { column, reason });
        }
    }
    Ok(())
}

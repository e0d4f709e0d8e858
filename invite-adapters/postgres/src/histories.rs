//! The rows about people from which the core folds their histories, for many people at once.

use std::collections::HashMap;

use crate::db::Db;
use invite_core::decision::history::{History, InvitationFact, MessageFact, PersonRows, View};
use invite_core::model::batch::BatchState;
use invite_core::model::id::{DeliveryId, OrganisationId, UserId};
use invite_core::model::item::Action;
use invite_core::model::message::Channel;
use invite_core::model::user::User;
use uuid::Uuid;

use crate::deliveries::{Delivery, seen};
use crate::error::Step;
use crate::invitations::state_of;
use crate::rows::{Columns, Key, uuids};

/// What is known about people of an organisation, while it is decided about them.
#[derive(Debug, Default)]
pub(crate) struct People {
    rows: HashMap<UserId, PersonRows>,
    /// Which message of a person's rows a delivery is.
    messages: HashMap<DeliveryId, (UserId, usize)>,
}

impl People {
    /// Reads the rows of these people.
    pub(crate) async fn read<'a>(
        db: &mut Db,
        organisation: OrganisationId,
        users: impl IntoIterator<Item = &'a User> + Clone,
    ) -> Step<Self> {
        let ids = uuids(users.clone().into_iter().map(|user| user.id));
        let mut people = Self::default();
        people.read_messages(db, organisation, &ids).await?;
        people.read_invitations(db, organisation, &ids).await?;
        people.read_arrivals(db, organisation, &ids).await?;
        people.read_suppressions(db, organisation, users).await?;
        Ok(people)
    }

    /// The history of a person.
    pub(crate) fn history(&self, user: &User, view: View) -> History {
        match self.rows.get(&user.id) {
            Some(rows) => History::fold(rows, view, user.returned_at),
            None => History::fold(&PersonRows::default(), view, user.returned_at),
        }
    }

    /// The rows of a person.
    pub(crate) fn rows_of(&self, user: UserId) -> PersonRows {
        self.rows.get(&user).cloned().unwrap_or_default()
    }

    /// Takes over where a delivery stands now, so that the next decision in the same transaction sees it.
    pub(crate) fn note(&mut self, delivery: &Delivery) {
        let message = self
            .messages
            .get(&delivery.id)
            .and_then(|(user, index)| self.rows.get_mut(user)?.messages.get_mut(*index));
        if let Some(message) = message {
            message.state = delivery.standing.state;
            message.sent_at = delivery.sent_at;
            message.changed_at = delivery.changed_at;
        }
    }

    async fn read_messages(&mut self, db: &mut Db, organisation: OrganisationId, ids: &[Uuid]) -> Step<()> {
        let rows = db
            .query(include_str!("sql/messages_of.sql"))
            .bind(organisation.uuid())
            .bind(ids.to_vec())
            .fetch_all(db.connection())
            .await?;
        for row in rows {
            let user: UserId = row.id("user_id")?;
            let messages = &mut self.rows.entry(user).or_default().messages;
            self.messages.insert(row.id("id")?, (user, messages.len()));
            let batch_state: BatchState = row.word("batch_state")?;
            messages.push(MessageFact {
                batch: row.id("batch")?,
                action: row.word("action")?,
                confirmed: row
                    .plain::<Option<i64>>("confirmed_order")?
                    .and_then(|order| u64::try_from(order).ok()),
                batch_goes_on: matches!(batch_state, BatchState::Running | BatchState::Paused),
                invitation: row.id("invitation")?,
                channel: row.word("channel")?,
                state: row.word("state")?,
                sent_at: row.maybe_at("sent_at")?,
                changed_at: row.at("changed_at")?,
            });
        }
        Ok(())
    }

    async fn read_invitations(
        &mut self,
        db: &mut Db,
        organisation: OrganisationId,
        ids: &[Uuid],
    ) -> Step<()> {
        let rows = db
            .query(include_str!("sql/invitations_of.sql"))
            .bind(organisation.uuid())
            .bind(ids.to_vec())
            .fetch_all(db.connection())
            .await?;
        for row in rows {
            self.rows.entry(row.id("user_id")?).or_default().invitations.push(InvitationFact {
                id: row.id("id")?,
                batch: row.id("batch")?,
                state: seen(state_of(&row)?, row.word("batch_state")?),
                created_at: row.at("created_at")?,
                expires_at: row.maybe_at("expires_at")?,
                handed_over: row.word::<Action>("action")? == Action::HandOver,
            });
        }
        Ok(())
    }

    async fn read_arrivals(&mut self, db: &mut Db, organisation: OrganisationId, ids: &[Uuid]) -> Step<()> {
        let rows = db
            .query(include_str!("sql/arrivals_of.sql"))
            .bind(organisation.uuid())
            .bind(ids.to_vec())
            .fetch_all(db.connection())
            .await?;
        for row in rows {
            let person = self.rows.entry(row.id("user_id")?).or_default();
            person.came_at = row.maybe_at("came_at")?;
            person.retired = row.flag("retired")?;
        }
        Ok(())
    }

    async fn read_suppressions<'a>(
        &mut self,
        db: &mut Db,
        organisation: OrganisationId,
        users: impl IntoIterator<Item = &'a User>,
    ) -> Step<()> {
        let (mut whose, mut channels, mut keys) = (Vec::new(), Vec::new(), Vec::new());
        for user in users {
            for channel in Channel::ALL {
                if let Some(address) = user.address(channel) {
                    whose.push(user.id.uuid());
                    channels.push(channel.as_str());
                    keys.push(address_key(address));
                }
            }
        }
        let rows = db
            .query(include_str!("sql/suppressed_of.sql"))
            .bind(organisation.uuid())
            .bind(whose)
            .bind(channels)
            .bind(keys)
            .fetch_all(db.connection())
            .await?;
        for row in rows {
            self.rows.entry(row.id("user_id")?).or_default().suppressed.insert(row.word("channel")?);
        }
        Ok(())
    }
}

/// The form in which addresses are compared: each character in lower case, as an e-mail address's own key.
pub(crate) fn address_key(address: &str) -> String {
    address.trim().chars().flat_map(char::to_lowercase).collect()
}

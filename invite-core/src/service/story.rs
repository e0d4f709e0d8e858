//! The story of one person: everything that happened to them, in order, and who did it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chrono::{DateTime, Utc};
use tracing::instrument;

use super::error::Error;
use super::invites::Invites;
use crate::model::actor::{Actor, Who};
use crate::model::batch::Batch;
use crate::model::delivery::{Delivery, DeliveryState};
use crate::model::id::{InvitationId, OrganisationId, UserId};
use crate::model::invitation::{Invitation, InvitationState};
use crate::model::item::{Action, Decision, Item};
use crate::model::message::Channel;
use crate::model::user::User;
use crate::port::records::{CredentialFact, ImportLine, PersonRecord};

/// The story of one person. It displays one line for each step, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Story {
    /// The person as they are now; none where they are gone.
    pub user: Option<User>,
    /// What happened, oldest first.
    pub steps: Vec<StoryStep>,
    /// The names of the people who did it.
    pub names: BTreeMap<UserId, String>,
}

/// One step of a story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoryStep {
    /// When, on the store's clock.
    pub at: DateTime<Utc>,
    /// Who did it, where a person or the system was asked to.
    pub by: Option<Actor>,
    /// What.
    pub what: StoryEvent,
}

/// What happened to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoryEvent {
    /// An import added or changed them.
    Imported(ImportLine),
    /// A plan looked at them and decided.
    Planned(Box<Batch>, Item),
    /// That plan was confirmed.
    Confirmed(Box<Batch>),
    /// That batch was cancelled or recalled.
    Stopped(Box<Batch>),
    /// An invitation was begun.
    Invited(Invitation),
    /// An invitation was accepted, expired or was revoked.
    Closed(Invitation),
    /// A credential was minted.
    Minted(CredentialFact),
    /// A credential was used.
    Used(CredentialFact),
    /// A provider accepted a message.
    Sent(Delivery),
    /// A message is waiting, or ended, so.
    Message(Delivery),
    /// Their own password was retired, and is so still.
    Retired(InvitationId),
    /// They came: accepted, signed in, or set a password; the last time.
    Came,
}

impl Invites {
    /// Everything that happened to one person, in order.
    #[instrument(skip_all, fields(organisation = %actor.organisation(), %user))]
    pub async fn story(&self, actor: &Actor, user: UserId) -> Result<Story, Error> {
        self.authorise(actor).await?;
        let organisation = actor.organisation();
        let record = self.inner.store.person(organisation, user).await?;
        let user = self.fact(organisation, user).await?;
        if user.is_none() && record == PersonRecord::default() {
            return Err(Error::NotFound("person"));
        }
        let steps = steps(record);
        let names = self.names(organisation, &steps).await?;
        Ok(Story { user, steps, names })
    }

    async fn names(
        &self,
        organisation: OrganisationId,
        steps: &[StoryStep],
    ) -> Result<BTreeMap<UserId, String>, Error> {
        let people: BTreeSet<UserId> = steps.iter().filter_map(|step| step.by.as_ref()?.user()).collect();
        let facts = self.inner.accounts.facts(organisation, people.into_iter().collect()).await?;
        Ok(facts.into_iter().flatten().map(|user| (user.id, user.display_name())).collect())
    }
}

/// The steps of a person, oldest first; of those at the same time, in the order in which they follow from each other.
fn steps(record: PersonRecord) -> Vec<StoryStep> {
    let mut steps = Vec::new();
    let mut add = |at, by, what| steps.push(StoryStep { at, by, what });
    for line in record.import_lines {
        add(line.at, Some(line.actor.clone()), StoryEvent::Imported(line));
    }
    for (batch, item) in record.items {
        let batch = Box::new(batch);
        let skipped = matches!(item.decision, Decision::Skip(_));
        add(batch.planned_at, Some(batch.planned_by.clone()), StoryEvent::Planned(batch.clone(), item));
        if let Some(confirmed) = batch.confirmed.clone().filter(|_| !skipped) {
            add(confirmed.at, Some(confirmed.by), StoryEvent::Confirmed(batch.clone()));
        }
        if let Some(at) = batch.stopped_at.filter(|_| !skipped) {
            add(at, None, StoryEvent::Stopped(batch));
        }
    }
    for invitation in record.invitations {
        add(invitation.created_at, None, StoryEvent::Invited(invitation.clone()));
        if let Some(at) = invitation.closed_at {
            add(at, None, StoryEvent::Closed(invitation));
        }
    }
    for credential in record.credentials {
        add(credential.minted_at, None, StoryEvent::Minted(credential.clone()));
        if let Some(at) = credential.used_at {
            add(at, None, StoryEvent::Used(credential));
        }
    }
    for delivery in record.deliveries {
        if let Some(at) = delivery.sent_at {
            add(at, None, StoryEvent::Sent(delivery.clone()));
        }
        if delivery.state != DeliveryState::Sent {
            add(delivery.changed_at, None, StoryEvent::Message(delivery));
        }
    }
    if let Some((invitation, at)) = record.retired {
        add(at, None, StoryEvent::Retired(invitation));
    }
    if let Some(at) = record.came_at {
        add(at, None, StoryEvent::Came);
    }
    steps.sort_by_key(|step| step.at);
    steps
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.user {
            Some(user) => write!(f, "{}", user.display_name())?,
            None => f.write_str("Somebody who is gone")?,
        }
        for step in &self.steps {
            write!(f, "\n  {}  {}", step.at.format("%Y-%m-%d %H:%M:%S UTC"), step.what)?;
            if let Some(actor) = &step.by {
                write!(f, ", by {}", self.name(actor))?;
            }
        }
        Ok(())
    }
}

impl Story {
    fn name(&self, actor: &Actor) -> String {
        let person = |id: &UserId| self.names.get(id).cloned().unwrap_or_else(|| id.to_string());
        match actor.who() {
            Who::Administrator(user) => person(user),
            Who::System => "the system".into(),
            Who::Operator { name, on_behalf_of } => format!("{name} for {}", person(on_behalf_of)),
        }
    }
}

impl fmt::Display for StoryEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Imported(ImportLine { file_name, line: 0, .. }) => {
                write!(f, "deactivated by {file_name}, which does not name them")
            }
            Self::Imported(ImportLine { file_name, line, created, .. }) => {
                write!(f, "{} by {file_name}, line {line}", if *created { "added" } else { "changed" })
            }
            Self::Planned(batch, item) => planned(f, batch, item),
            Self::Confirmed(batch) => {
                let resets = batch.confirmed.as_ref().is_some_and(|confirmed| confirmed.resets);
                write!(f, "confirmed{}", if resets { ", with consent to resets" } else { "" })
            }
            Self::Stopped(batch) => write!(f, "the batch was {}", batch.state),
            Self::Invited(invitation) => {
                write!(f, "invitation begun")?;
                match invitation.expires_at {
                    Some(at) => write!(f, ", valid until {}", at.format("%Y-%m-%d %H:%M UTC")),
                    None => Ok(()),
                }
            }
            Self::Closed(invitation) => match invitation.state {
                InvitationState::Revoked(reason) => {
                    write!(f, "invitation revoked: {}", words(reason.as_str()))
                }
                state => write!(f, "invitation {}", state.as_str()),
            },
            Self::Minted(credential) => write!(f, "credential {} made", credential.generation),
            Self::Used(credential) => write!(f, "credential {} used", credential.generation),
            Self::Sent(delivery) => {
                message(f, delivery)?;
                write!(f, " accepted by the provider")?;
                match &delivery.receipt {
                    Some(receipt) => write!(f, " ({})", receipt.0),
                    None => Ok(()),
                }
            }
            Self::Message(delivery) => {
                message(f, delivery)?;
                write!(f, " {}", words(delivery.state.as_str()))?;
                if let Some(reason) = delivery.reason {
                    write!(f, ": {}", words(reason.as_str()))?;
                }
                match &delivery.answer {
                    Some(answer) => write!(f, " (the provider said: {answer})"),
                    None => Ok(()),
                }
            }
            Self::Retired(_) => f.write_str("own password retired"),
            Self::Came => f.write_str("came: accepted, signed in or set a password"),
        }
    }
}

fn planned(f: &mut fmt::Formatter<'_>, batch: &Batch, item: &Item) -> fmt::Result {
    let what = match batch.action {
        Action::Invite => "invitation",
        Action::Remind => "reminder",
        Action::HandOver => return handed_over(f, item),
        Action::Refresh => "fresh invitation, asked for with their name or link,",
    };
    write!(f, "{what} planned: ")?;
    match item.decision {
        Decision::Send => f.write_str("send")?,
        Decision::SendWithReset => f.write_str("send and reset the password")?,
        Decision::Announce(_) => f.write_str("send without any password or link")?,
        Decision::Skip(reason) => return write!(f, "skipped, {}", reason.text()),
    }
    let channels: Vec<&str> = item.channels.iter().map(|channel| name(*channel)).collect();
    write!(f, ", {}", channels.join(" and "))
}

fn handed_over(f: &mut fmt::Formatter<'_>, item: &Item) -> fmt::Result {
    f.write_str("link handed over, no message")?;
    match item.decision {
        Decision::SendWithReset => f.write_str("; it resets the password when it is used"),
        _ => Ok(()),
    }
}

fn message(f: &mut fmt::Formatter<'_>, delivery: &Delivery) -> fmt::Result {
    f.write_str(name(delivery.channel))?;
    match &delivery.address {
        Some(address) => write!(f, " to {address}"),
        None => Ok(()),
    }
}

const fn name(channel: Channel) -> &'static str {
    match channel {
        Channel::Email => "e-mail",
        Channel::Sms => "SMS",
    }
}

/// A name that scripts read, as words.
fn words(name: &str) -> String {
    name.replace('_', " ")
}

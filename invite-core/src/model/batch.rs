//! A plan, and the batch that it becomes when it is confirmed. Both have one id and one row.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::actor::Actor;
use super::delivery::names;
use super::id::{BatchId, OrganisationId, UserId};
use super::item::{Action, Decision, SkipReason};
use super::message::Channel;
use super::organisation::ChannelRule;
use super::selection::Selection;
use super::template_key::TemplateKey;
use super::wording::{ItemWording, Wording};
use std::fmt;
use std::str::FromStr;

names! {
    /// Where a batch stands. That it is finished is derived: it runs, and nothing of it is on its way.
    BatchState {
        /// A plan: nothing happens until it is confirmed.
        Planned = "planned",
        /// Confirmed; workers carry it out.
        Running = "running",
        /// Stopped for now, by a person or by the brake.
        Paused = "paused",
        /// Stopped for good; what was sent goes on working.
        Cancelled = "cancelled",
        /// Stopped for good; what was sent is revoked.
        Recalled = "recalled",
    }
}

/// A plan or batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// Which.
    pub id: BatchId,
    /// Whose.
    pub organisation: OrganisationId,
    /// What it does.
    pub action: Action,
    /// Whether the organisation's schedule made it, as the system, and its rules decide about reminders.
    #[serde(default)]
    pub scheduled: bool,
    /// For whom.
    pub selection: Selection,
    /// On which channels.
    pub channels: ChannelRule,
    /// Where it stands.
    pub state: BatchState,
    /// Why it is paused, in words.
    pub paused_because: Option<String>,
    /// Who planned it.
    pub planned_by: Actor,
    /// The name that messages give as the inviter.
    pub inviter: String,
    /// When.
    pub planned_at: DateTime<Utc>,
    /// Whether every user of the selection has been looked at. Only a complete plan can be confirmed.
    pub complete: bool,
    /// When the plan expires unused.
    pub expires_at: DateTime<Utc>,
    /// How it was confirmed, if it was.
    pub confirmed: Option<Confirmation>,
    /// When it was cancelled or recalled.
    pub stopped_at: Option<DateTime<Utc>>,
    /// The version of each message, pinned when it was planned.
    pub templates: TemplatePins,
    /// Who gets what.
    pub totals: Totals,
}

/// How a plan was confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// By whom.
    pub by: Actor,
    /// When.
    pub at: DateTime<Utc>,
    /// Whether the resets were consented to.
    pub resets: bool,
    /// Nothing leaves before this: the end of the hold, or the start time.
    pub not_before: DateTime<Utc>,
    /// To how many people it goes first.
    #[serde(default)]
    pub pilot: Option<Pilot>,
}

/// The people to whom a batch goes first: when all their messages have gone or ended, it pauses itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pilot {
    /// How many; fewer than the batch has.
    pub people: u64,
    /// Whether somebody has let the rest go on.
    pub over: bool,
}

/// The versions of the messages that a batch uses, keyed `kind/channel/locale`; what is not named is built in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TemplatePins(pub BTreeMap<String, String>);

impl TemplatePins {
    /// The version of a message of the organisation's own; none where it has none.
    pub fn version(&self, key: &TemplateKey) -> Option<&str> {
        // Most organisations have none, and this is asked for every person of a plan.
        if self.0.is_empty() { None } else { self.0.get(&key.to_string()).map(String::as_str) }
    }
}

impl<'a> FromIterator<(&'a TemplateKey, &'a str)> for TemplatePins {
    fn from_iter<I: IntoIterator<Item = (&'a TemplateKey, &'a str)>>(pins: I) -> Self {
        Self(pins.into_iter().map(|(key, version)| (key.to_string(), version.to_owned())).collect())
    }
}

/// Who gets what, in figures. They are disjoint and add up to the selection.
///
/// ```
/// use invite_core::model::batch::Totals;
/// use invite_core::model::item::{Decision, SkipReason};
/// use invite_core::model::message::Channel;
/// use invite_core::model::wording::ItemWording;
///
/// let (mut totals, mut norwegian) = (Totals::default(), ItemWording::default());
/// norwegian.languages.insert("nb".into());
/// totals.count(Decision::Send, &[Channel::Email, Channel::Sms], false, false, &norwegian);
/// totals.count(Decision::SendWithReset, &[Channel::Email], false, true, &norwegian);
/// totals.count(Decision::Skip(SkipReason::Deactivated), &[], false, false, &ItemWording::default());
/// assert_eq!((totals.recipients(), totals.skipped(), totals.people()), (2, 1, 3));
/// assert_eq!((totals.wording.languages["nb"], totals.reset_wording.languages["nb"]), (1, 1));
///
/// let without = totals.without_consent();
/// assert_eq!((without.recipients(), without.skip[&SkipReason::SetUpNeedsConsent]), (1, 1));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Totals {
    /// People who get a fresh credential.
    pub send: u64,
    /// People who get a fresh credential and whose own password is retired; without consent they are skipped.
    pub reset: u64,
    /// How many of `reset` are administrators.
    pub reset_administrators: u64,
    /// People who get a message without credential.
    pub announce: u64,
    /// People who get nothing, by reason.
    pub skip: BTreeMap<SkipReason, u64>,
    /// Messages by channel, those of resets left out.
    pub messages: BTreeMap<Channel, u64>,
    /// Messages of resets by channel.
    pub reset_messages: BTreeMap<Channel, u64>,
    /// People whose invitation goes by SMS if its e-mail does not arrive, resets left out: see
    /// [`Settings::sms_fallback`](super::organisation::Settings::sms_fallback). Those SMS are not among `messages`.
    #[serde(default)]
    pub in_reserve: u64,
    /// The same among resets.
    #[serde(default)]
    pub reset_in_reserve: u64,
    /// Languages and sizes of the messages, those of resets left out.
    #[serde(flatten)]
    pub wording: Wording,
    /// Languages and sizes of the messages of resets.
    pub reset_wording: Wording,
    /// Recipients who share the address of a message with another recipient, those of resets left out. Counted when the
    /// plan is complete.
    pub shared_addresses: u64,
    /// The same when resets are consented to.
    pub shared_addresses_with_resets: u64,
}

impl Totals {
    /// Counts one person; `fallback` says whether an SMS is held in reserve for them. Whether they share an address depends on the others, so it is counted apart.
    pub fn count(
        &mut self,
        decision: Decision,
        channels: &[Channel],
        fallback: bool,
        administrator: bool,
        wording: &ItemWording,
    ) {
        match decision {
            Decision::Send => self.send += 1,
            Decision::SendWithReset => {
                self.reset += 1;
                self.reset_administrators += u64::from(administrator);
            }
            Decision::Announce(_) => self.announce += 1,
            Decision::Skip(reason) => *self.skip.entry(reason).or_default() += 1,
        }
        let (messages, words) = self.messages_of(decision);
        for channel in channels {
            *messages.entry(*channel).or_default() += 1;
        }
        words.add(wording);
        *self.in_reserve_of(decision) += u64::from(fallback);
    }

    /// Takes back what [`count`](Self::count) counted.
    pub fn uncount(
        &mut self,
        decision: Decision,
        channels: &[Channel],
        fallback: bool,
        administrator: bool,
        wording: &ItemWording,
    ) {
        match decision {
            Decision::Send => self.send -= 1,
            Decision::SendWithReset => {
                self.reset -= 1;
                self.reset_administrators -= u64::from(administrator);
            }
            Decision::Announce(_) => self.announce -= 1,
            Decision::Skip(reason) => {
                if let Some(count) = self.skip.get_mut(&reason) {
                    *count -= 1;
                }
                self.skip.retain(|_, count| *count > 0);
            }
        }
        let (messages, words) = self.messages_of(decision);
        for channel in channels {
            if let Some(count) = messages.get_mut(channel) {
                *count -= 1;
            }
        }
        messages.retain(|_, count| *count > 0);
        words.take(wording);
        *self.in_reserve_of(decision) -= u64::from(fallback);
    }

    const fn in_reserve_of(&mut self, decision: Decision) -> &mut u64 {
        match decision {
            Decision::SendWithReset => &mut self.reset_in_reserve,
            _ => &mut self.in_reserve,
        }
    }

    fn messages_of(&mut self, decision: Decision) -> (&mut BTreeMap<Channel, u64>, &mut Wording) {
        match decision {
            Decision::SendWithReset => (&mut self.reset_messages, &mut self.reset_wording),
            _ => (&mut self.messages, &mut self.wording),
        }
    }

    /// The totals when nobody consented to resets: those people are skipped.
    #[must_use]
    pub fn without_consent(mut self) -> Self {
        if self.reset > 0 {
            *self.skip.entry(SkipReason::SetUpNeedsConsent).or_default() += self.reset;
        }
        self.reset = 0;
        self.reset_administrators = 0;
        self.reset_messages.clear();
        self.reset_wording = Wording::default();
        self.reset_in_reserve = 0;
        self.shared_addresses_with_resets = self.shared_addresses;
        self
    }

    /// How many people get a message, resets included.
    pub fn recipients(&self) -> u64 {
        self.send + self.reset + self.announce
    }

    /// How many people are skipped.
    pub fn skipped(&self) -> u64 {
        self.skip.values().sum()
    }

    /// How many people were looked at.
    pub fn people(&self) -> u64 {
        self.recipients() + self.skipped()
    }
}

/// What became of a batch so far, in figures.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Messages by state.
    pub states: BTreeMap<super::delivery::DeliveryState, u64>,
    /// Messages by the reason of their end.
    pub reasons: BTreeMap<super::delivery::EndReason, u64>,
    /// The funnel.
    pub funnel: Funnel,
    /// The queued messages that wait, by why they do; those that are due are not among them.
    #[serde(default)]
    pub waits: BTreeMap<super::delivery::WaitCause, Waits>,
}

/// Messages that wait for one reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Waits {
    /// How many.
    pub messages: u64,
    /// When the first of them may go, as far as is known; none where that is up to somebody.
    pub next_at: Option<DateTime<Utc>>,
}

impl Waits {
    /// Counts so many messages more that wait until then.
    pub fn add(&mut self, messages: u64, until: Option<DateTime<Utc>>) {
        self.messages += messages;
        self.next_at = [self.next_at, until].into_iter().flatten().min();
    }
}

/// From the selection to the first sign-in, in people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Funnel {
    /// Looked at.
    pub selected: u64,
    /// To get a message.
    pub recipients: u64,
    /// With a message that a provider accepted.
    pub sent: u64,
    /// With a message that a provider reports as arrived.
    pub delivered: u64,
    /// Who accepted the invitation, or came in another way after it.
    pub accepted: u64,
}

/// The administrators who stand behind a batch, and are therefore never in it.
pub fn behind(planned_by: &Actor, confirmed_by: Option<&Actor>) -> Vec<UserId> {
    [Some(planned_by), confirmed_by].into_iter().flatten().filter_map(Actor::user).collect()
}

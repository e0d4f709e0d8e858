//! The decision table: what happens to one user. Pure and total; the first row that matches.
//!
//! | for | when | decision |
//! |---|---|---|
//! | all | unknown, deleted or of another organisation | skip: `not_found` |
//! | all | deactivated | skip: `deactivated` |
//! | all | the user is who planned or who confirms | skip: `yourself` |
//! | invite, refresh, remind | no channel is left | skip: `suppressed`, else `country_not_allowed`, else `no_contact` |
//! | refresh | there is no invitation of theirs | skip: `never_invited` |
//! | refresh | the last invitation was recalled | skip: `invitation_revoked` |
//! | refresh | the last invitation is a link that was handed over, and works | skip: `link_in_hand` |
//! | invite, refresh | a message of another confirmed batch is on its way | skip: `already_queued` |
//! | invite, refresh | a message within the hour, chosen by filter or all; by a schedule, any message | skip: `invited_recently` |
//! | hand over | SSO applies | skip: `signs_in_with_sso` |
//! | invite, refresh | SSO applies | skip: `signs_in_with_sso`, or announce |
//! | refresh | set up, and their own password counts | skip: `already_set_up` |
//! | invite, hand over, refresh | set up, and the account also belongs elsewhere | announce, never reset |
//! | invite, hand over, refresh | set up | send with reset; needs consent at confirm |
//! | invite, hand over, refresh | not set up | send |
//! | remind | never invited | skip: `never_invited` |
//! | remind | set up | skip: `already_set_up` |
//! | remind | a message of another confirmed batch is on its way | skip: `already_queued` |
//! | remind | the last invitation was revoked | skip: `invitation_revoked` |
//! | remind | nothing arrived on any channel | skip: `not_delivered` |
//! | remind | too recently; often enough; by a schedule, its days | skip: `too_soon`, `enough_reminders` |
//! | remind | SSO applies | skip: `signs_in_with_sso`, or announce |
//! | remind | otherwise | send, on the channels that worked |
//!
//! *Hand over* gives whoever asks a link, and no message: no address is needed, no channel is in the answer, and what
//! is announced elsewhere is refused. *Refresh* is what an invitee, or a stranger who knows a name, can ask for: so it
//! never reaches a password that works, a person whom nobody invited, or a link that somebody holds.

use chrono::{DateTime, TimeDelta, Utc};

use super::history::History;
use super::schedule;
use crate::model::id::UserId;
use crate::model::invitation::{InvitationState, RevokeReason};
use crate::model::item::{Action, Announcement, Decision, SkipReason};
use crate::model::message::Channel;
use crate::model::organisation::{ChannelRule, Settings, SsoPolicy};
use crate::model::preference::Preference;
use crate::model::user::User;
use crate::policy::Policy;

/// What is asked for everyone in a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// Invite or remind.
    pub action: Action,
    /// Whether people were ticked one by one.
    pub by_id: bool,
    /// On which channels, among those in use.
    pub channels: ChannelRule,
    /// Whether the organisation's schedule asks for it: its days then stand in place of the gap between reminders, and
    /// nobody is invited who was before.
    pub scheduled: bool,
}

/// Everything that the decision about one user depends on.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The user, if there is one.
    pub user: Option<&'a User>,
    /// What the store knows about them, the batch's own rows left out.
    pub history: &'a History,
    /// What is asked.
    pub request: Request,
    /// The organisation's settings.
    pub settings: &'a Settings,
    /// The host's figures.
    pub policy: &'a Policy,
    /// Who planned, and who confirms: [`behind`](crate::model::batch::behind).
    pub behind: &'a [UserId],
    /// Now, on the store's clock.
    pub now: DateTime<Utc>,
}

/// What happens to a user, and on which channels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// What.
    pub decision: Decision,
    /// Where; empty for a skip.
    pub channels: Vec<Channel>,
    /// Where else, if nothing arrives there: [`fallback`](super::fallback).
    pub fallback: Option<Channel>,
}

/// Decides about one user.
///
/// ```
/// use chrono::DateTime;
/// use invite_core::decision::history::History;
/// use invite_core::decision::{Case, Request, decide};
/// use invite_core::model::id::UserId;
/// use invite_core::model::item::{Action, Decision, SkipReason};
/// use invite_core::model::message::Channel;
/// use invite_core::model::organisation::{ChannelRule, Settings};
/// use invite_core::model::user::User;
/// use invite_core::policy::Policy;
///
/// let mut anna = User::new(UserId::new());
/// anna.email = Some("anna@example.com".parse()?);
///
/// let (history, settings, policy) = (History::default(), Settings::new("Acme"), Policy::default());
/// let case = Case {
///     user: Some(&anna),
///     history: &history,
///     request: Request { action: Action::Invite, by_id: false, channels: ChannelRule::Preferred, scheduled: false },
///     settings: &settings,
///     policy: &policy,
///     behind: &[],
///     now: DateTime::UNIX_EPOCH,
/// };
/// let decided = decide(&case);
/// assert_eq!((decided.decision, decided.channels), (Decision::Send, vec![Channel::Email]));
///
/// let by_herself = decide(&Case { behind: &[anna.id], ..case });
/// assert_eq!(by_herself.decision, Decision::Skip(SkipReason::Yourself));
/// # Ok::<(), invite_core::model::contact::ContactError>(())
/// ```
pub fn decide(case: &Case<'_>) -> Decided {
    match row(case) {
        Ok(decided) => decided,
        Err(reason) => Decided { decision: Decision::Skip(reason), channels: Vec::new(), fallback: None },
    }
}

fn row(case: &Case<'_>) -> Result<Decided, SkipReason> {
    let settings = case.settings;
    let user = case.user.ok_or(SkipReason::NotFound)?;
    skip_if(user.deactivated, SkipReason::Deactivated)?;
    skip_if(case.behind.contains(&user.id), SkipReason::Yourself)?;
    let channels = match case.request.action {
        Action::HandOver => Vec::new(),
        Action::Invite | Action::Refresh | Action::Remind => channels(case, user)?,
    };
    let decided = |decision, channels| Decided { decision, channels, fallback: None };
    match case.request.action {
        Action::HandOver => {
            skip_if(settings.sso_applies(user), SkipReason::SignsInWithSso)?;
            Ok(decided(begin(case, user), channels))
        }
        Action::Invite => {
            let fallback = fallback(case, user, &channels);
            invite(case, user).map(|decision| Decided { fallback, ..decided(decision, channels) })
        }
        Action::Refresh => {
            may_refresh(case)?;
            invite(case, user).map(|decision| decided(decision, channels))
        }
        Action::Remind => {
            let arrived = remind(case, user)?;
            let channels: Vec<_> = channels.into_iter().filter(|channel| arrived(channel)).collect();
            skip_if(channels.is_empty(), SkipReason::NotDelivered)?;
            remind_again(case, user)?;
            let decision = if settings.sso_applies(user) { sso(settings)? } else { Decision::Send };
            Ok(decided(decision, channels))
        }
    }
}

fn invite(case: &Case<'_>, user: &User) -> Result<Decision, SkipReason> {
    let Case { history, settings, policy, .. } = *case;
    skip_if(history.on_their_way, SkipReason::AlreadyQueued)?;
    let recently = history
        .last_message_at
        .is_some_and(|at| case.now.signed_duration_since(at) < delta(policy.invited_recently));
    skip_if(recently && !case.request.by_id, SkipReason::InvitedRecently)?;
    skip_if(case.request.scheduled && history.invited, SkipReason::InvitedRecently)?;
    if settings.sso_applies(user) {
        return sso(settings);
    }
    let works = history.is_set_up(user) && !history.retired;
    skip_if(case.request.action == Action::Refresh && works, SkipReason::AlreadySetUp)?;
    Ok(begin(case, user))
}

/// What an invitation does for somebody who signs in with a password.
fn begin(case: &Case<'_>, user: &User) -> Decision {
    match (case.history.is_set_up(user), user.elsewhere) {
        (true, true) => Decision::Announce(Announcement::Elsewhere),
        (true, false) => Decision::SendWithReset,
        (false, _) => Decision::Send,
    }
}

/// Whether the last invitation is one that its person may ask to have refreshed.
fn may_refresh(case: &Case<'_>) -> Result<(), SkipReason> {
    let last = case.history.last_invitation.as_ref().ok_or(SkipReason::NeverInvited)?;
    let recalled = last.state == InvitationState::Revoked(RevokeReason::Recalled);
    skip_if(recalled, SkipReason::InvitationRevoked)?;
    let works = last.state == InvitationState::Pending && last.expires_at.is_none_or(|at| at > case.now);
    skip_if(last.handed_over && works, SkipReason::LinkInHand)
}

/// The rows that are about the last invitation; gives the channels on which it arrived.
fn remind<'a>(case: &Case<'a>, user: &User) -> Result<impl Fn(&Channel) -> bool + 'a, SkipReason> {
    let history = case.history;
    let last =
        history.last_invitation.as_ref().filter(|_| history.invited).ok_or(SkipReason::NeverInvited)?;
    skip_if(history.is_set_up(user), SkipReason::AlreadySetUp)?;
    skip_if(history.on_their_way, SkipReason::AlreadyQueued)?;
    skip_if(matches!(last.state, InvitationState::Revoked(_)), SkipReason::InvitationRevoked)?;
    skip_if(last.arrived.is_empty(), SkipReason::NotDelivered)?;
    Ok(|channel: &Channel| last.arrived.contains(channel))
}

fn remind_again(case: &Case<'_>, user: &User) -> Result<(), SkipReason> {
    if case.request.scheduled {
        return remind_on_schedule(case, user);
    }
    let rules = &case.settings.reminders;
    let too_soon =
        case.history.last_message_at.is_some_and(|at| case.now.signed_duration_since(at) < delta(rules.gap));
    skip_if(too_soon, SkipReason::TooSoon)?;
    let reminders = case.history.last_invitation.as_ref().map_or(0, |last| last.reminders);
    skip_if(reminders >= rules.at_most, SkipReason::EnoughReminders)
}

/// The schedule's days in place of the gap and the limit; one that was taken away asks for nothing any more.
fn remind_on_schedule(case: &Case<'_>, user: &User) -> Result<(), SkipReason> {
    let history = case.history;
    let next =
        case.settings.schedule.as_ref().zip(history.last_invitation.as_ref()).and_then(|(schedule, last)| {
            let zone = schedule::zone_of(user, case.settings);
            schedule::next_reminder(schedule, last, history.last_message_at, zone)
        });
    let at = next.ok_or(SkipReason::EnoughReminders)?;
    skip_if(at > case.now, SkipReason::TooSoon)
}

const fn sso(settings: &Settings) -> Result<Decision, SkipReason> {
    match settings.sso_policy {
        SsoPolicy::Skip => Err(SkipReason::SignsInWithSso),
        SsoPolicy::Announce => Ok(Decision::Announce(Announcement::Sso)),
    }
}

/// The channels that are left, or the reason why none is: they are dropped one by one.
fn channels(case: &Case<'_>, user: &User) -> Result<Vec<Channel>, SkipReason> {
    let (mut suppressed, mut country) = (false, false);
    for choice in wanted(case, user) {
        let (mut left, mut dropped) = (Vec::new(), false);
        for channel in choice {
            match usable(case, user, channel) {
                Ok(()) => left.push(channel),
                Err(reason) => {
                    suppressed |= reason == SkipReason::Suppressed;
                    country |= reason == SkipReason::CountryNotAllowed;
                    dropped |= channel == Channel::Email && reason == SkipReason::Suppressed;
                }
            }
        }
        if !left.is_empty() {
            return Ok(left);
        }
        // What must not go by e-mail goes by SMS only where the organisation wants that.
        if dropped && !case.settings.sms_fallback {
            break;
        }
    }
    Err(match (suppressed, country) {
        (true, _) => SkipReason::Suppressed,
        (false, true) => SkipReason::CountryNotAllowed,
        (false, false) => SkipReason::NoContact,
    })
}

/// Whether a channel may be used for a person, or why not.
fn usable(case: &Case<'_>, user: &User, channel: Channel) -> Result<(), SkipReason> {
    let reaches = case.settings.channels.contains(&channel) && user.address(channel).is_some();
    skip_if(!reaches, SkipReason::NoContact)?;
    skip_if(case.history.suppressed.contains(&channel), SkipReason::Suppressed)?;
    let wrong_country = channel == Channel::Sms && !country_allowed(case.settings, user);
    skip_if(wrong_country, SkipReason::CountryNotAllowed)
}

/// Sets of channels, of which the first one counts that leaves any.
fn wanted(case: &Case<'_>, user: &User) -> Vec<Vec<Channel>> {
    use Channel::{Email, Sms};
    match case.request.channels {
        ChannelRule::Email => vec![vec![Email]],
        ChannelRule::Sms => vec![vec![Sms]],
        ChannelRule::Both => vec![vec![Email, Sms]],
        ChannelRule::Preferred if only_sms_worked(case) && case.request.action == Action::Refresh => {
            vec![vec![Sms]]
        }
        ChannelRule::Preferred if only_sms_worked(case) => vec![vec![Email, Sms]],
        ChannelRule::Preferred => match user.prefers.unwrap_or(case.settings.prefers) {
            Preference::Email => vec![vec![Email], vec![Sms]],
            Preference::Sms => vec![vec![Sms], vec![Email]],
            Preference::Both => vec![vec![Email, Sms]],
        },
    }
}

/// The channel that an invitation falls back to, if it goes by e-mail alone.
fn fallback(case: &Case<'_>, user: &User, channels: &[Channel]) -> Option<Channel> {
    let falls_back = case.settings.sms_fallback
        && case.request.channels == ChannelRule::Preferred
        && channels == [Channel::Email]
        && usable(case, user, Channel::Sms).is_ok();
    falls_back.then_some(Channel::Sms)
}

/// Then a reminder, or a fresh credential, goes by SMS, even to those who have an e-mail address: nothing arrived there.
fn only_sms_worked(case: &Case<'_>) -> bool {
    matches!(case.request.action, Action::Remind | Action::Refresh)
        && case.history.last_invitation.as_ref().is_some_and(|last| last.arrived.iter().eq([&Channel::Sms]))
}

fn country_allowed(settings: &Settings, user: &User) -> bool {
    user.phone.as_ref().is_some_and(|phone| {
        !phone.is_premium_rate() && phone.country().is_some_and(|country| settings.allows_sms_to(country))
    })
}

const fn skip_if(condition: bool, reason: SkipReason) -> Result<(), SkipReason> {
    if condition { Err(reason) } else { Ok(()) }
}

fn delta(duration: std::time::Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}

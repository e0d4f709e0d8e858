//! What a text message to a person could be for, before it is decided: so that it can be measured outside the
//! transaction that decides.

use crate::model::item::Action;
use crate::model::message::Channel;
use crate::model::message_kind::MessageKind;
use crate::model::organisation::{ChannelRule, Settings};
use crate::model::preference::Preference;
use crate::model::user::User;

/// Every kind of text message that [`decide`](super::decide) could have sent to a person, whatever is known about them;
/// none where they cannot get one.
pub fn possible_text_messages(
    user: &User,
    action: Action,
    channels: ChannelRule,
    settings: &Settings,
) -> &'static [MessageKind] {
    use MessageKind::{Announcement, Invitation, Reminder, Reset, Sso};
    // A reminder and a fresh credential go by SMS to those who have an e-mail address, too, where nothing else arrived.
    let rule_allows = match channels {
        ChannelRule::Email => false,
        ChannelRule::Sms | ChannelRule::Both => true,
        ChannelRule::Preferred => {
            matches!(action, Action::Remind | Action::Refresh)
                || user.email.is_none()
                || !settings.channels.contains(&Channel::Email)
                || settings.sms_fallback
                || user.prefers.unwrap_or(settings.prefers) != Preference::Email
        }
    };
    if !rule_allows || user.phone.is_none() || !settings.channels.contains(&Channel::Sms) {
        return &[];
    }
    match action {
        _ if settings.sso_applies(user) => &[Sso],
        Action::Remind => &[Reminder],
        Action::HandOver => &[],
        Action::Invite | Action::Refresh => match (user.has_password, user.elsewhere) {
            (true, true) => &[Announcement],
            (true, false) => &[Reset],
            // Whether they ever came is known to the store.
            (false, true) => &[Invitation, Announcement],
            (false, false) => &[Invitation, Reset],
        },
    }
}

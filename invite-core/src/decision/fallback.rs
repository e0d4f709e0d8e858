//! E-mail, and SMS if it does not arrive: when the SMS that a plan holds in reserve goes.

use crate::machine::delivery::Standing;
use crate::model::delivery::{DeliveryState, EndReason};
use crate::model::message::Channel;

/// Whether a message that has moved from `before` to `after` makes its person's SMS go that is held in reserve.
///
/// It does where the e-mail certainly did not reach them: it bounced, was refused for its recipient or content, failed on
/// the way by its provider's report, was tried long enough, or its address had been suppressed by the time it was to go.
/// Not where the receiving side's policy refused it: that is about the sender, the breaker may send it again, and a wrong
/// configuration must not become ten thousand text messages. Nor where it is unknown what became of it, or somebody
/// cancelled it.
pub fn falls_back(channel: Channel, before: &Standing, after: &Standing) -> bool {
    channel == Channel::Email && !missed(before) && missed(after)
}

fn missed(standing: &Standing) -> bool {
    use EndReason as R;
    match standing.state {
        DeliveryState::Bounced | DeliveryState::Suppressed => true,
        DeliveryState::Failed => matches!(
            standing.reason,
            Some(R::RecipientRefused | R::ContentRefused | R::ReportedFailed | R::TriedEnough)
        ),
        _ => false,
    }
}

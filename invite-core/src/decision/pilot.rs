//! What a batch says when its pilot is out.

use std::collections::BTreeMap;

use crate::model::delivery::DeliveryState;

/// Why a batch pauses itself after its pilot, in words for who looks: `messages` are those of its people, by state, none
/// of them on its way any more.
///
/// ```
/// use invite_core::decision::pilot::because;
/// use invite_core::model::delivery::DeliveryState;
///
/// let messages = [(DeliveryState::Sent, 3), (DeliveryState::Delivered, 1), (DeliveryState::Failed, 1)].into();
/// assert_eq!(
///     because(5, &messages),
///     "the pilot of 5 is out: 4 sent, 1 failed; look at what arrived, then resume, or recall"
/// );
/// ```
pub fn because(people: u64, messages: &BTreeMap<DeliveryState, u64>) -> String {
    use DeliveryState as S;
    let count = |states: &[S]| -> u64 { states.iter().filter_map(|state| messages.get(state)).sum() };
    let parts = [
        (count(&[S::Sent, S::Delivered, S::Bounced, S::Complained]), "sent"),
        (count(&[S::Failed]), "failed"),
        (count(&[S::Unknown]), "unknown"),
        (count(&[S::Cancelled, S::Suppressed]), "cancelled"),
    ];
    let parts: Vec<String> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    format!("{PILOT}{people} is out: {}; look at what arrived, then resume, or recall", parts.join(", "))
}

/// Whether a batch is paused for this because its pilot is out.
pub fn is_pilot(because: &str) -> bool {
    because.starts_with(PILOT)
}

const PILOT: &str = "the pilot of ";

//! What an exporter reads.

use std::collections::BTreeMap;

use invite_core::model::delivery::{EndReason, WaitCause};
use invite_core::model::message::Channel;
use invite_core::model::metrics::{Count, CountedOutcome, Metrics, OpenBatch};
use invite_core::model::sender::PauseKind;

#[test]
fn what_is_counted_is_found_by_its_key() {
    let mut counts = vec![Count::Brake];
    counts.extend([true, false].map(|handing_over| Count::LeaseLapsed { handing_over }));
    for channel in Channel::ALL {
        counts.extend([Count::OnTheirWay(channel), Count::Unknown(channel)]);
        counts.extend(WaitCause::ALL.iter().map(|cause| Count::PutOff(channel, *cause)));
        for outcome in CountedOutcome::ALL {
            counts.push(Count::Outcome(channel, *outcome, None));
            counts
                .extend(EndReason::ALL.iter().map(|reason| Count::Outcome(channel, *outcome, Some(*reason))));
        }
    }
    for count in counts {
        assert_eq!(count.to_string().parse(), Ok(count));
    }
    for foreign in ["", "brake ", "outcome fax sent", "outcome email sent never", "put_off email"] {
        assert!(foreign.parse::<Count>().is_err(), "{foreign:?}");
    }
}

#[test]
fn a_key_of_a_newer_release_and_what_went_below_nought_are_left_out() {
    let mut metrics = Metrics::default();
    metrics.keep("something newer", 7);
    metrics.keep("on_their_way sms", -1);
    metrics.keep("brake", 2);
    assert_eq!(metrics.counts, BTreeMap::from([(Count::Brake, 2)]));
}

#[test]
fn the_text_has_each_figure_once_with_its_meaning_and_every_known_label() {
    let mut metrics = Metrics::default();
    let refused = EndReason::RecipientRefused;
    metrics.counts.insert(Count::Outcome(Channel::Email, CountedOutcome::Failed, Some(refused)), 3);
    metrics.batches.insert(OpenBatch::PausedByBrake, 1);
    metrics.senders_paused.insert(PauseKind::ByHand, 2);
    let text = metrics.to_string();
    let expected = [
        "invite_outcomes_total{channel=\"email\",outcome=\"failed\",reason=\"recipient_refused\"} 3",
        "invite_batches_open{state=\"paused_by_brake\"} 1",
        "invite_batches_open{state=\"running\"} 0",
        "invite_senders_paused{kind=\"by_hand\"} 2",
        "invite_messages_put_off{channel=\"sms\",cause=\"quiet_hours\"} 0",
        "invite_leases_lapsed_total{phase=\"handing_over\"} 0",
        "invite_oldest_due_seconds 0",
    ];
    for line in expected {
        assert_eq!(text.lines().filter(|one| *one == line).count(), 1, "{line} in\n{text}");
    }
    for family in metrics.families() {
        for head in [format!("# HELP {} {}", family.name, family.help), format!("# TYPE {} ", family.name)] {
            assert_eq!(text.matches(&head).count(), 1, "{head}");
        }
    }
}

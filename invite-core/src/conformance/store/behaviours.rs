//! The list of behaviours, once, for the macro and for [`BEHAVIOURS`].

use super::stage::Stage;
use super::{
    StoreUnderTest, arrivals, beginning, claiming, confirming, credentials, delays, erasing, fallbacks,
    instants, limits, metrics, offers, organisations, outcomes, paces, pilots, planning, racing, records,
    redemption, reports, retention, retirement, retries, ringing, schedules, senders, stopping, sweeping,
    tenancy,
};
use crate::conformance::Behaviour;

/// Makes a module of tests, one a behaviour of an [`InvitationStore`](crate::port::InvitationStore), grouped by what
/// they are about. The expression makes a fresh [`StoreUnderTest`](crate::conformance::store::StoreUnderTest); it may
/// await. [`conformance`](crate::conformance) has an example.
#[macro_export]
macro_rules! store_conformance {
    ($module:ident, $fresh:expr $(,)?) => {
        #[cfg(test)]
        mod $module {
            #[allow(unused_imports)]
            use super::*;

            $crate::__store_behaviours! { __store_tests ($fresh) }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __store_tests {
    ((($fresh:expr)) $($group:ident { $($name:ident)* })*) => {
        $(mod $group {
            #[allow(unused_imports)]
            use super::*;

            $(#[test]
            fn $name() {
                $crate::conformance::test($crate::conformance::store::BEHAVIOURS, stringify!($name), async { $fresh });
            })*
        })*
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __store_list {
    (() $($group:ident { $($name:ident)* })*) => {
        /// Everything that a store must do.
        pub const BEHAVIOURS: &[Behaviour<StoreUnderTest>] = &[$($(Behaviour {
            name: stringify!($name),
            run: |subject| Box::pin(async move { $group::$name(Stage::new(subject).await?).await }),
        },)*)*];
    };
}

/// The one list of the behaviours of a store, handed to another macro.
#[doc(hidden)]
#[macro_export]
macro_rules! __store_behaviours {
    ($then:ident $($context:tt)*) => {
        $crate::$then! {
            ($($context)*)
            organisations {
                an_organisation_is_found_by_its_id_and_by_its_alias
                an_alias_belongs_to_one_organisation
                saving_an_organisation_again_replaces_it_and_is_audited
                organisations_come_in_order_of_their_id_page_by_page
                a_message_of_ones_own_has_versions_that_count_up_and_can_go_back_to_the_built_in_one
                each_message_of_ones_own_has_versions_of_its_own
                the_own_messages_in_force_are_listed_and_those_that_went_back_are_not
                the_versions_of_a_message_say_when_and_by_whom_newest_first_page_by_page
                settings_are_saved_only_with_the_messages_that_they_were_checked_with
                a_message_is_saved_only_under_the_settings_that_it_was_checked_for
                settings_and_a_message_that_exclude_each_other_are_never_both_saved
                messages_of_ones_own_are_audited
                test_messages_are_counted_for_each_actor_and_time
            }
            planning {
                an_opened_plan_is_empty_and_incomplete_and_expires_after_its_lifetime
                the_totals_of_a_plan_are_the_sum_of_its_items
                a_page_that_was_written_already_changes_nothing
                a_page_that_comes_before_its_turn_is_not_written
                the_last_page_completes_a_plan_and_it_takes_no_more
                a_confirmed_batch_takes_no_more_people
                nothing_of_a_plan_leaves_before_it_is_confirmed
                items_and_messages_come_in_order_page_by_page
                each_channel_gets_a_message_of_its_own_of_one_invitation
                a_plan_sees_what_is_on_its_way_in_other_batches
                a_plan_sees_suppressed_addresses
                whoever_got_a_message_within_the_hour_is_invited_by_id_alone
                a_reminder_joins_the_last_invitation
                what_was_before_a_person_returned_does_not_count
                a_plan_counts_the_languages_of_the_messages_that_it_pins
                a_plan_counts_the_text_messages_that_were_decided
                a_text_message_that_was_not_measured_is_not_planned
                those_who_share_an_address_are_counted_when_the_plan_is_complete
                plans_and_batches_come_newest_first_page_by_page
            }
            confirming {
                confirming_twice_is_one_batch
                of_many_who_confirm_at_the_same_time_one_does
                a_batch_that_is_paused_or_finished_was_confirmed_already
                a_plan_expires_unused
                a_plan_that_is_not_complete_cannot_be_confirmed
                a_plan_that_was_cancelled_or_recalled_cannot_be_confirmed
                an_unknown_plan_is_not_found
                whoever_confirms_is_never_in_the_batch
                an_operator_keeps_the_administrator_they_act_for_out_of_the_batch
                without_consent_nobody_who_is_set_up_gets_a_message
                with_consent_those_who_are_set_up_get_a_reset
                whoever_is_taken_out_of_a_plan_no_longer_counts_in_its_figures
                the_hold_that_was_asked_for_is_kept
                a_large_batch_is_held_and_a_small_one_is_not
                the_hold_counts_those_who_are_left_when_nobody_consents
                a_batch_without_messages_is_finished_at_once
                confirming_is_audited_once
            }
            claiming {
                no_two_workers_get_the_same_message
                workers_who_claim_at_the_same_time_share_the_work
                a_claim_tells_whose_message_it_is
                a_huge_batch_does_not_starve_another_organisation
                claiming_counts_no_attempt_and_beginning_counts_one
                a_message_that_is_given_back_is_as_it_was
                only_who_has_a_message_can_give_it_back
                a_lease_lapses_on_the_clock_of_the_store_and_not_before
                a_lease_that_is_renewed_stands
                a_renewal_never_revives_what_another_worker_has
                nobody_gets_more_than_they_asked_for
                a_message_waits_for_its_time
                a_paused_batch_gives_nothing_until_it_is_resumed
                survivors_of_a_group_that_died_are_claimed_alone_and_first
                a_message_that_kills_its_worker_ends_and_its_neighbours_arrive
                an_email_whose_worker_dies_in_the_hand_over_goes_once_more_and_is_then_unknown
                an_sms_whose_worker_dies_in_the_hand_over_is_unknown_at_once
                what_waits_is_counted
                no_wake_up_comes_later_than_a_message_that_is_deferred
                no_wake_up_comes_later_than_the_end_of_a_hold
                a_finished_batch_does_not_stand_in_the_way
            }
            beginning {
                whoever_was_overtaken_begins_nothing
                nothing_is_begun_with_a_lease_that_has_lapsed
                a_message_begins_once
                an_unknown_message_is_fenced_and_answers_come_in_the_order_asked
                an_outcome_of_whoever_was_overtaken_is_not_kept
                a_late_outcome_is_kept_where_nobody_has_overtaken
                an_outcome_is_kept_once_and_with_its_own_token_alone
                what_was_claimed_and_not_begun_has_no_outcome
                a_message_that_is_begun_is_not_sent_yet
                a_message_of_a_paused_batch_goes_back_to_the_queue
                begin_stops_what_a_batch_no_longer_sends_before_any_sweep
                begin_decides_again_with_fresh_facts
                nothing_goes_to_a_person_who_is_no_longer_there
                a_name_alone_is_no_change
                an_address_suppressed_since_the_plan_is_not_written_to
                of_two_batches_for_a_person_the_one_confirmed_first_goes
                begin_tells_the_worker_what_to_say
                the_last_reminder_says_that_it_is_the_last
                a_message_without_credential_saves_none
                a_change_of_the_kind_of_credential_stops_what_was_planned_with_the_other
                a_message_of_an_invitation_that_was_used_is_stopped
                a_message_waits_through_a_pause_without_using_up_its_hours
            }
            credentials {
                a_claim_says_which_generation_to_mint
                begin_asks_for_the_credential_that_it_was_not_given
                the_messages_of_an_invitation_share_a_credential
                a_retry_carries_the_same_secret
                a_message_that_was_lost_goes_again_with_the_same_secret
                with_less_than_half_its_life_left_the_next_generation_is_minted
                a_reminder_adds_a_generation_and_the_earlier_one_goes_on_working
                a_sealed_secret_is_kept_while_its_message_waits_and_wiped_when_it_ends
                a_sealed_secret_is_wiped_when_no_message_shares_it_any_more
                a_sealed_secret_is_wiped_when_its_message_is_cancelled
                a_sealed_secret_is_wiped_when_its_message_ends_unseen
                a_credential_lives_as_long_as_the_organisation_says
                of_workers_who_mint_for_one_invitation_at_the_same_time_one_is_kept
            }
            outcomes {
                what_a_provider_accepts_is_sent_with_its_receipt
                a_person_is_invited_once_by_an_invitation
                a_recipient_that_is_refused_fails_and_is_suppressed
                a_recipient_refused_without_certainty_is_suppressed_after_a_second_batch
                content_and_policy_that_are_refused_suppress_nobody
                a_message_is_tried_as_often_as_the_policy_says
                a_message_is_tried_for_as_long_as_the_policy_says
                an_email_with_unknown_outcome_goes_once_more_and_an_sms_does_not
                a_transport_that_was_not_called_costs_no_attempt
                a_message_that_cannot_be_rendered_fails_and_says_why
                a_batch_brakes_when_too_many_of_its_messages_fail
                a_batch_with_few_failures_goes_on
                a_batch_is_finished_once_nothing_of_it_is_on_its_way
            }
            paces {
                all_who_reserve_keep_to_one_rate
                no_slot_is_reserved_further_than_a_second_ahead
                each_sender_has_a_rate_of_its_own
                a_claim_gives_of_a_sender_what_its_rate_has_room_for
                a_slow_sender_holds_up_no_other
                a_suspect_keeps_to_the_rate_of_its_sender
            }
            senders {
                throttling_gives_the_attempt_back_and_the_sender_goes_on_by_itself
                throttling_without_a_time_lasts_as_long_as_the_policy_says
                a_block_gives_the_attempt_back_and_stops_its_sender
                a_blocked_sender_is_probed_with_one_message_an_interval
                a_probe_that_is_accepted_starts_the_sender_again
                a_probe_whose_worker_dies_is_followed_by_another
                a_block_reaches_as_far_as_its_scope_and_no_further
                a_country_that_is_refused_is_held_for_its_sender
                the_sender_that_a_message_began_with_is_the_one_that_stops
                a_throttle_does_not_take_the_place_of_a_block
                a_block_takes_the_place_of_a_throttle
                identical_policy_refusals_in_a_row_stop_the_sender_and_go_back_to_the_queue
                other_words_and_an_acceptance_end_a_row_of_policy_refusals
                a_sender_stopped_by_hand_is_not_tried_until_it_is_resumed_by_hand
                what_was_under_way_does_not_start_a_sender_that_a_hand_stopped
                a_hand_starts_a_blocked_or_throttled_sender
                no_wake_up_comes_later_than_the_next_probe
                no_wake_up_comes_later_than_the_end_of_a_throttle
            }
            retirement {
                a_reset_retires_the_own_password_when_a_provider_accepts_it_and_not_before
                a_reset_that_is_not_accepted_retires_nothing
                an_invitation_of_somebody_without_password_retires_nothing
                an_invitation_on_two_channels_retires_once
                a_link_retires_the_own_password_when_it_is_used
                an_organisation_may_choose_when_a_reset_retires
                a_retirement_is_lifted_when_nothing_of_the_invitation_arrived
                a_retirement_stays_while_another_message_is_on_its_way_or_has_arrived
                a_retirement_stays_when_the_credential_is_used_or_reserved
                a_bounce_of_an_earlier_invitation_does_not_lift_what_a_later_one_retired
                expiry_lifts_nothing
                a_recall_lifts_at_once_and_tells_it_with_the_sweep
                cancelling_a_batch_lifts_nothing_that_arrived
                a_cancelled_rest_of_an_invitation_lifts_when_nothing_else_arrived
                an_outcome_after_a_recall_retires_and_supersedes_nothing
                an_invitation_supersedes_the_earlier_one_when_it_is_accepted_and_not_before
                an_invitation_that_is_refused_supersedes_nothing
                a_reminder_supersedes_nothing
                unsent_messages_of_a_superseded_invitation_are_cancelled
                own_passwords_are_told_in_the_order_asked
                a_reset_of_a_reserved_credential_can_still_be_used_after_a_bounce
            }
            stopping {
                a_batch_is_paused_and_resumed_by_name
                pressing_twice_is_pressing_once
                an_event_that_does_not_fit_changes_nothing
                cancelling_stops_what_waits_and_leaves_what_was_sent
                what_was_claimed_of_a_cancelled_batch_does_not_come_back
                what_comes_back_to_a_stopped_batch_is_cancelled_there_and_then
                a_recall_is_seen_by_everything_before_any_sweep
                a_recall_revokes_what_was_sent_and_cancels_what_waits
                a_finished_batch_can_be_recalled
                a_recalled_reminder_takes_its_own_credential_and_leaves_the_invitation
                after_a_cancel_the_people_can_be_invited_again_at_once
            }
            redemption {
                a_link_leads_to_its_person
                a_digest_is_compared_whole
                reading_a_link_changes_nothing
                of_twenty_who_come_at_the_same_time_one_wins
                a_reservation_that_was_not_completed_can_be_taken_up_after_its_time
                a_reservation_is_closed_by_its_own_number_alone
                a_late_close_is_kept_where_nobody_took_the_reservation_up
                closing_accepts_and_closing_again_changes_nothing
                what_was_used_does_not_work_again
                one_that_is_used_closes_the_others_of_its_invitation
                a_reservation_holds_for_all_credentials_of_its_invitation
                coming_by_one_invitation_closes_the_persons_others
                coming_cancels_the_unsent_messages_of_the_invitation
                coming_wipes_the_sealed_secrets
                what_expired_does_not_work_swept_or_not
                each_generation_expires_by_itself
                reserving_looks_at_the_person_as_they_are_now
                leaving_at_the_door_lifts_a_retirement
                an_unknown_credential_is_unknown
                a_temporary_password_is_found_by_its_person_and_is_used_once
                coming_ends_a_retirement
                a_few_guesses_are_free_and_then_the_wait_doubles_up_to_its_limit
                guessing_never_locks_an_invitee_out
                guesses_are_counted_for_each_person_and_each_address
                a_right_secret_forgets_the_guesses
            }
            offers {
                a_link_that_is_handed_over_works_and_no_message_goes_out
                a_link_that_is_handed_over_is_a_batch_of_its_own
                whoever_holds_a_link_was_never_invited_and_is_seen_to_hold_it
                a_newer_link_supersedes_the_one_before
                a_link_supersedes_what_was_sent_and_cancels_what_waits
                a_message_under_way_takes_no_link_away_when_it_arrives
                without_consent_nobody_who_is_set_up_gets_a_link
                a_link_with_consent_retires_the_own_password_when_it_is_used
                whoever_gets_no_credential_gets_no_link
                a_link_needs_no_address
                a_link_that_was_handed_over_is_recalled_like_any_other
                a_fresh_credential_goes_to_whoever_was_invited
                a_fresh_credential_goes_to_nobody_else
                a_link_in_hand_that_expired_is_no_obstacle_to_a_fresh_credential
                a_retired_password_is_reset_again_for_whoever_asks
                a_request_resets_nobody_whose_password_counts_again_by_then
                a_fresh_credential_goes_by_sms_to_whom_only_an_sms_reached
                requests_for_a_person_are_heard_a_few_times_an_hour
                requests_from_an_address_are_heard_for_whomever_they_are
                of_many_requests_at_the_same_time_a_few_are_heard
                a_request_for_nobody_leaves_nothing_behind
                requests_are_counted_in_each_organisation_and_forgotten
            }
            arrivals {
                whoever_signs_in_after_an_invitation_has_accepted_it
                an_arrival_before_the_invitation_leaves_it_open
                arrivals_may_come_in_any_order
                many_arrivals_are_told_at_once
                a_sign_in_does_not_close_the_invitation_by_which_the_own_password_is_retired
                a_password_that_was_set_later_ends_a_retirement
                an_arrival_of_somebody_never_invited_is_remembered
                whoever_leaves_loses_what_was_sent_and_what_waits
                whoever_is_erased_loses_everything
                a_message_that_is_not_begun_is_cancelled_when_its_person_leaves
                what_is_no_reason_to_leave_changes_nothing
                an_announcement_stays_when_its_person_signs_in_with_sso
                an_address_that_a_message_never_reached_may_change
            }
            reports {
                reports_move_a_message_on
                reports_may_come_in_any_order_and_twice
                a_report_before_the_recording_counts_when_the_outcome_is_recorded
                a_bounce_before_the_recording_is_an_event_as_well
                a_report_saves_what_a_lost_worker_did_not_record
                a_provider_that_cannot_tell_has_not_accepted_what_a_lost_worker_had
                a_message_with_unknown_outcome_moves_on_when_it_is_reported
                a_report_never_sends_a_waiting_message_away
                a_bounce_suppresses_where_it_says_so_and_a_complaint_always
                reports_are_answered_in_order_and_one_of_a_stranger_is_unknown
                a_report_long_after_the_batch_counts
                a_report_about_the_sender_stops_it_as_one_that_is_blocked
                the_strongest_reason_for_a_suppression_stays
                an_opt_in_lifts_an_opt_out_and_nothing_else
            }
            records {
                events_come_in_order_page_by_page_and_none_is_left_out
                events_are_given_again_to_whoever_asks_again
                no_event_appears_behind_a_reader
                the_audit_is_newest_first_page_by_page
                the_story_of_a_person_has_everything_oldest_first
                histories_come_in_the_order_asked
                a_history_shows_what_became_of_the_newest_message
                a_history_counts_reminders_by_batch
                a_history_knows_whether_the_present_address_is_suppressed
                an_address_is_suppressed_by_hand_and_released_by_hand
                suppressions_come_in_order_page_by_page
                the_figures_of_a_batch_are_those_of_its_messages
            }
            sweeping {
                a_sweep_that_has_nothing_to_do_says_so
                a_sweep_of_one_row_at_a_time_gets_everything_done
                a_sweep_expires_what_is_too_old_and_tells_it_once
                a_reminder_reopens_what_expired
                a_plan_that_nobody_confirmed_is_removed
                a_sweep_takes_back_what_dead_workers_have
                an_invitation_expires_with_its_newest_generation_each_time_it_was_reopened
                what_is_closed_or_recalled_or_carries_no_credential_does_not_expire
            }
            retention {
                contacts_go_when_their_batch_has_been_finished_for_so_long_and_not_before
                contacts_of_a_batch_that_goes_on_stay
                contacts_of_a_plan_that_was_stopped_go_too
                a_batch_that_is_reopened_keeps_the_contacts_of_its_messages
                contacts_go_a_few_at_a_time
                a_report_after_that_brings_nothing_back
                an_invitation_outlives_the_contacts_of_its_messages
                events_go_after_their_time_and_a_reader_who_comes_late_is_told
                the_audit_goes_after_its_time
            }
            metrics {
                outcomes_are_counted_by_channel_and_reason
                messages_of_a_plan_are_not_on_their_way
                an_unknown_message_is_counted_until_it_goes_again_and_its_outcome_for_good
                what_is_put_off_is_counted_by_its_cause_until_it_begins
                leases_that_lapse_are_counted_by_what_their_worker_did
                a_brake_is_counted_and_shown_until_it_is_resumed
                open_batches_are_shown_by_how_they_stand
                stopped_senders_are_shown_by_kind
                the_oldest_due_message_is_one_that_could_go
                what_is_cancelled_is_no_longer_on_its_way
                reports_are_counted_once
            }
            fallbacks {
                an_email_that_bounces_goes_by_sms_with_the_next_credential
                an_email_that_certainly_did_not_arrive_goes_by_sms
                nothing_falls_back_that_may_have_arrived_or_is_the_senders_fault
                nobody_gets_an_sms_instead_who_must_not_get_one
                nothing_falls_back_of_a_batch_that_was_stopped_or_an_invitation_that_was_used
                a_retirement_stands_while_the_sms_is_on_its_way
                whoever_is_taken_out_of_a_plan_has_nothing_in_reserve
                a_person_is_written_to_on_the_channel_they_prefer
                where_the_email_is_suppressed_the_sms_goes_at_once
            }
            limits {
                so_many_text_messages_go_to_a_number_within_a_day
                so_many_text_messages_go_from_an_organisation_within_a_day
                messages_that_begin_together_count_one_another
                a_text_message_that_certainly_did_not_go_does_not_count
            }
            pilots {
                a_pilot_goes_to_the_first_people_and_the_batch_pauses_itself
                after_its_pilot_a_batch_is_resumed_for_the_rest
                a_pilot_of_everybody_is_none
                a_pilot_counts_those_who_get_something
                a_message_of_a_pilot_that_ends_otherwise_counts_as_done
                a_worker_that_dies_neither_ends_a_pilot_nor_lets_others_out
                resuming_during_a_pilot_lets_the_pilot_go_on
                the_brake_stops_a_pilot_too
                a_pilot_is_recalled_as_any_batch
                nothing_waits_of_a_pilot_that_was_stopped
                a_pilot_whose_sender_is_blocked_is_probed
                what_failed_of_a_pilot_can_be_asked_for_again_before_the_rest_goes
                the_figures_of_a_batch_say_why_its_messages_wait
            }
            retries {
                what_failed_or_is_unknown_goes_again_when_it_is_asked_for
                only_what_was_asked_for_goes_again
                asking_twice_queues_once_and_what_fails_again_can_be_asked_for_again
                a_request_goes_on_where_it_ended_and_leaves_alone_what_failed_meanwhile
                nothing_goes_again_of_a_plan_or_of_a_batch_that_was_stopped
                a_retry_carries_the_next_credential_where_the_last_is_wiped
                a_retry_is_decided_again
                a_retry_that_is_accepted_retires_as_its_batch_was_confirmed
                an_unknown_sms_goes_again_only_when_it_is_asked_for
                an_unknown_message_that_is_reported_as_arrived_retires_and_supersedes
            }
            delays {
                nothing_leaves_before_the_start_time_nor_in_the_hold
                an_sms_waits_until_the_night_is_over
                the_night_is_where_the_person_is
                the_night_uses_up_no_hours
                what_must_not_go_does_not_wait_for_the_morning
                a_message_under_a_missing_key_waits_alone_and_uses_up_nothing
                a_damaged_secret_is_replaced_by_the_next_one_at_the_cost_of_an_attempt
            }
            erasing {
                whoever_is_erased_loses_what_was_sent_and_what_waits
                an_outcome_that_comes_after_the_erasure_brings_no_address_back
                an_address_stays_suppressed_by_its_hash
                traces_are_of_one_person
            }
            ringing {
                a_batch_that_is_confirmed_rings
                a_batch_that_goes_on_rings
                a_batch_that_is_stopped_for_good_rings
                messages_that_are_sent_again_ring
                a_sender_that_goes_on_rings
                a_fresh_credential_rings
                a_ring_between_two_looks_is_not_lost
                whoever_looks_when_it_rings_finds_the_work
            }
            schedules {
                due_work_is_given_when_it_is_due_and_not_before
                due_work_is_given_to_one_until_its_lease_is_over
                due_work_of_a_claim_is_of_one_organisation_and_kind
                of_due_work_what_has_been_due_for_longest_goes_first
                those_who_look_for_due_work_at_the_same_time_share_it
                work_that_is_settled_is_gone_and_what_comes_after_it_is_there
                work_that_was_added_again_meanwhile_is_not_lost
                a_message_that_begins_makes_its_reminder_due
                a_schedule_that_changes_makes_its_work_due
                a_reminder_by_the_schedule_keeps_to_its_days
                whoever_was_invited_is_not_invited_by_the_schedule
                an_invitation_that_expires_soon_is_told_once_a_generation
                nothing_is_told_of_an_invitation_that_is_closed_or_where_nobody_asked
            }
            racing {
                claims_at_the_same_time_give_every_message_once
                a_lease_that_is_renewed_while_others_claim_has_one_owner
                an_outcome_and_the_loss_of_its_lease_at_the_same_time_count_once
                of_two_messages_of_a_person_that_begin_at_the_same_time_the_earlier_batch_goes
                plans_for_the_same_people_confirmed_at_the_same_time_reach_each_once
                of_two_who_confirm_differently_at_the_same_time_one_is_carried_out
                whoever_leaves_while_a_message_begins_keeps_no_credential
                a_batch_that_is_recalled_while_a_message_begins_leaves_no_link
                a_batch_that_is_paused_while_a_message_begins_holds_it_or_lets_it_go
                whoever_comes_while_a_reminder_begins_leaves_no_link_behind
                nobody_is_let_in_once_their_organisation_came_under_sso
                of_twenty_who_come_and_end_it_at_the_same_time_one_has_come
                outcomes_at_the_same_time_all_count_for_the_brake
                refusals_at_the_same_time_are_a_run
                a_batch_whose_messages_end_at_the_same_time_is_finished_once
                a_pilot_whose_messages_end_at_the_same_time_pauses_its_batch_once
                guesses_at_the_same_time_all_count
                test_messages_at_the_same_time_all_count
                versions_saved_at_the_same_time_have_different_names
                of_links_handed_over_at_the_same_time_one_works
                a_reader_misses_no_event_while_many_write
            }
            instants {
                instants_are_kept_to_the_microsecond
                a_lease_lapses_at_its_instant
                a_message_is_due_at_its_instant
                a_hold_and_a_start_end_at_their_instant
                a_plan_can_be_confirmed_until_its_instant
                a_credential_expires_at_its_instant
                a_reservation_can_be_taken_up_at_its_instant
                a_guess_is_looked_at_again_at_its_instant
                a_person_is_invited_and_reminded_again_at_the_instant
                a_sender_goes_on_at_its_instant
                a_test_message_may_go_again_at_its_instant
                what_begins_at_the_instant_a_lease_lapses_is_begun_or_taken_back
            }
            tenancy {
                a_batch_is_not_seen_from_another_organisation
                a_batch_is_not_changed_from_another_organisation
                a_plan_is_not_written_or_confirmed_from_another_organisation
                a_credential_is_not_used_from_another_organisation
                temporary_passwords_are_not_seen_from_another_organisation
                guesses_are_counted_for_each_organisation
                a_person_is_not_seen_from_another_organisation
                what_one_host_tells_of_a_person_changes_nothing_elsewhere
                a_reset_elsewhere_is_no_history_here
                addresses_are_suppressed_for_each_organisation
                a_second_refusal_counts_within_one_organisation
                the_audit_is_each_organisations_own
                a_message_of_ones_own_is_not_used_elsewhere
                what_follows_from_a_message_stays_in_its_organisation
            }
        }
    };
}

__store_behaviours! { __store_list }

//! Stores that are wrong on purpose, each in one way: the suite catches every one of them, by the behaviour named here.
//!
//! They are wrappers around the memory store that change what is asked or answered. What is decided inside a
//! transaction cannot be made wrong from outside: the order of the machine's steps, the second life of an e-mail, the
//! death of a suspect. Those are proved by the tests of the machines, and by what the memory store and SQLite do with
//! the suite.

#![cfg(feature = "conformance")]

mod wrong;

use std::sync::Arc;

use futures_util::future::join_all;
use invite_core::conformance::store::{BEHAVIOURS, StoreUnderTest};
use invite_core::conformance::walk::Walk;
use invite_core::conformance::{block_on, failures};
use invite_core::memory::{ManualClock, MemoryStore};
use wrong::{Fault, TwoClocks, Wrong};

/// A store with this fault fails this behaviour.
macro_rules! caught {
    ($($test:ident: $fault:ident by $behaviour:ident)*) => {$(
        #[test]
        fn $test() {
            is_caught(Fault::$fault, stringify!($behaviour));
        }
    )*};
}

caught! {
    due_work_is_done_twice: ClaimsOverlap by due_work_is_given_to_one_until_its_lease_is_over
    due_work_of_the_dead_is_never_done: LongLease by due_work_is_given_to_one_until_its_lease_is_over
    an_expiry_is_told_with_the_next_reader_alone: ExpiryUntold by an_invitation_that_expires_soon_is_told_once_a_generation
    a_worker_that_was_overtaken_goes_on: NoFencing by whoever_was_overtaken_begins_nothing
    an_outcome_of_an_overtaken_worker_counts: NoFencing by an_outcome_of_whoever_was_overtaken_is_not_kept
    anybody_gives_back_what_anybody_claimed: NoFencing by only_who_has_a_message_can_give_it_back
    an_attempt_is_counted_when_it_is_claimed: AttemptAtClaim by claiming_counts_no_attempt_and_beginning_counts_one
    a_claim_costs_an_attempt: AttemptAtClaim by a_message_that_is_given_back_is_as_it_was
    leases_are_on_the_clocks_of_workers: WorkersClock by a_lease_lapses_on_the_clock_of_the_store_and_not_before
    a_lease_is_longer_than_asked_for: LongLease by a_lease_lapses_on_the_clock_of_the_store_and_not_before
    a_renewal_is_answered_and_forgotten: RenewalForgotten by a_lease_that_is_renewed_stands
    an_outcome_is_recorded_before_it_is_there: RecordedBeforeSent by a_message_that_is_begun_is_not_sent_yet
    nobody_is_told_when_to_wake_up: LostWakeUp by no_wake_up_comes_later_than_a_message_that_is_deferred
    nobody_is_told_when_a_hold_ends: LostWakeUp by no_wake_up_comes_later_than_the_end_of_a_hold
    nobody_is_told_of_the_next_probe: LostWakeUp by no_wake_up_comes_later_than_the_next_probe
    every_organisation_sees_every_batch: TenantIgnored by a_batch_is_not_seen_from_another_organisation
    every_organisation_changes_every_batch: TenantIgnored by a_batch_is_not_changed_from_another_organisation
    every_organisation_sees_every_person: TenantIgnored by a_person_is_not_seen_from_another_organisation
    every_organisation_takes_every_credential: TenantIgnored by a_credential_is_not_used_from_another_organisation
    every_organisation_sees_every_password: TenantIgnored by temporary_passwords_are_not_seen_from_another_organisation
    a_token_is_found_by_its_beginning: TokenByPrefix by a_digest_is_compared_whole
    two_workers_get_the_same: ClaimsOverlap by no_two_workers_get_the_same_message
    workers_who_come_together_get_the_same: ClaimsOverlap by workers_who_claim_at_the_same_time_share_the_work
    suspects_are_claimed_in_groups: SuspectsInGroups by survivors_of_a_group_that_died_are_claimed_alone_and_first
    the_largest_batch_goes_first: UnfairClaims by a_huge_batch_does_not_starve_another_organisation
    a_message_does_not_wait_for_its_time: DueAtOnce by a_message_waits_for_its_time
    a_sealed_secret_stays_for_ever: SealedForEver
        by a_sealed_secret_is_kept_while_its_message_waits_and_wiped_when_it_ends
    a_sealed_secret_is_wiped_while_it_is_needed: WipedTooEarly by a_retry_carries_the_same_secret
    a_shared_secret_is_wiped_with_the_first_message: WipedTooEarly
        by a_sealed_secret_is_wiped_when_no_message_shares_it_any_more
    confirming_twice_makes_two: ConfirmedTwice by confirming_twice_is_one_batch
    confirming_at_once_makes_many: ConfirmedTwice by of_many_who_confirm_at_the_same_time_one_does
    a_page_that_comes_twice_counts_twice: PageTwice by a_page_that_was_written_already_changes_nothing
    a_page_is_written_before_its_turn: PageTwice by a_page_that_comes_before_its_turn_is_not_written
    the_confirmers_own_item_is_kept: ConfirmerKept by whoever_confirms_is_never_in_the_batch
    nobody_asks_for_consent: ConsentIgnored by without_consent_nobody_who_is_set_up_gets_a_message
    the_hold_is_ignored: HoldIgnored by the_hold_that_was_asked_for_is_kept
    a_plan_never_expires: PlanForEver by a_plan_expires_unused
    a_recall_is_seen_when_it_is_swept: StopsAtSweep by a_recall_is_seen_by_everything_before_any_sweep
    a_recall_lifts_when_it_is_swept: StopsAtSweep by a_recall_lifts_at_once_and_tells_it_with_the_sweep
    a_cancelled_batch_sends_until_it_is_swept: StopsAtSweep
        by begin_stops_what_a_batch_no_longer_sends_before_any_sweep
    a_retirement_is_not_lifted: RetiredForEver by a_retirement_is_lifted_when_nothing_of_the_invitation_arrived
    a_reset_retires_before_it_is_sent: RetiredAtBegin
        by a_reset_retires_the_own_password_when_a_provider_accepts_it_and_not_before
    an_invitation_supersedes_before_it_is_accepted: SupersedesAtBegin
        by an_invitation_supersedes_the_earlier_one_when_it_is_accepted_and_not_before
    a_blocked_sender_is_tried_all_the_time: ProbeAlways by a_blocked_sender_is_probed_with_one_message_an_interval
    throttling_costs_an_attempt: ThrottleCharged
        by throttling_gives_the_attempt_back_and_the_sender_goes_on_by_itself
    a_transport_not_called_costs_an_attempt: NotCalledCharged by a_transport_that_was_not_called_costs_no_attempt
    policy_refusals_stop_nobody: NoBreaker
        by identical_policy_refusals_in_a_row_stop_the_sender_and_go_back_to_the_queue
    a_failing_batch_goes_on: NoBrake by a_batch_brakes_when_too_many_of_its_messages_fail
    a_message_is_tried_for_ever: TriedForEver by a_message_is_tried_as_often_as_the_policy_says
    begin_believes_the_plan: StaleFacts by begin_decides_again_with_fresh_facts
    a_message_begins_as_often_as_it_is_asked: BegunTwice by a_message_begins_once
    events_are_out_of_order: EventsReordered by events_come_in_order_page_by_page_and_none_is_left_out
    an_event_is_lost: EventsLost by events_come_in_order_page_by_page_and_none_is_left_out
    an_event_is_given_once: EventsOnce by events_are_given_again_to_whoever_asks_again
    a_stranger_locks_an_invitee_out: GuessesLockOut by guessing_never_locks_an_invitee_out
    the_wait_after_guesses_has_no_limit: GuessesLockOut
        by a_few_guesses_are_free_and_then_the_wait_doubles_up_to_its_limit
    all_addresses_share_their_guesses: GuessesOfAll by guesses_are_counted_for_each_person_and_each_address
    a_reservation_has_no_number: NoNumber by a_reservation_that_was_not_completed_can_be_taken_up_after_its_time
    any_number_closes: NoNumber by a_reservation_is_closed_by_its_own_number_alone
    many_reserve_at_once: ReservedByAll by of_twenty_who_come_at_the_same_time_one_wins
    reading_a_link_reserves_it: LinkReserves by reading_a_link_changes_nothing
    an_old_arrival_closes: ArrivalsAreNow by an_arrival_before_the_invitation_leaves_it_open
    arrivals_count_in_their_order: ArrivalsAreNow by a_password_that_was_set_later_ends_a_retirement
    whoever_leaves_keeps_the_credential: ChangesForgotten by whoever_leaves_loses_what_was_sent_and_what_waits
    answers_are_out_of_order: AnswersReversed by own_passwords_are_told_in_the_order_asked
    a_sweep_takes_all_at_once: SweepsAll by a_sweep_of_one_row_at_a_time_gets_everything_done
    a_sweep_never_ends: SweepsForEver by a_sweep_that_has_nothing_to_do_says_so
    a_version_that_was_pinned_is_not_kept: PinsForgotten
        by a_message_of_ones_own_has_versions_that_count_up_and_can_go_back_to_the_built_in_one
    the_audit_forgets: AuditForgets by confirming_is_audited_once
    settings_are_saved_over_messages_that_nobody_checked: TemplatesUnchecked
        by settings_are_saved_only_with_the_messages_that_they_were_checked_with
    settings_and_messages_do_not_look_at_each_other: SettingsUnchecked
        by settings_and_a_message_that_exclude_each_other_are_never_both_saved
    a_message_is_saved_under_settings_that_nobody_checked: SettingsUnchecked
        by a_message_is_saved_only_under_the_settings_that_it_was_checked_for
    what_went_back_is_in_force: ResetsInForce
        by the_own_messages_in_force_are_listed_and_those_that_went_back_are_not
    versions_come_oldest_first: VersionsOldestFirst
        by the_versions_of_a_message_say_when_and_by_whom_newest_first_page_by_page
    test_messages_have_no_limit: TestsUncounted by test_messages_are_counted_for_each_actor_and_time
    all_actors_share_a_limit_of_test_messages: TestsOfAll by test_messages_are_counted_for_each_actor_and_time
    a_plan_pins_nothing: NothingPinned by a_plan_counts_the_languages_of_the_messages_that_it_pins
    addresses_are_shared_with_whoever_was_taken_out: SharedAsPlanned
        by whoever_is_taken_out_of_a_plan_no_longer_counts_in_its_figures
    whoever_was_taken_out_counts_in_the_languages: WordingAsPlanned
        by whoever_is_taken_out_of_a_plan_no_longer_counts_in_its_figures
    erasing_is_answered_and_forgotten: ErasedLater by whoever_is_erased_loses_what_was_sent_and_what_waits
    an_erased_address_is_written_to_again: SuppressionErased by an_address_stays_suppressed_by_its_hash
    traces_are_of_everybody: TracesOfAll by traces_are_of_one_person
    a_pilot_goes_to_all: PilotIgnored by a_pilot_goes_to_the_first_people_and_the_batch_pauses_itself
    a_pilot_that_is_out_lets_the_rest_go: ResumesItself
        by a_pilot_goes_to_the_first_people_and_the_batch_pauses_itself
    a_batch_starts_before_its_time: StartsAtOnce by nothing_leaves_before_the_start_time_nor_in_the_hold
    a_request_begins_anew_with_each_chunk: RetryForgetsCursor
        by a_request_goes_on_where_it_ended_and_leaves_alone_what_failed_meanwhile
    a_chunk_takes_all: RetriesWithoutLimit
        by a_request_goes_on_where_it_ended_and_leaves_alone_what_failed_meanwhile
    what_was_not_asked_for_goes_again: RetriesAll by only_what_was_asked_for_goes_again
    phones_ring_at_night: NightIgnored by an_sms_waits_until_the_night_is_over
    a_missing_key_costs_attempts: LockedCharged by a_message_under_a_missing_key_waits_alone_and_uses_up_nothing
    a_damaged_secret_stays: DamagedKept
        by a_damaged_secret_is_replaced_by_the_next_one_at_the_cost_of_an_attempt
    a_late_acceptance_retires_nothing: LateAcceptanceForgotten
        by an_unknown_message_that_is_reported_as_arrived_retires_and_supersedes
    a_sender_that_a_hand_stopped_goes_on: HandForgets
        by a_sender_stopped_by_hand_is_not_tried_until_it_is_resumed_by_hand
    an_invitation_expires_untold: ExpiryUntold
        by an_invitation_expires_with_its_newest_generation_each_time_it_was_reopened
    a_link_resets_without_consent: LinkConsentIgnored by without_consent_nobody_who_is_set_up_gets_a_link
    links_that_were_handed_over_add_up: LinksAddUp by a_newer_link_supersedes_the_one_before
    a_stranger_resets_a_password: RequestsInvite by a_request_resets_nobody_whose_password_counts_again_by_then
    a_stranger_invites_whom_nobody_invited: RequestsInvite by a_fresh_credential_goes_to_nobody_else
    a_stranger_asks_without_end: RequestsUnlimited by requests_for_a_person_are_heard_a_few_times_an_hour
    many_strangers_at_once_are_all_heard: RequestsUnlimited by of_many_requests_at_the_same_time_a_few_are_heard
    each_worker_has_a_rate_of_its_own: RateOfEach by all_who_reserve_keep_to_one_rate
    all_senders_share_a_rate: RateOfAll by each_sender_has_a_rate_of_its_own
    slots_are_given_without_end: SlotsWithoutEnd by no_slot_is_reserved_further_than_a_second_ahead
    a_claim_gives_more_than_a_rate_allows: RateUnclaimed by a_claim_gives_of_a_sender_what_its_rate_has_room_for
    a_slow_sender_fills_the_claims: RateUnclaimed by a_slow_sender_holds_up_no_other
    a_suspect_knows_no_rate: RateUnclaimed by a_suspect_keeps_to_the_rate_of_its_sender
    nobody_is_told_when_there_is_room: RoomUntold by a_claim_gives_of_a_sender_what_its_rate_has_room_for
    an_address_asks_without_end: RequestsFromNowhere
        by requests_from_an_address_are_heard_for_whomever_they_are
    outcomes_are_not_counted: OutcomesUncounted by outcomes_are_counted_by_channel_and_reason
    an_outcome_is_uncounted_when_its_message_goes_again: OutcomesOfPresent
        by an_unknown_message_is_counted_until_it_goes_again_and_its_outcome_for_good
    a_plan_is_on_its_way: PlansOnTheirWay by messages_of_a_plan_are_not_on_their_way
    what_was_put_off_stays_so: PutOffForEver by what_is_put_off_is_counted_by_its_cause_until_it_begins
    lapsed_leases_are_not_counted: LeasesUncounted by leases_that_lapse_are_counted_by_what_their_worker_did
    a_brake_looks_like_a_hand: BrakesByHand by a_brake_is_counted_and_shown_until_it_is_resumed
    a_throttle_that_is_over_is_shown: ThrottlesForEver by stopped_senders_are_shown_by_kind
    what_is_stopped_is_shown_as_due: DueThoughStopped by the_oldest_due_message_is_one_that_could_go
    a_message_is_given_to_nobody: ClaimsLost by claims_at_the_same_time_give_every_message_once
    a_renewal_loses_against_a_claim: RenewalForgotten
        by a_lease_that_is_renewed_while_others_claim_has_one_owner
    an_outcome_counts_beside_the_loss_of_its_lease: LateOutcomeCounts
        by an_outcome_and_the_loss_of_its_lease_at_the_same_time_count_once
    two_messages_of_a_person_begin_together: PersonNotLocked
        by of_two_messages_of_a_person_that_begin_at_the_same_time_the_earlier_batch_goes
    a_person_gets_a_message_of_every_plan: PersonNotLocked
        by plans_for_the_same_people_confirmed_at_the_same_time_reach_each_once
    the_last_who_confirms_decides: LastConfirmWins
        by of_two_who_confirm_differently_at_the_same_time_one_is_carried_out
    whoever_leaves_while_a_message_begins_keeps_the_link: ChangesForgotten
        by whoever_leaves_while_a_message_begins_keeps_no_credential
    a_recall_does_not_reach_what_begins: StopsAtSweep
        by a_batch_that_is_recalled_while_a_message_begins_leaves_no_link
    a_pause_does_not_reach_what_waits: PauseForgotten
        by a_batch_that_is_paused_while_a_message_begins_holds_it_or_lets_it_go
    whoever_came_has_not_come: ClosedLater by whoever_comes_while_a_reminder_begins_leaves_no_link_behind
    sso_is_not_looked_at: SsoForgotten by nobody_is_let_in_once_their_organisation_came_under_sso
    nobody_of_twenty_has_come: ClosedLater
        by of_twenty_who_come_and_end_it_at_the_same_time_one_has_come
    failures_at_the_same_time_do_not_add_up: NoBrake by outcomes_at_the_same_time_all_count_for_the_brake
    refusals_at_the_same_time_do_not_add_up: NoBreaker by refusals_at_the_same_time_are_a_run
    a_batch_is_finished_twice: FinishedTwice
        by a_batch_whose_messages_end_at_the_same_time_is_finished_once
    a_pilot_ends_without_a_pause: PilotIgnored
        by a_pilot_whose_messages_end_at_the_same_time_pauses_its_batch_once
    guesses_at_the_same_time_do_not_add_up: GuessesLost by guesses_at_the_same_time_all_count
    test_messages_at_the_same_time_do_not_add_up: TestsUncounted by test_messages_at_the_same_time_all_count
    versions_have_the_same_name: VersionsCollide by versions_saved_at_the_same_time_have_different_names
    links_handed_over_at_the_same_time_all_work: LinksAddUp by of_links_handed_over_at_the_same_time_one_works
    an_event_appears_behind_a_reader: EventsLate by a_reader_misses_no_event_while_many_write
    what_was_stopped_waits: StoppedWaits by nothing_waits_of_a_pilot_that_was_stopped
    a_provider_that_cannot_tell_has_accepted: UnknownIsSent
        by a_provider_that_cannot_tell_has_not_accepted_what_a_lost_worker_had
    a_stopped_batch_fills_its_queue: ComesBack by what_comes_back_to_a_stopped_batch_is_cancelled_there_and_then
    instants_are_rounded: Milliseconds by instants_are_kept_to_the_microsecond
    a_lease_lapses_late: MicrosecondLate by a_lease_lapses_at_its_instant
    a_message_is_due_late: MicrosecondLate by a_message_is_due_at_its_instant
    a_hold_ends_late: MicrosecondLate by a_hold_and_a_start_end_at_their_instant
    a_plan_expires_late: MicrosecondLate by a_plan_can_be_confirmed_until_its_instant
    a_credential_expires_late: MicrosecondLate by a_credential_expires_at_its_instant
    a_reservation_is_free_late: MicrosecondLate by a_reservation_can_be_taken_up_at_its_instant
    a_guess_waits_too_long: MicrosecondLate by a_guess_is_looked_at_again_at_its_instant
    a_person_is_invited_again_late: MicrosecondLate
        by a_person_is_invited_and_reminded_again_at_the_instant
    a_sender_goes_on_late: MicrosecondLate by a_sender_goes_on_at_its_instant
    a_test_message_waits_too_long: MicrosecondLate by a_test_message_may_go_again_at_its_instant
    whoever_is_overtaken_at_the_instant_goes_on: MicrosecondLate
        by what_begins_at_the_instant_a_lease_lapses_is_begun_or_taken_back
    contacts_stay_for_ever: ContactsForEver
        by contacts_go_when_their_batch_has_been_finished_for_so_long_and_not_before
    contacts_go_at_once: ContactsAtOnce
        by contacts_go_when_their_batch_has_been_finished_for_so_long_and_not_before
    a_plan_that_was_stopped_keeps_its_contacts: ContactsForEver by contacts_of_a_plan_that_was_stopped_go_too
    all_contacts_go_at_once: SweepsAll by contacts_go_a_few_at_a_time
    events_stay_for_ever: EventsForEver by events_go_after_their_time_and_a_reader_who_comes_late_is_told
    a_late_reader_is_told_nothing: EventsForgottenUntold
        by events_go_after_their_time_and_a_reader_who_comes_late_is_told
    the_audit_stays_for_ever: AuditForEver by the_audit_goes_after_its_time
    a_worker_that_works_hears_nothing: RingsOnce by a_ring_between_two_looks_is_not_lost
    it_rings_for_what_is_not_there_yet: RingsTooEarly by whoever_looks_when_it_rings_finds_the_work
}

/// All at the same time, since each waits for a ring.
#[test]
fn a_store_that_never_rings_is_caught_whatever_it_should_ring_for() {
    let behaviours = BEHAVIOURS.iter().filter(|behaviour| RINGING.contains(&behaviour.name));
    let proofs = block_on(join_all(
        behaviours.map(|one| async { (one.name, one.check(subject(Fault::NeverRings)).await) }),
    ));
    assert_eq!(proofs.len(), RINGING.len());
    let missed: Vec<_> = proofs.iter().filter(|(_, proof)| proof.is_ok()).map(|(name, _)| name).collect();
    assert!(missed.is_empty(), "not caught: {missed:?}");
}

const RINGING: &[&str] = &[
    "a_batch_that_is_confirmed_rings",
    "a_batch_that_goes_on_rings",
    "a_batch_that_is_stopped_for_good_rings",
    "messages_that_are_sent_again_ring",
    "a_sender_that_goes_on_rings",
    "a_fresh_credential_rings",
    "a_ring_between_two_looks_is_not_lost",
    "whoever_looks_when_it_rings_finds_the_work",
];

/// Stores that a walk finds, without knowing what to look for: some of each area.
const FOUND_BY_A_WALK: &[Fault] = &[
    Fault::NoFencing,
    Fault::LongLease,
    Fault::ClaimsLost,
    Fault::BegunTwice,
    Fault::StaleFacts,
    Fault::PersonNotLocked,
    Fault::SealedForEver,
    Fault::ConsentIgnored,
    Fault::ConfirmerKept,
    Fault::PauseForgotten,
    Fault::StopsAtSweep,
    Fault::RetiredForEver,
    Fault::HandForgets,
    Fault::ClosedLater,
    Fault::ChangesForgotten,
    Fault::ArrivalsAreNow,
    Fault::EventsLost,
    Fault::AuditForgets,
    Fault::ExpiryUntold,
    Fault::ErasedLater,
    Fault::MicrosecondLate,
];

#[test]
fn a_walk_finds_what_is_wrong_without_being_told_where_to_look() {
    let mut missed = Vec::new();
    for fault in FOUND_BY_A_WALK {
        let walk = Walk { seed: 1, cases: 60, steps: 80, shortens: false };
        match block_on(walk.on(async || subject(*fault))) {
            Ok(_) => missed.push(*fault),
            Err(failure) => println!("{fault:?}: {}", failure.to_string().lines().nth(1).unwrap_or_default()),
        }
    }
    assert!(missed.is_empty(), "not found: {missed:?}");
}

#[test]
fn the_right_store_passes_all() {
    let found = block_on(failures(BEHAVIOURS, async || subject(Fault::None)));
    assert!(found.is_empty(), "{found:#?}");
}

fn is_caught(fault: Fault, behaviour: &str) {
    let behaviour = BEHAVIOURS.iter().find(|one| one.name == behaviour).expect("a behaviour of the suite");
    let proof = block_on(behaviour.check(subject(fault)));
    let failure = proof.expect_err("the suite catches it");
    assert!(!failure.to_string().contains("panicked"), "it is caught by what it does: {failure}");
}

fn subject(fault: Fault) -> StoreUnderTest {
    let clock = Arc::new(ManualClock::new("2026-11-23T08:00:00Z".parse().expect("an instant")));
    let store = match fault {
        Fault::WorkersClock => MemoryStore::with_clock(Arc::new(TwoClocks::new(clock.clone()))),
        _ => MemoryStore::with_clock(clock.clone()),
    };
    StoreUnderTest { store: Arc::new(Wrong::new(store, fault)), clock }
}

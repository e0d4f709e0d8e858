//! What a [`People`] must do, beyond what an [`Accounts`](crate::port::accounts::Accounts) must.
//!
//! ```
//! use std::sync::Arc;
//!
//! use invite_core::conformance::people::PeopleUnderTest;
//! use invite_core::memory::{ManualClock, MemoryStore};
//!
//! async fn fresh() -> PeopleUnderTest {
//!     let clock = Arc::new(ManualClock::new("2026-11-23T08:00:00Z".parse().expect("an instant")));
//!     let store = Arc::new(MemoryStore::with_clock(clock.clone()));
//!     PeopleUnderTest { people: store.clone(), store, clock }
//! }
//!
//! invite_core::people_conformance!(my_people, fresh().await);
//! ```
//!
//! Who a row is and what it makes of a person is decided by [`decision::people`](crate::decision::people), whose tests
//! prove that; the suite proves that a store asks it with everybody who matters, inside one transaction, and writes what
//! it says.

mod erasing;
mod importing;
mod saving;
mod stage;
mod sync;
mod undoing;

use std::sync::Arc;

use super::Behaviour;
use super::store::Clockwork;
use crate::port::InvitationStore;
use crate::port::people::People;
use stage::Stage;

/// A fresh, empty `People`, the invitation store in the same database, and what moves their clock.
#[derive(Debug, Clone)]
pub struct PeopleUnderTest {
    /// The people.
    pub people: Arc<dyn People>,
    /// The invitation store.
    pub store: Arc<dyn InvitationStore>,
    /// What moves their clock.
    pub clock: Arc<dyn Clockwork>,
}

/// Makes a module of tests, one a behaviour of a [`People`](crate::port::people::People). The expression makes a fresh
/// [`PeopleUnderTest`](crate::conformance::people::PeopleUnderTest); it may await.
#[macro_export]
macro_rules! people_conformance {
    ($module:ident, $fresh:expr $(,)?) => {
        #[cfg(test)]
        mod $module {
            #[allow(unused_imports)]
            use super::*;

            $crate::__people_behaviours! { __people_tests ($fresh) }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __people_tests {
    ((($fresh:expr)) $($group:ident { $($name:ident)* })*) => {
        $(mod $group {
            #[allow(unused_imports)]
            use super::*;

            $(#[test]
            fn $name() {
                $crate::conformance::test($crate::conformance::people::BEHAVIOURS, stringify!($name), async { $fresh });
            })*
        })*
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __people_list {
    (() $($group:ident { $($name:ident)* })*) => {
        /// Everything that a `People` must do.
        pub const BEHAVIOURS: &[Behaviour<PeopleUnderTest>] = &[$($(Behaviour {
            name: stringify!($name),
            run: |subject| Box::pin(async move { $group::$name(Stage::new(subject).await?).await }),
        },)*)*];
    };
}

/// The one list of the behaviours, handed to another macro.
#[doc(hidden)]
#[macro_export]
macro_rules! __people_behaviours {
    ($then:ident $($context:tt)*) => {
        $crate::$then! {
            ($($context)*)
            saving {
                people_are_added_changed_and_left_as_they_are
                a_unique_key_is_taken_whatever_its_case
                whoever_comes_back_after_30_days_begins_anew
                whoever_leaves_loses_what_waits
                people_sign_in_by_the_first_column_that_means_one_person
                people_are_found_by_every_key_and_contact
                nobody_is_found_or_signed_in_from_another_organisation
                what_is_saved_is_audited
            }
            importing {
                importing_a_file_twice_changes_nothing_the_second_time
                a_file_that_many_import_at_the_same_time_adds_each_person_once
                a_second_row_of_a_person_is_refused_with_the_line_of_the_first
                a_row_sees_what_an_earlier_row_of_its_page_has_written
                a_dry_run_says_the_same_and_writes_nobody
                an_import_that_changes_an_address_cancels_what_waits
                imports_are_listed_the_newest_first_and_dry_runs_are_not
                the_story_has_the_line_that_changed_a_person_and_what_it_changed
            }
            sync {
                a_sync_writes_nobody_before_it_is_carried_out
                a_sync_deactivates_whom_its_file_does_not_name
                whoever_runs_a_sync_stays_active
                whom_a_refused_row_names_is_not_missing
                whoever_is_added_while_a_sync_runs_stays_active
                a_sync_that_was_broken_off_is_begun_again_by_another
                whom_a_sync_deactivates_loses_what_waits
                a_sync_sees_its_own_organisation_alone
            }
            undoing {
                undoing_restores_what_was_and_deactivates_whom_it_added
                undoing_page_by_page_reaches_everybody_once
                undoing_twice_is_undoing_once
                whoever_was_invited_since_stays
                what_was_changed_since_is_left
                an_import_is_not_undone_after_its_time
                an_import_is_not_undone_from_another_organisation
            }
            erasing {
                whoever_is_erased_is_gone_with_what_imports_keep
                whoever_is_erased_loses_what_waits_and_every_trace_of_an_address
                a_suppressed_address_of_an_erased_person_is_recognised_by_its_hash
                a_suppressed_address_that_somebody_else_has_stays_on_the_list
                erasing_is_told_and_audited_once
                nobody_is_erased_from_another_organisation
                the_traces_of_a_person_are_theirs_alone
            }
        }
    };
}

__people_behaviours! { __people_list }

//! Slots of senders with a rate: whatever is asked for when, the rate is kept, and used.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use invite_core::decision::pace::{AHEAD, LATE, Pace, Room, Slots};
use invite_core::model::rate::Rate;
use proptest::collection::vec;
use proptest::prelude::*;

fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).expect("an instant")
}

fn rates() -> impl Strategy<Value = Rate> {
    prop_oneof![1_u32..40, 1_u32..=10_000].prop_map(|rate| Rate::per_second(rate).expect("within bounds"))
}

/// Asks for so many slots after so many milliseconds each.
fn reserve(rate: Rate, asks: &[(i64, usize)]) -> Vec<Slots> {
    let (mut now, mut pace) = (start(), None);
    asks.iter()
        .map(|(wait, wanted)| {
            now += TimeDelta::milliseconds(*wait);
            let (slots, after) = Pace::reserve(pace, rate, *wanted, now);
            pace = Some(after);
            slots
        })
        .collect()
}

fn instants(slots: &Slots) -> impl Iterator<Item = DateTime<Utc>> {
    let (first, spacing) = (slots.at + slots.first, slots.spacing);
    (0..slots.count).map(move |number| first + spacing * u32::try_from(number).expect("a few"))
}

proptest! {
    #[test]
    fn no_second_has_more_than_the_rate_even_if_each_message_is_as_late_as_it_may_be(
        rate in rates(),
        asks in vec((0_i64..1500, 0_usize..600), 1..60),
    ) {
        let slots = reserve(rate, &asks);
        let all: Vec<_> = slots.iter().flat_map(instants).collect();
        prop_assert!(all.is_sorted());
        let window = TimeDelta::seconds(1) + TimeDelta::from_std(LATE).expect("small");
        let most = rate.messages() as usize;
        for (from, beyond) in all.iter().zip(all.iter().skip(most)) {
            prop_assert!(*beyond - *from >= window);
        }
        for slots in slots {
            let last = instants(&slots).last();
            prop_assert!(last.is_none_or(|last| last - slots.at < TimeDelta::from_std(AHEAD).expect("small")));
        }
    }

    #[test]
    fn while_there_is_work_98_percent_of_the_rate_are_used(
        rate in rates(),
        waits in vec(0_i64..900, 1..40),
    ) {
        let asks: Vec<_> = waits.into_iter().map(|wait| (wait, usize::MAX)).collect();
        let all: Vec<_> = reserve(rate, &asks).iter().flat_map(instants).collect();
        let most = Duration::from_secs(1).div_f64(0.98 * f64::from(rate.messages()));
        for pair in all.windows(2) {
            prop_assert!((pair[1] - pair[0]).to_std().expect("in order") <= most);
        }
    }

    #[test]
    fn a_clock_that_is_set_back_neither_stalls_a_sender_nor_gives_a_slot_twice(
        rate in rates(),
        back in 0_i64..100_000_000,
    ) {
        let (_, pace) = Pace::reserve(None, rate, usize::MAX, start());
        let now = start() - TimeDelta::milliseconds(back);
        let (slots, after) = Pace::reserve(Some(pace), rate, 1, now);
        // What was reserved before lies within AHEAD, whatever the clock says now.
        prop_assert!(slots.count == 0 && slots.first >= AHEAD);
        let (slots, _) = Pace::reserve(Some(after), rate, 1, now + TimeDelta::milliseconds(1100));
        prop_assert!(slots.count == 1);
        match pace.room(now) {
            Room::For(_) => {}
            Room::None(wait) => prop_assert!(wait <= Duration::from_secs(3)),
        }
    }

    #[test]
    fn whoever_waits_as_long_as_it_is_told_finds_room(rate in rates(), wanted in 0_usize..2_000) {
        let (_, pace) = Pace::reserve(None, rate, wanted, start());
        if let Room::None(wait) = pace.room(start()) {
            let then = start() + TimeDelta::from_std(wait).expect("small");
            prop_assert!(matches!(pace.room(then), Room::For(room) if room > 0));
        }
    }

    #[test]
    fn a_rate_that_changes_counts_from_the_next_reservation(old in rates(), new in rates()) {
        let (_, before) = Pace::reserve(None, old, usize::MAX, start());
        let (slots, after) = Pace::reserve(Some(before), new, usize::MAX, start() + TimeDelta::seconds(2));
        prop_assert!(slots.first <= before.spacing && after.spacing == slots.spacing);
        let (fresh, _) = Pace::reserve(None, new, usize::MAX, start());
        prop_assert_eq!(slots.spacing, fresh.spacing);
    }
}

#[test]
fn a_pace_that_nobody_keeps_to_any_more_is_forgotten() {
    let rate = Rate::per_second(14).expect("a rate");
    let (_, pace) = Pace::reserve(None, rate, 1, start());
    assert!(matches!(pace.room(start()), Room::For(1..=4)));
    assert_eq!(pace.room(start() + TimeDelta::seconds(5)), Room::For(usize::MAX));
}

#[test]
fn a_rate_is_from_1_to_10000() {
    for wrong in ["0", "10001", "-1", "1.5", "", "fast", "4294967297"] {
        assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
    }
    assert_eq!(" 14 ".parse::<Rate>().map(Rate::messages), Ok(14));
}

//! Senders with a rate, which all workers keep to together.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::stage::Stage;
use crate::conformance::{Checked, Failure};
use crate::decision::pace::Slots;
use crate::model::message::Channel;
use crate::model::rate::Rate;
use crate::model::sender::SenderKey;
use crate::port::queue::{Claimed, ReserveSends};

/// Reserved slots are within a second; a store whose clock goes on by itself may have lost them when it is asked again.
const TRIES: usize = 20;

pub(super) async fn all_who_reserve_keep_to_one_rate(stage: Stage) -> Checked {
    let rate = 50;
    let mut slots = BTreeMap::new();
    for _ in 0..12 {
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                let store = Arc::clone(&stage.store);
                let wish = wish(&stage, Channel::Email, rate, 5);
                tokio::spawn(async move { store.reserve_sends(wish?).await.map_err(Failure::from) })
            })
            .collect();
        for task in tasks {
            let reserved = task.await.map_err(|error| Failure::new(error.to_string()))??;
            for (number, at) in (0..).zip(instants(&reserved)) {
                let from_now_on = number == 0 && reserved.first.is_zero();
                same!(slots.insert(at, from_now_on), None, "another slot at {at}");
            }
        }
        stage.advance(Duration::from_millis(300)).await;
    }
    let instants: Vec<_> = slots.keys().copied().collect();
    for (number, from) in instants.iter().enumerate() {
        let within = instants[number..].iter().take_while(|at| **at - *from < TimeDelta::seconds(1)).count();
        holds!(within <= 50, "no more than 50 slots are in the second from {from}, and there are {within}");
    }
    for (pair, from_now_on) in instants.windows(2).zip(slots.values().skip(1)) {
        let gap = pair[1] - pair[0];
        let narrow = gap <= TimeDelta::microseconds(20_408);
        holds!(narrow || *from_now_on, "98 % of the rate is used while there is work; a gap was {gap}");
    }
    holds!(instants.len() >= 50, "a second's slots were reserved, and there are {}", instants.len());
    Ok(())
}

pub(super) async fn no_slot_is_reserved_further_than_a_second_ahead(stage: Stage) -> Checked {
    let store = &stage.store;
    let many = store.reserve_sends(wish(&stage, Channel::Email, 10, 1_000)?).await?;
    holds!((1..=10).contains(&many.count), "a second's slots are given, and there were {}", many.count);
    for slots in [many, store.reserve_sends(wish(&stage, Channel::Email, 10, 1_000)?).await?] {
        let last = instants(&slots).last();
        let ahead = last.is_none_or(|last| last - slots.at < TimeDelta::seconds(1));
        holds!(ahead, "the last slot is within a second of {}, and is at {last:?}", slots.at);
    }
    Ok(())
}

pub(super) async fn each_sender_has_a_rate_of_its_own(stage: Stage) -> Checked {
    stage.store.reserve_sends(wish(&stage, Channel::Email, 1, 10)?).await?;
    let slots = stage.store.reserve_sends(wish(&stage, Channel::Sms, 10, 5)?).await?;
    same!((slots.first, slots.count), (Duration::ZERO, 5), "slots of another sender");
    Ok(())
}

pub(super) async fn a_claim_gives_of_a_sender_what_its_rate_has_room_for(stage: Stage) -> Checked {
    stage.invite(&stage.persons(40)).await?;
    let claimed = after_reserving(&stage, 20, 1).await?;
    let count = claimed.deliveries.len();
    holds!((1..=5).contains(&count), "a quarter of a second's messages are given, and there were {count}");
    let claimed = after_reserving(&stage, 20, 40).await?;
    same!(claimed.deliveries.len(), 0, "messages of a sender whose slots are reserved for a second");
    let room_in = claimed.room_in.ok_or_else(|| Failure::new("nobody is told when there is room"))?;
    holds!(room_in <= Duration::from_secs(2), "there is room within two seconds, not in {room_in:?}");
    stage.advance(room_in).await;
    holds!(!stage.claim(10).await?.deliveries.is_empty(), "there is room when it was said that there is");
    Ok(())
}

pub(super) async fn a_slow_sender_holds_up_no_other(stage: Stage) -> Checked {
    stage.invite(&stage.persons(40)).await?;
    stage.tick().await;
    let texts: Vec<_> = (0..4).map(|_| stage.person_by_phone()).collect();
    stage.invite(&texts).await?;
    let claimed = after_reserving(&stage, 20, 40).await?;
    let texts = claimed.deliveries.iter().filter(|one| one.channel == Channel::Sms).count();
    same!((claimed.deliveries.len(), texts), (4, 4), "messages, and those of the other sender");
    same!(claimed.room_in, None, "when there is room, where there is work");
    Ok(())
}

pub(super) async fn a_suspect_keeps_to_the_rate_of_its_sender(stage: Stage) -> Checked {
    stage.invite(&stage.persons(3)).await?;
    same!(stage.claim(3).await?.deliveries.len(), 3, "messages of a group");
    stage.advance(stage.policy.lease + Duration::from_mins(1)).await;
    let claimed = after_reserving(&stage, 20, 40).await?;
    same!(
        (claimed.deliveries.len(), claimed.room_in.is_some()),
        (0, true),
        "suspects, and whether it says why"
    );
    stage.advance(Duration::from_mins(1)).await;
    let claimed = stage.claim(10).await?;
    same!((claimed.deliveries.len(), claimed.alone), (1, true), "suspects when there is room");
    Ok(())
}

/// What a claim gives just after so many slots of the sender of e-mail were reserved.
async fn after_reserving(stage: &Stage, rate: u32, wanted: usize) -> Checked<Claimed> {
    for _ in 0..TRIES {
        // Nothing that was reserved before is in the way.
        stage.advance(Duration::from_mins(1)).await;
        let slots = stage.store.reserve_sends(wish(stage, Channel::Email, rate, wanted)?).await?;
        let claimed = stage.claim(10).await?;
        if stage.now().await? - slots.at < TimeDelta::milliseconds(500).min(spread(&slots)) {
            return Ok(claimed);
        }
        let ids = claimed.deliveries.iter().map(|one| one.id).collect();
        stage.store.release(claimed.token, ids).await?;
    }
    Err(Failure::new("a slot is reserved and messages are claimed in less than its time"))
}

fn wish(stage: &Stage, channel: Channel, rate: u32, wanted: usize) -> Checked<ReserveSends> {
    let sender: SenderKey = stage.senders[&channel].0.clone();
    let rate = Rate::per_second(rate).map_err(|error| Failure::new(error.to_string()))?;
    Ok(ReserveSends { sender, rate, wanted })
}

fn instants(slots: &Slots) -> impl Iterator<Item = DateTime<Utc>> {
    let (first, spacing) = (slots.at + slots.first, slots.spacing);
    (0..slots.count).zip(0_u32..).map(move |(_, number)| first + spacing * number)
}

fn spread(slots: &Slots) -> TimeDelta {
    TimeDelta::from_std(slots.spacing).unwrap_or(TimeDelta::MAX)
        * i32::try_from(slots.count).unwrap_or(i32::MAX)
}

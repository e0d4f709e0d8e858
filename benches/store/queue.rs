//! Claim, begin and record, in groups, as quickly as one caller can.

use std::time::Duration;

pub(crate) use invite_benches::bare::GROUP;
use invite_benches::{Answer, Store, timed};
use invite_core::SealingKey;
use invite_core::credential::random::system_random;
use invite_core::credential::{HashCost, Hasher, MintOrder, mint_all};
use invite_core::decision::begin::Take;
use invite_core::model::id::UserId;
use invite_core::model::outcome::{Outcome, Receipt};
use invite_core::model::sender::SenderKey;
use invite_core::policy::Policy;
use invite_core::port::queue::{
    Begin, BeginDelivery, Begun, Claim, ClaimedDelivery, HandOverResult, Record, RecordDelivery,
};

/// More messages than this say nothing new.
pub(crate) const MOST: usize = 100_000;

/// Sends so many messages. How long the three steps took, without what is between them: facts, minting, a transport. Who
/// got the last one.
pub(crate) async fn send(store: &Store, messages: usize) -> Answer<(Duration, UserId)> {
    let (queue, accounts) = (store.store(), store.people());
    let (hasher, key) = (Hasher::new(HashCost::default())?, SealingKey::generate(&mut system_random()?));
    let policy = Policy::default();
    let (mut time, mut sent, mut last) = (Duration::ZERO, 0, None);
    while sent < messages {
        let claim =
            Claim { worker: "bench".into(), limit: GROUP, lease: policy.lease, policy: policy.clone() };
        let (took, claimed) = timed(queue.claim(claim)).await;
        time += took;
        let claimed = claimed?;
        let Some(first) = claimed.deliveries.first() else { return Err("the queue is empty".into()) };
        let users = claimed.deliveries.iter().map(|delivery| delivery.user).collect();
        let facts = accounts.facts(first.organisation, users).await?;
        let orders = claimed.deliveries.iter().filter_map(order).collect();
        let mut deliveries = Vec::with_capacity(GROUP);
        for ((delivery, user), minted) in
            claimed.deliveries.iter().zip(facts).zip(mint_all(orders, &hasher, &key).await)
        {
            let sender = (SenderKey("email".into()), "email".into());
            deliveries.push(BeginDelivery { id: delivery.id, user, minted: Some(minted?), sender });
        }
        let begin = Begin { token: claimed.token, deliveries, policy: policy.clone() };
        let (took, begun) = timed(queue.begin(begin)).await;
        time += took;
        let mut outcomes = Vec::with_capacity(GROUP);
        for begun in begun? {
            let Begun::Go(hand_over) = begun else { return Err(format!("it does not go: {begun:?}").into()) };
            let result = HandOverResult::Outcome(Outcome::Accepted(Receipt("receipt".into())));
            outcomes.push(RecordDelivery { token: claimed.token, id: hand_over.id, result });
            last = Some(hand_over.user.id);
        }
        sent += outcomes.len();
        let (took, recorded) = timed(queue.record(Record { outcomes, policy: policy.clone() })).await;
        time += took;
        recorded?;
    }
    Ok((time, last.ok_or("nothing was sent")?))
}

fn order(delivery: &ClaimedDelivery) -> Option<MintOrder> {
    let wish = delivery.credential.clone()?;
    let Take::Mint(generation) = wish.take else { return None };
    Some(MintOrder {
        kind: wish.kind,
        organisation: delivery.organisation,
        user: delivery.user,
        invitation: delivery.invitation,
        generation,
        salt: wish.salt,
    })
}

//! Claim, begin and record, in groups, as quickly as one caller can.

use std::time::Duration;

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

pub use crate::bare::GROUP;
use crate::{Answer, Store, timed};

/// What sending took, without what is between the steps: facts, minting, a transport.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sent {
    /// Claiming.
    pub claim: Duration,
    /// Beginning.
    pub begin: Duration,
    /// Recording.
    pub record: Duration,
    /// Who got the last message.
    pub last: Option<UserId>,
}

impl Sent {
    /// All three.
    pub fn time(&self) -> Duration {
        self.claim + self.begin + self.record
    }
}

/// Sends so many messages, in groups of [`GROUP`].
pub async fn send(store: &Store, messages: usize) -> Answer<Sent> {
    let (queue, accounts) = (store.store(), store.people());
    let (hasher, key) = (Hasher::new(HashCost::default())?, SealingKey::generate(&mut system_random()?));
    let policy = Policy::default();
    let (mut sent, mut number) = (Sent::default(), 0);
    while number < messages {
        let claim =
            Claim { worker: "bench".into(), limit: GROUP, lease: policy.lease, policy: policy.clone() };
        let (took, claimed) = timed(queue.claim(claim)).await;
        sent.claim += took;
        let claimed = claimed?;
        let Some(first) = claimed.deliveries.first() else { return Err("the queue is empty".into()) };
        let users = claimed.deliveries.iter().map(|delivery| delivery.user).collect();
        let facts = accounts.facts(first.organisation, users).await?;
        let orders = claimed.deliveries.iter().filter_map(order).collect();
        let minted = mint_all(orders, &hasher, &key).await;
        let mut deliveries = Vec::with_capacity(GROUP);
        for ((delivery, user), minted) in claimed.deliveries.iter().zip(facts).zip(minted) {
            let sender = (SenderKey("email".into()), "email".into());
            deliveries.push(BeginDelivery { id: delivery.id, user, minted: Some(minted?), sender });
        }
        let begin = Begin { token: claimed.token, deliveries, policy: policy.clone() };
        let (took, begun) = timed(queue.begin(begin)).await;
        sent.begin += took;
        let mut outcomes = Vec::with_capacity(GROUP);
        for begun in begun? {
            let Begun::Go(hand_over) = begun else { return Err(format!("it does not go: {begun:?}").into()) };
            let result = HandOverResult::Outcome(Outcome::Accepted(Receipt("receipt".into())));
            outcomes.push(RecordDelivery { token: claimed.token, id: hand_over.id, result });
            sent.last = Some(hand_over.user.id);
        }
        number += outcomes.len();
        let (took, recorded) = timed(queue.record(Record { outcomes, policy: policy.clone() })).await;
        sent.record += took;
        recorded?;
    }
    Ok(sent)
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

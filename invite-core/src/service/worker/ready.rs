//! A claimed message on its way to being begun: what is known about it, and what is made for it.

use std::sync::Arc;

use super::paced::Turn;
use crate::credential::{MintOrder, Minted};
use crate::decision::begin::{Take, still_wants_credential};
use crate::model::batch::Batch;
use crate::model::organisation::Organisation;
use crate::model::user::User;
use crate::port::queue::{BeginDelivery, ClaimedDelivery};
use crate::port::senders::Sender;

/// A claimed message with what is known about it.
pub(super) struct Prepared {
    pub(super) delivery: ClaimedDelivery,
    pub(super) user: Option<User>,
    pub(super) organisation: Arc<Organisation>,
    pub(super) batch: Arc<Batch>,
    pub(super) sender: Sender,
    /// Whether it is put off until the morning, as far as is known before it begins.
    pub(super) at_night: bool,
}

/// A message with what it takes to begin it.
pub(super) struct Ready {
    pub(super) one: Prepared,
    /// Which credential it is to carry.
    pub(super) take: Option<Take>,
    pub(super) minted: Option<Minted>,
    /// Its slot, where its sender has a rate.
    pub(super) turn: Option<Turn>,
}

impl Ready {
    pub(super) fn new(one: Prepared) -> Self {
        let take = first_take(&one);
        Self { one, take, minted: None, turn: None }
    }

    /// What is to be minted for it, if anything is and was not yet.
    pub(super) fn order(&self) -> Option<MintOrder> {
        let (Some(Take::Mint(generation)), None) = (self.take, &self.minted) else { return None };
        let Prepared { delivery, .. } = &self.one;
        let wish = delivery.credential.as_ref()?;
        Some(MintOrder {
            kind: wish.kind,
            organisation: delivery.organisation,
            user: delivery.user,
            invitation: delivery.invitation,
            generation,
            salt: wish.salt,
        })
    }

    /// What the store is told when it begins.
    pub(super) fn beginning(&mut self) -> BeginDelivery {
        let Prepared { delivery, user, sender, .. } = &self.one;
        BeginDelivery {
            id: delivery.id,
            user: user.clone(),
            minted: self.minted.take(),
            sender: (sender.key.clone(), sender.account.clone()),
        }
    }
}

/// A group in parts of at most so many messages. Those of a sender with a rate have parts of their own, which go first:
/// they wait beside the lane.
pub(super) fn parts(mut group: Vec<Prepared>, most: usize) -> Vec<Vec<Prepared>> {
    let of = |one: &Prepared| one.sender.rate.map(|_| one.sender.key.clone());
    group.sort_by_cached_key(|one| std::cmp::Reverse(of(one)));
    let mut parts: Vec<Vec<Prepared>> = Vec::new();
    for one in group {
        match parts.last_mut() {
            Some(part) if part.len() < most && of(&part[0]) == of(&one) => part.push(one),
            _ => parts.push(vec![one]),
        }
    }
    parts
}

/// What to mint before the first begin: nothing for a person who, by fresh facts, is not to have a credential, and nothing
/// that is put off until the morning.
fn first_take(one: &Prepared) -> Option<Take> {
    let wish = one.delivery.credential.as_ref()?;
    let wanted = still_wants_credential(one.user.as_ref(), &one.organisation.settings);
    (wanted && !one.at_night).then_some(wish.take)
}

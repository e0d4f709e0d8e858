//! What the suites mint with: one weak hasher and one sealing key for all of them, for a hasher has threads.

use std::sync::OnceLock;

use super::{Checked, Failure};
use crate::credential::{
    HashCost, Hasher, MintOrder, Minted, SealContext, SealedSecret, SealingKey, Secret, mint, random,
};

pub(super) struct Workshop {
    pub(super) hasher: Hasher,
    pub(super) key: SealingKey,
}

impl Workshop {
    pub(super) fn open() -> Checked<&'static Self> {
        static WORKSHOP: OnceLock<Option<Workshop>> = OnceLock::new();
        let workshop = WORKSHOP.get_or_init(|| {
            let key = SealingKey::generate(&mut random::system_random().ok()?);
            Some(Self { hasher: Hasher::new(HashCost::weak_for_tests()).ok()?, key })
        });
        workshop.as_ref().ok_or_else(|| Failure::new("this machine gives no threads or no randomness"))
    }

    pub(super) async fn mint(&self, order: MintOrder) -> Checked<Minted> {
        let minted = mint(order, &self.hasher, &self.key).await;
        minted.map_err(|error| Failure::new(format!("minting failed: {error}")))
    }

    /// The secret that a message carries.
    pub(super) fn unseal(&self, sealed: &SealedSecret, context: &SealContext) -> Checked<Secret> {
        let opened = self.key.open(sealed, context);
        opened.map_err(|error| Failure::new(format!("the sealed secret of a message does not open: {error}")))
    }
}

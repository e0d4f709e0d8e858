//! Addresses that must not be written to.

use tracing::instrument;

use super::erase::known_address;
use super::error::Error;
use super::invites::Invites;
use super::page::Page;
use crate::model::actor::Actor;
use crate::model::contact::{EmailAddress, PhoneNumber};
use crate::model::message::Channel;
use crate::model::suppression::{Suppression, SuppressionReason};
use crate::port::records::{SuppressionAct, SuppressionChange};

impl Invites {
    /// The suppression list of the actor's organisation, in ascending order of channel and address, after the cursor.
    pub async fn suppressions(
        &self,
        actor: &Actor,
        after: Option<(Channel, String)>,
        limit: usize,
    ) -> Result<Page<Suppression, (Channel, String)>, Error> {
        self.authorise(actor).await?;
        let rows = self.inner.store.suppressions(actor.organisation(), after, limit).await?;
        Ok(Page::new(rows, limit, |row| (row.channel, row.address.clone())))
    }

    /// Puts an address on the list by hand: nothing is written to it any more.
    pub async fn suppress(&self, actor: &Actor, channel: Channel, address: &str) -> Result<(), Error> {
        self.change_suppression(actor, channel, address, SuppressionAct::Put(SuppressionReason::ByHand)).await
    }

    /// Takes an address off the list, whatever put it there.
    pub async fn unsuppress(&self, actor: &Actor, channel: Channel, address: &str) -> Result<(), Error> {
        self.change_suppression(actor, channel, address, SuppressionAct::Release).await
    }

    #[instrument(skip_all, fields(organisation = %actor.organisation(), %channel))]
    pub(super) async fn change_suppression(
        &self,
        actor: &Actor,
        channel: Channel,
        address: &str,
        act: SuppressionAct,
    ) -> Result<(), Error> {
        self.authorise(actor).await?;
        let address = match channel {
            Channel::Email => address.parse::<EmailAddress>()?.key(),
            Channel::Sms => {
                let country = self.organisation(actor.organisation()).await?.settings.country;
                PhoneNumber::parse(address, country)?.as_str().to_owned()
            }
        };
        let key = self.inner.key.suppression_key();
        let known = known_address(&key, actor.organisation(), channel, address.clone());
        self.inner.store.recognise(actor.organisation(), vec![known]).await?;
        let change = SuppressionChange { actor: actor.clone(), channel, address, act };
        Ok(self.inner.store.suppress(change).await?)
    }
}

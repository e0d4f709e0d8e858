//! Erasing a person.

use tracing::instrument;

use super::error::Error;
use super::invites::Invites;
use crate::credential::SuppressionKey;
use crate::model::actor::Actor;
use crate::model::id::{OrganisationId, UserId};
use crate::model::message::Channel;
use crate::model::user::User;
use crate::port::records::{Erase, Erased, KnownAddress};

impl Invites {
    /// Erases a person of ours for good: their row, their contacts in messages, what imports keep about them, their
    /// guesses. Open invitations are revoked and unsent messages cancelled; figures and the audit keep the random id
    /// alone. Where an address of theirs is suppressed it stays so, by a keyed
    /// [hash](crate::credential::suppression_key). [`Happening::Erased`](crate::model::event::Happening::Erased) tells
    /// the host. Whoever was erased already is not found.
    ///
    /// Nobody erases themselves: another administrator does it, so that one is left.
    #[instrument(skip_all, fields(organisation = %actor.organisation(), %user))]
    pub async fn erase_person(&self, actor: &Actor, user: UserId) -> Result<Erased, Error> {
        self.authorise(actor).await?;
        if actor.user() == Some(user) {
            return Err(Error::EraseYourself);
        }
        let people = self.people()?;
        let erase = self.erasure(actor.clone(), user);
        let person = people.erase(erase.clone()).await?;
        let rest = self.inner.store.erase(erase).await?;
        if !person.found && !rest.found {
            return Err(Error::NotFound("person"));
        }
        Ok(Erased {
            found: true,
            invitations: person.invitations + rest.invitations,
            messages: person.messages + rest.messages,
            suppressed: person.suppressed + rest.suppressed,
        })
    }

    /// Tells that a person of the host's own table was erased there: what the invitation store keeps about them goes, as
    /// [`erase_person`](Self::erase_person) says. Any number of times.
    #[instrument(skip_all, fields(%organisation, %user))]
    pub async fn record_erased(&self, organisation: OrganisationId, user: UserId) -> Result<Erased, Error> {
        let erase = self.erasure(Actor::system(organisation), user);
        Ok(self.inner.store.erase(erase).await?)
    }

    fn erasure(&self, actor: Actor, user: UserId) -> Erase {
        Erase { actor, user, key: self.inner.key.suppression_key() }
    }

    /// Whether addresses of erased people are suppressed, so that those of others must be told to
    /// [`recognise`](Self::recognise).
    pub(super) async fn has_hashed_suppressions(&self, organisation: OrganisationId) -> Result<bool, Error> {
        Ok(self.inner.store.has_hashed_suppressions(organisation).await?)
    }

    /// Suppresses again what was suppressed when its person was erased, where people have it now.
    pub(super) async fn recognise<'a>(
        &self,
        organisation: OrganisationId,
        people: impl IntoIterator<Item = &'a User>,
    ) -> Result<(), Error> {
        let key = self.inner.key.suppression_key();
        let addresses = people.into_iter().flat_map(|user| {
            Channel::ALL.into_iter().filter_map(|channel| {
                let address = user.address(channel)?.chars().flat_map(char::to_lowercase).collect();
                Some(known_address(&key, organisation, channel, address))
            })
        });
        Ok(self.inner.store.recognise(organisation, addresses.collect()).await?)
    }
}

/// An address, in the form in which it is compared, with its hashes.
pub(super) fn known_address(
    key: &SuppressionKey,
    organisation: OrganisationId,
    channel: Channel,
    address: String,
) -> KnownAddress {
    let hashes = key.hashes(organisation, channel, &address).collect();
    KnownAddress { channel, address, hashes }
}

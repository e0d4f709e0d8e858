//! Erasing people, addresses of theirs that come again, and what is exported of them.

use super::state::Account;
use super::transaction::{DeliveryKey, Transaction, compared};
use crate::decision::people;
use crate::model::contact::without;
use crate::model::delivery::DeliveryState;
use crate::model::event::{Event, Happening};
use crate::model::id::{OrganisationId, UserId};
use crate::model::message::Channel;
use crate::model::suppression::Suppression;
use crate::port::records::{Erase, Erased, KnownAddress, Traces};

impl Transaction<'_> {
    pub(super) fn erase(&mut self, erase: &Erase) -> Erased {
        let (organisation, id) = (erase.actor.organisation(), erase.user);
        let mut erased = Erased::default();
        let open = self.open_invitations(organisation, id).len() as u64;
        let is_unsent = |key: &DeliveryKey| {
            matches!(self.delivery(*key).standing.state, DeliveryState::Queued | DeliveryState::Claimed)
        };
        let unsent = self.messages_to(organisation, id).into_iter().filter(is_unsent).count() as u64;
        (erased.invitations, erased.messages) = (open, unsent);
        self.depart(organisation, id, None);
        let account = self.state.accounts.remove(&(organisation, id));
        let mut addresses = self.addresses_of(organisation, id, account.as_ref());
        addresses.sort_unstable();
        addresses.dedup();
        if let Some(Account { user, .. }) = &account {
            for key in people::keys_of(user) {
                self.state.account_keys.remove(&(organisation, key, id));
            }
        }
        erased.found = account.is_some() || open + unsent > 0 || !addresses.is_empty();
        erased.found |= self.forget_person(organisation, id);
        for (channel, address) in &addresses {
            if !self.is_anybodys(organisation, *channel, address)
                && let Some(suppression) =
                    self.state.suppressions.remove(&(organisation, *channel, address.clone()))
            {
                let hash = erase.key.hash(organisation, *channel, address);
                let place = (organisation, *channel, hash);
                self.state.hashed_suppressions.insert(place, (suppression.reason, suppression.since));
                erased.suppressed += 1;
            }
        }
        let quoted: Vec<&str> = addresses.iter().map(|(_, address)| address.as_str()).collect();
        for event in &mut self.state.events {
            event.what = event.what.clone().without(&quoted);
        }
        for pause in self.state.pauses.values_mut() {
            pause.answer = pause.answer.without(&quoted);
        }
        for run in self.state.refusals.values_mut() {
            run.text = without(&run.text, &quoted);
        }
        let settings = self.settings(organisation).map(|settings| settings.name.clone());
        for (_, row) in self.state.batches.iter_mut().filter(|((of, _), _)| *of == organisation) {
            if let Some(Account { user, .. }) = &account {
                row.batch.selection = row.batch.selection.clone().without(user);
            }
            if row.batch.planned_by.user() == Some(id) {
                row.batch.inviter = settings.clone().unwrap_or_default();
            }
        }
        if erased.found {
            self.event(Some(organisation), Happening::Erased { user: id });
            self.audit(&erase.actor, "person_erased", &id, "");
        }
        erased
    }

    /// Removes what is kept about a person beside their messages; says whether there was anything.
    fn forget_person(&mut self, organisation: OrganisationId, id: UserId) -> bool {
        let mut found = false;
        if let Some(person) = self.state.persons.get_mut(&(organisation, id)) {
            let imports = std::mem::take(&mut person.imports);
            found |= !imports.is_empty() || person.came_at.is_some() || person.retired.is_some();
            (person.retired, person.came_at) = (None, None);
            for import in imports {
                self.state.import_lines.remove(&(organisation, import, id));
            }
        }
        self.forget_due(organisation, id);
        let before = self.state.guesses.len();
        self.state.guesses.retain(|(of, user, _), _| (*of, *user) != (organisation, id));
        found |= self.state.guesses.len() < before;
        for key in self.messages_to(organisation, id) {
            let batch = (organisation, self.delivery(key).batch);
            if let Some(item) = self.state.batches.get_mut(&batch).and_then(|row| row.items.get_mut(&id)) {
                item.reserve = None;
            }
            let row = self.state.deliveries.get_mut(&key).expect("a message stays");
            let address = compared(&std::mem::take(&mut row.address));
            self.state.text_messages.remove(&key);
            (row.answer, row.receipt) = (None, None);
            self.state.addresses.remove(&(organisation, row.channel, address, key.1));
        }
        found
    }

    /// The present addresses of a person, those of their messages, and those that imports replaced, in the form in which
    /// they are compared.
    fn addresses_of(
        &self,
        organisation: OrganisationId,
        id: UserId,
        account: Option<&Account>,
    ) -> Vec<(Channel, String)> {
        let present = Channel::ALL
            .into_iter()
            .filter_map(|channel| Some((channel, compared(account?.user.address(channel)?))));
        let written_to = self.messages_to(organisation, id).into_iter().map(|key| {
            let row = self.delivery(key);
            (row.channel, compared(&row.address))
        });
        let imported =
            self.import_lines(organisation, id).into_iter().flat_map(|line| line.changes.addresses());
        present.chain(written_to).chain(imported).filter(|(_, address)| !address.is_empty()).collect()
    }

    /// Whether somebody who is there has this address, or was written to at it.
    fn is_anybodys(&self, organisation: OrganisationId, channel: Channel, address: &str) -> bool {
        let column = match channel {
            Channel::Email => "email",
            Channel::Sms => "phone_number",
        };
        self.owners(organisation, &format!("{column}:{address}")).next().is_some()
            || self.messages_at(organisation, channel, address).next().is_some()
    }

    pub(super) fn recognise(&mut self, organisation: OrganisationId, addresses: Vec<KnownAddress>) {
        for KnownAddress { channel, address, hashes } in addresses {
            let mut found = None;
            for hash in hashes {
                found = found.or(self.state.hashed_suppressions.remove(&(organisation, channel, hash)));
            }
            if let Some((reason, since)) = found {
                let suppression = Suppression { channel, address: address.clone(), reason, since };
                self.state.suppressions.entry((organisation, channel, address)).or_insert(suppression);
            }
        }
    }

    pub(super) fn traces(
        &self,
        organisation: OrganisationId,
        user: UserId,
        addresses: &[(Channel, String)],
    ) -> Traces {
        let about =
            |event: &&Event| event.organisation == Some(organisation) && event.what.user() == Some(user);
        let subject = user.to_string();
        let audit = self.state.audit.iter().filter(|((of, _), entry)| {
            *of == organisation && (entry.subject == subject || entry.actor.user() == Some(user))
        });
        let suppressions = addresses.iter().filter_map(|(channel, address)| {
            self.state.suppressions.get(&(organisation, *channel, compared(address))).cloned()
        });
        let guesses =
            self.state.guesses.iter().filter(|((of, who, _), _)| (*of, *who) == (organisation, user));
        Traces {
            events: self.state.events.iter().filter(about).cloned().collect(),
            audit: audit.map(|(_, entry)| entry.clone()).collect(),
            suppressions: suppressions.collect(),
            guesses: guesses
                .map(|((_, _, source), guesses)| (source.clone(), guesses.failures, guesses.last_at))
                .collect(),
        }
    }
}

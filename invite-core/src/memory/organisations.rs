//! Organisations, their settings and their own messages.

use std::ops::Bound;

use async_trait::async_trait;

use super::MemoryStore;
use crate::model::actor::Actor;
use crate::model::id::OrganisationId;
use crate::model::organisation::{Alias, Organisation};
use crate::model::sign_in::SignInMethod;
use crate::model::template_key::TemplateKey;
use crate::port::error::PortResult;
use crate::port::organisations::{OrganisationSaved, Organisations, StoredTemplate};

#[async_trait]
impl Organisations for MemoryStore {
    async fn save_organisation(
        &self,
        organisation: Organisation,
        actor: Actor,
    ) -> PortResult<OrganisationSaved> {
        self.transact(|transaction| {
            let id = organisation.id;
            let state = &mut *transaction.state;
            if state.aliases.get(&organisation.alias).is_some_and(|owner| *owner != id) {
                return OrganisationSaved::AliasTaken;
            }
            if let Some(before) = state.organisations.get(&id) {
                state.aliases.remove(&before.alias);
            }
            state.aliases.insert(organisation.alias.clone(), id);
            if organisation.settings.sign_in == SignInMethod::Sso {
                state.under_sso.insert(id, None);
            }
            state.organisations.insert(id, organisation);
            transaction.audit(&actor, "organisation_saved", &id, "");
            OrganisationSaved::Done
        })
    }

    async fn organisation(&self, id: OrganisationId) -> PortResult<Option<Organisation>> {
        self.transact(|transaction| transaction.state.organisations.get(&id).cloned())
    }

    async fn by_alias(&self, alias: Alias) -> PortResult<Option<Organisation>> {
        self.transact(|transaction| {
            let id = transaction.state.aliases.get(&alias)?;
            transaction.state.organisations.get(id).cloned()
        })
    }

    async fn organisations(
        &self,
        after: Option<OrganisationId>,
        limit: usize,
    ) -> PortResult<Vec<Organisation>> {
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.transact(|transaction| {
            let found = transaction.state.organisations.range((after, Bound::Unbounded));
            found.map(|(_, organisation)| organisation.clone()).take(limit).collect()
        })
    }

    async fn template(
        &self,
        organisation: OrganisationId,
        key: TemplateKey,
        version: Option<String>,
    ) -> PortResult<Option<StoredTemplate>> {
        self.transact(|transaction| {
            let versions = transaction.state.templates.get(&(organisation, key))?;
            let number = match version {
                Some(version) => version.parse().ok()?,
                None => versions.len(),
            };
            let source = versions.get(number.checked_sub(1)?)?.clone()?;
            Some(StoredTemplate { version: number.to_string(), source })
        })
    }

    async fn save_template(
        &self,
        organisation: OrganisationId,
        key: TemplateKey,
        source: Option<String>,
        actor: Actor,
    ) -> PortResult<String> {
        self.transact(|transaction| {
            let versions = transaction.state.templates.entry((organisation, key.clone())).or_default();
            versions.push(source);
            let version = versions.len().to_string();
            transaction.audit(&actor, "template_saved", &key, format!("version {version}"));
            version
        })
    }
}

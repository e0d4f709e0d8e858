//! Organisations, their settings and their own messages.

use std::ops::Bound;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::MemoryStore;
use super::state::TemplateRow;
use super::transaction::{Transaction, delta};
use crate::decision::schedule::due_on_save;
use crate::model::actor::Actor;
use crate::model::batch::TemplatePins;
use crate::model::id::OrganisationId;
use crate::model::organisation::{Alias, Organisation};
use crate::model::sign_in::SignInMethod;
use crate::model::template_key::TemplateKey;
use crate::port::error::PortResult;
use crate::port::organisations::{
    OrganisationSaved, Organisations, SaveTemplate, StoredTemplate, TemplateSaved, TemplateVersion, TestSend,
};

#[async_trait]
impl Organisations for MemoryStore {
    async fn save_organisation(
        &self,
        organisation: Organisation,
        actor: Actor,
        templates: TemplatePins,
    ) -> PortResult<OrganisationSaved> {
        self.transact(|transaction| {
            let id = organisation.id;
            let in_force = transaction.templates_in_force(id);
            let pins: TemplatePins =
                in_force.iter().map(|(key, version)| (key, version.version.as_str())).collect();
            if pins != templates {
                return OrganisationSaved::TemplatesChanged;
            }
            let state = &mut *transaction.state;
            if state.aliases.get(&organisation.alias).is_some_and(|owner| *owner != id) {
                return OrganisationSaved::AliasTaken;
            }
            let before = state.organisations.get(&id);
            let settings = before.map(|before| &before.settings);
            let due = due_on_save(settings, &organisation.settings, transaction.now);
            if let Some(before) = before {
                state.aliases.remove(&before.alias);
            }
            state.aliases.insert(organisation.alias.clone(), id);
            if organisation.settings.sign_in == SignInMethod::Sso {
                state.under_sso.insert(id, None);
            }
            state.organisations.insert(id, organisation);
            transaction.add_due(id, due);
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
            let source = versions.get(number.checked_sub(1)?)?.source.clone()?;
            Some(StoredTemplate { version: number.to_string(), source })
        })
    }

    async fn templates(
        &self,
        organisation: OrganisationId,
    ) -> PortResult<Vec<(TemplateKey, TemplateVersion)>> {
        self.transact(|transaction| transaction.templates_in_force(organisation))
    }

    async fn template_versions(
        &self,
        organisation: OrganisationId,
        key: TemplateKey,
        before: Option<String>,
        limit: usize,
    ) -> PortResult<Vec<TemplateVersion>> {
        let before = match before.map(|version| version.parse()) {
            None => usize::MAX,
            Some(Ok(number)) => number,
            Some(Err(_)) => return Ok(Vec::new()),
        };
        self.transact(|transaction| {
            let versions = transaction.state.templates.get(&(organisation, key));
            let numbered = versions.into_iter().flat_map(|versions| (1..).zip(versions));
            let mut versions: Vec<_> = numbered.take_while(|(number, _)| *number < before).collect();
            versions.reverse();
            versions.into_iter().take(limit).map(|(number, row)| row.version(number)).collect()
        })
    }

    async fn save_template(&self, save: SaveTemplate) -> PortResult<TemplateSaved> {
        let SaveTemplate { actor, key, source, credential } = save;
        let organisation = actor.organisation();
        self.transact(|transaction| {
            if transaction.settings(organisation).is_none_or(|settings| settings.credential != credential) {
                return TemplateSaved::SettingsChanged;
            }
            let what = if source.is_some() { "template_saved" } else { "template_reset" };
            let row = TemplateRow { source, saved_at: transaction.now, saved_by: actor.clone() };
            let versions = transaction.state.templates.entry((organisation, key.clone())).or_default();
            versions.push(row);
            let version = versions.len().to_string();
            transaction.audit(&actor, what, &key, format!("version {version}"));
            TemplateSaved::Done(version)
        })
    }

    async fn count_test_send(&self, send: TestSend) -> PortResult<Option<DateTime<Utc>>> {
        let TestSend { actor, key, details, at_most, within } = send;
        let who = serde_json::to_string(&actor).expect("an actor can be written as JSON");
        self.transact(|transaction| {
            let now = transaction.now;
            let sent = transaction.state.test_sends.entry((actor.organisation(), who)).or_default();
            sent.retain(|at| *at + delta(within) > now);
            if sent.len() as u64 >= u64::from(at_most) {
                // The one that has to lapse first; with a limit of 0 none ever does.
                let lapses = sent.len().checked_sub(at_most as usize).and_then(|at| sent.get(at));
                return Some(lapses.map_or(now, |at| *at) + delta(within));
            }
            sent.push(now);
            transaction.audit(&actor, "test_sent", &key, details);
            None
        })
    }
}

impl Transaction<'_> {
    /// The messages of its own that an organisation has in force, in order of their keys' names.
    fn templates_in_force(&self, organisation: OrganisationId) -> Vec<(TemplateKey, TemplateVersion)> {
        let all = self.state.templates.iter().filter(|((of, _), _)| *of == organisation);
        let newest = all.filter_map(|((_, key), rows)| {
            rows.last().filter(|row| row.source.is_some()).map(|row| (key.clone(), row.version(rows.len())))
        });
        let mut in_force: Vec<_> = newest.collect();
        in_force.sort_by_cached_key(|(key, _)| key.to_string());
        in_force
    }
}

impl TemplateRow {
    fn version(&self, number: usize) -> TemplateVersion {
        TemplateVersion {
            version: number.to_string(),
            built_in: self.source.is_none(),
            saved_at: Some(self.saved_at),
            saved_by: Some(self.saved_by.clone()),
        }
    }
}

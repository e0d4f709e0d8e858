//! Organisations, their settings and their own messages: part of the invitation store.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::error::PortResult;
use crate::model::actor::Actor;
use crate::model::batch::TemplatePins;
use crate::model::credential::CredentialKind;
use crate::model::id::OrganisationId;
use crate::model::organisation::{Alias, Organisation};
use crate::model::template_key::TemplateKey;

/// Organisations and what they have set.
///
/// [`by_alias`](Self::by_alias) cannot begin with the organisation: it is how one is found.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait Organisations: Send + Sync {
    /// Adds an organisation, or replaces its alias and settings, and writes that into the audit. A change that brings
    /// the organisation under SSO leaves the people's open invitations to the sweep, in chunks; begin, sign-in and
    /// accept see it at once.
    ///
    /// `templates` are the messages of its own that were checked against the new settings, in their newest versions.
    /// Where others are in force now, nothing is changed: [`OrganisationSaved::TemplatesChanged`].
    async fn save_organisation(
        &self,
        organisation: Organisation,
        actor: Actor,
        templates: TemplatePins,
    ) -> PortResult<OrganisationSaved>;

    /// An organisation.
    async fn organisation(&self, id: OrganisationId) -> PortResult<Option<Organisation>>;

    /// The organisation that people call so.
    async fn by_alias(&self, alias: Alias) -> PortResult<Option<Organisation>>;

    /// All of them, in ascending order of id, after the cursor.
    async fn organisations(
        &self,
        after: Option<OrganisationId>,
        limit: usize,
    ) -> PortResult<Vec<Organisation>>;

    /// An organisation's own message: the newest version, or the one named. None where the built-in one is used.
    async fn template(
        &self,
        organisation: OrganisationId,
        key: TemplateKey,
        version: Option<String>,
    ) -> PortResult<Option<StoredTemplate>>;

    /// The messages of its own that an organisation has in force: of each the newest version, in ascending order of
    /// the key's name. One that went back to the built-in message is not among them.
    async fn templates(
        &self,
        organisation: OrganisationId,
    ) -> PortResult<Vec<(TemplateKey, TemplateVersion)>>;

    /// The versions of one message, the newest first, those before the cursor; each that went back to the built-in
    /// message is among them.
    async fn template_versions(
        &self,
        organisation: OrganisationId,
        key: TemplateKey,
        before: Option<String>,
        limit: usize,
    ) -> PortResult<Vec<TemplateVersion>>;

    /// Saves a new version of a message that has been checked; `None` as the source goes back to the built-in one. It is
    /// written into the audit. Versions count up from 1 and are kept.
    ///
    /// Conditional on the kind of credential that it was checked for: where the organisation's invitations carry
    /// another one now, nothing is changed: [`TemplateSaved::SettingsChanged`].
    async fn save_template(&self, save: SaveTemplate) -> PortResult<TemplateSaved>;

    /// Counts a message that is sent as a test, and writes it into the audit, unless the actor has sent as many as they
    /// may: then nothing is changed, and the answer is when they may send the next one.
    async fn count_test_send(&self, send: TestSend) -> PortResult<Option<DateTime<Utc>>>;
}

/// What saving an organisation did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrganisationSaved {
    /// Done.
    Done,
    /// Another organisation has this alias.
    AliasTaken,
    /// Its own messages are not those that were checked: check again.
    TemplatesChanged,
}

/// A message of an organisation's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTemplate {
    /// Its version.
    pub version: String,
    /// Its source.
    pub source: String,
}

/// One version of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateVersion {
    /// Its name.
    pub version: String,
    /// Whether it goes back to the built-in message.
    pub built_in: bool,
    /// When it was saved; none for one that was saved before this was kept.
    pub saved_at: Option<DateTime<Utc>>,
    /// By whom; none for one that was saved before this was kept.
    pub saved_by: Option<Actor>,
}

/// A version of a message to be saved.
#[derive(Debug, Clone)]
pub struct SaveTemplate {
    /// By whom, and in which organisation.
    pub actor: Actor,
    /// Which message.
    pub key: TemplateKey,
    /// Its source; none to go back to the built-in one.
    pub source: Option<String>,
    /// The kind of credential that it was checked for.
    pub credential: CredentialKind,
}

/// What saving a message did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplateSaved {
    /// Done; the name of the version.
    Done(String),
    /// The organisation's invitations carry another kind of credential now: check again.
    SettingsChanged,
}

/// A message to be sent as a test.
#[derive(Debug, Clone)]
pub struct TestSend {
    /// By whom, and in which organisation.
    pub actor: Actor,
    /// Which message.
    pub key: TemplateKey,
    /// Where it goes, for the audit.
    pub details: String,
    /// So many may be sent by this actor.
    pub at_most: u32,
    /// Within this time.
    pub within: Duration,
}

//! Organisations, their settings and their own messages: part of the invitation store.

use async_trait::async_trait;

use super::error::PortResult;
use crate::model::actor::Actor;
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
    async fn save_organisation(
        &self,
        organisation: Organisation,
        actor: Actor,
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

    /// Saves a new version of a message that has been checked; `None` as the source goes back to the built-in one.
    /// Gives the version's name.
    async fn save_template(
        &self,
        organisation: OrganisationId,
        key: TemplateKey,
        source: Option<String>,
        actor: Actor,
    ) -> PortResult<String>;
}

/// What saving an organisation did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrganisationSaved {
    /// Done.
    Done,
    /// Another organisation has this alias.
    AliasTaken,
}

/// A message of an organisation's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTemplate {
    /// Its version.
    pub version: String,
    /// Its source.
    pub source: String,
}

//! Organisations and their settings.

use tracing::instrument;

use super::error::Error;
use super::invites::Invites;
use super::templates::{CHECK_AGAIN, changed_all_the_time};
use crate::model::actor::Actor;
use crate::model::id::OrganisationId;
use crate::model::organisation::{Alias, Organisation, Settings};
use crate::port::organisations::OrganisationSaved;

impl Invites {
    /// Creates an organisation. It has no administrator yet, so this is the host's own doing, and the audit says so;
    /// its first people are added by [`Actor::system`].
    #[instrument(skip_all)]
    pub async fn create_organisation(&self, alias: Alias, settings: Settings) -> Result<Organisation, Error> {
        let id = OrganisationId::new();
        self.save_organisation(Organisation { id, alias, settings }, Actor::system(id)).await
    }

    /// An organisation.
    pub async fn organisation(&self, id: OrganisationId) -> Result<Organisation, Error> {
        self.inner.store.organisation(id).await?.ok_or(Error::NotFound("organisation"))
    }

    /// The organisation that people call so.
    pub async fn organisation_by_alias(&self, alias: Alias) -> Result<Organisation, Error> {
        self.inner.store.by_alias(alias).await?.ok_or(Error::NotFound("organisation"))
    }

    /// All organisations, in ascending order of id, after the cursor: for the host itself, not for its users.
    pub async fn organisations(
        &self,
        after: Option<OrganisationId>,
        limit: usize,
    ) -> Result<Vec<Organisation>, Error> {
        Ok(self.inner.store.organisations(after, limit).await?)
    }

    /// Replaces the settings of the actor's organisation. Settings under which a message of its own would not check any
    /// more are refused, and the error names it.
    #[instrument(skip_all, fields(organisation = %actor.organisation()))]
    pub async fn change_settings(&self, actor: &Actor, settings: Settings) -> Result<Organisation, Error> {
        self.authorise(actor).await?;
        let organisation = self.organisation(actor.organisation()).await?;
        self.save_organisation(Organisation { settings, ..organisation }, actor.clone()).await
    }

    async fn save_organisation(
        &self,
        organisation: Organisation,
        actor: Actor,
    ) -> Result<Organisation, Error> {
        organisation.settings.check()?;
        let store = &self.inner.store;
        for _ in 0..CHECK_AGAIN {
            let templates = self.check_templates(&organisation).await?;
            match store.save_organisation(organisation.clone(), actor.clone(), templates).await? {
                OrganisationSaved::Done => return Ok(organisation),
                OrganisationSaved::AliasTaken => return Err(Error::AliasTaken(organisation.alias)),
                OrganisationSaved::TemplatesChanged => {}
            }
        }
        Err(changed_all_the_time("save an organisation"))
    }
}

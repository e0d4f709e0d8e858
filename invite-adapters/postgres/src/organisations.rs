//! Organisations, their settings and their own messages.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use invite_core::decision::schedule::due_on_save;
use invite_core::model::actor::Actor;
use invite_core::model::batch::TemplatePins;
use invite_core::model::id::OrganisationId;
use invite_core::model::organisation::{Alias, Organisation, Settings};
use invite_core::model::sign_in::SignInMethod;
use invite_core::model::template_key::TemplateKey;
use invite_core::policy::Policy;
use invite_core::port::error::PortResult;
use invite_core::port::organisations::{
    OrganisationSaved, Organisations, SaveTemplate, StoredTemplate, TemplateSaved, TemplateVersion, TestSend,
};
use sqlx::postgres::PgRow;

use crate::PgStore;
use crate::alone::Alone;
use crate::db::Db;
use crate::error::{Fault, Step};
use crate::rows::{Columns, Key, cursor, delta, json, limit, missing};
use crate::source::Single;
use crate::write::Write;

const READ: &str = "read an organisation";
const READ_TEMPLATE: &str = "read a template";

#[async_trait]
impl Organisations for PgStore {
    async fn save_organisation(
        &self,
        organisation: Organisation,
        actor: Actor,
        templates: TemplatePins,
    ) -> PortResult<OrganisationSaved> {
        let asked = (organisation, actor, templates);
        self.writing(
            "save an organisation",
            &Policy::default(),
            &asked,
            |write, (organisation, actor, templates)| {
                Box::pin(write.save_organisation(organisation, actor, templates))
            },
        )
        .await
    }

    async fn organisation(&self, id: OrganisationId) -> PortResult<Option<Organisation>> {
        let row = self
            .schema
            .query("SELECT id, alias, settings FROM invite.organisation WHERE id = $1")
            .bind(id.uuid())
            .row(&self.source)
            .await;
        one(row).map_err(|fault| fault.doing(READ))
    }

    async fn by_alias(&self, alias: Alias) -> PortResult<Option<Organisation>> {
        let row = self
            .schema
            .query("SELECT id, alias, settings FROM invite.organisation WHERE alias = $1")
            .bind(String::from(alias))
            .row(&self.source)
            .await;
        one(row).map_err(|fault| fault.doing(READ))
    }

    async fn organisations(
        &self,
        after: Option<OrganisationId>,
        most: usize,
    ) -> PortResult<Vec<Organisation>> {
        let rows = self
            .schema
            .query("SELECT id, alias, settings FROM invite.organisation WHERE id > $1 ORDER BY id LIMIT $2")
            .bind(cursor(after))
            .bind(limit(most))
            .rows(&self.source)
            .await;
        let organisations = rows.and_then(|rows| rows.iter().map(organisation).collect());
        organisations.map_err(|fault| fault.doing(READ))
    }

    async fn template(
        &self,
        organisation: OrganisationId,
        key: TemplateKey,
        version: Option<String>,
    ) -> PortResult<Option<StoredTemplate>> {
        let number: Option<i64> = match version.map(|version| version.parse()) {
            None => None,
            Some(Ok(number)) => Some(number),
            Some(Err(_)) => return Ok(None),
        };
        let row = self
            .schema
            .query(
                "SELECT version, source FROM invite.template
             WHERE organisation = $1 AND template = $2 AND version = coalesce($3, (
                 SELECT max(version) FROM invite.template WHERE organisation = $1 AND template = $2))",
            )
            .bind(organisation.uuid())
            .bind(key.to_string())
            .bind(number)
            .row(&self.source)
            .await;
        row.and_then(|row| row.as_ref().map_or(Ok(None), template))
            .map_err(|fault| fault.doing(READ_TEMPLATE))
    }

    async fn templates(
        &self,
        organisation: OrganisationId,
    ) -> PortResult<Vec<(TemplateKey, TemplateVersion)>> {
        let found = async { in_force(&mut self.read().await?, organisation).await }.await;
        found.map_err(|fault| fault.doing(READ_TEMPLATE))
    }

    async fn template_versions(
        &self,
        organisation: OrganisationId,
        key: TemplateKey,
        before: Option<String>,
        most: usize,
    ) -> PortResult<Vec<TemplateVersion>> {
        let before = match before.map(|version| version.parse()) {
            None => i64::MAX,
            Some(Ok(number)) => number,
            Some(Err(_)) => return Ok(Vec::new()),
        };
        let rows = self
            .schema
            .query(
                "SELECT version, source IS NULL AS built_in, saved_at, saved_by FROM invite.template
             WHERE organisation = $1 AND template = $2 AND version < $3 ORDER BY version DESC LIMIT $4",
            )
            .bind(organisation.uuid())
            .bind(key.to_string())
            .bind(before)
            .bind(limit(most))
            .rows(&self.source)
            .await;
        let versions = rows.and_then(|rows| rows.iter().map(version).collect());
        versions.map_err(|fault| fault.doing(READ_TEMPLATE))
    }

    async fn save_template(&self, save: SaveTemplate) -> PortResult<TemplateSaved> {
        self.writing("save a template", &Policy::default(), &save, |write, save| {
            Box::pin(write.save_template(save.clone()))
        })
        .await
    }

    async fn count_test_send(&self, send: TestSend) -> PortResult<Option<DateTime<Utc>>> {
        self.writing("count a test message", &Policy::default(), &send, |write, send| {
            Box::pin(write.count_test_send(send))
        })
        .await
    }
}

/// The settings of an organisation that must be there.
pub(crate) async fn settings(db: &mut Db, organisation: OrganisationId) -> Step<Settings> {
    maybe_settings(db, organisation)
        .await?
        .ok_or_else(|| Fault::Refused("there is no such organisation".into()))
}

/// The settings of an organisation.
pub(crate) async fn maybe_settings(db: &mut Db, organisation: OrganisationId) -> Step<Option<Settings>> {
    let row = db
        .query("SELECT settings FROM invite.organisation WHERE id = $1")
        .bind(organisation.uuid())
        .fetch_optional(db.connection())
        .await?;
    row.map(|row| row.json("settings")).transpose()
}

/// The settings of an organisation, which stay so until the transaction ends.
pub(crate) async fn lasting_settings(db: &mut Db, organisation: OrganisationId) -> Step<Option<Settings>> {
    let row = db
        .query("SELECT settings FROM invite.organisation WHERE id = $1 FOR KEY SHARE")
        .bind(organisation.uuid())
        .fetch_optional(db.connection())
        .await?;
    row.map(|row| row.json("settings")).transpose()
}

fn one(row: Step<Option<PgRow>>) -> Step<Option<Organisation>> {
    row?.as_ref().map(organisation).transpose()
}

fn organisation(row: &PgRow) -> Step<Organisation> {
    Ok(Organisation { id: row.id("id")?, alias: row.word("alias")?, settings: row.json("settings")? })
}

fn template(row: &PgRow) -> Step<Option<StoredTemplate>> {
    let version = row.count("version")?.to_string();
    Ok(row.maybe_text("source")?.map(|source| StoredTemplate { version, source }))
}

/// A version of a message, with whether it goes back to the built-in one in `built_in`.
fn version(row: &PgRow) -> Step<TemplateVersion> {
    Ok(TemplateVersion {
        version: row.count("version")?.to_string(),
        built_in: row.flag("built_in")?,
        saved_at: row.maybe_at("saved_at")?,
        saved_by: row.maybe_json("saved_by")?,
    })
}

/// The messages of its own that an organisation has in force.
async fn in_force(db: &mut Db, organisation: OrganisationId) -> Step<Vec<(TemplateKey, TemplateVersion)>> {
    let rows = db
        .query(
            "SELECT template, version, built_in, saved_at, saved_by FROM (
             SELECT DISTINCT ON (template) template, version, source IS NULL AS built_in, saved_at, saved_by
             FROM invite.template WHERE organisation = $1 ORDER BY template, version DESC
         ) AS newest WHERE NOT built_in ORDER BY template",
        )
        .bind(organisation.uuid())
        .fetch_all(db.connection())
        .await?;
    let read = |row: &PgRow| {
        let key = row.text("template")?.parse().map_err(|_| missing("template"))?;
        Ok((key, version(row)?))
    };
    rows.iter().map(read).collect()
}

impl Write {
    async fn save_organisation(
        &mut self,
        organisation: &Organisation,
        actor: &Actor,
        templates: &TemplatePins,
    ) -> Step<OrganisationSaved> {
        let Organisation { id, alias, settings } = organisation;
        self.db().alone(Alone::SavingOrganisations).await?;
        // Whoever decides by the settings ends first, or decides by the new ones.
        self.query("SELECT 1 FROM invite.organisation WHERE id = $1 FOR UPDATE")
            .bind(id.uuid())
            .execute(self.db().connection())
            .await?;
        let taken = self
            .query("SELECT 1 FROM invite.organisation WHERE alias = $1 AND id <> $2")
            .bind(alias.as_str().to_owned())
            .bind(id.uuid())
            .fetch_optional(self.db().connection())
            .await?;
        if taken.is_some() {
            return Ok(OrganisationSaved::AliasTaken);
        }
        let own = in_force(self.db(), *id).await?;
        let own: TemplatePins = own.iter().map(|(key, version)| (key, version.version.as_str())).collect();
        if own != *templates {
            return Ok(OrganisationSaved::TemplatesChanged);
        }
        let before = maybe_settings(self.db(), *id).await?;
        let due = due_on_save(before.as_ref(), settings, self.now);
        self.add_due(*id, &due).await?;
        self.query(
            "INSERT INTO invite.organisation (id, alias, settings, to_sweep) VALUES ($1, $2, $3, $4)
             ON CONFLICT (id) DO UPDATE
             SET alias = excluded.alias, settings = excluded.settings, to_sweep = excluded.to_sweep",
        )
        .bind(id.uuid())
        .bind(alias.as_str().to_owned())
        .bind(json(settings))
        .bind(settings.sign_in == SignInMethod::Sso)
        .execute(self.db().connection())
        .await?;
        self.audit(actor, "organisation_saved", id, "").await?;
        Ok(OrganisationSaved::Done)
    }

    async fn save_template(&mut self, save: SaveTemplate) -> Step<TemplateSaved> {
        let SaveTemplate { actor, key, source, credential } = save;
        let organisation = actor.organisation();
        let held = self
            .query("SELECT settings FROM invite.organisation WHERE id = $1 FOR NO KEY UPDATE")
            .bind(organisation.uuid())
            .fetch_optional(self.db().connection())
            .await?;
        let settings: Option<Settings> = held.map(|row| row.json("settings")).transpose()?;
        if settings.is_none_or(|settings| settings.credential != credential) {
            return Ok(TemplateSaved::SettingsChanged);
        }
        let what = if source.is_some() { "template_saved" } else { "template_reset" };
        let now = self.now;
        let row = self
            .query(
                "INSERT INTO invite.template (organisation, template, version, source, saved_at, saved_by)
             SELECT $1, $2, coalesce(max(version), 0) + 1, $3, $4, $5 FROM invite.template
             WHERE organisation = $1 AND template = $2
             RETURNING version",
            )
            .bind(organisation.uuid())
            .bind(key.to_string())
            .bind(source)
            .bind(now)
            .bind(json(&actor))
            .fetch_one(self.db().connection())
            .await?;
        let version = row.count("version")?.to_string();
        self.audit(&actor, what, key, format!("version {version}")).await?;
        Ok(TemplateSaved::Done(version))
    }

    async fn count_test_send(&mut self, send: &TestSend) -> Step<Option<DateTime<Utc>>> {
        let TestSend { actor, key, details, at_most, within } = send;
        let within = delta(*within);
        self.db().alone(Alone::CountingTests(actor.organisation())).await?;
        // The one that has to lapse first, if there are as many as there may be.
        let row = self
            .query(
                "SELECT at FROM invite.audit
             WHERE organisation = $1 AND actor = $2 AND what = 'test_sent' AND at > $3
             ORDER BY at DESC LIMIT 1 OFFSET $4",
            )
            .bind(actor.organisation().uuid())
            .bind(json(actor))
            .bind(self.now - within)
            .bind(i64::from(*at_most) - 1)
            .fetch_optional(self.db().connection())
            .await?;
        if let Some(row) = row {
            return Ok(Some(row.at("at")? + within));
        }
        if *at_most == 0 {
            return Ok(Some(self.now + within));
        }
        self.audit(actor, "test_sent", key, details.clone()).await?;
        Ok(None)
    }
}

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
use invite_core::port::error::PortResult;
use invite_core::port::organisations::{
    OrganisationSaved, Organisations, SaveTemplate, StoredTemplate, TemplateSaved, TemplateVersion, TestSend,
};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use crate::SqliteStore;
use crate::error::{Fault, Step};
use crate::rows::{Columns, Key, cursor, delta, json, limit, micros, missing};
use crate::write::Write;

const READ: &str = "read an organisation";
const READ_TEMPLATE: &str = "read a template";

#[async_trait]
impl Organisations for SqliteStore {
    async fn save_organisation(
        &self,
        organisation: Organisation,
        actor: Actor,
        templates: TemplatePins,
    ) -> PortResult<OrganisationSaved> {
        let mut write = self.write("save an organisation").await?;
        let saved = write.save_organisation(&organisation, &actor, &templates).await;
        write.end(saved).await
    }

    async fn organisation(&self, id: OrganisationId) -> PortResult<Option<Organisation>> {
        let row = sqlx::query("SELECT id, alias, settings FROM invite_organisation WHERE id = ?")
            .bind(id.blob())
            .fetch_optional(&self.pool)
            .await;
        one(row).map_err(|fault| fault.doing(READ))
    }

    async fn by_alias(&self, alias: Alias) -> PortResult<Option<Organisation>> {
        let row = sqlx::query("SELECT id, alias, settings FROM invite_organisation WHERE alias = ?")
            .bind(String::from(alias))
            .fetch_optional(&self.pool)
            .await;
        one(row).map_err(|fault| fault.doing(READ))
    }

    async fn organisations(
        &self,
        after: Option<OrganisationId>,
        most: usize,
    ) -> PortResult<Vec<Organisation>> {
        let rows = sqlx::query(
            "SELECT id, alias, settings FROM invite_organisation WHERE id > ? ORDER BY id LIMIT ?",
        )
        .bind(cursor(after))
        .bind(limit(most))
        .fetch_all(&self.pool)
        .await;
        let organisations =
            rows.map_err(Fault::from).and_then(|rows| rows.iter().map(organisation).collect());
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
        let row = sqlx::query(
            "SELECT version, source FROM invite_template
             WHERE organisation = ?1 AND template = ?2 AND version = coalesce(?3, (
                 SELECT max(version) FROM invite_template WHERE organisation = ?1 AND template = ?2))",
        )
        .bind(organisation.blob())
        .bind(key.to_string())
        .bind(number)
        .fetch_optional(&self.pool)
        .await;
        row.map_err(Fault::from)
            .and_then(|row| row.as_ref().map_or(Ok(None), template))
            .map_err(|fault| fault.doing(READ_TEMPLATE))
    }

    async fn templates(
        &self,
        organisation: OrganisationId,
    ) -> PortResult<Vec<(TemplateKey, TemplateVersion)>> {
        let found = async { in_force(&mut *self.read().await?, organisation).await }.await;
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
        let rows = sqlx::query(
            "SELECT version, source IS NULL AS built_in, saved_at, saved_by FROM invite_template
             WHERE organisation = ? AND template = ? AND version < ? ORDER BY version DESC LIMIT ?",
        )
        .bind(organisation.blob())
        .bind(key.to_string())
        .bind(before)
        .bind(limit(most))
        .fetch_all(&self.pool)
        .await;
        let versions = rows.map_err(Fault::from).and_then(|rows| rows.iter().map(version).collect());
        versions.map_err(|fault| fault.doing(READ_TEMPLATE))
    }

    async fn save_template(&self, save: SaveTemplate) -> PortResult<TemplateSaved> {
        let mut write = self.write("save a template").await?;
        let saved = write.save_template(save).await;
        write.end(saved).await
    }

    async fn count_test_send(&self, send: TestSend) -> PortResult<Option<DateTime<Utc>>> {
        let mut write = self.write("count a test message").await?;
        let counted = write.count_test_send(&send).await;
        write.end(counted).await
    }
}

/// The settings of an organisation that must be there.
pub(crate) async fn settings(db: &mut SqliteConnection, organisation: OrganisationId) -> Step<Settings> {
    maybe_settings(db, organisation)
        .await?
        .ok_or_else(|| Fault::Refused("there is no such organisation".into()))
}

/// The settings of an organisation.
pub(crate) async fn maybe_settings(
    db: &mut SqliteConnection,
    organisation: OrganisationId,
) -> Step<Option<Settings>> {
    let row = sqlx::query("SELECT settings FROM invite_organisation WHERE id = ?")
        .bind(organisation.blob())
        .fetch_optional(db)
        .await?;
    row.map(|row| row.json("settings")).transpose()
}

fn one(row: Result<Option<SqliteRow>, sqlx::Error>) -> Step<Option<Organisation>> {
    row?.as_ref().map(organisation).transpose()
}

fn organisation(row: &SqliteRow) -> Step<Organisation> {
    Ok(Organisation { id: row.id("id")?, alias: row.word("alias")?, settings: row.json("settings")? })
}

fn template(row: &SqliteRow) -> Step<Option<StoredTemplate>> {
    let version = row.count("version")?.to_string();
    Ok(row.maybe_text("source")?.map(|source| StoredTemplate { version, source }))
}

/// A version of a message, with whether it goes back to the built-in one in `built_in`.
fn version(row: &SqliteRow) -> Step<TemplateVersion> {
    Ok(TemplateVersion {
        version: row.count("version")?.to_string(),
        built_in: row.flag("built_in")?,
        saved_at: row.maybe_at("saved_at")?,
        saved_by: row.maybe_json("saved_by")?,
    })
}

/// The messages of its own that an organisation has in force. SQLite takes the other columns from the row that has the
/// maximum.
async fn in_force(
    db: &mut SqliteConnection,
    organisation: OrganisationId,
) -> Step<Vec<(TemplateKey, TemplateVersion)>> {
    let rows = sqlx::query(
        "SELECT template, max(version) AS version, source IS NULL AS built_in, saved_at, saved_by
         FROM invite_template WHERE organisation = ? GROUP BY template HAVING source IS NOT NULL ORDER BY template",
    )
    .bind(organisation.blob())
    .fetch_all(db)
    .await?;
    let read = |row: &SqliteRow| {
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
        let taken = sqlx::query("SELECT 1 FROM invite_organisation WHERE alias = ? AND id <> ?")
            .bind(alias.as_str().to_owned())
            .bind(id.blob())
            .fetch_optional(self.db())
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
        sqlx::query(
            "INSERT INTO invite_organisation (id, alias, settings, to_sweep) VALUES (?, ?, ?, ?)
             ON CONFLICT (id) DO UPDATE
             SET alias = excluded.alias, settings = excluded.settings, to_sweep = excluded.to_sweep",
        )
        .bind(id.blob())
        .bind(alias.as_str().to_owned())
        .bind(json(settings))
        .bind(i64::from(settings.sign_in == SignInMethod::Sso))
        .execute(self.db())
        .await?;
        self.audit(actor, "organisation_saved", id, "").await?;
        Ok(OrganisationSaved::Done)
    }

    async fn save_template(&mut self, save: SaveTemplate) -> Step<TemplateSaved> {
        let SaveTemplate { actor, key, source, credential } = save;
        let organisation = actor.organisation();
        let settings = maybe_settings(self.db(), organisation).await?;
        if settings.is_none_or(|settings| settings.credential != credential) {
            return Ok(TemplateSaved::SettingsChanged);
        }
        let what = if source.is_some() { "template_saved" } else { "template_reset" };
        let now = micros(self.now);
        let row = sqlx::query(
            "INSERT INTO invite_template (organisation, template, version, source, saved_at, saved_by)
             SELECT ?1, ?2, coalesce(max(version), 0) + 1, ?3, ?4, ?5 FROM invite_template
             WHERE organisation = ?1 AND template = ?2
             RETURNING version",
        )
        .bind(organisation.blob())
        .bind(key.to_string())
        .bind(source)
        .bind(now)
        .bind(json(&actor))
        .fetch_one(self.db())
        .await?;
        let version = row.count("version")?.to_string();
        self.audit(&actor, what, key, format!("version {version}")).await?;
        Ok(TemplateSaved::Done(version))
    }

    async fn count_test_send(&mut self, send: &TestSend) -> Step<Option<DateTime<Utc>>> {
        let TestSend { actor, key, details, at_most, within } = send;
        let within = delta(*within);
        // The one that has to lapse first, if there are as many as there may be.
        let row = sqlx::query(
            "SELECT at FROM invite_audit INDEXED BY invite_audit_test_sent
             WHERE organisation = ? AND actor = ? AND what = 'test_sent' AND at > ?
             ORDER BY at DESC LIMIT 1 OFFSET ?",
        )
        .bind(actor.organisation().blob())
        .bind(json(actor))
        .bind(micros(self.now - within))
        .bind(i64::from(*at_most) - 1)
        .fetch_optional(self.db())
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

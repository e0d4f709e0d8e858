//! Organisations, their settings and their own messages.

use async_trait::async_trait;
use invite_core::model::actor::Actor;
use invite_core::model::id::OrganisationId;
use invite_core::model::organisation::{Alias, Organisation, Settings};
use invite_core::model::sign_in::SignInMethod;
use invite_core::model::template_key::TemplateKey;
use invite_core::port::error::PortResult;
use invite_core::port::organisations::{OrganisationSaved, Organisations, StoredTemplate};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use crate::SqliteStore;
use crate::error::{Fault, Step};
use crate::rows::{Columns, Key, cursor, json, limit};
use crate::write::Write;

const READ: &str = "read an organisation";
const READ_TEMPLATE: &str = "read a template";

#[async_trait]
impl Organisations for SqliteStore {
    async fn save_organisation(
        &self,
        organisation: Organisation,
        actor: Actor,
    ) -> PortResult<OrganisationSaved> {
        let mut write = self.write("save an organisation").await?;
        let saved = write.save_organisation(&organisation, &actor).await;
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

    async fn save_template(
        &self,
        organisation: OrganisationId,
        key: TemplateKey,
        source: Option<String>,
        actor: Actor,
    ) -> PortResult<String> {
        let mut write = self.write("save a template").await?;
        let saved = write.save_template(organisation, &key, source, &actor).await;
        write.end(saved).await
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

impl Write {
    async fn save_organisation(
        &mut self,
        organisation: &Organisation,
        actor: &Actor,
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

    async fn save_template(
        &mut self,
        organisation: OrganisationId,
        key: &TemplateKey,
        source: Option<String>,
        actor: &Actor,
    ) -> Step<String> {
        let row = sqlx::query(
            "INSERT INTO invite_template (organisation, template, version, source)
             SELECT ?1, ?2, coalesce(max(version), 0) + 1, ?3 FROM invite_template
             WHERE organisation = ?1 AND template = ?2
             RETURNING version",
        )
        .bind(organisation.blob())
        .bind(key.to_string())
        .bind(source)
        .fetch_one(self.db())
        .await?;
        let version = row.count("version")?.to_string();
        self.audit(actor, "template_saved", key, format!("version {version}")).await?;
        Ok(version)
    }
}

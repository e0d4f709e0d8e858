//! Everything that is known about a person, for the person.

use chrono::{DateTime, Utc};
use serde::Serialize;
use tracing::instrument;

use super::error::Error;
use super::invites::Invites;
use crate::decision::import_undo::FieldChanges;
use crate::model::actor::{Actor, Who};
use crate::model::batch::Batch;
use crate::model::credential::Generation;
use crate::model::delivery::Delivery;
use crate::model::event::Event;
use crate::model::id::{BatchId, InvitationId, UserId};
use crate::model::invitation::Invitation;
use crate::model::item::{Action, Decision, Item, SkipReason};
use crate::model::message::Channel;
use crate::model::suppression::Suppression;
use crate::model::user::User;
use crate::port::records::{AuditEntry, CredentialFact, ImportLine, PersonRecord, Traces};

/// Everything that is known about a person: no secret, and nothing about anybody else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PersonExport {
    /// Who they are; none where only traces are left.
    pub profile: Option<User>,
    /// The lines of imports that added or changed them, and what these changed.
    pub imports: Vec<ExportedImport>,
    /// What was decided about them, and why.
    pub plans: Vec<ExportedPlan>,
    /// Their invitations.
    pub invitations: Vec<Invitation>,
    /// Their messages: to which address, how far, and what the provider said.
    pub messages: Vec<Delivery>,
    /// Their temporary passwords and links, without the secrets.
    pub credentials: Vec<ExportedCredential>,
    /// Which invitation has retired their own password, and when.
    pub password_retired: Option<(InvitationId, DateTime<Utc>)>,
    /// When they last came: accepted, signed in, or set a password.
    pub came_at: Option<DateTime<Utc>>,
    /// Their addresses that are not written to.
    pub suppressed: Vec<Suppression>,
    /// Wrong guesses at their secrets: how many in a row from one source, and when the last was.
    pub wrong_guesses: Vec<(u32, DateTime<Utc>)>,
    /// What the host was told about them.
    pub events: Vec<Event>,
    /// What was done to them, and what they did as an administrator.
    pub audit: Vec<ExportedAudit>,
}

/// A line of an import about a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExportedImport {
    /// The file's name.
    pub file_name: String,
    /// Which line; nought where the file does not name them.
    pub line: u64,
    /// When.
    pub at: DateTime<Utc>,
    /// Whether it added them.
    pub created: bool,
    /// What it changed, before and after.
    pub changes: FieldChanges,
}

/// What a plan decided about a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExportedPlan {
    /// Which plan or batch.
    pub batch: BatchId,
    /// What it does.
    pub action: Action,
    /// When it was planned.
    pub planned_at: DateTime<Utc>,
    /// When it was confirmed.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// When it was cancelled or recalled.
    pub stopped_at: Option<DateTime<Utc>>,
    /// What was decided: `send`, `skip`, …
    pub decision: &'static str,
    /// Why they are skipped.
    pub reason: Option<SkipReason>,
    /// Whether the reset of their own password was consented to.
    pub reset_consented: bool,
    /// On which channels.
    pub channels: Vec<Channel>,
}

/// A credential without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExportedCredential {
    /// Of which invitation.
    pub invitation: InvitationId,
    /// Which generation.
    pub generation: Generation,
    /// When it was made.
    pub minted_at: DateTime<Utc>,
    /// When it expires.
    pub expires_at: DateTime<Utc>,
    /// When it was used.
    pub used_at: Option<DateTime<Utc>>,
}

/// A line of the audit, without the names of others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExportedAudit {
    /// When.
    pub at: DateTime<Utc>,
    /// What.
    pub what: String,
    /// By whom: `yourself`, `an administrator`, `the system`.
    pub by: &'static str,
}

impl Invites {
    /// Everything that is known about one person, of ours or of the host's table, for the person.
    #[instrument(skip_all, fields(organisation = %actor.organisation(), %user))]
    pub async fn export_person(&self, actor: &Actor, user: UserId) -> Result<PersonExport, Error> {
        self.authorise(actor).await?;
        let organisation = actor.organisation();
        let record = self.inner.store.person(organisation, user).await?;
        let profile = self.fact(organisation, user).await?;
        if profile.is_none() && record == PersonRecord::default() {
            return Err(Error::NotFound("person"));
        }
        let present = Channel::ALL
            .into_iter()
            .filter_map(|channel| Some((channel, profile.as_ref()?.address(channel)?.to_owned())));
        let written_to = record
            .deliveries
            .iter()
            .filter_map(|delivery| Some((delivery.channel, delivery.address.clone()?)));
        let mut addresses: Vec<(Channel, String)> = present
            .chain(written_to)
            .map(|(channel, address)| (channel, address.chars().flat_map(char::to_lowercase).collect()))
            .collect();
        addresses.sort_unstable();
        addresses.dedup();
        let traces = self.inner.store.traces(organisation, user, addresses).await?;
        Ok(export(user, profile, record, traces))
    }
}

fn export(user: UserId, profile: Option<User>, record: PersonRecord, traces: Traces) -> PersonExport {
    PersonExport {
        profile,
        imports: record.import_lines.into_iter().map(import).collect(),
        plans: record.items.iter().map(|(batch, item)| plan(batch, item)).collect(),
        invitations: record.invitations,
        messages: record.deliveries,
        credentials: record.credentials.iter().map(credential).collect(),
        password_retired: record.retired,
        came_at: record.came_at,
        suppressed: traces.suppressions,
        wrong_guesses: traces.guesses.into_iter().map(|(_, failures, at)| (failures, at)).collect(),
        events: traces.events,
        audit: traces.audit.into_iter().map(|entry| audit(user, entry)).collect(),
    }
}

fn import(line: ImportLine) -> ExportedImport {
    let ImportLine { file_name, line, at, created, changes, .. } = line;
    ExportedImport { file_name, line, at, created, changes }
}

fn plan(batch: &Batch, item: &Item) -> ExportedPlan {
    let resets = batch.confirmed.as_ref().is_some_and(|confirmed| confirmed.resets);
    ExportedPlan {
        batch: batch.id,
        action: batch.action,
        planned_at: batch.planned_at,
        confirmed_at: batch.confirmed.as_ref().map(|confirmed| confirmed.at),
        stopped_at: batch.stopped_at,
        decision: item.decision.as_str(),
        reason: item.decision.skip_reason(),
        reset_consented: resets && item.decision == Decision::SendWithReset,
        channels: item.channels.clone(),
    }
}

const fn credential(fact: &CredentialFact) -> ExportedCredential {
    let CredentialFact { invitation, generation, minted_at, expires_at, used_at, .. } = *fact;
    ExportedCredential { invitation, generation, minted_at, expires_at, used_at }
}

fn audit(user: UserId, entry: AuditEntry) -> ExportedAudit {
    let by = match entry.actor.who() {
        Who::System => "the system",
        _ if entry.actor.user() == Some(user) => "yourself",
        Who::Administrator(_) | Who::Operator { .. } => "an administrator",
    };
    ExportedAudit { at: entry.at, what: entry.what, by }
}

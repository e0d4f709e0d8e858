//! The optional second port to people: writing them. Without it, import and editing are refused.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::accounts::Accounts;
use super::error::PortResult;
use super::records::{Erase, Erased};
use crate::credential::PasswordHash;
use crate::decision::import_undo::PersonUndone;
use crate::decision::person_match::{ImportMode, RowOutcome};
use crate::model::actor::Actor;
use crate::model::id::{ImportId, OrganisationId, UserId};
use crate::model::user::User;
use crate::people_file::{PersonRow, RefusedRow};

pub use crate::decision::people::Saved;

/// People that can be written: ours, in the same database as the invitation store.
///
/// # Contract
///
/// * Every change revokes open invitations and cancels unsent messages in the same transaction where
///   [`leaving`](crate::decision::leave::leaving) says so.
/// * User name, employee number and external id are unique in an organisation, compared without case.
/// * Everything is written with its actor into the audit, in the same transaction.
/// * Who a row is, what it and an edit make of people, and what is refused is decided by
///   [`decision::people`](crate::decision::people), called inside the transaction.
#[async_trait]
pub trait People: Accounts {
    /// Imports one page of rows, in one transaction: finds who each row is, and adds or changes them, as
    /// [`Around::import`](crate::decision::people::Around::import) says. Answers in the order of the rows. Two rows of
    /// one import that are the same person: the second is an error that names the first one's line, in a dry run too.
    ///
    /// Of each person who was there it keeps what the row [changed](crate::decision::import_undo::FieldChanges), so that
    /// the import can be undone, for [90 days](crate::decision::import_undo::KEPT).
    ///
    /// A page of a sync writes nobody: it answers what would become of the rows, keeps those that would change
    /// something for [`carry_out_sync`](Self::carry_out_sync) (none in a dry run), and notes who is named, by a row that
    /// was refused as well.
    async fn import_page(&self, page: ImportPage) -> PortResult<ImportedPage>;

    /// Looks at the next people of the organisation, in ascending order of id, and keeps those who are active and whom
    /// the file of a sync does not name, but never the actor. People who come later are not looked at: whoever is added
    /// while a sync runs is not deactivated by it.
    async fn missing_page(&self, page: MissingPage) -> PortResult<MissingPeople>;

    /// Takes the next step of a sync, in one transaction: imports at most `limit` of the rows that were kept, in the
    /// order of the file; when none is left, deactivates at most `limit` of the people who are missing, if asked to,
    /// those who are still active and whom no row turned out to mean.
    async fn carry_out_sync(&self, step: SyncStep) -> PortResult<SyncDone>;

    /// Ends an import: its figures are kept, what it needed while it ran is removed. An import that nobody ends is
    /// swept a day after it began.
    async fn finish_import(&self, import: FinishedImport) -> PortResult<()>;

    /// The imports of an organisation, the newest first, before the cursor; dry runs are not kept.
    async fn imports(
        &self,
        organisation: OrganisationId,
        before: Option<ImportId>,
        limit: usize,
    ) -> PortResult<Vec<ImportSummary>>;

    /// Takes back what an import did to the next people, in ascending order of id after the cursor, in one transaction,
    /// as [`Around::undo`](crate::decision::import_undo) says. What is taken back is done with: undoing twice is undoing
    /// once. The last page marks the import as undone. Nothing happens where there is no such import, or what it changed
    /// is not kept any more.
    async fn undo_page(&self, page: UndoPage) -> PortResult<Undone>;

    /// Everybody whose user name, e-mail address, phone, employee number or external id this is, compared without case;
    /// at most ten.
    async fn named(&self, organisation: OrganisationId, name: String) -> PortResult<Vec<User>>;

    /// Erases a person: their row, their password, and what imports keep about them; what the invitation store holds,
    /// by [`Records::erase`](super::records::Records::erase), in the same transaction. Idempotent. An implementor whose
    /// people are in another database removes them there.
    async fn erase(&self, erase: Erase) -> PortResult<Erased>;

    /// Adds people with the ids that they carry, or replaces what is known about them, password and times of sign-in
    /// left as they are.
    async fn save(&self, save: SaveUsers) -> PortResult<Vec<Saved>>;

    /// Who signs in with this name (user name, else e-mail address, else phone, else employee number), compared
    /// without case, and the hash of their own password. None where nobody or more than one person matches.
    async fn sign_in_record(
        &self,
        organisation: OrganisationId,
        name: String,
    ) -> PortResult<Option<SignInRecord>>;

    /// Notes that a person signed in, and replaces their hash where it was made with weaker parameters.
    async fn note_sign_in(
        &self,
        organisation: OrganisationId,
        user: UserId,
        rehashed: Option<PasswordHash>,
    ) -> PortResult<()>;
}

/// Rows to import.
#[derive(Debug, Clone)]
pub struct ImportPage {
    /// Into which organisation.
    pub organisation: OrganisationId,
    /// By whom.
    pub actor: Actor,
    /// Which import.
    pub import: ImportId,
    /// The file's name, for the story of a person.
    pub file_name: String,
    /// What happens to people who are there already.
    pub mode: ImportMode,
    /// Whether deactivated people whom the file names are active again.
    pub reactivates: bool,
    /// Whether only to say what would happen.
    pub dry_run: bool,
    /// The rows.
    pub rows: Vec<PersonRow>,
    /// What could be read of the rows that the file's reader refused.
    pub refused: Vec<RefusedRow>,
}

/// What became of a page of an import.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImportedPage {
    /// What became of each row, in their order.
    pub outcomes: Vec<RowOutcome>,
    /// People who were there and whose e-mail address or phone is another now.
    pub contacts: u64,
    /// People who were deactivated and are active now.
    pub reactivated: u64,
    /// The lines of the rows that the reader refused and that may mean anybody.
    pub anybody: Vec<u64>,
}

/// Which people a sync looks at next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingPage {
    /// In which organisation.
    pub organisation: OrganisationId,
    /// Who runs it, and is never deactivated by it.
    pub actor: Actor,
    /// Which import.
    pub import: ImportId,
    /// After this person; from the first if none.
    pub after: Option<UserId>,
    /// At most so many.
    pub limit: usize,
}

/// Who is missing in the file of a sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MissingPeople {
    /// How many of those looked at are active.
    pub active: u64,
    /// How many of them are missing.
    pub missing: u64,
    /// Whether the actor is among those looked at, and missing: they stay active.
    pub yourself: bool,
    /// The last person looked at; none at the end.
    pub next: Option<UserId>,
}

/// The next step of a sync.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncStep {
    /// In which organisation.
    pub organisation: OrganisationId,
    /// By whom.
    pub actor: Actor,
    /// Which import.
    pub import: ImportId,
    /// Whether those who are missing are deactivated.
    pub deactivates: bool,
    /// At most so many rows or people.
    pub limit: usize,
}

/// What a step of a sync did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SyncDone {
    /// Rows were imported.
    Rows {
        /// Their lines.
        lines: Vec<u64>,
        /// What became of them.
        page: ImportedPage,
    },
    /// So many of those who were missing were deactivated.
    Deactivated(u64),
    /// There was nothing left to do.
    All,
}

/// The figures of an import that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinishedImport {
    /// Into which organisation.
    pub organisation: OrganisationId,
    /// By whom.
    pub actor: Actor,
    /// Which.
    pub import: ImportId,
    /// The file's name.
    pub file_name: String,
    /// What happened to people who were there already.
    pub mode: ImportMode,
    /// Whether nothing was written.
    pub dry_run: bool,
    /// Whether it came to its end: the file could be read, and a sync was allowed.
    pub complete: bool,
    /// Its figures.
    pub figures: ImportFigures,
}

impl FinishedImport {
    /// Its figures as the audit has them.
    pub fn in_words(&self) -> String {
        let ImportFigures { created, updated, unchanged, refused, deactivated, .. } = self.figures;
        let sync = match self.mode {
            ImportMode::Sync => format!(", {deactivated} deactivated"),
            ImportMode::Add | ImportMode::Upsert => String::new(),
        };
        let end = match (self.dry_run, self.complete) {
            (true, _) => "; dry run, nothing written",
            (false, true) => "",
            (false, false) => "; not to its end",
        };
        let file = &self.file_name;
        format!(
            "{file}: {created} created, {updated} updated, {unchanged} unchanged, {refused} refused{sync}{end}"
        )
    }
}

/// The figures of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ImportFigures {
    /// People added.
    pub created: u64,
    /// People changed.
    pub updated: u64,
    /// People who are as the file says.
    pub unchanged: u64,
    /// Rows that were refused.
    pub refused: u64,
    /// People whom the file of a sync does not name, deactivated.
    pub deactivated: u64,
    /// People who were deactivated and are active now; they are among those changed.
    pub reactivated: u64,
    /// People whose e-mail address or phone was replaced; they are among those changed.
    pub contacts: u64,
}

/// An import in the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportSummary {
    /// Which.
    pub import: ImportId,
    /// The file's name.
    pub file_name: String,
    /// What happened to people who were there already; none where it was imported before that was kept.
    pub mode: Option<ImportMode>,
    /// By whom.
    pub by: Actor,
    /// When it began; none where it was imported before that was kept.
    pub began_at: Option<DateTime<Utc>>,
    /// When it ended; none where it runs, or was broken off.
    pub ended_at: Option<DateTime<Utc>>,
    /// Whether it came to its end: the file could be read, and a sync was allowed.
    pub complete: bool,
    /// Its figures; noughts where it has not ended.
    pub figures: ImportFigures,
    /// When it was undone.
    pub undone_at: Option<DateTime<Utc>>,
    /// By whom.
    pub undone_by: Option<Actor>,
}

/// Which people of an import are to be as they were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndoPage {
    /// In which organisation.
    pub organisation: OrganisationId,
    /// Who undoes it, and is never deactivated by it.
    pub actor: Actor,
    /// Which import.
    pub import: ImportId,
    /// After this person; from the first if none.
    pub after: Option<UserId>,
    /// At most so many.
    pub limit: usize,
}

/// What undoing a page did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undone {
    /// There is no such import.
    Unknown,
    /// What it changed is not kept any more.
    TooLate,
    /// It was undone before.
    Already,
    /// These people were looked at.
    Page {
        /// What was done, by person.
        people: Vec<(UserId, PersonUndone)>,
        /// The last person looked at; none at the end.
        next: Option<UserId>,
    },
}

/// People to be saved.
#[derive(Debug, Clone)]
pub struct SaveUsers {
    /// In which organisation.
    pub organisation: OrganisationId,
    /// By whom.
    pub actor: Actor,
    /// The people. Their `has_password` and `signed_in_at` are ignored.
    pub users: Vec<User>,
}

/// Who signs in.
#[derive(Debug, Clone)]
pub struct SignInRecord {
    /// The person.
    pub user: User,
    /// The hash of their own password.
    pub password: Option<PasswordHash>,
}

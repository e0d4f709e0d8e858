//! The optional second port to people: writing them. Without it, import and editing are refused.

use async_trait::async_trait;

use super::accounts::Accounts;
use super::error::PortResult;
use crate::credential::PasswordHash;
use crate::decision::person_match::{ImportMode, RowOutcome};
use crate::model::actor::Actor;
use crate::model::id::{ImportId, OrganisationId, UserId};
use crate::model::user::User;
use crate::people_file::PersonRow;

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
    /// Imports one page of rows, in one transaction: finds who each row is with
    /// [`match_row`](crate::decision::person_match::match_row), and adds or changes them. Answers in the order of the
    /// rows. Two rows of one import that are the same person: the second is an error that names the first one's line,
    /// in a dry run too.
    async fn import_page(&self, page: ImportPage) -> PortResult<Vec<RowOutcome>>;

    /// Ends an import: its figures are kept, what it needed while it ran is removed.
    async fn finish_import(&self, import: FinishedImport) -> PortResult<()>;

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
    /// Whether only to say what would happen.
    pub dry_run: bool,
    /// The rows.
    pub rows: Vec<PersonRow>,
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
    /// Whether nothing was written.
    pub dry_run: bool,
    /// People added.
    pub created: u64,
    /// People changed.
    pub updated: u64,
    /// People who are as the file says.
    pub unchanged: u64,
    /// Rows that were refused.
    pub refused: u64,
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

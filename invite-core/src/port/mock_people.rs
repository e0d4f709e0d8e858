//! A mock of [`People`], which is an [`Accounts`] as well: mockall cannot derive it from the trait alone.

use async_trait::async_trait;

use super::accounts::{Accounts, PasswordSet, SetPassword, UserPage};
use super::error::PortResult;
use super::people::{
    FinishedImport, ImportPage, ImportSummary, ImportedPage, MissingPage, MissingPeople, People, SaveUsers,
    Saved, SignInRecord, SyncDone, SyncStep, UndoPage, Undone,
};
use super::records::{Erase, Erased};
use crate::credential::PasswordHash;
use crate::model::id::{ImportId, OrganisationId, UserId};
use crate::model::user::User;

mockall::mock! {
    /// A mock of [`People`].
    #[derive(Debug)]
    pub People {}

    #[async_trait]
    impl Accounts for People {
        async fn page(&self, page: UserPage) -> PortResult<Vec<User>>;
        async fn facts(&self, organisation: OrganisationId, users: Vec<UserId>) -> PortResult<Vec<Option<User>>>;
        async fn set_password(&self, request: SetPassword) -> PortResult<PasswordSet>;
    }

    #[async_trait]
    impl People for People {
        async fn import_page(&self, page: ImportPage) -> PortResult<ImportedPage>;
        async fn missing_page(&self, page: MissingPage) -> PortResult<MissingPeople>;
        async fn carry_out_sync(&self, step: SyncStep) -> PortResult<SyncDone>;
        async fn finish_import(&self, import: FinishedImport) -> PortResult<()>;
        async fn imports(
            &self,
            organisation: OrganisationId,
            before: Option<ImportId>,
            limit: usize,
        ) -> PortResult<Vec<ImportSummary>>;
        async fn undo_page(&self, page: UndoPage) -> PortResult<Undone>;
        async fn named(&self, organisation: OrganisationId, name: String) -> PortResult<Vec<User>>;
        async fn erase(&self, erase: Erase) -> PortResult<Erased>;
        async fn save(&self, save: SaveUsers) -> PortResult<Vec<Saved>>;
        async fn sign_in_record(&self, organisation: OrganisationId, name: String) -> PortResult<Option<SignInRecord>>;
        async fn note_sign_in(
            &self,
            organisation: OrganisationId,
            user: UserId,
            rehashed: Option<PasswordHash>,
        ) -> PortResult<()>;
    }
}

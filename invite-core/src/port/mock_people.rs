//! A mock of [`People`], which is an [`Accounts`] as well: mockall cannot derive it from the trait alone.

use async_trait::async_trait;

use super::accounts::{Accounts, PasswordSet, SetPassword, UserPage};
use super::error::PortResult;
use super::people::{FinishedImport, ImportPage, People, SaveUsers, Saved, SignInRecord};
use crate::credential::PasswordHash;
use crate::decision::person_match::RowOutcome;
use crate::model::id::{OrganisationId, UserId};
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
        async fn import_page(&self, page: ImportPage) -> PortResult<Vec<RowOutcome>>;
        async fn finish_import(&self, import: FinishedImport) -> PortResult<()>;
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

//! Our own people, as `Accounts`.

use async_trait::async_trait;

use super::MemoryStore;
use super::state::following_in;
use super::transaction::Transaction;
use crate::model::id::{OrganisationId, UserId};
use crate::model::user::User;
use crate::port::accounts::{Accounts, PasswordSet, SetPassword, UserPage};
use crate::port::error::PortResult;

#[async_trait]
impl Accounts for MemoryStore {
    async fn page(&self, page: UserPage) -> PortResult<Vec<User>> {
        self.transact(|transaction| {
            transaction
                .state
                .accounts
                .range(following_in(page.organisation, page.after, UserId::from_uuid))
                .map(|(_, account)| &account.user)
                .filter(|user| page.filter.people.matches(user))
                .take(page.limit)
                .cloned()
                .collect()
        })
    }

    async fn facts(&self, organisation: OrganisationId, users: Vec<UserId>) -> PortResult<Vec<Option<User>>> {
        self.transact(|transaction| {
            let facts = |id| Some(transaction.state.accounts.get(&(organisation, id))?.user.clone());
            users.into_iter().map(facts).collect()
        })
    }

    async fn set_password(&self, request: SetPassword) -> PortResult<PasswordSet> {
        if let Some(answer) = self.transact(|transaction| transaction.password_answer(&request))? {
            return Ok(answer);
        }
        // Hashing takes long: nothing is locked meanwhile, so the answer is looked for again.
        let hash = request.password.phc().await?;
        self.transact(|transaction| {
            transaction.password_answer(&request).unwrap_or_else(|| {
                let key = (request.organisation, request.user);
                if let Some(account) = transaction.state.accounts.get_mut(&key) {
                    account.password = Some(hash);
                    account.set_by = Some((request.credential, request.reservation));
                    account.user.has_password = true;
                }
                PasswordSet::Done
            })
        })
    }
}

impl Transaction<'_> {
    /// The answer to a request that needs no writing.
    fn password_answer(&self, request: &SetPassword) -> Option<PasswordSet> {
        let account = self.state.accounts.get(&(request.organisation, request.user));
        let Some(account) = account.filter(|account| !account.user.deactivated) else {
            return Some(PasswordSet::Refused);
        };
        match account.set_by {
            Some((credential, number)) if credential == request.credential => {
                if number == request.reservation {
                    Some(PasswordSet::Done)
                } else {
                    (number > request.reservation).then_some(PasswordSet::Stale)
                }
            }
            _ => None,
        }
    }
}

//! The host's own transaction: what it does and what we do in it happen together, or not at all.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use invite_core::Invites;
use invite_core::model::actor::Actor;
use invite_core::model::batch::Batch;
use invite_core::model::id::{BatchId, UserId};
use invite_core::port::error::{PortError, PortErrorKind, PortResult};
use invite_core::service::{ConfirmOptions, Error, Invite};
use sqlx::postgres::PgConnection;
use sqlx::{Postgres, Transaction};
use tokio::sync::{Mutex, MutexGuard};

use crate::PgStore;
use crate::source::{HostTransaction, Source};

const DOING: &str = "work in the host's transaction";

/// What was done in a transaction of the host's, and the transaction. It is as it was where what was asked for was refused.
/// Only where nobody can use it any more, since its connection is gone, is there no transaction.
pub type InTransaction<T> = PortResult<(Transaction<'static, Postgres>, Result<T, Error>)>;

/// A store in a transaction of the host's.
#[derive(Debug)]
pub struct Within {
    store: PgStore,
    host: Arc<Mutex<HostTransaction>>,
}

impl Within {
    /// The store: all that it does happens in the transaction. What fails is undone, and the transaction goes on.
    pub fn store(&self) -> PgStore {
        self.store.clone()
    }

    /// The transaction's connection, for the host's own statements. The store waits until it is dropped.
    pub async fn connection(&self) -> PortResult<HostConnection<'_>> {
        let mut host = self.host.lock().await;
        host.undo().await.map_err(|fault| fault.doing(DOING))?;
        Ok(HostConnection(host))
    }

    /// Gives the transaction back, to be committed. Refused while a [`store`](Self::store) of it is still there.
    pub async fn into_transaction(self) -> PortResult<Transaction<'static, Postgres>> {
        let Self { store, host } = self;
        drop(store);
        let host = Arc::into_inner(host).ok_or_else(|| {
            PortError::new(PortErrorKind::Refused, DOING).caused_by(
                "it is still used: drop the stores, and the `Invites` over them, before it is given back",
            )
        })?;
        host.into_inner().into_inner().await.map_err(|fault| fault.doing(DOING))
    }
}

/// The connection of a transaction of the host's.
#[derive(Debug)]
pub struct HostConnection<'a>(MutexGuard<'a, HostTransaction>);

impl Deref for HostConnection<'_> {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        self.0.as_connection()
    }
}

impl DerefMut for HostConnection<'_> {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.0.connection()
    }
}

impl PgStore {
    /// This store in a transaction of the host's, for [`Invites::over`]. Each of its methods is a savepoint.
    ///
    /// It need not be one on the store's own pool, but must be in the same database. READ COMMITTED is what it should be, as
    /// is the default: in a stricter one, whatever was changed since it began fails, and can only be begun anew by the host.
    pub fn within(&self, transaction: Transaction<'static, Postgres>) -> Within {
        let host = Arc::new(Mutex::new(HostTransaction::new(transaction)));
        let store = Self { source: Source::Host(Arc::clone(&host)), ..self.clone() };
        Within { store, host }
    }

    /// Confirms a plan in a transaction of the host's: committed, it is sent; rolled back, it is the plan that it was.
    ///
    /// ```no_run
    /// use invite_core::Invites;
    /// use invite_core::model::{actor::Actor, id::BatchId};
    /// use invite_core::service::ConfirmOptions;
    /// use invite_postgres::PgStore;
    /// use sqlx::PgPool;
    ///
    /// # async fn example(
    /// #     pool: PgPool, store: PgStore, invites: Invites, admin: Actor, plan: BatchId,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut transaction = pool.begin().await?;
    /// sqlx::query("UPDATE shop SET opened = true WHERE id = 7").execute(&mut *transaction).await?;
    /// let options = ConfirmOptions::new();
    /// let (transaction, batch) = store.confirm_in(&invites, transaction, &admin, plan, options).await?;
    /// let batch = batch?;
    /// transaction.commit().await?;
    /// println!("{} people are written to", batch.totals.recipients());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn confirm_in(
        &self,
        invites: &Invites,
        transaction: Transaction<'static, Postgres>,
        actor: &Actor,
        plan: BatchId,
        options: ConfirmOptions,
    ) -> InTransaction<Batch> {
        let within = self.within(transaction);
        let batch = invites.over(within.store()).confirm_with(actor, plan, options).await;
        Ok((within.into_transaction().await?, batch))
    }

    /// Plans and confirms an invitation of one person in a transaction of the host's, in which the person may have been
    /// added. The totals of the batch say whether they get a message, and why not.
    ///
    /// Where the host has its own users table, its [`Accounts`](invite_core::port::accounts::Accounts) looks at the person
    /// on its own connection and does not see what is not committed: then take [`within`](Self::within), and
    /// [`Invites::over_with`] with an `Accounts` that reads on [`Within::connection`].
    pub async fn invite_one_in(
        &self,
        invites: &Invites,
        transaction: Transaction<'static, Postgres>,
        actor: &Actor,
        user: UserId,
        options: ConfirmOptions,
    ) -> InTransaction<Batch> {
        let within = self.within(transaction);
        let batch = invite_one(&invites.over(within.store()), actor, user, options).await;
        Ok((within.into_transaction().await?, batch))
    }
}

async fn invite_one(
    invites: &Invites,
    actor: &Actor,
    user: UserId,
    options: ConfirmOptions,
) -> Result<Batch, Error> {
    let plan = invites.plan(actor, Invite::users([user])).await?;
    invites.confirm_with(actor, plan.id(), options).await
}

//! Telling workers of new work, in whichever process they are: a number in the file that grows in the transaction that makes
//! work. Within a process it is told as well; other processes look at it from time to time.
//!
//! SQLite itself would only tell that something was committed (`PRAGMA data_version`), which the workers' own transactions
//! and the host's are too.

use std::sync::Arc;
use std::time::Duration;

use invite_core::port::bell::{Bell, Rings};
use sqlx::sqlite::SqlitePool;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::SqliteStore;
use crate::error::Step;
use crate::write::Write;

/// How often it is looked whether another process has made work.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How often work was made, as far as this process knows. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told(Arc<watch::Sender<i64>>);

impl Told {
    /// Tells those who listen in this process that work was made, where it was, and so often by now.
    pub(crate) fn tell(&self, times: Option<i64>) {
        self.0.send_if_modified(|known| {
            let times = times.unwrap_or(*known);
            std::mem::replace(known, times) != times
        });
    }
}

impl Write {
    /// Counts that work was made, if it was; gives how often it was.
    pub(crate) async fn count_work(&mut self) -> Step<Option<i64>> {
        if !std::mem::take(&mut self.made_work) {
            return Ok(None);
        }
        let times = sqlx::query_scalar("UPDATE invite_work SET times = times + 1 RETURNING times");
        Ok(Some(times.fetch_one(self.db()).await?))
    }
}

impl SqliteStore {
    /// Listens from now on.
    pub(crate) async fn listen_for_work(&self) -> Rings {
        let bell = Bell::new();
        let rings = bell.listen();
        let told = self.told.0.subscribe();
        // One that cannot be read now is read soon, and rings then.
        let heard = times(&self.pool).await.unwrap_or(0);
        tokio::spawn(listen(self.pool.clone(), told, heard, bell));
        rings
    }
}

/// Rings whenever work was made, until nobody listens.
async fn listen(pool: SqlitePool, mut told: watch::Receiver<i64>, mut heard: i64, bell: Bell) {
    loop {
        let now = tokio::select! {
            () = bell.unheard() => return,
            Ok(()) = told.changed() => *told.borrow_and_update(),
            () = sleep(LOOK_EVERY) => match times(&pool).await {
                Ok(times) => times,
                Err(error) => {
                    tracing::debug!(%error, "not looked whether there is new work");
                    continue;
                }
            },
        };
        if now > heard {
            heard = now;
            bell.ring();
        }
    }
}

/// How often work was made on this file.
async fn times(pool: &SqlitePool) -> sqlx::Result<i64> {
    sqlx::query_scalar("SELECT times FROM invite_work").fetch_one(pool).await
}

//! Telling workers of new work, in whichever process they are: `NOTIFY` in the transaction that makes it, so that it is told
//! when that is committed and never where it is undone; and a connection that listens, beside the pool.

use std::time::Duration;

use invite_core::port::bell::{Bell, Rings};
use sqlx::postgres::{PgConnectOptions, PgListener, PgPool, PgPoolOptions};
use tokio::time::{Instant, sleep, timeout};

use crate::PgStore;
use crate::db::Schema;
use crate::error::Step;
use crate::source::Source;
use crate::write::Write;

/// The channel of all stores in a database; what is told is the name of the schema.
const CHANNEL: &str = "invite_work";

/// A server that does not answer within this time is taken for not there.
const REACHED_WITHIN: Duration = Duration::from_secs(10);

/// The waits before it is listened again, doubling.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// How often a connection that says nothing is asked whether it is still there: a firewall that has forgotten it drops what
/// the server tells, and neither end is told.
const STILL_THERE_EVERY: Duration = Duration::from_mins(1);

impl Write {
    /// Tells workers when the transaction is committed, if it has made work.
    pub(crate) async fn tell_of_work(&mut self) -> Step<()> {
        if std::mem::take(&mut self.made_work) {
            let schema = self.db().schema().name().to_owned();
            // The parameter's type is named, as nothing else tells it.
            self.query("SELECT pg_notify('invite_work', $1::text)")
                .bind(schema)
                .execute(self.db().connection())
                .await?;
        }
        Ok(())
    }
}

impl PgStore {
    /// Listens from now on; within a host's transaction nobody works, and nothing rings.
    pub(crate) async fn listen_for_work(&self) -> Rings {
        let Source::Pool(pool) = &self.source else { return Rings::never() };
        let bell = Bell::new();
        let rings = bell.listen();
        let mut ear =
            Ear { pool: pool.clone(), schema: self.schema.clone(), bell: bell.clone(), told: false };
        let line = ear.open().await;
        tokio::spawn(async move {
            tokio::select! {
                () = bell.unheard() => {}
                () = ear.listen(line) => {}
            }
        });
        rings
    }
}

/// Listens for one worker, on a connection of its own.
struct Ear {
    /// Whose settings the connection has.
    pool: PgPool,
    schema: Schema,
    bell: Bell,
    /// Whether it was told that it cannot listen.
    told: bool,
}

impl Ear {
    /// Listens on this connection, and on others when it is lost; never completes.
    async fn listen(&mut self, mut line: Option<PgListener>) {
        let mut wait = FIRST_WAIT;
        loop {
            if let Some(line) = line {
                let since = Instant::now();
                self.hear(line).await;
                tracing::debug!("the connection that listens for new work was lost");
                if since.elapsed() > LONGEST_WAIT {
                    wait = FIRST_WAIT;
                }
            }
            sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
            line = self.open().await;
            if line.is_some() {
                // Something may have been missed.
                self.bell.ring();
            }
        }
    }

    /// A connection that listens. None is no error: workers look for work by themselves.
    ///
    /// It has the settings of the host's pool as they are now and is beside it: a pool of one would be used up by it.
    async fn open(&mut self) -> Option<PgListener> {
        let opened = timeout(2 * REACHED_WITHIN, async {
            let one = PgPoolOptions::new()
                .max_connections(1)
                .max_lifetime(None)
                .idle_timeout(None)
                .acquire_timeout(REACHED_WITHIN)
                .connect_lazy_with(PgConnectOptions::clone(&self.pool.connect_options()));
            let mut line = PgListener::connect_with(&one).await?;
            line.eager_reconnect(false);
            line.listen(CHANNEL).await?;
            Ok(line)
        });
        let error = match opened.await {
            Ok(Ok(line)) => {
                self.told = false;
                return Some(line);
            }
            Ok(Err(error)) => error,
            Err(_) => sqlx::Error::PoolTimedOut,
        };
        if std::mem::replace(&mut self.told, true) {
            tracing::debug!(%error, "still not listening for new work");
        } else {
            tracing::warn!(%error, "not listening for new work: workers find it when they look, until this succeeds");
        }
        None
    }

    /// Rings for what is told, until the connection is lost.
    async fn hear(&self, mut line: PgListener) {
        loop {
            match timeout(STILL_THERE_EVERY, line.try_recv()).await {
                Ok(Ok(Some(told))) if told.payload() == self.schema.name() => self.bell.ring(),
                Ok(Ok(Some(_))) => {}
                Ok(Ok(None) | Err(_)) => return,
                Err(_) => {
                    let asked = sqlx::raw_sql("SELECT 1").execute(&mut line);
                    if !matches!(timeout(REACHED_WITHIN, asked).await, Ok(Ok(_))) {
                        return;
                    }
                }
            }
        }
    }
}

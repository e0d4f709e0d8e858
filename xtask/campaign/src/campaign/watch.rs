//! Watches leases for workers that are late though no fault fell on them: on a busy machine by themselves; on SQLite while
//! one that is stopped has the file to itself. What follows from that is no fault of the library. A lease passes through
//! its last part before it lapses, and is seen there.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ledger::Ledger;
use super::sink::Shared;
use crate::database::{HandingOver, Rows};

/// Renewed every 500 ms, a lease of 2 s never has much less than 1.5 s left; below nought, it has just lapsed. One that has
/// lapsed long ago was not given by a store whose clock is right.
const LATE_MS: RangeInclusive<i64> = -1_500..=1_000;
const EVERY: Duration = Duration::from_millis(150);
/// Who looks so seldom, being late itself, may have missed a lease that lapsed.
const SELDOM: Duration = Duration::from_millis(800);

/// Watches until it is aborted. A database that does not answer is asked again.
pub(crate) async fn watch(rows: Arc<dyn Rows>, sink: Arc<Shared>, ledger: Arc<Ledger>) {
    let (mut before, mut looked_at): (Vec<HandingOver>, _) = (Vec::new(), Instant::now());
    loop {
        tokio::time::sleep(EVERY).await;
        let Ok(rows) = rows.handing_over().await else { continue };
        let missed = if looked_at.elapsed() > SELDOM { std::mem::take(&mut before) } else { Vec::new() };
        let late = rows.iter().filter(|row| LATE_MS.contains(&row.lease_left_ms));
        for row in late.chain(&missed) {
            ledger.renewed_late(&row.to, sink.last_with(&row.to).as_deref(), row.attempt);
        }
        (before, looked_at) = (rows, Instant::now());
    }
}

//! Watches leases for workers that are late though no fault fell on them: on a busy machine by themselves; on SQLite while
//! one that is stopped has the file to itself. What follows from that is no fault of the library. A lease passes through
//! its last part before it lapses, and is seen there.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use super::ledger::Ledger;
use super::sink::Shared;
use crate::database::Rows;

/// Renewed every 500 ms, a lease of 2 s never has less than 1.5 s left by much; below nought, it has just lapsed. One
/// that has lapsed long ago was not given by a store whose clock is right.
const LATE_MS: RangeInclusive<i64> = -1_500..=700;
const EVERY: Duration = Duration::from_millis(150);

/// Watches until it is aborted. A database that does not answer is asked again.
pub(crate) async fn watch(rows: Arc<dyn Rows>, sink: Arc<Shared>, ledger: Arc<Ledger>) {
    loop {
        if let Ok(rows) = rows.handing_over().await {
            for row in rows.iter().filter(|row| LATE_MS.contains(&row.lease_left_ms)) {
                ledger.renewed_late(&row.to, sink.last_with(&row.to).as_deref(), row.attempt);
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}

//! The queue: see `claim`, `begin`, `record` and `sweep` for its larger steps.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use invite_core::decision::due::Group;
use invite_core::decision::pace::Slots;
use invite_core::machine::delivery::DeliveryEvent;
use invite_core::model::delivery::DeliveryState;
use invite_core::model::id::{ClaimToken, DeliveryId};
use invite_core::model::metrics::Metrics;
use invite_core::policy::Policy;
use invite_core::port::bell::Rings;
use invite_core::port::error::PortResult;
use invite_core::port::queue::{
    Begin, Begun, Claim, Claimed, Queue, Record, Reported, ReserveSends, Waiting,
};

use crate::SqliteStore;
use crate::claim::{pauses, stops_a_destination};
use crate::deliveries::deliveries;
use crate::error::Step;
use crate::metrics::metrics;
use crate::rows::{At, Columns, Key, delta, micros};
use crate::write::Write;

#[async_trait]
impl Queue for SqliteStore {
    async fn claim(&self, claim: Claim) -> PortResult<Claimed> {
        let mut write = self.write_under("claim messages", claim.policy.clone()).await?;
        let claimed = write.claim(&claim).await;
        write.end(claimed).await
    }

    async fn renew(&self, claims: Vec<ClaimToken>, lease: Duration) -> PortResult<Vec<bool>> {
        let mut write = self.write("renew leases").await?;
        let renewed = write.renew(&claims, lease).await;
        write.end(renewed).await
    }

    async fn begin(&self, begin: Begin) -> PortResult<Vec<Begun>> {
        let mut write = self.write_under("begin messages", begin.policy.clone()).await?;
        let begun = write.begin(begin).await;
        write.end(begun).await
    }

    async fn record(&self, record: Record) -> PortResult<Vec<Option<DeliveryState>>> {
        let mut write = self.write_under("record outcomes", record.policy).await?;
        let recorded = write.record(record.outcomes).await;
        write.end(recorded).await
    }

    async fn reserve_sends(&self, reserve: ReserveSends) -> PortResult<Slots> {
        let mut write = self.write("reserve slots of a sender").await?;
        let reserved = write.reserve_sends(reserve).await;
        write.end(reserved).await
    }

    async fn release(&self, claim: ClaimToken, deliveries: Vec<DeliveryId>) -> PortResult<()> {
        let mut write = self.write("give back messages").await?;
        let released = write.release(claim, deliveries).await;
        write.end(released).await
    }

    async fn report(&self, reports: Vec<Reported>, policy: Policy) -> PortResult<Vec<bool>> {
        let mut write = self.write_under("keep what a provider reports", policy).await?;
        let reported = write.report(reports).await;
        write.end(reported).await
    }

    async fn waiting(&self) -> PortResult<Waiting> {
        self.what_waits().await.map_err(|fault| fault.doing("look at the queue"))
    }

    async fn listen(&self) -> Rings {
        self.listen_for_work().await
    }

    async fn metrics(&self) -> PortResult<Metrics> {
        let read = async { metrics(&mut *self.read().await?, self.instant()).await }.await;
        read.map_err(|fault| fault.doing("read the figures"))
    }

    async fn sweep(&self, limit: usize, policy: Policy) -> PortResult<u64> {
        let mut write = self.write_under("sweep", policy).await?;
        let swept = write.sweep(limit).await;
        write.end(swept).await
    }
}

impl Write {
    async fn renew(&mut self, claims: &[ClaimToken], lease: Duration) -> Step<Vec<bool>> {
        let now = micros(self.now);
        let until = micros(self.now + delta(lease));
        let mut stand = Vec::with_capacity(claims.len());
        for claim in claims {
            let done = sqlx::query(
                "UPDATE invite_delivery INDEXED BY invite_delivery_token SET lease_until = ?
                 WHERE token = ? AND lease_until > ?",
            )
            .bind(until)
            .bind(claim.blob())
            .bind(now)
            .execute(self.db())
            .await?;
            stand.push(done.rows_affected() > 0);
        }
        Ok(stand)
    }

    async fn release(&mut self, claim: ClaimToken, ids: Vec<DeliveryId>) -> Step<()> {
        let mut rows = deliveries(self.db(), ids).await?;
        rows.retain(|delivery| {
            delivery.token == Some(claim) && delivery.standing.state == DeliveryState::Claimed
        });
        for delivery in &mut rows {
            self.step(delivery, DeliveryEvent::Release);
        }
        self.save_deliveries(&rows).await
    }
}

impl SqliteStore {
    async fn what_waits(&self) -> Step<Waiting> {
        let now = self.instant();
        let mut read = self.read().await?;
        let pauses = pauses(&mut read).await?;
        let row = sqlx::query("SELECT count(*) AS leased FROM invite_delivery WHERE token IS NOT NULL")
            .fetch_one(&mut *read)
            .await?;
        let mut waiting = Waiting { leased: row.count("leased")?, ..Waiting::default() };
        let query = if stops_a_destination(&pauses) {
            sqlx::query(include_str!("sql/waiting_by_destination.sql"))
        } else {
            sqlx::query(include_str!("sql/waiting.sql"))
        };
        let rows = query.bind(micros(now)).fetch_all(&mut *read).await?;
        let mut probed = BTreeSet::new();
        let mut next: Option<At> = None;
        for row in rows {
            let group = Group {
                state: row.word("state")?,
                not_before: row.at("not_before")?,
                beyond_pilot: row.flag("beyond_pilot")?,
                keys: [
                    row.text("account_key")?,
                    row.text("sender_key")?,
                    row.text("destination_prefix")? + &row.text("destination")?,
                ],
                all: row.count("all_of_it")?,
                due: row.count("due")?,
                next_due_at: row.maybe_at("next_due_at")?,
            };
            let due = group.due_now(now, &pauses, &mut probed);
            waiting.due += due;
            waiting.later += group.all - due;
            if due < group.all {
                next = [next, group.next_at(now, &pauses)].into_iter().flatten().min();
            }
        }
        waiting.next_in = next.map(|at| (at - now).to_std().unwrap_or_default());
        Ok(waiting)
    }
}

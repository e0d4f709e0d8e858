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

use crate::PgStore;
use crate::claim::{pauses, stops_a_destination};
use crate::error::Step;
use crate::metrics::metrics;
use crate::rows::{At, Columns, Key, delta};
use crate::write::Write;

#[async_trait]
impl Queue for PgStore {
    async fn claim(&self, claim: Claim) -> PortResult<Claimed> {
        self.writing("claim messages", &claim.policy, &claim, |write, claim| Box::pin(write.claim(claim)))
            .await
    }

    async fn renew(&self, claims: Vec<ClaimToken>, lease: Duration) -> PortResult<Vec<bool>> {
        let (policy, asked) = (Policy::default(), (claims, lease));
        self.writing("renew leases", &policy, &asked, |write, (claims, lease)| {
            Box::pin(write.renew(claims, *lease))
        })
        .await
    }

    async fn begin(&self, begin: Begin) -> PortResult<Vec<Begun>> {
        self.writing("begin messages", &begin.policy, &begin, |write, begin| Box::pin(write.begin(begin)))
            .await
    }

    async fn record(&self, record: Record) -> PortResult<Vec<Option<DeliveryState>>> {
        let Record { outcomes, policy } = record;
        self.writing("record outcomes", &policy, &outcomes, |write, outcomes| {
            Box::pin(write.record(outcomes))
        })
        .await
    }

    async fn release(&self, claim: ClaimToken, deliveries: Vec<DeliveryId>) -> PortResult<()> {
        let (policy, asked) = (Policy::default(), (claim, deliveries));
        self.writing("give back messages", &policy, &asked, |write, (claim, deliveries)| {
            Box::pin(write.release(*claim, deliveries))
        })
        .await
    }

    async fn report(&self, reports: Vec<Reported>, policy: Policy) -> PortResult<Vec<bool>> {
        const DOING: &str = "keep what a provider reports";
        self.writing(DOING, &policy, &reports, |write, reports| Box::pin(write.report(reports))).await
    }

    async fn waiting(&self) -> PortResult<Waiting> {
        self.what_waits().await.map_err(|fault| fault.doing("look at the queue"))
    }

    async fn listen(&self) -> Rings {
        self.listen_for_work().await
    }

    async fn reserve_sends(&self, wish: ReserveSends) -> PortResult<Slots> {
        let policy = Policy::default();
        self.writing("reserve slots of a sender", &policy, &wish, |write, wish| {
            Box::pin(write.reserve_sends(wish))
        })
        .await
    }

    async fn metrics(&self) -> PortResult<Metrics> {
        let read = async {
            let mut read = self.read().await?;
            let now = self.instant(&mut read).await?;
            metrics(&mut read, now).await
        };
        read.await.map_err(|fault| fault.doing("read the figures"))
    }

    async fn sweep(&self, limit: usize, policy: Policy) -> PortResult<u64> {
        self.sweep_in_chunks(limit, &policy).await
    }
}

impl Write {
    async fn renew(&mut self, claims: &[ClaimToken], lease: Duration) -> Step<Vec<bool>> {
        let now = self.now;
        let until = self.now + delta(lease);
        let mut stand = Vec::with_capacity(claims.len());
        for claim in claims {
            let done = self
                .query(
                    "UPDATE invite.delivery SET lease_until = $1
                 WHERE token = $2 AND lease_until > $3",
                )
                .bind(until)
                .bind(claim.uuid())
                .bind(now)
                .execute(self.db().connection())
                .await?;
            stand.push(done.rows_affected() > 0);
        }
        Ok(stand)
    }

    async fn release(&mut self, claim: ClaimToken, ids: &[DeliveryId]) -> Step<()> {
        let mut rows = self.hold_deliveries(ids.iter().copied()).await?;
        rows.retain(|delivery| {
            delivery.token == Some(claim) && delivery.standing.state == DeliveryState::Claimed
        });
        for delivery in &mut rows {
            self.step(delivery, DeliveryEvent::Release);
        }
        self.save_deliveries(&rows).await
    }
}

impl PgStore {
    async fn what_waits(&self) -> Step<Waiting> {
        let mut read = self.read().await?;
        let now = self.instant(&mut read).await?;
        let pauses = pauses(&mut read).await?;
        let row = read
            .query("SELECT count(*) AS leased FROM invite.delivery WHERE token IS NOT NULL")
            .fetch_one(read.connection())
            .await?;
        let mut waiting = Waiting { leased: row.count("leased")?, ..Waiting::default() };
        let query = if stops_a_destination(&pauses) {
            read.query(include_str!("sql/waiting_by_destination.sql"))
        } else {
            read.query(include_str!("sql/waiting.sql"))
        };
        let rows = query.bind(now).fetch_all(read.connection()).await?;
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

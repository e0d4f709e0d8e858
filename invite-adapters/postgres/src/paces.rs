//! Senders with a rate: how far their slots are reserved.

use invite_core::decision::pace::{Pace, Rooms, Slots};
use invite_core::model::sender::SenderKey;
use invite_core::port::queue::ReserveSends;
use sqlx::postgres::PgRow;

use crate::error::Step;
use crate::rows::Columns;
use crate::write::Write;

impl Write {
    /// Reserves slots. Of two at the same time, the second waits and goes on after the slots of the first.
    pub(crate) async fn reserve_sends(&mut self, wish: &ReserveSends) -> Step<Slots> {
        // A pace whose next slot is over is as good as none.
        let row = self
            .query(
                "INSERT INTO invite.sender_pace AS p (sender, spacing, next_at) VALUES ($1, 0, $2)
                 ON CONFLICT (sender) DO UPDATE SET spacing = p.spacing
                 RETURNING p.spacing, p.next_at",
            )
            .bind(wish.sender.0.clone())
            .bind(self.now)
            .fetch_one(self.db().connection())
            .await?;
        self.look_at_the_clock().await?;
        let (slots, pace) = Pace::reserve(Some(pace(&row)?), wish.rate, wish.wanted, self.now);
        self.query("UPDATE invite.sender_pace SET spacing = $2, next_at = $3 WHERE sender = $1")
            .bind(wish.sender.0.clone())
            .bind(i64::try_from(pace.spacing.as_micros()).unwrap_or(i64::MAX))
            .bind(pace.next_at)
            .execute(self.db().connection())
            .await?;
        Ok(slots)
    }

    /// What room there is now.
    pub(crate) async fn rooms(&mut self) -> Step<Rooms> {
        let rows = self
            .query("SELECT sender, spacing, next_at FROM invite.sender_pace")
            .fetch_all(self.db().connection())
            .await?;
        let rooms = rows.iter().map(|row| Ok((SenderKey(row.text("sender")?), pace(row)?.room(self.now))));
        Ok(Rooms::new(rooms.collect::<Step<_>>()?))
    }
}

fn pace(row: &PgRow) -> Step<Pace> {
    let spacing = std::time::Duration::from_micros(row.count("spacing")?);
    Ok(Pace { spacing, next_at: row.at("next_at")? })
}

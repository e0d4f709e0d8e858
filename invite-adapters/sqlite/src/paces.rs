//! Senders with a rate: how far their slots are reserved.

use invite_core::decision::pace::{Pace, Rooms, Slots};
use invite_core::model::sender::SenderKey;
use invite_core::port::queue::ReserveSends;
use sqlx::sqlite::SqliteRow;

use crate::error::Step;
use crate::rows::{Columns, micros};
use crate::write::Write;

impl Write {
    /// Reserves slots.
    pub(crate) async fn reserve_sends(&mut self, wish: ReserveSends) -> Step<Slots> {
        let before = sqlx::query("SELECT spacing, next_at FROM invite_sender_pace WHERE sender = ?")
            .bind(wish.sender.0.clone())
            .fetch_optional(self.db())
            .await?;
        let before = before.map(|row| pace(&row)).transpose()?;
        let (slots, pace) = Pace::reserve(before, wish.rate, wish.wanted, self.now);
        sqlx::query("INSERT OR REPLACE INTO invite_sender_pace (sender, spacing, next_at) VALUES (?, ?, ?)")
            .bind(wish.sender.0)
            .bind(i64::try_from(pace.spacing.as_micros()).unwrap_or(i64::MAX))
            .bind(micros(pace.next_at))
            .execute(self.db())
            .await?;
        Ok(slots)
    }

    /// What room there is now.
    pub(crate) async fn rooms(&mut self) -> Step<Rooms> {
        let rows = sqlx::query("SELECT sender, spacing, next_at FROM invite_sender_pace")
            .fetch_all(self.db())
            .await?;
        let rooms = rows.iter().map(|row| Ok((SenderKey(row.text("sender")?), pace(row)?.room(self.now))));
        Ok(Rooms::new(rooms.collect::<Step<_>>()?))
    }
}

fn pace(row: &SqliteRow) -> Step<Pace> {
    let spacing = std::time::Duration::from_micros(row.count("spacing")?);
    Ok(Pace { spacing, next_at: row.at("next_at")? })
}

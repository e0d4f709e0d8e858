//! Senders that people stop and start.

use chrono::{DateTime, Utc};
use invite_core::model::actor::Actor;
use invite_core::model::event::Happening;
use invite_core::model::outcome::Answer;
use invite_core::model::sender::{Covers, PauseKind, SenderPause};
use invite_core::port::records::SenderStop;

use crate::claim::pauses;
use crate::error::Step;
use crate::rows::{json, micros, word};
use crate::write::Write;

impl Write {
    /// Stops a sender until somebody lets it go on.
    pub(crate) async fn pause_sender(&mut self, stop: SenderStop) -> Step<()> {
        let SenderStop { actor, covers, because } = stop;
        let key = covers.key();
        let all = pauses(self.db()).await?;
        let there = all.get(&key).filter(|pause| pause.kind == PauseKind::ByHand);
        if there.is_none() {
            self.event_for_all(Happening::SenderPaused { covers: covers.clone(), answer: because.clone() });
        }
        self.audit(&actor, "sender_paused", &key, because.clone()).await?;
        let pause = SenderPause {
            covers,
            kind: PauseKind::ByHand,
            answer: Answer::new("", because),
            since: there.map_or(self.now, |pause| pause.since),
            next_at: None,
        };
        self.keep_pause(&key, &pause).await
    }

    /// Lets a sender go on; says whether anything stopped it.
    pub(crate) async fn let_sender_go_on(&mut self, actor: &Actor, covers: &Covers) -> Step<bool> {
        let key = covers.key();
        if let Covers::Sender(sender) = covers {
            sqlx::query("DELETE FROM invite_refusal WHERE sender = ?")
                .bind(sender.0.clone())
                .execute(self.db())
                .await?;
        }
        let there = pauses(self.db()).await?.remove(&key);
        sqlx::query("DELETE FROM invite_sender_pause WHERE pause_key = ?")
            .bind(key.clone())
            .execute(self.db())
            .await?;
        let Some(pause) = there.filter(|pause| pause.kind == PauseKind::Blocked || pause.stops(self.now))
        else {
            return Ok(false);
        };
        self.audit(actor, "sender_resumed", &key, "").await?;
        self.event_for_all(Happening::SenderResumed { covers: pause.covers });
        self.make_work();
        Ok(true)
    }

    /// Keeps a pause; one without an end has the last instant there is for one.
    pub(crate) async fn keep_pause(&mut self, key: &str, pause: &SenderPause) -> Step<()> {
        sqlx::query(
            "INSERT OR REPLACE INTO invite_sender_pause (pause_key, covers, kind, answer, since_at, next_at)
             VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(key.to_owned())
        .bind(json(&pause.covers))
        .bind(word(&pause.kind))
        .bind(json(&pause.answer))
        .bind(micros(pause.since))
        .bind(micros(pause.next_at.unwrap_or(DateTime::<Utc>::MAX_UTC)))
        .execute(self.db())
        .await?;
        Ok(())
    }
}

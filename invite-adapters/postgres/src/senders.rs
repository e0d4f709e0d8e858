//! Senders that people stop and start.

use invite_core::model::actor::Actor;
use invite_core::model::event::Happening;
use invite_core::model::outcome::Answer;
use invite_core::model::sender::{Covers, PauseKind, SenderPause};
use invite_core::port::records::SenderStop;

use crate::alone::Alone;
use crate::claim::pauses;
use crate::error::Step;
use crate::rows::{json, word};
use crate::write::Write;

impl Write {
    /// Stops a sender until somebody lets it go on.
    pub(crate) async fn pause_sender(&mut self, stop: SenderStop) -> Step<()> {
        let SenderStop { actor, covers, because } = stop;
        let key = covers.key();
        self.db().alone(Alone::ChangingSenders).await?;
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
        self.db().alone(Alone::ChangingSenders).await?;
        if let Covers::Sender(sender) = covers {
            self.query("DELETE FROM invite.refusal WHERE sender = $1")
                .bind(sender.0.clone())
                .execute(self.db().connection())
                .await?;
        }
        let there = pauses(self.db()).await?.remove(&key);
        self.query("DELETE FROM invite.sender_pause WHERE pause_key = $1")
            .bind(key.clone())
            .execute(self.db().connection())
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

    /// Keeps a pause. Whoever does changes senders alone.
    pub(crate) async fn keep_pause(&mut self, key: &str, pause: &SenderPause) -> Step<()> {
        self.query(
            "INSERT INTO invite.sender_pause (pause_key, covers, kind, answer, since_at, next_at)
             VALUES ($1, $2, $3, $4, $5, coalesce($6::timestamptz, 'infinity'))
             ON CONFLICT (pause_key) DO UPDATE SET covers = excluded.covers, kind = excluded.kind,
                 answer = excluded.answer, since_at = excluded.since_at, next_at = excluded.next_at",
        )
        .bind(key.to_owned())
        .bind(json(&pause.covers))
        .bind(word(&pause.kind))
        .bind(json(&pause.answer))
        .bind(pause.since)
        .bind(pause.next_at)
        .execute(self.db().connection())
        .await?;
        Ok(())
    }
}

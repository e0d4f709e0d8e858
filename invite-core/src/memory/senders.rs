//! Senders that people stop and start.

use super::transaction::Transaction;
use crate::model::actor::Actor;
use crate::model::event::Happening;
use crate::model::outcome::Answer;
use crate::model::sender::{Covers, PauseKind, SenderPause};
use crate::port::records::SenderStop;

impl Transaction<'_> {
    pub(super) fn pause_sender(&mut self, stop: SenderStop) {
        let SenderStop { actor, covers, because } = stop;
        let key = covers.key();
        let there = self.state.pauses.get(&key).filter(|pause| pause.kind == PauseKind::ByHand);
        let since = there.map(|pause| pause.since);
        if since.is_none() {
            self.event(None, Happening::SenderPaused { covers: covers.clone(), answer: because.clone() });
        }
        self.audit(&actor, "sender_paused", &key, because.clone());
        let pause = SenderPause {
            covers,
            kind: PauseKind::ByHand,
            answer: Answer::new("", because),
            since: since.unwrap_or(self.now),
            next_at: None,
        };
        self.state.pauses.insert(key, pause);
    }

    pub(super) fn resume_sender(&mut self, actor: &Actor, covers: &Covers) -> bool {
        let key = covers.key();
        if let Covers::Sender(sender) = covers {
            self.state.refusals.remove(sender);
        }
        let there = self.state.pauses.remove(&key);
        let Some(pause) = there.filter(|pause| pause.kind == PauseKind::Blocked || pause.stops(self.now))
        else {
            return false;
        };
        self.audit(actor, "sender_resumed", &key, String::new());
        self.event(None, Happening::SenderResumed { covers: pause.covers });
        self.make_work();
        true
    }
}

//! A transport that keeps what it is handed.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::model::message::Message;
use crate::model::outcome::{Outcome, Receipt};
use crate::port::transport::Transport;

type Answering = Arc<dyn Fn(&Message) -> Outcome + Send + Sync>;

/// A transport that keeps the messages it is handed, whole and in order, and answers what a test tells it to: first the
/// script, then the function, else that it accepted them.
///
/// ```
/// use std::time::Duration;
///
/// use invite_core::memory::RecordingTransport;
/// use invite_core::model::outcome::{Answer, Outcome};
///
/// let transport = RecordingTransport::new();
/// transport.script([Outcome::Deferred { retry_after: None, answer: Answer::new("451", "try later") }]);
/// // … the first message is deferred, all others are accepted
/// assert!(transport.messages().is_empty());
/// ```
///
/// A clone is the same transport: one goes to the builder, the other stays with the test.
#[derive(Clone, Default)]
pub struct RecordingTransport {
    kept: Arc<Mutex<Kept>>,
    answering: Option<Answering>,
}

#[derive(Default)]
struct Kept {
    messages: Vec<Message>,
    script: VecDeque<Outcome>,
}

impl RecordingTransport {
    /// One that accepts everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// One that answers each message by a function.
    pub fn answering(answer: impl Fn(&Message) -> Outcome + Send + Sync + 'static) -> Self {
        Self { kept: Arc::default(), answering: Some(Arc::new(answer)) }
    }

    /// Adds outcomes to be answered next, one a message.
    pub fn script(&self, outcomes: impl IntoIterator<Item = Outcome>) {
        self.kept().script.extend(outcomes);
    }

    /// What it was handed so far, accepted or not. The messages hold credentials in plain text.
    pub fn messages(&self) -> Vec<Message> {
        self.kept().messages.clone()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Transport for RecordingTransport {
    async fn send(&self, message: &Message, _: Duration) -> Outcome {
        let (scripted, number) = {
            let mut kept = self.kept();
            kept.messages.push(message.clone());
            (kept.script.pop_front(), kept.messages.len())
        };
        scripted
            .or_else(|| self.answering.as_ref().map(|answer| answer(message)))
            .unwrap_or_else(|| Outcome::Accepted(Receipt(format!("recorded-{number}"))))
    }
}

impl fmt::Debug for RecordingTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = self.kept();
        f.debug_struct("RecordingTransport")
            .field("messages", &kept.messages.len())
            .field("scripted", &kept.script.len())
            .finish_non_exhaustive()
    }
}

//! A mail server that has each message on the disk before it answers the final dot; it breaks connections when it is
//! told to, and holds conversations at a place so that a fault falls just there.
//!
//! It knows a worker by the name with which it says EHLO.

use std::collections::HashMap;
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::Notify;

use super::conversation::Conversation;
use super::keeper::Keeper;
use super::ledger::Ledger;
use super::schedule::{Break, Place};

/// It answers a second and a half later at most where it is slow: half of the time that a worker waits.
const SLOW_STEP: Duration = Duration::from_millis(25);
const SLOW_STEPS: u32 = 60;

/// A conversation that is to be held.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) place: Place,
    pub(crate) who: Who,
}

/// Whose conversation.
#[derive(Debug, Clone)]
pub(crate) enum Who {
    /// This worker's.
    Worker(String),
    /// This worker's, about a message whose text was not asked for before: another worker will have it after this one.
    /// There is no third hand-over of a message whose first two ended unseen.
    FirstOf(String),
    /// About this message, of any worker but this one.
    AnotherThan { worker: String, to: String },
}

/// One that is held.
#[derive(Debug, Clone)]
struct Held {
    to: String,
    conversation: u64,
}

#[derive(Debug, Default)]
struct State {
    armed: Vec<(Break, Place)>,
    /// By the number of the request.
    wanted: HashMap<u64, Wanted>,
    held: HashMap<u64, Held>,
    requests: u64,
    /// How often the server asked for a message's text, by address.
    tried: HashMap<String, u32>,
    /// Who named an address last.
    last_with: HashMap<String, String>,
    /// Messages that are being talked about, by worker.
    talking: HashMap<String, u32>,
}

/// What all conversations share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) keeper: Keeper,
    pub(crate) ledger: Arc<Ledger>,
    state: Mutex<State>,
    released: Notify,
    conversations: AtomicU64,
    /// It is in no hurry to keep more than so many messages.
    enough: AtomicU64,
}

/// The server. It ends with its runtime.
#[derive(Debug)]
pub(crate) struct Sink {
    port: u16,
    shared: Arc<Shared>,
}

impl Sink {
    pub(crate) fn open(journal: &Path, ledger: Arc<Ledger>, runtime: &Runtime) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            keeper: Keeper::open(journal)?,
            ledger,
            state: Mutex::default(),
            released: Notify::new(),
            conversations: AtomicU64::new(0),
            enough: AtomicU64::new(u64::MAX),
        });
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let port = listener.local_addr()?.port();
        let accepting = shared.clone();
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, accepting.clone()));
            }
        });
        Ok(Self { port, shared })
    }

    pub(crate) fn shared(&self) -> Arc<Shared> {
        self.shared.clone()
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// How many messages were kept so far.
    pub(crate) fn kept(&self) -> u64 {
        self.shared.keeper.kept()
    }

    /// Is slow from so many messages on, so that they do not run out before the faults.
    pub(crate) fn slow_from(&self, messages: u64) {
        self.shared.enough.store(messages, Ordering::Relaxed);
    }

    /// Breaks the next connection that comes to this place.
    pub(crate) fn arm(&self, broken: Break, place: Place) {
        self.shared.state().armed.push((broken, place));
    }

    /// How many connections are still to be broken.
    pub(crate) fn armed(&self) -> usize {
        self.shared.state().armed.len()
    }

    /// Holds the next conversation like this, until the request is given up.
    pub(crate) fn hold(&self, wanted: Wanted) -> u64 {
        let mut state = self.shared.state();
        state.requests += 1;
        let request = state.requests;
        state.wanted.insert(request, wanted);
        request
    }

    /// The address of the message that is held.
    pub(crate) fn held(&self, request: u64) -> Option<String> {
        self.shared.state().held.get(&request).map(|held| held.to.clone())
    }

    /// Lets it go on, if there is one, and holds no other.
    pub(crate) fn release(&self, request: u64) {
        let mut state = self.shared.state();
        state.wanted.remove(&request);
        state.held.remove(&request);
        drop(state);
        self.shared.released.notify_waiters();
    }

    /// Whether a worker is talking about a message.
    pub(crate) fn talks(&self, worker: &str) -> bool {
        self.shared.state().talking.get(worker).is_some_and(|messages| *messages > 0)
    }

    /// How often the text of each message was asked for, by address.
    pub(crate) fn tried(&self) -> HashMap<String, u32> {
        self.shared.state().tried.clone()
    }
}

async fn converse(stream: TcpStream, shared: Arc<Shared>) {
    if let Ok(mut conversation) = Conversation::new(stream, shared.clone()) {
        // A worker that is killed in the middle ends it: nothing to tell anybody.
        let _ = conversation.run().await;
        if conversation.is_about_a_message() {
            shared.talks_no_more(&conversation.worker);
        }
    }
}

impl Shared {
    pub(crate) fn next_conversation(&self) -> u64 {
        self.conversations.fetch_add(1, Ordering::Relaxed)
    }

    /// Takes its time, as a provider does that has much to do; never so long that a worker gives up.
    pub(crate) async fn slow_down(&self) {
        for _ in 0..SLOW_STEPS {
            if self.keeper.kept() < self.enough.load(Ordering::Relaxed) {
                return;
            }
            tokio::time::sleep(SLOW_STEP).await;
        }
    }

    /// What breaks here, if it does.
    pub(crate) fn broken_at(&self, place: Place) -> Option<Break> {
        let mut state = self.state();
        let at = state.armed.iter().position(|(_, wanted)| *wanted == place)?;
        Some(state.armed.swap_remove(at).0)
    }

    /// Whether a fault waits for somebody to connect. A server may close a connection that is idle.
    pub(crate) fn wants_connections(&self) -> bool {
        self.state().armed.iter().any(|(_, place)| matches!(place, Place::Greeting | Place::Hello))
    }

    /// Waits here for as long as somebody holds the conversation.
    pub(crate) async fn hold_at(&self, place: Place, worker: &str, to: &str, conversation: u64) {
        let request = {
            let mut state = self.state();
            let fits = |wanted: &Wanted| {
                wanted.place == place
                    && match &wanted.who {
                        Who::Worker(name) => name == worker,
                        Who::FirstOf(name) => {
                            name == worker && state.tried.get(to).is_none_or(|times| *times < 2)
                        }
                        Who::AnotherThan { worker: name, to: about } => name != worker && about == to,
                    }
            };
            let request = state.wanted.iter().find(|(_, wanted)| fits(wanted)).map(|(request, _)| *request);
            let Some(request) = request else { return };
            state.wanted.remove(&request);
            state.held.insert(request, Held { to: to.to_owned(), conversation });
            request
        };
        loop {
            let released = self.released.notified();
            tokio::pin!(released);
            // Before it is looked, so that no release between the two is missed.
            released.as_mut().enable();
            if self.state().held.get(&request).is_none_or(|held| held.conversation != conversation) {
                return;
            }
            let _ = tokio::time::timeout(Duration::from_secs(1), released).await;
        }
    }

    pub(crate) fn talks_about(&self, worker: &str) {
        *self.state().talking.entry(worker.to_owned()).or_default() += 1;
    }

    pub(crate) fn names(&self, worker: &str, to: &str) {
        self.state().last_with.insert(to.to_owned(), worker.to_owned());
    }

    /// Who named this address last.
    pub(crate) fn last_with(&self, to: &str) -> Option<String> {
        self.state().last_with.get(to).cloned()
    }

    pub(crate) fn talks_no_more(&self, worker: &str) {
        if let Some(messages) = self.state().talking.get_mut(worker) {
            *messages = messages.saturating_sub(1);
        }
    }

    pub(crate) fn try_message(&self, to: &str) {
        *self.state().tried.entry(to.to_owned()).or_default() += 1;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! The worker: carries out confirmed batches. Any number of them, in any number of replicas.

mod compose;
mod hand_over;
mod lane;
mod lease;
mod listening;
mod outage;
mod paced;
mod ports;
mod ready;
mod recorder;
mod report;
mod schedules;
mod stop;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, RwLock, Semaphore};
use tokio::task::JoinSet;
use tokio::time::Instant;

pub use report::WorkReport;

use self::lane::{Found, Shared};
use self::listening::{listen, ring};
use self::ports::Ports;
use self::recorder::{Recorder, Writer};
use self::report::Tally;
use self::schedules::{catch_up, keep_schedules};
use self::stop::Stop;
use super::invites::Inner;
use crate::port::bell::{Bell, Rings};
use crate::port::error::PortResult;
use crate::port::queue::Waiting;

/// Groups that are prepared at the same time.
const LANES: usize = 2;
/// How often the queue is asked when nothing rings: a ring may be missed, and some stores never ring.
const POLL: Duration = Duration::from_secs(2);
/// How often it is asked for messages before what waits in it is counted again.
const LOOKS_A_COUNT: u32 = 10;
/// The waits after an error of the store or the people's port, doubling.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// How often work is done that nobody waits for.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// Rows of a sweep.
const SWEEP: usize = 1_000;

/// Carries out confirmed batches: [`Invites::worker`](crate::Invites::worker) makes one.
#[derive(Debug)]
pub struct Worker {
    inner: Arc<Inner>,
    name: String,
    concurrency: usize,
    poll: Duration,
}

/// When a worker ends by itself.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    ToldTo,
    Idle,
}

impl Worker {
    pub(super) fn new(inner: Arc<Inner>) -> Self {
        let name = format!("worker-{}", std::process::id());
        Self { inner, name, concurrency: 32, poll: POLL }
    }

    /// So many messages are with transports at once; 32 by default, at least 1.
    #[must_use]
    pub fn concurrency(mut self, messages: usize) -> Self {
        self.concurrency = messages.max(1);
        self
    }

    /// The name that people see beside what it holds; it decides nothing.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// How often it looks for work when nothing tells it of any; every 2 s by default, which suits production.
    ///
    /// A worker without work hears of new work from its store as soon as it is there, whichever process made it
    /// ([`Queue::listen`](crate::port::queue::Queue::listen)), and knows when what waits is due. To look is for what it
    /// did not hear of: a connection was lost, other workers have given messages back or have died, or the store does not
    /// ring. One that works [until it is idle](Self::run_until_idle) does not listen: it looks more often, and ends.
    #[must_use]
    pub const fn poll_every(mut self, interval: Duration) -> Self {
        self.poll = interval;
        self
    }

    /// Works until `shutdown` completes. What was begun is then still sent and recorded; what was only claimed is given
    /// back.
    ///
    /// A database that is gone, read-only or full is waited for, however long: outcomes are kept in memory meanwhile, and are
    /// written before anything else when it is back. The log has one error when it goes, and one line when it is back. No
    /// call is waited for longer than 40 s.
    ///
    /// Told to end meanwhile, it tries for as long as a [lease](crate::policy::Policy::lease) to record what it handed over,
    /// and then ends with an error that says how many outcomes are not kept; so it ends with any database, a few minutes
    /// after its last hand-over at the latest.
    pub async fn run_until(self, shutdown: impl Future<Output = ()>) -> PortResult<WorkReport> {
        self.run(Until::ToldTo, shutdown).await
    }

    /// Does what schedules ask for now, and works until nothing is due or leased; what waits for a time, a sender or a person is counted in the report.
    ///
    /// A database that is gone is waited for; one that is read-only, full or refuses what is asked is an error.
    pub async fn run_until_idle(self) -> PortResult<WorkReport> {
        self.run(Until::Idle, std::future::pending()).await
    }

    /// The same, and ends early when `shutdown` completes.
    pub async fn run_until_idle_or(self, shutdown: impl Future<Output = ()>) -> PortResult<WorkReport> {
        self.run(Until::Idle, shutdown).await
    }

    async fn run(self, until: Until, shutdown: impl Future<Output = ()>) -> PortResult<WorkReport> {
        let (store, policy) = (self.inner.store.clone(), self.inner.policy.clone());
        let tally = Arc::new(Tally::default());
        let (stop, ports) = (Stop::new(), Ports::new(self.inner.people_in_store, until == Until::Idle));
        let Recorder { pipe, mut task } = Recorder::start(Writer {
            store: store.clone(),
            ports: ports.clone(),
            policy: policy.clone(),
            tally: tally.clone(),
            stop: stop.clone(),
        });
        let shared = Shared {
            inner: self.inner.clone(),
            ports: ports.clone(),
            worker: self.name,
            sends: Arc::new(Semaphore::new(self.concurrency)),
            concurrency: self.concurrency,
            poll: self.poll,
            paced: Arc::new(Semaphore::new(2 * self.concurrency)),
            gate: Arc::new(RwLock::new(())),
            turn: Arc::new(Mutex::new(())),
            batches: Arc::default(),
            outcomes: pipe,
            tally: tally.clone(),
        };
        let bell = Bell::new();
        tokio::pin!(shutdown);
        if until == Until::Idle {
            tokio::select! {
                done = catch_up(self.inner.clone(), &ports) => done?,
                () = &mut shutdown => stop.tell(),
            }
        }
        // Sets of tasks end with what holds them: a worker whose future is dropped stops where it is, like a crash.
        let mut lanes = JoinSet::new();
        for _ in 0..LANES {
            let (shared, stop, rings) = (shared.clone(), stop.clone(), bell.listen());
            lanes.spawn(async move { lane(&shared, &stop, until, rings).await });
        }
        drop(shared);
        let mut sweeper = JoinSet::new();
        sweeper.spawn(sweep(self.inner.clone(), ports.clone(), stop.clone(), bell.listen()));
        if until == Until::ToldTo {
            sweeper.spawn(keep_schedules(self.inner.clone(), ports.clone(), stop.clone(), bell.listen()));
            sweeper.spawn(listen(self.inner.clone(), self.inner.bell.listen(), bell));
        }
        let mut result = Ok(());
        loop {
            tokio::select! {
                ended = lanes.join_next() => match ended {
                    None => break,
                    Some(Ok(lane)) => {
                        // One that ends with an error ends the worker; the others may be waiting for what does not come.
                        if lane.is_err() {
                            stop.tell();
                        }
                        result = result.and(lane);
                    }
                    Some(Err(panic)) => std::panic::resume_unwind(panic.into_panic()),
                },
                () = &mut shutdown, if !stop.is_told() => stop.tell(),
            }
        }
        let early = stop.is_told();
        stop.tell();
        // The lanes and their hand-overs are done; what is still in the pipe is written.
        let recorded = match task.join_next().await {
            Some(Err(panic)) => std::panic::resume_unwind(panic.into_panic()),
            Some(Ok(recorded)) => recorded,
            None => Ok(()),
        };
        sweeper.shutdown().await;
        recorded.and(result)?;
        if until == Until::Idle && !early {
            while ports.sweep(store.sweep(SWEEP, policy.clone())).await? > 0 {}
        }
        Ok(tally.report(ports.store("count what waits", store.waiting()).await?))
    }
}

async fn lane(shared: &Shared, stop: &Stop, until: Until, rings: Rings) -> PortResult<()> {
    let mut departures = JoinSet::new();
    let result = groups(shared, &mut departures, stop, until, rings).await;
    // A hand-over catches the panics of its transport; another one of its own leaves its message to the lease.
    while departures.join_next().await.is_some() {}
    result
}

async fn groups(
    shared: &Shared,
    departures: &mut JoinSet<()>,
    stop: &Stop,
    until: Until,
    mut rings: Rings,
) -> PortResult<()> {
    let mut wait = FIRST_WAIT;
    let mut outlook = Outlook::default();
    while !stop.is_told() {
        while departures.try_join_next().is_some() {}
        shared.ports.caught_up(stop).await?;
        if stop.is_told() {
            break;
        }
        // What it rang for until now is looked for now.
        rings.forget();
        let error = match shared.group(departures, stop).await {
            Ok(Found::Work) => {
                wait = FIRST_WAIT;
                outlook = Outlook::default();
                continue;
            }
            Ok(Found::Nothing(Some(room_in))) => {
                if rest(shared, stop, Some(Instant::now() + room_in), until, &mut rings).await {
                    outlook = Outlook::default();
                }
                continue;
            }
            Ok(Found::Nothing(None)) if until == Until::ToldTo && outlook.still_holds() => {
                if rest(shared, stop, outlook.next_at, until, &mut rings).await {
                    outlook = Outlook::default();
                }
                continue;
            }
            Ok(Found::Nothing(None)) => match shared.waiting().await {
                Ok(waiting) if until == Until::Idle && waiting.due == 0 && waiting.leased == 0 => {
                    return Ok(());
                }
                Ok(waiting) => {
                    wait = FIRST_WAIT;
                    outlook = Outlook::of(&waiting);
                    if rest(shared, stop, outlook.next_at, until, &mut rings).await {
                        outlook = Outlook::default();
                    }
                    continue;
                }
                Err(error) => error,
            },
            Err(error) => error,
        };
        if until == Until::Idle && !error.is_transient() {
            return Err(error);
        }
        shared.ports.tell(&error);
        pause(stop, wait, &mut rings).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
    Ok(())
}

/// What a worker without work knows of the queue. To claim in vain is cheap however much waits, to count it is not: so it
/// claims whenever it looks, and counts only now and then.
#[derive(Default)]
struct Outlook {
    /// When the next message is due.
    next_at: Option<Instant>,
    /// How often it may still look before it counts again.
    looks: u32,
}

impl Outlook {
    fn of(waiting: &Waiting) -> Self {
        let next_at = waiting.next_in.and_then(|next| Instant::now().checked_add(next));
        Self { next_at, looks: LOOKS_A_COUNT }
    }

    fn still_holds(&mut self) -> bool {
        self.looks = self.looks.saturating_sub(1);
        self.looks > 0 && self.next_at.is_none_or(|next| next > Instant::now())
    }
}

/// Rests until something is due, it rings, or it is time to look. Says whether it rang: what was known of the queue is out
/// of date then.
async fn rest(
    shared: &Shared,
    stop: &Stop,
    next_at: Option<Instant>,
    until: Until,
    rings: &mut Rings,
) -> bool {
    let longest = if until == Until::Idle { Duration::from_millis(50) } else { shared.poll };
    let next_in = next_at.map(|next| next.saturating_duration_since(Instant::now()));
    let rest = next_in.map_or(longest, |next| next.min(longest)).max(Duration::from_millis(5));
    pause(stop, rest, rings).await
}

/// Waits so long, unless it rings, or the worker ends. Says whether it rang.
async fn pause(stop: &Stop, longest: Duration, rings: &mut Rings) -> bool {
    tokio::select! {
        () = tokio::time::sleep(longest) => false,
        () = ring(rings) => true,
        () = stop.told() => false,
    }
}

async fn sweep(inner: Arc<Inner>, ports: Ports, stop: Stop, mut rings: Rings) {
    while !stop.is_told() {
        if ports.caught_up(&stop).await.is_err() || stop.is_told() {
            return;
        }
        rings.forget();
        match ports.sweep(inner.store.sweep(SWEEP, inner.policy.clone())).await {
            Ok(rows) if rows > 0 => {}
            Ok(_) => tokio::select! {
                () = tokio::time::sleep(SWEEP_EVERY) => {}
                () = ring(&mut rings) => {}
            },
            Err(error) => {
                ports.tell(&error);
                tokio::time::sleep(SWEEP_EVERY * 5).await;
            }
        }
    }
}

//! The pool of threads that hash.
//!
//! A hash takes some 16 ms and 19 MiB. On an async worker it would hold up every other task of that worker, and on
//! the runtime's blocking pool hundreds could run at once, each with memory of its own. Here a fixed number of
//! threads each keeps its memory from one hash to the next, and whoever comes when all are busy waits in line.

use std::io;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use futures_util::StreamExt;
use futures_util::stream;
use tokio::sync::{mpsc, oneshot};

use super::hash::{self, HashCost, HashMemory, PasswordHash, Salt};
use super::secret::Secret;

/// Hashes and checks passwords on threads of its own. Cheap to clone; the threads end when the last clone is dropped.
///
/// Dropping one of its futures takes back a job that no thread has begun.
#[derive(Debug, Clone)]
pub struct Hasher {
    jobs: mpsc::Sender<Job>,
    cost: HashCost,
    threads: NonZeroUsize,
}

/// Why a hash was not computed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HasherError {
    /// The operating system gave no thread.
    #[error("the hashing threads could not be started: allow the process more threads, or ask for fewer")]
    NoThreads(#[source] io::Error),
    /// The computation panicked; the pool goes on.
    #[error(
        "a hash ended in a panic, which standard error shows: please report it; the next ones are not affected"
    )]
    Panicked,
}

impl Hasher {
    /// As many threads as the process may use processors.
    pub fn new(cost: HashCost) -> Result<Self, HasherError> {
        Self::with_threads(cost, thread::available_parallelism().unwrap_or(NonZeroUsize::MIN))
    }

    /// `threads` threads; they need that many times the memory of `cost`.
    pub fn with_threads(cost: HashCost, threads: NonZeroUsize) -> Result<Self, HasherError> {
        // One job in line for each thread is enough to leave none idle; the rest wait to get in line.
        let (jobs, line) = mpsc::channel(threads.get());
        let line = Arc::new(Mutex::new(line));
        for number in 0..threads.get() {
            let line = Arc::clone(&line);
            let thread = thread::Builder::new().name(format!("invite-hash-{number}"));
            thread.spawn(move || work(&line)).map_err(HasherError::NoThreads)?;
        }
        Ok(Self { jobs, cost, threads })
    }

    /// What a hash made here costs.
    pub const fn cost(&self) -> HashCost {
        self.cost
    }

    /// How many hashes are computed at once.
    pub const fn threads(&self) -> NonZeroUsize {
        self.threads
    }

    /// How many hashes one caller should have under way: each thread has a next one, and yet a person who signs in
    /// meanwhile waits for a few, not for the whole batch.
    pub const fn batch_width(&self) -> usize {
        self.threads.get() * 2
    }

    /// Hashes a secret for storing.
    pub async fn hash(&self, secret: Secret, salt: Salt) -> Result<PasswordHash, HasherError> {
        let cost = self.cost;
        self.run(move |memory| hash::hash(&secret, salt, cost, memory)).await
    }

    /// Hashes many, on all threads; the answers are in the order of the questions.
    pub async fn hash_all(&self, secrets: Vec<(Secret, Salt)>) -> Vec<Result<PasswordHash, HasherError>> {
        let hashes = stream::iter(secrets).map(|(secret, salt)| self.hash(secret, salt));
        hashes.buffered(self.batch_width()).collect().await
    }

    /// Whether `secret` is what `stored` was made of.
    pub async fn verify(&self, secret: Secret, stored: PasswordHash) -> Result<bool, HasherError> {
        self.run(move |memory| hash::verify(&secret, &stored, memory)).await
    }

    /// Which of `candidates` was made of `secret`, if any: one hash for all that share salt and cost, and one for
    /// nobody where there are none.
    pub async fn check(
        &self,
        secret: Secret,
        candidates: Vec<PasswordHash>,
    ) -> Result<Option<usize>, HasherError> {
        let cost = self.cost;
        self.run(move |memory| hash::check(&secret, &candidates, cost, memory)).await
    }

    /// Spends one hash for nobody, so that the time of an answer does not say whether there is anyone to check.
    pub async fn spend(&self, secret: Secret) -> Result<(), HasherError> {
        self.check(secret, Vec::new()).await.map(drop)
    }

    async fn run<T: Send + 'static>(
        &self,
        compute: impl FnOnce(&mut HashMemory) -> T + Send + 'static,
    ) -> Result<T, HasherError> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |memory| {
            if !answer.is_closed() {
                // Whoever asked may have gone while it was computed.
                drop(answer.send(compute(memory)));
            }
        });
        // The threads live as long as `self`, and a job drops its answer unsent only by panicking.
        self.jobs.send(job).await.map_err(|_| HasherError::Panicked)?;
        answered.await.map_err(|_| HasherError::Panicked)
    }
}

type Job = Box<dyn FnOnce(&mut HashMemory) + Send>;

/// The life of a thread: one job after the other, until no `Hasher` is left that could send one.
fn work(line: &Mutex<mpsc::Receiver<Job>>) {
    let mut memory = HashMemory::default();
    loop {
        let job = line.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        let Some(job) = job else { return };
        // The panic hook has told; the caller sees that its answer will not come. The memory is scratch paper.
        drop(catch_unwind(AssertUnwindSafe(|| job(&mut memory))));
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::future::ready;
    use std::pin::pin;
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::sync::mpsc as blocking;

    use futures_util::future::join_all;

    use super::*;

    fn hasher(threads: usize) -> Hasher {
        Hasher::with_threads(HashCost::weak_for_tests(), NonZeroUsize::new(threads).unwrap()).unwrap()
    }

    fn secret(text: &str) -> Secret {
        Secret::new(text.into())
    }

    const SALT: Salt = Salt::from_bytes([7; 16]);

    #[tokio::test]
    async fn what_was_hashed_verifies_and_is_found_among_others() {
        let hasher = hasher(2);
        let first = hasher.hash(secret("first"), SALT).await.unwrap();
        let second = hasher.hash(secret("second"), SALT).await.unwrap();
        assert!(hasher.verify(secret("first"), first.clone()).await.unwrap());
        assert!(!hasher.verify(secret("second"), first.clone()).await.unwrap());
        let candidates = vec![first, second];
        assert_eq!(hasher.check(secret("second"), candidates.clone()).await.unwrap(), Some(1));
        assert_eq!(hasher.check(secret("third"), candidates).await.unwrap(), None);
        assert_eq!(hasher.check(secret("third"), Vec::new()).await.unwrap(), None);
        hasher.spend(secret("nobody")).await.unwrap();
    }

    #[tokio::test]
    async fn a_batch_is_answered_in_its_order() {
        let hasher = hasher(3);
        let texts: Vec<_> = (0..64).map(|number| number.to_string()).collect();
        let hashes = hasher.hash_all(texts.iter().map(|text| (secret(text), SALT)).collect()).await;
        assert_eq!(hashes.len(), texts.len());
        for (text, hash) in texts.iter().zip(hashes) {
            assert!(hasher.verify(secret(text), hash.unwrap()).await.unwrap(), "{text}");
        }
    }

    #[tokio::test]
    async fn all_threads_work_at_once_and_never_more() {
        const THREADS: usize = 3;
        let hasher = hasher(THREADS);
        let (all, running, peak) =
            (Arc::new(Barrier::new(THREADS)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let jobs = (0..THREADS * 10).map(|_| {
            let (all, running, peak) = (Arc::clone(&all), Arc::clone(&running), Arc::clone(&peak));
            hasher.run(move |_| {
                peak.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                // Nobody passes before all threads are here.
                all.wait();
                running.fetch_sub(1, Ordering::SeqCst);
            })
        });
        assert!(join_all(jobs).await.iter().all(Result::is_ok));
        assert_eq!(peak.load(Ordering::SeqCst), THREADS);
    }

    #[tokio::test]
    async fn a_dropped_future_takes_back_what_has_not_begun() {
        let hasher = hasher(1);
        let (open, gate) = blocking::channel::<()>();
        let mut busy = pin!(hasher.run(move |_| gate.recv()));
        start(&mut busy).await;

        let begun = Arc::new(AtomicBool::new(false));
        {
            let begun = Arc::clone(&begun);
            let mut in_line = pin!(hasher.run(move |_| begun.store(true, Ordering::SeqCst)));
            start(&mut in_line).await;
        }
        open.send(()).unwrap();
        busy.await.unwrap().unwrap();
        hasher.spend(secret("the next in line")).await.unwrap();
        assert!(!begun.load(Ordering::SeqCst));
    }

    #[tokio::test]
    async fn a_dropped_future_of_a_job_under_way_harms_nobody() {
        let hasher = hasher(1);
        let (open, gate) = blocking::channel::<()>();
        {
            let mut abandoned = pin!(hasher.run(move |_| gate.recv()));
            start(&mut abandoned).await;
        }
        // Closed or sent, the gate opens.
        drop(open);
        hasher.spend(secret("the next in line")).await.unwrap();
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_the_pool_goes_on() {
        let hasher = hasher(1);
        for _ in 0..3 {
            let outcome = hasher.run(|_| panic!("a panic on purpose")).await;
            assert!(matches!(outcome, Err::<(), _>(HasherError::Panicked)));
        }
        let hash = hasher.hash(secret("after"), SALT).await.unwrap();
        assert!(hasher.verify(secret("after"), hash).await.unwrap());
    }

    #[tokio::test]
    async fn dropping_the_last_hasher_ends_the_threads() {
        thread_local!(static ALIVE: RefCell<Option<blocking::Sender<()>>> = const { RefCell::new(None) });
        let hasher = hasher(2);
        let (alive, ended) = blocking::channel();
        let both = Arc::new(Barrier::new(2));
        let mark = || {
            let (alive, both) = (alive.clone(), Arc::clone(&both));
            hasher.run(move |_| {
                both.wait();
                ALIVE.set(Some(alive));
            })
        };
        assert!(join_all([mark(), mark()]).await.iter().all(Result::is_ok));
        drop(alive);

        let other = hasher.clone();
        drop(hasher);
        other.spend(secret("still there")).await.unwrap();
        drop(other);
        // Disconnected: both threads have dropped what is theirs.
        assert_eq!(ended.recv(), Err(blocking::RecvError));
    }

    #[test]
    fn debug_and_errors_hold_no_secret() {
        let hasher = hasher(1);
        let text = format!("{hasher:?} {:?} {}", HasherError::Panicked, HasherError::Panicked);
        assert!(text.contains("memory_kib: 8") && !text.contains("hunter2"));
    }

    /// Polls a future once, so that its job stands in line.
    async fn start(future: &mut (impl Future + Unpin)) {
        tokio::select! {
            biased;
            _ = future => panic!("it was to wait"),
            () = ready(()) => {}
        }
    }
}

//! Starts `invite work` and kills it.

use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use invite_core::Secret;
use invite_core::model::delivery::DeliveryState;
use invite_core::model::id::{DeliveryId, OrganisationId};
use invite_sqlite::SqliteStore;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::runtime::Runtime;

use super::sink::{Moment, Sink};
use crate::folder::Folder;
use crate::{library, oracle};

/// How long a moment to kill is waited for: longer than a lease, so that what a dead worker held comes back meanwhile.
const PATIENCE: Duration = Duration::from_secs(7);
/// How long the last workers may take.
const LAST_WORKERS: Duration = Duration::from_mins(3);
const SIGKILL: i32 = 9;

/// The workers, and whoever kills them.
pub(crate) struct Killer<'a> {
    folder: &'a Folder,
    key: &'a Secret,
    sink: &'a Sink,
    runtime: &'a Runtime,
    organisations: [OrganisationId; 2],
    random: StdRng,
    program: PathBuf,
    /// Kills by moment. All workers die at once, so that whatever is being handed over belongs to the dead.
    pub(crate) at: [u32; Moment::ALL.len()],
    /// Messages that were being handed over when their worker was killed.
    pub(crate) handed_over: usize,
    /// The hand-overs that were counted, by the message and its attempt: until the lease of the dead lapses, the next
    /// kill finds them too.
    counted: HashSet<(DeliveryId, u32)>,
    /// How many kills fell on a message while it was handed over.
    pub(crate) faults: HashMap<DeliveryId, u32>,
    /// Workers that ended otherwise than they should.
    pub(crate) troubles: Vec<String>,
}

/// A worker's process, which does not outlive a campaign that failed.
struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl<'a> Killer<'a> {
    pub(crate) fn new(
        folder: &'a Folder,
        key: &'a Secret,
        sink: &'a Sink,
        runtime: &'a Runtime,
        organisations: [OrganisationId; 2],
        seed: u64,
    ) -> Result<Self, Box<dyn Error>> {
        // Beside this program, as cargo builds all of them.
        let program = std::env::current_exe()?.with_file_name("invite");
        if !program.exists() {
            let program = program.display();
            return Err(format!("{program} is missing: cargo build -p invite-examples --bin invite").into());
        }
        Ok(Self {
            folder,
            key,
            sink,
            runtime,
            organisations,
            random: StdRng::seed_from_u64(seed),
            program,
            at: [0; Moment::ALL.len()],
            handed_over: 0,
            counted: HashSet::new(),
            faults: HashMap::new(),
            troubles: Vec::new(),
        })
    }

    pub(crate) fn kills(&self) -> u32 {
        self.at.iter().sum()
    }

    /// Kills up to `kills` times, spread over the messages until the server has kept `until` of them; fewer where the
    /// workers are done before.
    pub(crate) fn kill(&mut self, kills: u32, until: u64) -> Result<(), Box<dyn Error>> {
        let last = self.kills() + kills;
        while self.kills() < last {
            let left = until.saturating_sub(self.sink.kept());
            let evenly = left / u64::from(last - self.kills());
            let messages = self.sink.kept() + self.random.random_range(0..=evenly);
            let moment = Moment::ALL[self.kills() as usize % Moment::ALL.len()];
            // A third of the time two workers are at it, and die together.
            let at_work = if self.kills() / 10 % 3 == 2 { 2 } else { 1 };
            let mut workers = (0..at_work).map(|_| self.start()).collect::<Result<Vec<_>, _>>()?;
            if !self.kill_at(moment, messages, &mut workers)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Lets two workers work until nothing is due.
    pub(crate) fn finish(&mut self) -> Result<(), Box<dyn Error>> {
        let mut workers = vec![self.start()?, self.start()?];
        let deadline = Instant::now() + LAST_WORKERS;
        for worker in &mut workers {
            loop {
                if let Some(status) = worker.0.try_wait()? {
                    if !status.success() {
                        self.troubles.push(format!("a last worker ended with {status}; its log says why"));
                    }
                    break;
                }
                if Instant::now() > deadline {
                    self.troubles.push("a last worker did not come to rest".into());
                    worker.0.kill()?;
                    worker.0.wait()?;
                    break;
                }
                sleep(Duration::from_millis(20));
            }
        }
        Ok(())
    }

    fn start(&mut self) -> Result<Worker, Box<dyn Error>> {
        let concurrency: u32 = self.random.random_range(1..=24);
        let log = File::options().append(true).create(true).open(self.folder.log())?;
        let output = log.try_clone()?;
        let mut command = Command::new(&self.program);
        command
            .args(["--db", &format!("sqlite:{}", self.folder.database().display())])
            .args(["--email", &format!("smtp://127.0.0.1:{}?dangerous=plain", self.sink.port())])
            .args(["--sms", &format!("file:{}", self.folder.path().join("sms").display())])
            .args(["--policy", &self.folder.policy().display().to_string()])
            .args(["work", "--until-idle", "--json", "--concurrency", &concurrency.to_string()]);
        Ok(Worker(library::with_key(&mut command, self.key).stdout(output).stderr(log).spawn()?))
    }

    /// Kills the workers at the moment, after so many messages. `false` where they were done before.
    fn kill_at(
        &mut self,
        moment: Moment,
        messages: u64,
        workers: &mut [Worker],
    ) -> Result<bool, Box<dyn Error>> {
        let a_moment = Duration::from_micros(self.random.random_range(0..30_000));
        let deadline = Instant::now() + PATIENCE;
        while self.sink.kept() < messages && Instant::now() < deadline {
            sleep(Duration::from_micros(200));
            if workers.iter_mut().all(|worker| matches!(worker.0.try_wait(), Ok(Some(_)))) {
                return self.judge(workers).map(|()| false);
            }
        }
        let held = moment != Moment::Any && self.sink.hold(moment, PATIENCE);
        if !held {
            sleep(a_moment);
        }
        for worker in &mut *workers {
            worker.0.kill()?;
        }
        let mut killed = 0;
        for worker in &mut *workers {
            killed += u32::from(worker.0.wait()?.signal() == Some(SIGKILL));
        }
        self.sink.release();
        if killed == 0 {
            return self.judge(workers).map(|()| false);
        }
        self.at[if held { moment } else { Moment::Any } as usize] += 1;
        for (id, attempt) in self.handed_over()? {
            if self.counted.insert((id, attempt)) {
                self.handed_over += 1;
                *self.faults.entry(id).or_default() += 1;
            }
        }
        Ok(true)
    }

    /// What the dead were handing over, and at which attempt, as the database has it.
    fn handed_over(&self) -> Result<Vec<(DeliveryId, u32)>, Box<dyn Error>> {
        self.runtime.block_on(async {
            let store = SqliteStore::open(self.folder.database()).await?;
            let invites = library::of_campaign(store, self.key)?;
            let deliveries = oracle::deliveries(&invites, &self.organisations).await?;
            let handed_over = deliveries
                .into_iter()
                .filter(|(_, (_, delivery))| delivery.state == DeliveryState::HandingOver);
            Ok(handed_over.map(|(id, (_, delivery))| (id, delivery.attempts)).collect())
        })
    }

    fn judge(&mut self, workers: &mut [Worker]) -> Result<(), Box<dyn Error>> {
        for worker in workers {
            let status = worker.0.wait()?;
            if !status.success() {
                self.troubles.push(format!("a worker ended with {status}; its log says why"));
            }
        }
        Ok(())
    }
}

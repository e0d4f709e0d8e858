//! Starts workers and kills them.

use std::collections::HashMap;
use std::error::Error;
use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};
use std::thread::sleep;
use std::time::{Duration, Instant};

use invite_core::Secret;
use invite_core::model::id::DeliveryId;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::folder::Folder;
use crate::journal::Growth;
use crate::library;
use crate::phase::{Phase, Snapshot};

/// How long a moment to kill is waited for: longer than a lease, so that what a dead worker held comes back meanwhile.
const PATIENCE: Duration = Duration::from_secs(7);
/// How long the last worker may take.
const LAST_WORKER: Duration = Duration::from_mins(3);
const SIGKILL: i32 = 9;

/// What was killed.
#[derive(Debug, Default)]
pub(crate) struct Kills {
    /// Kills by the phase that was meant, or, where that was over, the one that had come furthest.
    pub(crate) in_phase: [u32; Phase::ALL.len()],
    /// Kills by each phase that was under way.
    pub(crate) under_way: [u32; Phase::ALL.len()],
    /// Kills in no phase.
    pub(crate) between: u32,
    /// While another worker went on.
    pub(crate) beside_another: u32,
    /// How many kills fell on a message from before its begin until its outcome was recorded.
    pub(crate) faults: HashMap<DeliveryId, u32>,
}

impl Kills {
    pub(crate) fn count(&self) -> u32 {
        self.in_phase.iter().sum::<u32>() + self.between
    }

    fn add(&mut self, meant: Phase, snapshot: &Snapshot) {
        let under_way: Vec<Phase> = Phase::ALL.into_iter().filter(|phase| snapshot.is_in(*phase)).collect();
        for phase in &under_way {
            self.under_way[*phase as usize] += 1;
        }
        match under_way.last() {
            Some(_) if under_way.contains(&meant) => self.in_phase[meant as usize] += 1,
            Some(furthest) => self.in_phase[*furthest as usize] += 1,
            None => self.between += 1,
        }
        for id in &snapshot.handed_over {
            *self.faults.entry(*id).or_default() += 1;
        }
    }
}

/// The workers, and whoever kills them.
pub(crate) struct Killer<'a> {
    folder: &'a Folder,
    key: &'a Secret,
    random: StdRng,
    growth: Growth,
    workers: Vec<Worker>,
    started: u32,
    pub(crate) kills: Kills,
    /// Workers that ended otherwise than they should.
    pub(crate) troubles: Vec<String>,
}

struct Worker {
    number: u32,
    process: Child,
}

impl<'a> Killer<'a> {
    pub(crate) fn new(folder: &'a Folder, key: &'a Secret, seed: u64) -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            folder,
            key,
            random: StdRng::seed_from_u64(seed),
            growth: Growth::of(&folder.journal())?,
            workers: Vec::new(),
            started: 0,
            kills: Kills::default(),
            troubles: Vec::new(),
        })
    }

    /// Kills up to `kills` workers, spread over the messages until the journal has `until` of them; fewer where the
    /// workers are done before.
    pub(crate) fn kill(&mut self, kills: u32, until: u64) -> Result<(), Box<dyn Error>> {
        let last = self.kills.count() + kills;
        while self.kills.count() < last {
            let left = until.saturating_sub(self.growth.lines()?);
            // A little more often than evenly, so that the messages do not run out before the kills.
            let evenly = left / u64::from(last - self.kills.count());
            let messages = self.random.random_range(0..=evenly * 3 / 2);
            let meant = Phase::ALL[self.kills.count() as usize % Phase::ALL.len()];
            // A third of the time two workers are at it, and one goes on when the other is killed.
            let at_work = if self.kills.count() / 10 % 3 == 2 { 2 } else { 1 };
            while self.workers.len() < at_work {
                self.start()?;
            }
            if !self.kill_one(meant, messages)? && self.workers.is_empty() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Lets the workers that are left, and one more, work until nothing is due.
    pub(crate) fn finish(&mut self) -> Result<(), Box<dyn Error>> {
        self.start()?;
        let deadline = Instant::now() + LAST_WORKER;
        while !self.workers.is_empty() && Instant::now() < deadline {
            sleep(Duration::from_millis(20));
            self.bury()?;
        }
        for mut worker in self.workers.drain(..) {
            self.troubles.push(format!("worker {} did not come to rest", worker.number));
            worker.process.kill()?;
            worker.process.wait()?;
        }
        Ok(())
    }

    fn start(&mut self) -> Result<(), Box<dyn Error>> {
        self.started += 1;
        let concurrency: u32 = self.random.random_range(1..=24);
        let seed: u64 = self.random.random();
        let log = File::options().append(true).create(true).open(self.folder.log())?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("work").arg("--dir").arg(self.folder.path());
        for (name, value) in
            [("--number", u64::from(self.started)), ("--concurrency", concurrency.into()), ("--seed", seed)]
        {
            command.arg(name).arg(value.to_string());
        }
        let process = library::with_key(&mut command, self.key).stderr(log).spawn()?;
        self.workers.push(Worker { number: self.started, process });
        Ok(())
    }

    /// Kills one worker in the phase that is meant, after so many more messages. `false` where there was nothing to
    /// kill in time.
    fn kill_one(&mut self, meant: Phase, messages: u64) -> Result<bool, Box<dyn Error>> {
        let victim = self.workers[self.random.random_range(0..self.workers.len())].number;
        let lines = self.growth.lines()? + messages;
        let a_moment = Duration::from_micros(self.random.random_range(0..400));
        let deadline = Instant::now() + PATIENCE;
        while self.growth.lines()? < lines && Instant::now() < deadline {
            sleep(Duration::from_micros(500));
            self.bury()?;
            if !self.lives(victim) {
                return Ok(false);
            }
        }
        let phases = self.folder.phases(victim);
        let deadline = Instant::now() + PATIENCE;
        while !Snapshot::read(&phases).is_in(meant) && Instant::now() < deadline {
            sleep(Duration::from_micros(50));
            self.bury()?;
            if !self.lives(victim) {
                return Ok(false);
            }
        }
        sleep(a_moment);
        let at = self.workers.iter().position(|worker| worker.number == victim).expect("it lives");
        let mut worker = self.workers.swap_remove(at);
        worker.process.kill()?;
        let status = worker.process.wait()?;
        if status.signal() != Some(SIGKILL) {
            self.judge(victim, status);
            return Ok(false);
        }
        self.kills.add(meant, &Snapshot::read(&phases));
        self.kills.beside_another += u32::from(!self.workers.is_empty());
        std::fs::remove_file(&phases).or_else(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        })?;
        Ok(true)
    }

    fn lives(&self, number: u32) -> bool {
        self.workers.iter().any(|worker| worker.number == number)
    }

    /// Takes the workers out that have ended by themselves.
    fn bury(&mut self) -> Result<(), Box<dyn Error>> {
        let mut ended = Vec::new();
        for worker in &mut self.workers {
            if let Some(status) = worker.process.try_wait()? {
                ended.push((worker.number, status));
            }
        }
        for (number, status) in ended {
            self.workers.retain(|worker| worker.number != number);
            self.judge(number, status);
        }
        Ok(())
    }

    fn judge(&mut self, number: u32, status: ExitStatus) {
        if !status.success() {
            self.troubles.push(format!("worker {number} ended with {status}; its log says why"));
        }
    }
}

impl Drop for Killer<'_> {
    /// No worker outlives a campaign that failed.
    fn drop(&mut self) {
        for worker in &mut self.workers {
            let _ = worker.process.kill();
            let _ = worker.process.wait();
        }
    }
}

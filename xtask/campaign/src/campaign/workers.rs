//! The worker processes: each place has one, and another as soon as it is gone.

use std::error::Error;
use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::thread::sleep;
use std::time::{Duration, Instant};

use invite_core::Secret;

use super::clocks::Clocks;
use crate::bug::Bug;
use crate::database::Database;
use crate::folder::Folder;
use crate::library;

/// How long a worker that is told to end may take.
const PATIENCE: Duration = Duration::from_secs(20);
const SIGKILL: i32 = 9;

/// What every worker is told.
pub(crate) struct Orders<'a> {
    pub(crate) folder: &'a Folder,
    pub(crate) database: &'a Database,
    pub(crate) key: &'a Secret,
    /// The mail server's.
    pub(crate) port: u16,
    pub(crate) bug: Option<Bug>,
    pub(crate) clocks: Option<&'a Clocks>,
}

/// All workers. None outlives this.
pub(crate) struct Workers<'a> {
    orders: Orders<'a>,
    places: Vec<Worker>,
    /// Processes that were started.
    pub(crate) started: u32,
    /// Workers that ended otherwise than they should.
    pub(crate) troubles: Vec<String>,
}

/// A process.
struct Worker {
    name: String,
    process: Child,
    stopped: bool,
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl<'a> Workers<'a> {
    pub(crate) fn start(orders: Orders<'a>, places: usize) -> Result<Self, Box<dyn Error>> {
        let mut workers = Self { orders, places: Vec::new(), started: 0, troubles: Vec::new() };
        for place in 0..places {
            let worker = workers.worker(place)?;
            workers.places.push(worker);
        }
        Ok(workers)
    }

    /// The name of the worker in this place.
    pub(crate) fn name(&self, place: usize) -> &str {
        &self.places[place].name
    }

    /// This place, or the next one whose worker is at work.
    pub(crate) fn at_work(&self, place: usize) -> Option<usize> {
        let places = self.places.len();
        (place..place + places).map(|place| place % places).find(|place| !self.places[*place].stopped)
    }

    /// Whether one is left when another is stopped.
    pub(crate) fn are_two_at_work(&self) -> bool {
        self.places.iter().filter(|worker| !worker.stopped).count() >= 2
    }

    /// Kills the worker. `false` where it had ended by itself.
    pub(crate) fn kill(&mut self, place: usize) -> Result<bool, Box<dyn Error>> {
        let worker = &mut self.places[place];
        worker.process.kill()?;
        let status = worker.process.wait()?;
        let killed = status.signal() == Some(SIGKILL);
        if !killed {
            self.judge(place, status);
        }
        Ok(killed)
    }

    /// Starts a worker where one was killed.
    pub(crate) fn replace(&mut self, place: usize) -> Result<(), Box<dyn Error>> {
        self.places[place] = self.worker(place)?;
        Ok(())
    }

    /// Replaces those that have ended by themselves, as whoever runs them would.
    pub(crate) fn tend(&mut self) -> Result<(), Box<dyn Error>> {
        for place in 0..self.places.len() {
            if let Some(status) = self.places[place].process.try_wait()? {
                self.judge(place, status);
                self.replace(place)?;
            }
        }
        Ok(())
    }

    /// SIGSTOP.
    pub(crate) fn stop(&mut self, place: usize) -> Result<(), Box<dyn Error>> {
        self.places[place].stopped = true;
        signal(&self.places[place].process, "STOP")
    }

    /// SIGCONT.
    pub(crate) fn go_on(&mut self, place: usize) -> Result<(), Box<dyn Error>> {
        self.places[place].stopped = false;
        signal(&self.places[place].process, "CONT")
    }

    /// Tells all to end, and waits.
    pub(crate) fn end(&mut self) -> Result<(), Box<dyn Error>> {
        for worker in &self.places {
            signal(&worker.process, "TERM")?;
        }
        let deadline = Instant::now() + PATIENCE;
        for place in 0..self.places.len() {
            loop {
                if let Some(status) = self.places[place].process.try_wait()? {
                    self.judge(place, status);
                    break;
                }
                if Instant::now() > deadline {
                    self.troubles.push(format!("{} did not end when it was told to", self.name(place)));
                    break;
                }
                sleep(Duration::from_millis(10));
            }
        }
        self.places.clear();
        Ok(())
    }

    fn worker(&mut self, place: usize) -> Result<Worker, Box<dyn Error>> {
        self.started += 1;
        let name = format!("w{place}-{}", self.started);
        let Orders { folder, database, key, port, bug, clocks } = &self.orders;
        let log = File::options().append(true).create(true).open(folder.log())?;
        let output = log.try_clone()?;
        let server =
            format!("smtp://127.0.0.1:{port}?dangerous=plain&hello={name}&messages_per_connection=25");
        let mut command = match bug {
            None => {
                let mut command = Command::new(program()?);
                command.args(["work", "--json", "--concurrency", "24"]);
                command
            }
            Some(bug) => {
                let mut command = Command::new(std::env::current_exe()?);
                command.args(["work-with", "--place", &place.to_string(), "--bug", bug.name()]);
                command
            }
        };
        command.args(["--db", &database.url(&name), "--email", &server]);
        command.arg("--policy").arg(folder.policy());
        if let Some(clocks) = clocks {
            clocks.give(&mut command, place);
        }
        let process = library::with_key(&mut command, key).stdout(output).stderr(log).spawn()?;
        Ok(Worker { name, process, stopped: false })
    }

    fn judge(&mut self, place: usize, status: ExitStatus) {
        // 1 is what it says where messages failed or are unknown.
        if !matches!(status.code(), Some(0 | 1)) {
            let trouble = format!("{} ended with {status}; its log says why", self.name(place));
            self.troubles.push(trouble);
        }
    }
}

/// `invite`, which cargo builds beside this program.
fn program() -> Result<PathBuf, Box<dyn Error>> {
    let program = std::env::current_exe()?.with_file_name("invite");
    if !program.exists() {
        let program = program.display();
        return Err(format!("{program} is missing: cargo build -p invite-examples --bin invite").into());
    }
    Ok(program)
}

fn signal(process: &Child, signal: &str) -> Result<(), Box<dyn Error>> {
    let status = Command::new("kill").args(["-s", signal, &process.id().to_string()]).status()?;
    if status.success() { Ok(()) } else { Err(format!("SIG{signal} was not sent").into()) }
}

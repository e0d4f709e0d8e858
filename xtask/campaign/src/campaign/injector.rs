//! Lets the faults of the schedule fall, and writes down on which hand-overs they fell.

use std::error::Error;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use super::clocks::Clocks;
use super::ledger::Ledger;
use super::schedule::{Fault, Place, Planned};
use super::server::Server;
use super::sink::{Sink, Wanted, Who};
use super::workers::Workers;
use crate::bug::Bug;
use crate::database::{HandingOver, Rows};

/// How long a conversation is waited for that is to be held.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long the messages are waited for before which no fault is to fall.
const STANDSTILL: Duration = Duration::from_secs(4);
/// How long a stopped worker waits at most, beyond its lease, for another one to have its message: the sweep that gives it
/// to another takes up to a second.
const MEETING_WAIT: Duration = Duration::from_secs(3);
/// The same where nothing but a meeting shows what is wrong: the message comes behind all that are due before it.
const LONG_MEETING_WAIT: Duration = Duration::from_secs(30);
/// How long a message that two workers have is held when the first one goes on.
const MEETING: Duration = Duration::from_millis(300);
const TICK: Duration = Duration::from_millis(2);

/// See above.
pub(crate) struct Injector<'a> {
    pub(crate) workers: Workers<'a>,
    pub(crate) sink: &'a Sink,
    pub(crate) rows: Arc<dyn Rows>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) runtime: &'a Runtime,
    pub(crate) lease: Duration,
    meeting_wait: Duration,
    server: Option<&'a mut Server>,
    clocks: Option<&'a Clocks>,
    stopped: Vec<Stopped>,
    /// Requests to be released then.
    meetings: Vec<(Instant, u64)>,
    tended_at: Instant,
    /// How often a stopped worker went on while another had its message.
    pub(crate) met: u64,
}

/// A worker that was stopped.
struct Stopped {
    place: usize,
    since: Instant,
    until: Instant,
    /// The request to hold its message when another worker has it, where it had one.
    meeting: Option<u64>,
}

impl<'a> Injector<'a> {
    pub(crate) fn new(
        workers: Workers<'a>,
        sink: &'a Sink,
        rows: Arc<dyn Rows>,
        ledger: Arc<Ledger>,
        runtime: &'a Runtime,
        (lease, bug): (Duration, Option<Bug>),
        (server, clocks): (Option<&'a mut Server>, Option<&'a Clocks>),
    ) -> Self {
        let meeting_wait = if bug == Some(Bug::NoFencing) { LONG_MEETING_WAIT } else { MEETING_WAIT };
        let (stopped, meetings, tended_at) = (Vec::new(), Vec::new(), Instant::now());
        Self {
            workers,
            sink,
            rows,
            ledger,
            runtime,
            lease,
            meeting_wait,
            server,
            clocks,
            stopped,
            meetings,
            tended_at,
            met: 0,
        }
    }

    /// Lets one fault fall, when so many messages were kept, or nothing moves any more.
    pub(crate) fn inject(&mut self, planned: &Planned) -> Result<(), Box<dyn Error>> {
        let (mut kept, mut moved_at) = (self.sink.kept(), Instant::now());
        while kept < planned.after && moved_at.elapsed() < STANDSTILL {
            self.pause(TICK)?;
            if self.sink.kept() > kept {
                (kept, moved_at) = (self.sink.kept(), Instant::now());
            }
        }
        match planned.fault {
            Fault::Kill(place) => self.kill(planned, place),
            Fault::Stop(place, longer) => self.stop(planned, place, longer),
            Fault::Connection(broken, place) => {
                self.sink.arm(broken, place);
                Ok(())
            }
            Fault::Terminate(number) => self.terminate(planned, number),
            Fault::Restart => self.restart(),
            Fault::Clock(hours) => self.set_clock(planned, hours),
        }
    }

    /// Waits, and does meanwhile what is to be done.
    pub(crate) fn pause(&mut self, time: Duration) -> Result<(), Box<dyn Error>> {
        sleep(time);
        let now = Instant::now();
        for at in (0..self.stopped.len()).rev() {
            let stopped = &self.stopped[at];
            let met = stopped.meeting.is_some_and(|request| self.sink.held(request).is_some());
            if now >= stopped.until || (met && now >= stopped.since + self.lease) {
                let stopped = self.stopped.swap_remove(at);
                self.met += u64::from(met);
                self.workers.go_on(stopped.place)?;
                self.meetings.extend(stopped.meeting.map(|request| (now + MEETING, request)));
            }
        }
        for (_, request) in self.meetings.extract_if(.., |(at, _)| now >= *at) {
            self.sink.release(request);
        }
        if self.tended_at.elapsed() > Duration::from_millis(100) {
            self.tended_at = now;
            self.workers.tend()?;
        }
        Ok(())
    }

    /// Waits until the last connections are broken, for as long as there are messages.
    pub(crate) fn use_up(&mut self, messages: u64) -> Result<(), Box<dyn Error>> {
        while self.sink.armed() > 0 && self.sink.kept() < messages {
            self.pause(TICK)?;
        }
        Ok(())
    }

    /// Lets everybody go on.
    pub(crate) fn calm_down(&mut self) -> Result<(), Box<dyn Error>> {
        while !self.stopped.is_empty() || !self.meetings.is_empty() {
            self.pause(TICK)?;
        }
        Ok(())
    }

    fn kill(&mut self, planned: &Planned, place: Option<Place>) -> Result<(), Box<dyn Error>> {
        let victim = self.victim(planned)?;
        let held = self.hold(victim, place, Who::Worker)?;
        sleep(if held.is_none() { planned.moment } else { Duration::ZERO });
        let name = self.workers.name(victim).to_owned();
        let phase = self.phase(&name, place.filter(|_| held.is_some()));
        if self.workers.kill(victim)? {
            self.ledger.fault("SIGKILL", phase);
            self.look(Some(&name))?;
        }
        if let Some(request) = held {
            self.sink.release(request);
        }
        self.workers.replace(victim)
    }

    fn stop(
        &mut self,
        planned: &Planned,
        place: Option<Place>,
        longer: Duration,
    ) -> Result<(), Box<dyn Error>> {
        let victim = self.victim(planned)?;
        let held = self.hold(victim, place, Who::FirstOf)?;
        sleep(if held.is_none() { planned.moment } else { Duration::ZERO });
        let name = self.workers.name(victim).to_owned();
        let phase = self.phase(&name, place.filter(|_| held.is_some()));
        self.workers.stop(victim)?;
        self.ledger.fault("SIGSTOP, then SIGCONT", phase);
        self.look(Some(&name))?;
        let about = held.and_then(|request| self.sink.held(request));
        if let Some(request) = held {
            self.sink.release(request);
        }
        let who = about.map(|to| Who::AnotherThan { worker: name, to });
        let meeting = who.map(|who| self.sink.hold(Wanted { place: Place::Data, who }));
        let since = Instant::now();
        let until = since + self.lease + longer + meeting.map_or(Duration::ZERO, |_| self.meeting_wait);
        self.stopped.push(Stopped { place: victim, since, until, meeting });
        Ok(())
    }

    fn terminate(&mut self, planned: &Planned, number: usize) -> Result<(), Box<dyn Error>> {
        loop {
            let victim = self.victim(planned)?;
            sleep(planned.moment);
            let name = self.workers.name(victim).to_owned();
            let backends = self.runtime.block_on(self.rows.backends(&name))?;
            // One that has just been started has none.
            if let Some(backend) = backends.get(number % backends.len().max(1))
                && self.runtime.block_on(self.rows.terminate(backend))?
            {
                self.ledger.fault("pg_terminate_backend", backend.state.clone());
                return self.look(Some(&name));
            }
            self.pause(TICK)?;
        }
    }

    fn restart(&mut self) -> Result<(), Box<dyn Error>> {
        let Some(server) = &mut self.server else { return Err("there is no server to restart".into()) };
        let handing_over = self.runtime.block_on(self.rows.handing_over())?;
        server.restart(self.runtime)?;
        let phase =
            if handing_over.is_empty() { "nothing is handed over" } else { "messages are handed over" };
        self.ledger.fault("PostgreSQL stopped at once, then started", phase);
        for HandingOver { to, attempt, .. } in handing_over {
            self.ledger.fell_on_attempt(&to, None, attempt);
        }
        // The first connection of its own is of the old server.
        self.look(None).or_else(|_| self.look(None)).or_else(|_| self.look(None))
    }

    fn set_clock(&mut self, planned: &Planned, hours: i64) -> Result<(), Box<dyn Error>> {
        let Some(clocks) = self.clocks else { return Err("workers have no clocks of their own".into()) };
        clocks.set(planned.victim, hours)?;
        let phase = match hours {
            0 => "right again",
            1.. => "an hour ahead",
            _ => "an hour behind",
        };
        self.ledger.fault("worker's clock", phase);
        Ok(())
    }

    /// The worker that a fault falls on: one that is at work, so it may have to be waited for.
    pub(crate) fn victim(&mut self, planned: &Planned) -> Result<usize, Box<dyn Error>> {
        loop {
            // One always goes on.
            let busy = self.workers.at_work(planned.victim).filter(|_| self.workers.are_two_at_work());
            match busy {
                Some(victim) => return Ok(victim),
                None => self.pause(TICK)?,
            }
        }
    }

    /// Waits until a conversation of the worker is held there; none where it does not come there in time.
    fn hold(
        &mut self,
        victim: usize,
        place: Option<Place>,
        whose: fn(String) -> Who,
    ) -> Result<Option<u64>, Box<dyn Error>> {
        let Some(place) = place else { return Ok(None) };
        let who = whose(self.workers.name(victim).to_owned());
        let request = self.sink.hold(Wanted { place, who });
        let deadline = Instant::now() + PATIENCE;
        while self.sink.held(request).is_none() {
            if Instant::now() > deadline {
                self.sink.release(request);
                return Ok(None);
            }
            self.pause(Duration::from_micros(500))?;
        }
        Ok(Some(request))
    }

    fn phase(&self, worker: &str, held: Option<Place>) -> String {
        match held {
            Some(place) => place.to_string(),
            None if self.sink.talks(worker) => "somewhere in a conversation".into(),
            None => "claiming, minting, beginning, recording or at rest".into(),
        }
    }

    /// Writes down what was being handed over: nobody knows by whom, so a message of another worker is written down too,
    /// under a name that explains nothing of what that worker does.
    pub(crate) fn look(&self, worker: Option<&str>) -> Result<(), Box<dyn Error>> {
        for HandingOver { to, attempt, .. } in self.runtime.block_on(self.rows.handing_over())? {
            self.ledger.fell_on_attempt(&to, worker, attempt);
        }
        Ok(())
    }
}

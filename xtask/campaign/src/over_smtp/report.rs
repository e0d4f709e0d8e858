//! What a campaign over SMTP found, for people.

use std::fmt;
use std::time::Duration;

use super::sink::Moment;
use crate::oracle::Verdict;
use crate::secrets::Trial;

/// Faults that are shown; there may be as many as messages.
const SHOWN: usize = 20;

/// Everything that a campaign found.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    pub(crate) seed: u64,
    pub(crate) at: &'a [u32; Moment::ALL.len()],
    pub(crate) handed_over: usize,
    pub(crate) verdict: &'a Verdict,
    pub(crate) trial: &'a Trial,
    pub(crate) all: Duration,
    pub(crate) faults: &'a [String],
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { verdict, trial, .. } = self;
        writeln!(f, "{:<44}{:>8}", "`invite work` killed (SIGKILL)", self.at.iter().sum::<u32>())?;
        for moment in Moment::ALL {
            writeln!(f, "  {moment:<42}{:>8}", self.at[moment as usize])?;
        }
        let figures: [(&str, usize); 12] = [
            ("messages that a kill left in hand-over", self.handed_over),
            ("messages of confirmed batches", verdict.deliveries),
            ("  sent", verdict.sent),
            ("  lost", verdict.lost),
            ("  unknown, and arrived", verdict.unknown_there[0]),
            ("  unknown, and not arrived", verdict.unknown_not_there[0]),
            ("  arrived, and not known as sent", verdict.ghosts),
            ("  twice, a kill fell on each", verdict.email_twice),
            ("secrets of all people with a message", trial.tried),
            ("  that work", trial.working),
            ("  of these, used", trial.used),
            ("faults", self.faults.len()),
        ];
        for (name, figure) in figures {
            writeln!(f, "{name:<44}{figure:>8}")?;
        }
        writeln!(f, "{:.1} s in all, seed {}", self.all.as_secs_f64(), self.seed)?;
        for fault in self.faults.iter().take(SHOWN) {
            writeln!(f, "FAULT {fault}")?;
        }
        if self.faults.len() > SHOWN {
            writeln!(f, "… and {} more", self.faults.len() - SHOWN)?;
        }
        Ok(())
    }
}

//! What a campaign found, for people.

use std::fmt;
use std::time::Duration;

use crate::kills::Kills;
use crate::oracle::Verdict;
use crate::phase::Phase;
use crate::secrets::Trial;

/// Faults that are shown; there may be as many as messages.
const SHOWN: usize = 20;

/// Everything that a campaign found.
#[derive(Debug)]
pub(crate) struct Table<'a> {
    pub(crate) seed: u64,
    pub(crate) kills: &'a Kills,
    pub(crate) torn: u64,
    pub(crate) verdict: &'a Verdict,
    pub(crate) trial: &'a Trial,
    pub(crate) killing: Duration,
    pub(crate) all: Duration,
    pub(crate) faults: &'a [String],
}

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kills, verdict, trial, .. } = self;
        writeln!(f, "kills of a worker (SIGKILL){:>6}   inside   also under way", kills.count())?;
        for phase in Phase::ALL {
            let inside = kills.in_phase[phase as usize];
            let also = kills.under_way[phase as usize] - inside;
            writeln!(f, "  {phase:<32}{inside:>8}{also:>17}")?;
        }
        let figures: [(&str, String); 15] = [
            ("  between the phases", kills.between.to_string()),
            ("  beside another worker", kills.beside_another.to_string()),
            ("messages", verdict.deliveries.to_string()),
            ("  sent", verdict.sent.to_string()),
            ("  lost", verdict.lost.to_string()),
            ("  unknown to us, and arrived", verdict.unknown_there.to_string()),
            ("  unknown to us, and not arrived", verdict.unknown_not_there.to_string()),
            ("  arrived, and not ours to have sent", verdict.ghosts.to_string()),
            ("  e-mail twice, a kill fell on each", verdict.email_twice.to_string()),
            ("  SMS twice", verdict.sms_twice.to_string()),
            ("  cut off by a kill, not accepted", self.torn.to_string()),
            ("secrets tried, of all messages", trial.tried.to_string()),
            ("  working", trial.working.to_string()),
            ("  used", trial.used.to_string()),
            ("faults", self.faults.len().to_string()),
        ];
        for (name, figure) in figures {
            writeln!(f, "{name:<34}{figure:>8}")?;
        }
        writeln!(
            f,
            "{:.1} s of kills, {:.1} s in all, seed {}",
            self.killing.as_secs_f64(),
            self.all.as_secs_f64(),
            self.seed
        )?;
        for fault in self.faults.iter().take(SHOWN) {
            writeln!(f, "FAULT {fault}")?;
        }
        if self.faults.len() > SHOWN {
            writeln!(f, "… and {} more", self.faults.len() - SHOWN)?;
        }
        Ok(())
    }
}

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
    pub(crate) torn: usize,
    pub(crate) verdict: &'a Verdict,
    pub(crate) trial: &'a Trial,
    pub(crate) killing: Duration,
    pub(crate) all: Duration,
    pub(crate) faults: &'a [String],
}

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kills, verdict, trial, .. } = self;
        writeln!(f, "{:<40}{:>8}{:>17}", "workers killed (SIGKILL)", "inside", "also under way")?;
        for phase in Phase::ALL {
            let inside = kills.in_phase[phase as usize];
            let also = kills.under_way[phase as usize] - inside;
            writeln!(f, "  {phase:<38}{inside:>8}{also:>17}")?;
        }
        let [unknown_email, unknown_sms] = verdict.unknown_there;
        let [unseen_email, unseen_sms] = verdict.unknown_not_there;
        let figures: [(&str, usize); 18] = [
            ("  between the phases", kills.between as usize),
            ("  all", kills.count() as usize),
            ("  of these, beside a worker that went on", kills.beside_another as usize),
            ("messages of confirmed batches", verdict.deliveries),
            ("  sent", verdict.sent),
            ("  lost", verdict.lost),
            ("  e-mail unknown, and arrived", unknown_email),
            ("  e-mail unknown, and not arrived", unseen_email),
            ("  SMS unknown, and arrived", unknown_sms),
            ("  SMS unknown, and not arrived", unseen_sms),
            ("  arrived, and not known as sent", verdict.ghosts),
            ("  e-mail twice, a kill fell on each", verdict.email_twice),
            ("  SMS twice", verdict.sms_twice),
            ("lines that a kill cut off, not accepted", self.torn),
            ("secrets of all people with a message", trial.tried),
            ("  that work", trial.working),
            ("  of these, used", trial.used),
            ("faults", self.faults.len()),
        ];
        for (name, figure) in figures {
            writeln!(f, "{name:<40}{figure:>8}")?;
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

//! What a campaign found, for people.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::oracle::{Findings, Violation};
use crate::secrets::Trial;

/// Violations of a kind that are shown; there may be as many as messages.
const SHOWN: usize = 5;

/// Everything that a campaign found.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    /// What was asked for, in words.
    pub(crate) title: String,
    /// By kind and phase.
    pub(crate) faults: BTreeMap<(String, String), u32>,
    /// Figures with their names, about the faults.
    pub(crate) figures: Vec<(&'static str, u64)>,
    pub(crate) findings: &'a Findings,
    pub(crate) trial: &'a Trial,
    pub(crate) under_fire: Duration,
    pub(crate) all: Duration,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { findings, trial, .. } = self;
        writeln!(f, "{}", self.title)?;
        let mut kinds: BTreeMap<&str, u32> = BTreeMap::new();
        for ((kind, _), times) in &self.faults {
            *kinds.entry(kind).or_default() += times;
        }
        line(f, "faults", kinds.values().sum::<u32>())?;
        for (kind, times) in kinds {
            line(f, &format!("  {kind}"), times)?;
            for ((_, phase), times) in self.faults.iter().filter(|((of, _), _)| of == kind) {
                line(f, &format!("    {phase}"), times)?;
            }
        }
        for (name, figure) in &self.figures {
            line(f, name, figure)?;
        }
        line(f, "messages of confirmed batches", findings.ended.values().sum::<u64>())?;
        for (name, messages) in &findings.ended {
            line(f, &format!("  {name}"), messages)?;
        }
        line(f, "people whose secret arrived", trial.tried)?;
        line(f, "  whose secret works", trial.working)?;
        line(f, "  of these, used", trial.used)?;
        line(f, "violations", findings.violations.len())?;
        for violation in Violation::ALL {
            line(f, &format!("  {violation}"), findings.count(violation))?;
        }
        let (under_fire, all) = (self.under_fire.as_secs_f64(), self.all.as_secs_f64());
        writeln!(f, "{under_fire:.1} s under fire, {all:.1} s in all")?;
        for violation in Violation::ALL {
            let found = findings.violations.iter().filter(|(found, _)| *found == violation);
            for (_, what) in found.take(SHOWN) {
                writeln!(f, "VIOLATION {violation}: {what}")?;
            }
        }
        Ok(())
    }
}

fn line(f: &mut fmt::Formatter<'_>, name: &str, figure: impl fmt::Display) -> fmt::Result {
    writeln!(f, "{name:<66}{figure:>9}")
}

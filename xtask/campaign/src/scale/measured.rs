//! What was measured, and two sizes beside each other.

use std::fmt;
use std::fs;
use std::io;
use std::time::Instant;

use serde::{Deserialize, Serialize};

/// What one process found.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Measured {
    pub(crate) people: u64,
    pub(crate) messages: u64,
    pub(crate) database_bytes: u64,
    pub(crate) steps: Vec<Step>,
    /// Where what arrived is not what the plan said.
    pub(crate) faults: Vec<String>,
}

/// One step of a rollout.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) seconds: f64,
    /// The most memory that the process held during the step, in KiB; what it held before is part of it.
    pub(crate) peak: u64,
    /// Whether it is handed a list of people, which is in memory before the library sees it.
    pub(crate) is_handed_a_list: bool,
}

/// A step that is under way.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    name: &'static str,
    begun: Instant,
}

impl Stopwatch {
    pub(crate) fn start(name: &'static str) -> io::Result<Self> {
        // proc(5): 5 sets the peak back to what is held now.
        fs::write("/proc/self/clear_refs", "5")?;
        Ok(Self { name, begun: Instant::now() })
    }

    pub(crate) fn stop(self) -> io::Result<Step> {
        let seconds = self.begun.elapsed().as_secs_f64();
        Ok(Step { name: self.name.to_owned(), seconds, peak: peak()?, is_handed_a_list: false })
    }
}

fn peak() -> io::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let figure = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
    figure.ok_or_else(|| io::Error::other("/proc/self/status does not say VmHWM in kB"))
}

/// Sizes beside each other, the smallest first.
#[derive(Debug)]
pub(crate) struct Comparison(pub(crate) Vec<Measured>);

impl Comparison {
    /// The steps that took more than `times` the memory of the smallest size, other than those that are handed a list.
    pub(crate) fn grown(&self, times: f64) -> Vec<&str> {
        let [small, .., large] = self.0.as_slice() else { return Vec::new() };
        let pairs = small.steps.iter().zip(&large.steps).filter(|(step, _)| !step.is_handed_a_list);
        pairs
            .filter(|(small, large)| ratio(large.peak, small.peak) > times)
            .map(|(_, step)| &*step.name)
            .collect()
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.0.first() else { return Ok(()) };
        write!(f, "{:<24}", "people")?;
        for measured in &self.0 {
            write!(f, "{:>24}", measured.people)?;
        }
        writeln!(f, "{:>16}", "memory")?;
        for (index, step) in first.steps.iter().enumerate() {
            write!(f, "{:<24}", step.name)?;
            let mut steps = self.0.iter().filter_map(|measured| measured.steps.get(index));
            for step in steps.clone() {
                write!(f, "{:>10.2} s {:>7} MiB", step.seconds, mebibytes(step.peak))?;
            }
            let largest = steps.next_back().map_or(step.peak, |step| step.peak);
            writeln!(f, "{:>14.2} ×", ratio(largest, step.peak))?;
        }
        for (name, figure) in FIGURES {
            write!(f, "{name:<24}")?;
            for measured in &self.0 {
                write!(f, "{:>24}", figure(measured))?;
            }
            writeln!(f)?;
        }
        for measured in &self.0 {
            for fault in &measured.faults {
                writeln!(f, "{} people: {fault}", measured.people)?;
            }
        }
        Ok(())
    }
}

type Figure = (&'static str, fn(&Measured) -> String);

const FIGURES: [Figure; 3] = [
    ("messages", |measured| measured.messages.to_string()),
    ("database", |measured| format!("{} MiB", mebibytes(measured.database_bytes / 1024))),
    ("plan = what arrived", |measured| if measured.faults.is_empty() { "yes" } else { "no" }.to_owned()),
];

fn mebibytes(kibibytes: u64) -> u64 {
    kibibytes / 1024
}

#[allow(clippy::cast_precision_loss, reason = "a ratio of sizes needs no more than 52 bits")]
fn ratio(large: u64, small: u64) -> f64 {
    large as f64 / small as f64
}

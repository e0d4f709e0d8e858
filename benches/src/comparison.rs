//! What one step took, beside the least that it could take.

use std::time::Duration;

use crate::{Answer, median, rate, say};

/// One step on one database, ours and bare in turn.
#[derive(Debug)]
pub struct Comparison {
    step: String,
    /// What one round does so often: rows, messages, pages.
    rows: usize,
    /// People that one round is about.
    people: usize,
    ours: Vec<Duration>,
    bare: Vec<Duration>,
    peak: Option<u64>,
}

impl Comparison {
    /// No round yet. `rows` is what a rate counts, `people` what the cost of a user is divided by.
    pub fn of(step: impl Into<String>, rows: usize, people: usize) -> Self {
        Self { step: step.into(), rows, people, ours: Vec::new(), bare: Vec::new(), peak: None }
    }

    /// Another round: how long ours took, and the bare one.
    pub fn round(&mut self, ours: Duration, bare: Duration) {
        self.ours.push(ours);
        self.bare.push(bare);
    }

    /// The most memory that the process held while ours worked, in KiB. The first round counts: what a later one holds
    /// is of earlier ones too.
    pub fn peak(&mut self, peak: u64) {
        self.peak.get_or_insert(peak);
    }

    /// The head of a table of these.
    pub fn head() -> Answer<()> {
        say(
            "| database | users | step | rounds | seconds | a second | bare SQL | ratio (lowest–highest) | µs a user | peak |",
        )?;
        Ok(say("|---|---:|---|---:|---:|---:|---:|---:|---:|---:|")?)
    }

    /// A row of that table; times and rates of the middle round.
    pub fn say(&self, database: &str, users: usize) -> Answer<()> {
        let seconds = |times: &[Duration]| median(times.iter().map(Duration::as_secs_f64).collect());
        let rounds = self.ours.iter().zip(&self.bare);
        let ratios: Vec<f64> = rounds.map(|(ours, bare)| bare.as_secs_f64() / ours.as_secs_f64()).collect();
        let lowest = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        let highest = ratios.iter().copied().fold(0.0, f64::max);
        let (ours, bare) = (seconds(&self.ours), seconds(&self.bare));
        let a_second = |seconds| figure(rate(self.rows, Duration::from_secs_f64(seconds)));
        let peak = self.peak.map_or_else(|| "–".to_owned(), |peak| format!("{} MiB", peak / 1024));
        Ok(say(&format!(
            "| {database} | {} | {} | {} | {ours:.4} | {} | {} | {:.2} ({lowest:.2}–{highest:.2}) | {} | {peak} |",
            grouped(users),
            self.step,
            self.ours.len(),
            a_second(ours),
            a_second(bare),
            median(ratios),
            self.cost(ours),
        ))?)
    }

    /// Microseconds for each of its people.
    fn cost(&self, seconds: f64) -> String {
        if self.people == 0 {
            return "–".to_owned();
        }
        format!("{:.1}", seconds * 1e6 / rate(self.people, Duration::from_secs(1)))
    }
}

/// A rate in as many digits as mean something.
fn figure(rate: f64) -> String {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rates are far below 2⁵³")]
    if rate < 100.0 { format!("{rate:.1}") } else { grouped(rate.round() as usize) }
}

/// A number with commas between its thousands.
pub fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

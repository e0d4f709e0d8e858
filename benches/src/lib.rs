//! What the benches share. They are run by hand (`cargo bench -p invite-benches`), print tables, and assert nothing: times
//! depend on the machine, so each figure stands beside one of the same run that says what the machine can do.

use std::io::{self, Write};
use std::time::{Duration, Instant};

/// How many a second.
pub fn rate(number: usize, time: Duration) -> f64 {
    // Numbers of messages are far below 2⁵².
    #[allow(clippy::cast_precision_loss, reason = "see above")]
    let number = number as f64;
    number / time.as_secs_f64()
}

/// The time that something takes.
pub async fn timed(work: impl Future<Output = ()>) -> Duration {
    let began = Instant::now();
    work.await;
    began.elapsed()
}

/// The middle one.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}

/// Prints a line.
pub fn say(line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}

//! What the benches share. They are run by hand (`cargo bench -p invite-benches`, `cargo xtask bench`), print tables in
//! Markdown, and assert nothing: times depend on the machine, so each figure stands beside one of the same run that says
//! what the machine can do.

mod arguments;
pub mod bare;
mod comparison;
mod database;
mod memory;
pub mod people;
pub mod queue;
pub mod transport;

use std::error::Error;
use std::io::{self, Write};
use std::time::{Duration, Instant};

pub use arguments::Arguments;
pub use comparison::{Comparison, grouped};
pub use database::{Database, Store};
pub use memory::Memory;

/// What a step of a bench gives.
pub type Answer<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// How many a second.
pub fn rate(number: usize, time: Duration) -> f64 {
    // Numbers of messages are far below 2⁵².
    #[allow(clippy::cast_precision_loss, reason = "see above")]
    let number = number as f64;
    number / time.as_secs_f64()
}

/// The time that something takes, and what it gives.
pub async fn timed<T>(work: impl Future<Output = T>) -> (Duration, T) {
    let began = Instant::now();
    let done = work.await;
    (began.elapsed(), done)
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

/// Runs a bench on a runtime with as many threads as there are processors.
pub fn block_on<T>(work: impl Future<Output = Answer<T>>) -> Answer<T> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

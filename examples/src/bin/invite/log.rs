//! What is logged: to standard error, ids only, what `RUST_LOG` or `--verbose` asks for.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use indicatif::ProgressBar;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// The bar that is shown, if there is one: a line that is logged goes above it.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Begins to log.
pub(crate) fn start(verbose: u8) {
    let asked = std::env::var("RUST_LOG").ok().and_then(|text| text.parse::<Targets>().ok());
    let level = match verbose {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let targets = asked.unwrap_or_else(|| {
        let ours =
            ["invite", "invite_core", "invite_file", "invite_postgres", "invite_smtp", "invite_sqlite"];
        Targets::new().with_default(LevelFilter::WARN).with_targets(ours.map(|name| (name, level)))
    });
    // What was done is known when it is done: its span closes then, with the ids and the time that it took.
    let spans = if verbose > 0 { FmtSpan::CLOSE } else { FmtSpan::NONE };
    let lines =
        tracing_subscriber::fmt::layer().with_writer(|| Lines).with_ansi(false).with_span_events(spans);
    // Only this process's own tests could have set another.
    let _ = tracing_subscriber::registry().with(lines).with(targets).try_init();
}

/// Shows a bar, or none any more.
pub(crate) fn below(bar: Option<ProgressBar>) {
    *BAR.lock().unwrap_or_else(PoisonError::into_inner) = bar;
}

struct Lines;

impl Write for Lines {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match &*BAR.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(bar) => bar.suspend(|| io::stderr().write_all(octets)),
            None => io::stderr().write_all(octets),
        }?;
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

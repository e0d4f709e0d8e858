//! A worker process.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

use crate::arguments::Arguments;
use crate::folder::Folder;
use crate::library;
use crate::phase::InFlight;

/// Works until nothing is due. Warnings go to standard error.
pub(crate) fn work(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let folder = Folder::new(arguments.needed::<PathBuf>("dir")?);
    let number = arguments.needed("number")?;
    let (concurrency, seed) = (arguments.needed("concurrency")?, arguments.needed("seed")?);
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
        .with_ansi(false)
        .init();
    let in_flight = Arc::new(InFlight::create(&folder.phases(number))?);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let invites = library::of_worker(&folder, seed, in_flight).await?;
        let worker = invites.worker().name(format!("worker-{number}")).concurrency(concurrency);
        worker.run_until_idle().await?;
        Ok(())
    })
}

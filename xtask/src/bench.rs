//! `cargo xtask bench`: what everything costs on this machine, as tables in Markdown that docs/performance.md can take.

use std::fs;
use std::process::Command;

use crate::cargo::{Answer, cargo, printed_by, run as run_command};
use crate::services::Services;

/// The benches in their order, each with the arguments of its runs: the sizes of the document, and a quick look.
const BENCHES: [(&str, &[&str], &[&str]); 4] = [
    ("smtp", &[""], &[""]),
    ("store", &["--size 10000", "--size 100000", "--size 1000000"], &["--size 1000 --rounds 1"]),
    (
        "pipeline",
        &["--size 10000 --other 1000000", "--size 100000"],
        &["--size 1000 --passwords 20 --rounds 1"],
    ),
    ("bloat", &["--size 100000"], &["--size 2000"]),
];

/// Runs one bench or all of them, beside a PostgreSQL that loses nothing. Without `--size`, in the sizes of the document.
pub(crate) fn run(arguments: &[&str]) -> bool {
    match benches(arguments) {
        Ok(()) => true,
        Err(why) => {
            eprintln!("{why}");
            false
        }
    }
}

fn benches(arguments: &[&str]) -> Answer {
    let (chosen, arguments) = match arguments {
        [name, rest @ ..] if !name.starts_with("--") => (Some(*name), rest),
        rest => (None, rest),
    };
    if let Some(name) = chosen.filter(|name| BENCHES.iter().all(|(bench, ..)| bench != name)) {
        return Err(format!("there is no bench {name}"));
    }
    let quick = arguments.contains(&"--quick");
    let arguments: Vec<&str> = arguments.iter().copied().filter(|argument| *argument != "--quick").collect();
    let services = Services::start_durable()?;
    println!("{}\n", machine()?);
    for (bench, sizes, look) in BENCHES.iter().filter(|(bench, ..)| chosen.is_none_or(|name| name == *bench))
    {
        println!("### {bench}\n");
        let runs = match (quick, arguments.contains(&"--size")) {
            (true, _) => *look,
            (false, true) => &[""],
            (false, false) => *sizes,
        };
        for run in runs {
            let mut command = cargo();
            command.args(["bench", "--quiet", "--package", "invite-benches", "--bench", *bench, "--"]);
            command.args(run.split_whitespace()).args(&arguments);
            run_command(services.tell(&mut command))?;
            println!();
        }
    }
    Ok(())
}

/// What it runs on, and how busy that is by itself.
fn machine() -> Result<String, String> {
    let read = |file| fs::read_to_string(file).map_err(|error| format!("{file}: {error}"));
    let value = |text: &str, name: &str| -> String {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once(':').map_or("unknown", |(_, value)| value.trim()).to_owned()
    };
    let processors = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let program = crate::services::install::program("postgres", "postgresql")?;
    let postgres = printed_by(Command::new(program).arg("--version"))?;
    Ok(format!(
        "{} × {}, {} of memory, Linux {}, {}; load when it began: {}",
        processors,
        value(&read("/proc/cpuinfo")?, "model name"),
        value(&read("/proc/meminfo")?, "MemTotal"),
        read("/proc/sys/kernel/osrelease")?.trim(),
        postgres.trim(),
        read("/proc/loadavg")?.split_whitespace().take(3).collect::<Vec<_>>().join(" "),
    ))
}

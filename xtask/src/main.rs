//! The project's own tasks.
//!
//! `cargo xtask test` runs every test and counts them; `cargo xtask check` holds the code to its rules. `.ci/run` runs
//! both. `cargo xtask campaign` injects faults, `cargo xtask kills` kills workers; `cargo xtask scale` measures a rollout
//! by its size, `cargo xtask bench` its steps beside bare SQL; `cargo xtask services` starts the servers that some tests
//! need; `cargo xtask messages` shows the messages to a spam filter and others, and
//! installs those. It is there before anything else is built, so it uses the standard library alone.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to whoever runs it")]

mod bench;
mod campaign;
mod cargo;
mod check;
mod core_alone;
mod crates;
mod deny;
mod documents;
mod floors;
mod kills;
mod messages;
mod postgres_alone;
mod rust_code;
mod scale;
mod services;
mod test;
mod test_counts;

use std::process::ExitCode;

const USAGE: &str = "\
Usage: cargo xtask <task>

  test    every test of the workspace; prints how many passed and failed on its last line
  check   formatting, lints, documentation, licences, dependencies, floors
  campaign --store sqlite
          injects faults while several `invite work` send, and looks at what is left; takes --faults, --deliveries,
          --seed, --workers, --bug and --dir; docs/reliability.md says more
  kills   kills workers 300 times inside the phases of the library, over 5,000 messages, by e-mail and SMS, and looks
          at what is left; takes --kills, --deliveries, --seed and --dir
  services <command>
          runs a command while the servers run that some tests need
  scale   rolls out to 1,000 people and to 100,000: time and memory of each step; takes --people
  bench [smtp|store|pipeline|bloat]
          prints the tables of docs/performance.md for this machine; takes --size, --rounds and --database, and --quick
          for a look at whether they run
  messages
          shows the built-in messages to SpamAssassin, html-validate and a calculator of SMS segments; with
          --screenshots also to Chromium, and takes the pictures of docs/messages.md";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let succeeded = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["test"] => test::run(),
        ["check"] => check::run(),
        ["campaign", ref arguments @ ..] => campaign::run(arguments),
        ["kills", ref arguments @ ..] => kills::run(arguments),
        ["scale", ref arguments @ ..] => scale::run(arguments),
        ["bench", ref arguments @ ..] => bench::run(arguments),
        ["services", ref command @ ..] => services::run(command),
        ["messages", ref arguments @ ..] => messages::run(arguments),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    if succeeded { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

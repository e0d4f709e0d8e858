//! `invite`, the command line: everything that the library does, for administrators and for scripts.
//!
//! ```text
//! cargo run -p invite-examples --bin invite -- --help
//! ```
//!
//! One file a command. What they share: [`arguments`] (what can be typed), [`session`] (the database, the organisation, who
//! acts), [`output`] (tables and sentences, or one JSON object a line), [`ask`] (questions and secrets), [`failure`].

#![allow(rustdoc::bare_urls, reason = "help texts are doc comments, and are read on a terminal")]

mod accept;
mod arguments;
mod ask;
mod audit;
mod batch;
mod completions;
mod database;
mod duration;
mod events;
mod exit;
mod failure;
mod find;
mod import;
mod invite;
mod key;
mod log;
mod man;
mod metrics;
mod moment;
mod nearest;
mod none_or;
mod org;
mod output;
mod plan;
mod prose;
mod remind;
mod schedule;
mod sender;
mod session;
mod settings;
mod sign_in;
mod suppress;
mod template;
mod transports;
mod user;
mod users;
mod work;

use std::process::ExitCode;

use self::arguments::{Cli, Command};
use self::exit::Done;
use self::failure::Failure;
use self::output::Output;

fn main() -> ExitCode {
    let cli = match arguments::parse() {
        Ok(cli) => cli,
        Err(refused) => return refused,
    };
    let output = Output::new(cli.globals.json);
    log::start(cli.globals.verbose);
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            return output.failure(&Failure::failed(format!("no threads can be started: {error}"))).into();
        }
    };
    match runtime.block_on(run(cli, output)) {
        Ok(exit) => exit.into(),
        Err(failure) => output.failure(&failure).into(),
    }
}

async fn run(cli: Cli, output: Output) -> Done {
    let globals = cli.globals;
    match cli.command {
        Command::Key(command) => key::run(command, output),
        Command::Org(command) => org::run(command, &globals, output).await,
        Command::User(command) => user::run(command, &globals, output).await,
        Command::Import(arguments) => import::run(arguments, &globals, output).await,
        Command::Users(arguments) => users::run(arguments, &globals, output).await,
        Command::Invite(arguments) => invite::run(arguments, &globals, output).await,
        Command::Remind(arguments) => remind::run(arguments, &globals, output).await,
        Command::Work(arguments) => work::run(arguments, &globals, output).await,
        Command::Batch(command) => batch::run(command, &globals, output).await,
        Command::Sender(command) => sender::run(command, &globals, output).await,
        Command::Template(command) => template::run(*command, &globals, output).await,
        Command::SignIn(arguments) => sign_in::run(arguments, &globals, output).await,
        Command::Accept => accept::run(&globals, output).await,
        Command::Suppress(command) => suppress::run(command, &globals, output).await,
        Command::Events(arguments) => events::run(arguments, &globals, output).await,
        Command::Audit(arguments) => audit::run(arguments, &globals, output).await,
        Command::Metrics => metrics::run(&globals, output).await,
        Command::Completions { shell } => completions::run(shell, output),
        Command::Man { folder } => man::run(folder, output),
    }
}

//! What can be typed.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::Shell;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::{
    audit, batch, events, import, invite, key, org, remind, sender, sign_in, suppress, template, transports,
    user, users, work,
};

/// Invites the users of an organisation, and sees to it that they all get in.
#[derive(Debug, Parser)]
#[command(
    name = "invite",
    version,
    subcommand_required = true,
    arg_required_else_help = true,
    max_term_width = 100,
    after_help = "Exit codes: 0 all done, 1 something failed for good, 2 wrong use or bad input.\n\
                  Passwords, links and tokens are read from standard input, one a line; on a terminal they are asked \
                  for and not shown.",
    after_long_help = AFTER_LONG_HELP
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const AFTER_LONG_HELP: &str = "\
Begin:
  export INVITE_DB=sqlite:acme.db INVITE_EMAIL=file:outbox INVITE_ORG=acme INVITE_AS=admin@acme.example
  export INVITE_SECRET_KEY=$(invite key new)      # once; keep it as safe as the database
  invite org create acme --name \"Acme Ltd\" --app-link https://app.acme.example --admin admin@acme.example
  invite import people.csv
  invite invite --never-invited
  invite work --until-idle

Environment:
  INVITE_DB, INVITE_EMAIL, INVITE_SMS, INVITE_ORG, INVITE_AS
                     stand for --db, --email, --sms, --org and --as
  INVITE_POLICY      stands for --policy
  INVITE_SECRET_KEY  one key or several, separated by commas, that secrets are sealed with while they wait to be sent:
                     the first seals, all open. Needed by `work`
  RUST_LOG           what is logged to standard error, such as invite_core=debug; nothing that is logged is secret

Exit codes:
  0  all done
  1  something failed for good
  2  wrong use or bad input

Passwords, links and tokens are read from standard input, one a line, since arguments can be seen by everybody on the \
machine; on a terminal they are asked for and not shown.";

/// What every command takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Globals {
    /// The database: sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE, with ?schema=NAME for another schema than
    /// invite
    #[arg(
        long,
        global = true,
        display_order = 210,
        env = "INVITE_DB",
        hide_env_values = true,
        value_name = "DATABASE"
    )]
    pub(crate) db: Option<String>,
    /// Read by [`parse`], since `--email` means something else to three commands.
    #[arg(skip)]
    pub(crate) email: Option<String>,
    /// What SMS leave through: file:DIR (a folder to look at) or twilio:?from=NUMBER (Twilio)
    #[arg(
        long,
        global = true,
        display_order = 220,
        env = "INVITE_SMS",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub(crate) sms: Option<String>,
    /// The organisation, by its short name
    #[arg(
        long,
        global = true,
        display_order = 230,
        env = "INVITE_ORG",
        hide_env_values = true,
        value_name = "ORGANISATION"
    )]
    pub(crate) org: Option<String>,
    /// The administrator who acts: their e-mail address, user name, phone, employee number or id
    #[arg(
        long = "as",
        global = true,
        display_order = 240,
        env = "INVITE_AS",
        hide_env_values = true,
        value_name = "USER"
    )]
    pub(crate) acting: Option<String>,
    /// Figures other than the usual ones (leases, attempts, waits, limits): a file of JSON with the fields of the library's
    /// Policy, and a duration as {"secs":90,"nanos":0}; what is left out is as usual
    #[arg(
        long,
        global = true,
        display_order = 245,
        env = "INVITE_POLICY",
        hide_env_values = true,
        value_name = "FILE"
    )]
    pub(crate) policy: Option<PathBuf>,
    /// One JSON object a line, for scripts
    #[arg(long, global = true, display_order = 250)]
    pub(crate) json: bool,
    /// Log what is done to standard error; twice for more
    #[arg(long, short, global = true, display_order = 260, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make or rotate the key that secrets are sealed with
    #[command(subcommand)]
    Key(key::Command),
    /// Create, show or set up an organisation
    #[command(subcommand)]
    Org(org::Command),
    /// One person: add, show, change, explain, export, erase
    #[command(subcommand)]
    User(user::Command),
    /// Import a CSV file of people, list imports, or undo one
    Import(import::Arguments),
    /// List people
    Users(users::Arguments),
    /// Invite people: shows who gets what, asks, and queues the messages
    Invite(invite::Arguments),
    /// Remind people who were invited and have not come
    Remind(remind::Arguments),
    /// Send what is queued; run one or many
    ///
    /// Ctrl-C and SIGTERM stop it cleanly: what is on its way to the provider is still sent and recorded, and the next
    /// `work` goes on. A second one stops it at once.
    Work(work::Arguments),
    /// What became of a batch; pause, resume, cancel, recall, retry
    #[command(subcommand)]
    Batch(batch::Command),
    /// What stops messages from leaving
    #[command(subcommand)]
    Sender(sender::Command),
    /// The messages: list, show, change, check, preview, send a test
    #[command(subcommand)]
    Template(Box<template::Command>),
    /// Sign in with a password: their own, or a temporary one (from standard input)
    SignIn(sign_in::Arguments),
    /// Use a set-up link: the link or its token, then the new password (from standard input)
    Accept,
    /// Addresses that must not be written to
    #[command(subcommand)]
    Suppress(suppress::Command),
    /// What happened, for the application
    Events(events::Arguments),
    /// Who did what
    Audit(audit::Arguments),
    /// Figures to watch it by, of all organisations, as Prometheus reads them
    ///
    /// Put them where a node exporter collects text files, or serve them; docs/runbook.md says what to do at each.
    Metrics,
    /// Print a completion script for a shell
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Print the manual page, or write one for each command into a folder
    Man {
        /// The folder; it must exist
        #[arg(long, value_name = "DIR")]
        folder: Option<PathBuf>,
    },
}

/// The name of [`Globals::email`] among clap's arguments.
const THROUGH: &str = "through";

/// Commands to which `--email` is a person's address.
const WITH_ADDRESS: [&str; 3] = ["add", "set", "correct"];

/// All that can be typed.
pub(crate) fn command() -> clap::Command {
    with_email(Cli::command(), true)
}

/// `--email` for every command but those to which it is a person's address.
fn with_email(mut command: clap::Command, belongs: bool) -> clap::Command {
    let names: Vec<String> = command.get_subcommands().map(|one| one.get_name().to_owned()).collect();
    let of_person = command.get_name() == "user";
    for name in names {
        let belongs = !(of_person && WITH_ADDRESS.contains(&name.as_str()));
        command = command.mut_subcommand(name, |one| with_email(one, belongs));
    }
    if !belongs {
        return command;
    }
    command.arg(
        Arg::new(THROUGH)
            .long("email")
            .env("INVITE_EMAIL")
            .hide_env_values(true)
            .value_name("URL")
            .help_heading("Global options")
            .display_order(211)
            .help(
                "What e-mail leaves through: file:DIR (a folder to look at), smtp://USER:PASSWORD@HOST:PORT (STARTTLS), \
                 smtps://… (TLS from the start) or ses:?region=REGION (Amazon SES)",
            ),
    )
}

/// Reads the arguments; where they are no command, says so and gives the exit code.
pub(crate) fn parse() -> Result<Cli, ExitCode> {
    let parsed = command().try_get_matches().and_then(|matches| {
        let mut cli = Cli::from_arg_matches(&matches)?;
        warn_of_password(&matches, "db", "--db", "INVITE_DB");
        warn_of_password(&matches, THROUGH, "--email", "INVITE_EMAIL");
        let (typed, of_environment) = given(&matches, THROUGH);
        cli.globals.email = typed.or(of_environment);
        Ok(cli)
    });
    parsed.map_err(|error| {
        if error.use_stderr() {
            refuse(&error)
        } else {
            // Help or version; whoever does not read it does not want it.
            let _ = error.print();
            ExitCode::SUCCESS
        }
    })
}

fn refuse(error: &clap::Error) -> ExitCode {
    let given = |name: &str| std::env::args_os().any(|argument| argument == name);
    let json = given("--json");
    if error.kind() == ErrorKind::UnknownArgument && (given("sign-in") || given("accept")) {
        let secret = "secrets are no arguments, since everybody on the machine can see those: give them by standard \
                      input, one a line, and see --help";
        return Output::new(json).failure(&Failure::wrong(secret)).into();
    }
    if json {
        let text = error.render().to_string();
        let text = text.trim().strip_prefix("error: ").unwrap_or(text.trim()).to_owned();
        Output::new(json).failure(&Failure::wrong(text));
    } else {
        let _ = error.print();
    }
    Exit::Wrong.into()
}

/// What was typed for an option, wherever it stands, and what the environment says.
fn given(matches: &ArgMatches, option: &str) -> (Option<String>, Option<String>) {
    let (mut here, mut typed, mut of_environment) = (matches, None, None);
    loop {
        if let Ok(Some(value)) = here.try_get_one::<String>(option) {
            match here.value_source(option) {
                Some(ValueSource::CommandLine) => typed = Some(value),
                _ => of_environment = Some(value),
            }
        }
        match here.subcommand() {
            Some((_, inner)) => here = inner,
            None => break,
        }
    }
    (typed.cloned(), of_environment.cloned())
}

/// An argument can be seen by everybody on the machine, the environment cannot.
fn warn_of_password(matches: &ArgMatches, option: &str, name: &str, variable: &str) {
    let (typed, _) = given(matches, option);
    if typed.is_some_and(|url| transports::has_password(&url)) {
        // There is nobody else to warn.
        let _ = writeln!(
            std::io::stderr(),
            "warning: everybody on this machine can see the password in {name}; set {variable} instead"
        );
    }
}

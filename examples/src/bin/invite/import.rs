//! `invite import`: a CSV file of people.

mod list;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use clap::{Args, Subcommand, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use invite_core::decision::person_match::ImportMode;
use invite_core::model::id::ImportId;
use invite_core::people_file::Encoding;
use invite_core::service::{ImportOptions, ImportReport};
use serde::Serialize;

use crate::arguments::Globals;
use crate::exit::{Done, Exit};
use crate::failure::Failure;
use crate::output::{Output, counted, grouped};
use crate::session::{Acting, Needs, Session};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Arguments {
    /// The file; - for standard input
    #[arg(required = true, value_name = "FILE")]
    file: Option<String>,
    /// Only say what would happen
    #[arg(long)]
    dry_run: bool,
    /// What happens to people who are there already
    #[arg(long, value_enum, default_value_t = Mode::Upsert)]
    mode: Mode,
    /// The encoding of a file that is not UTF-8, such as windows-1252
    #[arg(long, default_value = "utf-8", value_parser = encoding)]
    encoding: Encoding,
    /// Let a sync deactivate so many people; without it 10, or 2 % of those who are active
    #[arg(long, value_name = "N")]
    allow_deactivate: Option<u64>,
    /// Let a sync replace the e-mail address or phone of so many people; without it 10, or 10 % of those who are active
    #[arg(long, value_name = "N")]
    allow_contacts: Option<u64>,
    /// Make people active again whom the file names and who were deactivated; a sync does it always
    #[arg(long)]
    reactivate: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List imports, the newest first
    List {
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 20)]
        limit: usize,
        /// Those before this import: the id of the last one that you saw
        #[arg(long, value_name = "ID")]
        before: Option<ImportId>,
    },
    /// Take an import back: values as they were; people whom it added are deactivated, unless they were invited
    Undo {
        /// Its id, from `invite import list`
        #[arg(required_unless_present = "latest")]
        import: Option<ImportId>,
        /// The one that began last
        #[arg(long, conflicts_with = "import")]
        latest: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// Add people; those who are there are left as they are
    Add,
    /// Add people, and change those who are there; an empty cell changes nothing
    Upsert,
    /// The file is the whole truth: as upsert, and whoever it does not name is deactivated
    Sync,
}

fn encoding(text: &str) -> Result<Encoding, String> {
    text.parse().map_err(|error| format!("{error}"))
}

/// What an import did, for scripts.
#[derive(Serialize)]
struct Line<'a> {
    created: u64,
    updated: u64,
    unchanged: u64,
    refused: u64,
    deactivated: u64,
    reactivated: u64,
    contacts_replaced: u64,
    errors: Vec<ErrorLine<'a>>,
    unknown_columns: &'a [String],
    withheld: Option<&'a str>,
    allow_deactivate: Option<u64>,
    allow_contacts: Option<u64>,
    dry_run: bool,
    import: ImportId,
}

#[derive(Serialize)]
struct ErrorLine<'a> {
    line: u64,
    column: Option<&'static str>,
    message: &'a str,
}

pub(crate) async fn run(arguments: Arguments, globals: &Globals, output: Output) -> Done {
    let session = Session::open(globals, output, Needs::Database).await?;
    let acting = session.acting().await?;
    match arguments.command {
        Some(Command::List { limit, before }) => list::list(&session, &acting, limit, before).await,
        Some(Command::Undo { import, yes, .. }) => list::undo(&session, &acting, import, yes).await,
        None => file(&session, &acting, arguments).await,
    }
}

async fn file(session: &Session, acting: &Acting, arguments: Arguments) -> Done {
    let output = session.output;
    let path = arguments.file.as_deref().unwrap_or("-");
    let (reader, size): (Box<dyn Read + Send>, Option<u64>) = if path == "-" {
        (Box::new(io::stdin()), None)
    } else {
        let unreadable = |error: io::Error| {
            Failure::wrong(format!("{path} cannot be read: {error}; look whether its name is right"))
        };
        let file = File::open(path).map_err(unreadable)?;
        let size = file.metadata().map_err(unreadable)?.len();
        (Box::new(file), Some(size))
    };
    let bar = output.is_watched().then(|| bar(size));
    let reader: Box<dyn Read + Send> = match &bar {
        Some(bar) => Box::new(bar.wrap_read(reader)),
        None => reader,
    };
    let name = if path == "-" {
        "standard input".into()
    } else {
        Path::new(path).file_name().map_or_else(|| path.into(), |name| name.to_string_lossy().into_owned())
    };
    let mut options = ImportOptions::of_file(name);
    options.dry_run = arguments.dry_run;
    options.encoding = arguments.encoding;
    options.mode = match arguments.mode {
        Mode::Add => ImportMode::Add,
        Mode::Upsert => ImportMode::Upsert,
        Mode::Sync => ImportMode::Sync,
    };
    options.allow_deactivate = arguments.allow_deactivate;
    options.allow_contacts = arguments.allow_contacts;
    options.reactivate = arguments.reactivate;
    if let Some(bar) = bar.clone() {
        options = options.on_progress(move |report| bar.set_message(rows(report)));
    }
    let imported = session.invites.import(&acting.actor, reader, options).await;
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let report = imported?;
    tell(output, &report)?;
    Ok(Exit::failed_if(report.refused > 0))
}

fn tell(output: Output, report: &ImportReport) -> Result<(), Failure> {
    let errors = report.errors.iter().flat_map(|row| {
        let line = row.line;
        row.errors.iter().map(move |error| ErrorLine { line, column: error.column, message: &error.message })
    });
    if output.json() {
        return output.object(&Line {
            created: report.created,
            updated: report.updated,
            unchanged: report.unchanged,
            refused: report.refused,
            deactivated: report.deactivated,
            reactivated: report.reactivated,
            contacts_replaced: report.contacts_replaced,
            errors: errors.collect(),
            unknown_columns: &report.unknown_columns,
            withheld: report.withheld.as_deref(),
            allow_deactivate: report.needs.deactivate,
            allow_contacts: report.needs.contacts,
            dry_run: report.dry_run,
            import: report.import,
        });
    }
    output.say(sentence(report))?;
    let errors: Vec<Vec<String>> = errors
        .map(|error| {
            vec![error.line.to_string(), error.column.unwrap_or_default().into(), error.message.into()]
        })
        .collect();
    if !errors.is_empty() {
        output.say("\nRefused; the other rows are not affected:")?;
        output.table(&["LINE", "COLUMN", "WHAT IS WRONG"], errors)?;
        let more = report.refused - u64::try_from(report.errors.len()).unwrap_or(report.refused);
        if more > 0 {
            output.say(format!("and {} more", counted(more, "row", "rows")))?;
        }
        output.note("Mend these rows and import the file again: nobody is added twice.");
    }
    if let Some(withheld) = &report.withheld {
        output.say(format!("Nobody is deactivated: {withheld}"))?;
    }
    if report.yourself_missing {
        output.note("The file does not name you: you stay active.");
    }
    let needs =
        [("--allow-deactivate", report.needs.deactivate), ("--allow-contacts", report.needs.contacts)];
    for (option, needed) in needs.iter().filter_map(|(option, needed)| Some((option, (*needed)?))) {
        output.note(format!("Look whether the file is whole: it is imported only with {option} {needed}."));
    }
    if !report.unknown_columns.is_empty() {
        output.note(format!("Columns that were ignored: {}", report.unknown_columns.join(", ")));
    }
    Ok(())
}

fn sentence(report: &ImportReport) -> String {
    let before = if report.dry_run { "Nothing is written (dry run). This would be: " } else { "" };
    format!("{before}{}.", rows(report))
}

fn rows(report: &ImportReport) -> String {
    let mut parts = vec![
        format!("{} added", counted(report.created, "person", "people")),
        format!("{} changed", grouped(report.updated)),
        format!("{} as they were", grouped(report.unchanged)),
    ];
    if report.deactivated > 0 {
        parts.push(format!("{} deactivated", grouped(report.deactivated)));
    }
    parts.push(format!("{} refused", counted(report.refused, "row", "rows")));
    parts.join(", ")
}

fn bar(size: Option<u64>) -> ProgressBar {
    let style =
        |template| ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    match size {
        Some(size) => ProgressBar::new(size).with_style(style("{bar:30} {percent}%  {msg}")),
        None => ProgressBar::new_spinner().with_style(style("{spinner} {bytes}  {msg}")),
    }
}

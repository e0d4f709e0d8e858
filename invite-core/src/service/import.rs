//! Import: a CSV file of people becomes users.

use std::fmt;
use std::io::Read;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task;
use tracing::instrument;

use super::error::Error;
use super::invites::Invites;
use crate::decision::person_match::{ImportMode, RowOutcome};
use crate::model::actor::Actor;
use crate::model::id::ImportId;
use crate::people_file::{CellError, Encoding, FileError, FileOptions, PeopleFile, PersonRow, RowError};
use crate::port::people::{FinishedImport, ImportPage, People};

/// Rows a page, and so a transaction.
const PAGE: usize = 500;

/// Is told how far an import is, after each page of 500 rows.
pub type ImportProgress = Arc<dyn Fn(&ImportReport) + Send + Sync>;

/// How a file is imported.
#[derive(Clone)]
pub struct ImportOptions {
    /// What happens to people who are there already; they are changed, by default.
    pub mode: ImportMode,
    /// Whether only to say what would happen.
    pub dry_run: bool,
    /// The file's name, for the story of a person.
    pub file_name: String,
    /// The encoding of a file that has no byte order mark.
    pub encoding: Encoding,
    /// The size of the file at most, in bytes; 10 MB.
    pub max_bytes: u64,
    /// The number of people at most; 1,000,000.
    pub max_rows: u64,
    /// How many errors the report keeps; 1,000. The others are counted.
    pub max_errors: usize,
    /// Who is told how far it is; [`on_progress`](Self::on_progress) sets it.
    pub progress: Option<ImportProgress>,
}

impl Default for ImportOptions {
    fn default() -> Self {
        let FileOptions { encoding, max_bytes, max_rows, .. } = FileOptions::default();
        Self {
            mode: ImportMode::Upsert,
            dry_run: false,
            file_name: "upload.csv".into(),
            encoding,
            max_bytes,
            max_rows,
            max_errors: 1000,
            progress: None,
        }
    }
}

impl ImportOptions {
    /// With every default, for the file called so.
    pub fn of_file(name: impl Into<String>) -> Self {
        Self { file_name: name.into(), ..Self::default() }
    }

    /// Tells how far it is after each page of 500 rows.
    #[must_use]
    pub fn on_progress(mut self, tell: impl Fn(&ImportReport) + Send + Sync + 'static) -> Self {
        self.progress = Some(Arc::new(tell));
        self
    }
}

impl fmt::Debug for ImportOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImportOptions")
            .field("mode", &self.mode)
            .field("dry_run", &self.dry_run)
            .field("file_name", &self.file_name)
            .finish_non_exhaustive()
    }
}

/// What an import did, or, as a dry run, would do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImportReport {
    /// Which import, as the story of a person names it.
    pub import: ImportId,
    /// Whether nothing was written.
    pub dry_run: bool,
    /// People added.
    pub created: u64,
    /// People changed.
    pub updated: u64,
    /// People who are as the file says, or are left as they are.
    pub unchanged: u64,
    /// Rows that were refused.
    pub refused: u64,
    /// Why, of the first ones, in the order of the file.
    pub errors: Vec<RowError>,
    /// Columns that mean nothing to us and were ignored.
    pub unknown_columns: Vec<String>,
    /// The line on which the last row that was dealt with begins; nought before the first.
    pub last_line: u64,
}

impl ImportReport {
    fn new(dry_run: bool) -> Self {
        Self {
            import: ImportId::new(),
            dry_run,
            created: 0,
            updated: 0,
            unchanged: 0,
            refused: 0,
            errors: Vec::new(),
            unknown_columns: Vec::new(),
            last_line: 0,
        }
    }

    /// How many rows were dealt with.
    pub fn rows(&self) -> u64 {
        self.created + self.updated + self.unchanged + self.refused
    }

    /// How a sentence about a broken file goes on.
    pub(super) fn so_far(&self) -> String {
        let Self { last_line, created, updated, unchanged, refused, dry_run, .. } = self;
        if *last_line == 0 {
            return String::new();
        }
        let written = if *dry_run { "was looked at (dry run)" } else { "is imported and stays" };
        format!(
            ". What stands before, to line {last_line}, {written}: {created} added, {updated} changed, {unchanged} as \
             they were, {refused} refused. Mend the file and import it again: nobody is added twice"
        )
    }

    fn count(&mut self, outcome: &RowOutcome) {
        match outcome {
            RowOutcome::Created(_) => self.created += 1,
            RowOutcome::Updated(_) => self.updated += 1,
            RowOutcome::Unchanged(_) => self.unchanged += 1,
            RowOutcome::Refused { .. } => {}
        }
    }

    fn refuse(&mut self, mut errors: Vec<RowError>, at_most: usize) {
        errors.sort_by_key(|error| error.line);
        for error in errors {
            self.refused += 1;
            if self.errors.len() < at_most {
                self.errors.push(error);
            }
        }
    }
}

/// What the thread that reads the file says.
enum Step {
    Columns(Vec<String>),
    Rows { rows: Vec<PersonRow>, errors: Vec<RowError>, last_line: u64 },
    Broken(FileError),
}

impl Invites {
    /// Imports a CSV file of people, in the format of [`people_file`](crate::people_file), page by page: in flat
    /// memory, whatever its length. Importing a file twice changes nothing the second time.
    ///
    /// The reader is read on a thread for blocking work. A row that is wrong is refused, and the others go on; a file
    /// that is broken half-way ends the import, and what stands before stays ([`Error::File`]).
    #[instrument(skip_all, fields(organisation = %actor.organisation(), dry_run = options.dry_run))]
    pub async fn import(
        &self,
        actor: &Actor,
        reader: impl Read + Send + 'static,
        options: ImportOptions,
    ) -> Result<ImportReport, Error> {
        self.authorise(actor).await?;
        let people = self.people()?;
        let country = self.organisation(actor.organisation()).await?.settings.country;
        let mut file = FileOptions { country, ..FileOptions::default() };
        (file.encoding, file.max_bytes, file.max_rows) =
            (options.encoding, options.max_bytes, options.max_rows);
        let mut report = ImportReport::new(options.dry_run);
        let ended = import_pages(&*people, actor, read_ahead(reader, file), &options, &mut report).await;
        let ImportReport { import, created, updated, unchanged, refused, .. } = report;
        let (organisation, actor) = (actor.organisation(), actor.clone());
        let ImportOptions { file_name, dry_run, .. } = options;
        let finished = people
            .finish_import(FinishedImport {
                organisation,
                actor,
                import,
                file_name,
                dry_run,
                created,
                updated,
                unchanged,
                refused,
            })
            .await;
        if let Some(source) = ended? {
            return Err(Error::File { source, report: Box::new(report) });
        }
        finished?;
        Ok(report)
    }
}

/// Imports what is read; gives what broke the file, if something did.
async fn import_pages(
    people: &dyn People,
    actor: &Actor,
    mut pages: mpsc::Receiver<Step>,
    options: &ImportOptions,
    report: &mut ImportReport,
) -> Result<Option<FileError>, Error> {
    while let Some(page) = pages.recv().await {
        let (rows, mut errors, last_line) = match page {
            Step::Columns(unknown) => {
                report.unknown_columns = unknown;
                continue;
            }
            Step::Broken(error) => return Ok(Some(error)),
            Step::Rows { rows, errors, last_line } => (rows, errors, last_line),
        };
        let lines: Vec<u64> = rows.iter().map(|row| row.line).collect();
        if !rows.is_empty() {
            let page = ImportPage {
                organisation: actor.organisation(),
                actor: actor.clone(),
                import: report.import,
                file_name: options.file_name.clone(),
                mode: options.mode,
                dry_run: options.dry_run,
                rows,
            };
            for (line, outcome) in lines.into_iter().zip(people.import_page(page).await?) {
                report.count(&outcome);
                if let RowOutcome::Refused { column, message } = outcome {
                    errors.push(RowError { line, errors: vec![CellError { column, message }] });
                }
            }
        }
        report.refuse(errors, options.max_errors);
        report.last_line = last_line;
        if let Some(tell) = &options.progress {
            tell(report);
        }
    }
    Ok(None)
}

/// Reads the file on a thread that may block, one page ahead of what is imported.
fn read_ahead(reader: impl Read + Send + 'static, options: FileOptions) -> mpsc::Receiver<Step> {
    let (pages, receiver) = mpsc::channel(1);
    task::spawn_blocking(move || {
        // Whoever imports may have gone; then there is nothing left to read for.
        if let Err(error) = read_pages(reader, options, &pages) {
            drop(pages.blocking_send(Step::Broken(error)));
        }
    });
    receiver
}

fn read_pages(reader: impl Read, options: FileOptions, pages: &mpsc::Sender<Step>) -> Result<(), FileError> {
    let mut file = PeopleFile::open(reader, options)?;
    let mut goes_on = pages.blocking_send(Step::Columns(file.unknown_columns().to_vec())).is_ok();
    while goes_on {
        let (mut rows, mut errors, mut last_line, mut broken) = (Vec::new(), Vec::new(), 0, None);
        for row in file.by_ref().take(PAGE) {
            match row {
                Ok(Ok(row)) => {
                    last_line = row.line;
                    rows.push(row);
                }
                Ok(Err(error)) => {
                    last_line = error.line;
                    errors.push(error);
                }
                Err(error) => broken = Some(error),
            }
        }
        if last_line == 0 {
            return broken.map_or(Ok(()), Err);
        }
        goes_on = pages.blocking_send(Step::Rows { rows, errors, last_line }).is_ok();
        if let Some(error) = broken {
            return Err(error);
        }
    }
    Ok(())
}

//! Import: a CSV file of people becomes users.

use std::fmt;
use std::io::Read;
use std::sync::Arc;

use tokio::sync::mpsc;
use tracing::instrument;

use super::error::Error;
use super::import_reading::{PAGE, Rows, Step, read_ahead};
use super::invites::Invites;
use crate::decision::import_sync::{SyncAllowance, SyncFigures};
use crate::decision::person_match::{ImportMode, RowOutcome};
use crate::model::actor::Actor;
use crate::model::id::ImportId;
use crate::people_file::{CellError, Encoding, FileError, FileOptions, RowError};
use crate::port::people::{
    FinishedImport, ImportFigures, ImportPage, ImportedPage, MissingPage, People, SyncDone, SyncStep,
};

/// Is told how far an import is, after each page of 500 rows.
pub type ImportProgress = Arc<dyn Fn(&ImportReport) + Send + Sync>;

/// How a file is imported.
#[derive(Clone)]
pub struct ImportOptions {
    /// What happens to people who are there already; they are changed, by default.
    pub mode: ImportMode,
    /// Whether deactivated people whom the file names are active again. A sync always does it; otherwise they stay
    /// deactivated, by default, so that an old list brings nobody back.
    pub reactivate: bool,
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
    /// So many people may be deactivated by a sync; without it 10, or 2 % of those who are active.
    pub allow_deactivate: Option<u64>,
    /// Of so many people a sync may replace the e-mail address or phone; without it 10, or 10 % of those who are active.
    pub allow_contacts: Option<u64>,
    /// Who is told how far it is; [`on_progress`](Self::on_progress) sets it.
    pub progress: Option<ImportProgress>,
}

impl Default for ImportOptions {
    fn default() -> Self {
        let FileOptions { encoding, max_bytes, max_rows, .. } = FileOptions::default();
        Self {
            mode: ImportMode::Upsert,
            reactivate: false,
            dry_run: false,
            file_name: "upload.csv".into(),
            encoding,
            max_bytes,
            max_rows,
            max_errors: 1000,
            allow_deactivate: None,
            allow_contacts: None,
            progress: None,
        }
    }
}

impl ImportOptions {
    /// With every default, for the file called so.
    pub fn of_file(name: impl Into<String>) -> Self {
        Self { file_name: name.into(), ..Self::default() }
    }

    /// Tells how far it is after each page of 500 rows. Of a sync it tells twice: while the file is looked at, and while
    /// it is carried out.
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
    /// What happened to people who were there already.
    pub mode: ImportMode,
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
    /// People whom the file of a sync does not name, deactivated.
    pub deactivated: u64,
    /// People who were deactivated and are active again; they are among those changed.
    pub reactivated: u64,
    /// People whose e-mail address or phone was replaced by another; they are among those changed.
    pub contacts_replaced: u64,
    /// Whether the administrator who runs a sync is missing in its file: they stay active.
    pub yourself_missing: bool,
    /// Why a sync deactivated nobody although people are missing, in words.
    pub withheld: Option<String>,
    /// What a sync does only where it is allowed to; nothing, where it may go on as it is. A dry run says it here, and
    /// the sync itself is refused with [`Error::SyncTooMuch`].
    pub needs: SyncAllowance,
    /// Why, of the first ones, in the order of the file.
    pub errors: Vec<RowError>,
    /// Columns that mean nothing to us and were ignored.
    pub unknown_columns: Vec<String>,
    /// The line on which the last row that was dealt with begins; nought before the first.
    pub last_line: u64,
}

impl ImportReport {
    fn new(options: &ImportOptions) -> Self {
        Self {
            import: ImportId::new(),
            mode: options.mode,
            dry_run: options.dry_run,
            created: 0,
            updated: 0,
            unchanged: 0,
            refused: 0,
            deactivated: 0,
            reactivated: 0,
            contacts_replaced: 0,
            yourself_missing: false,
            withheld: None,
            needs: SyncAllowance::default(),
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
        if self.mode == ImportMode::Sync {
            return ". Nothing was written: a sync begins when its file was read to the end. Mend the file and import \
                    it again"
                .into();
        }
        let written = if *dry_run { "was looked at (dry run)" } else { "is imported and stays" };
        format!(
            ". What stands before, to line {last_line}, {written}: {created} added, {updated} changed, {unchanged} as \
             they were, {refused} refused. Mend the file and import it again: nobody is added twice"
        )
    }

    fn figures(&self) -> ImportFigures {
        ImportFigures {
            created: self.created,
            updated: self.updated,
            unchanged: self.unchanged,
            refused: self.refused,
            deactivated: self.deactivated,
            reactivated: self.reactivated,
            contacts: self.contacts_replaced,
        }
    }

    /// Takes a page over; gives the errors of the rows that were refused.
    fn count(&mut self, lines: impl IntoIterator<Item = u64>, page: ImportedPage) -> Vec<RowError> {
        let mut errors = Vec::new();
        for (line, outcome) in lines.into_iter().zip(page.outcomes) {
            match outcome {
                RowOutcome::Created(_) => self.created += 1,
                RowOutcome::Updated(_) => self.updated += 1,
                RowOutcome::Unchanged(_) => self.unchanged += 1,
                RowOutcome::Refused { column, message } => {
                    errors.push(RowError { line, errors: vec![CellError { column, message }] });
                }
            }
        }
        self.contacts_replaced += page.contacts;
        self.reactivated += page.reactivated;
        errors
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

impl Invites {
    /// Imports a CSV file of people, in the format of [`people_file`](crate::people_file), page by page: in flat
    /// memory, whatever its length. Importing a file twice changes nothing the second time.
    ///
    /// The reader is read on a thread for blocking work. A row that is wrong is refused, and the others go on; a file
    /// that is broken half-way ends the import, and what stands before stays ([`Error::File`]).
    ///
    /// # A sync
    ///
    /// With [`ImportMode::Sync`] the file is the whole truth: whoever it names is active, and whoever it does not name
    /// is deactivated, which revokes their invitations and cancels their messages. So the file is read to its end first,
    /// and nothing is written before it is known what would be: a file that is broken changes nobody.
    ///
    /// * Deactivating more than 10 people, or 2 % of those who are active, must be allowed with `allow_deactivate`, and
    ///   replacing the contact of more than 10 people, or 10 % of those who are active, with `allow_contacts`; else
    ///   nothing is written, and [`Error::SyncTooMuch`] says how many it would be.
    /// * Whoever runs it is never deactivated by it, and neither is anybody whom a row names that was refused. Where a
    ///   row may mean anybody, since what says who is meant cannot be read, where the last line has no line break, which
    ///   may be a sign that the file was torn off, or where it names nobody at all, nobody is deactivated, and the report
    ///   says why.
    /// * One that was broken off is begun again by importing the file again.
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
        let report = ImportReport::new(&options);
        let mut import = Import { people: &*people, actor, options: &options, report, anybody: Vec::new() };
        let ended = import.run(read_ahead(reader, file)).await;
        let report = import.report;
        let finished = people
            .finish_import(FinishedImport {
                organisation: actor.organisation(),
                actor: actor.clone(),
                import: report.import,
                file_name: options.file_name,
                mode: options.mode,
                dry_run: options.dry_run,
                complete: matches!(ended, Ok(End::Complete)),
                figures: report.figures(),
            })
            .await;
        match ended? {
            End::Broken(source) => Err(Error::File { source, report: Box::new(report) }),
            End::TooMuch(figures) => Err(Error::SyncTooMuch { figures, report: Box::new(report) }),
            End::Complete => {
                finished?;
                Ok(report)
            }
        }
    }
}

/// How an import ended.
enum End {
    Complete,
    Broken(FileError),
    TooMuch(SyncFigures),
}

/// An import that runs.
struct Import<'a> {
    people: &'a dyn People,
    actor: &'a Actor,
    options: &'a ImportOptions,
    report: ImportReport,
    /// The first lines of rows that may mean anybody.
    anybody: Vec<u64>,
}

impl Import<'_> {
    async fn run(&mut self, mut pages: mpsc::Receiver<Step>) -> Result<End, Error> {
        let mut line_break = None;
        while let Some(step) = pages.recv().await {
            match step {
                Step::Columns(unknown) => self.report.unknown_columns = unknown,
                Step::Rows(page) => self.page(page).await?,
                Step::End { line_break: found } => line_break = Some(found),
                Step::Broken(error) => {
                    self.nothing_written_by_sync();
                    return Ok(End::Broken(error));
                }
            }
        }
        match self.options.mode {
            ImportMode::Add | ImportMode::Upsert => Ok(End::Complete),
            ImportMode::Sync => self.sync(line_break == Some(true)).await,
        }
    }

    async fn page(&mut self, page: Rows) -> Result<(), Error> {
        let Rows { people: rows, mut errors, refused, last_line } = page;
        let sync = self.options.mode == ImportMode::Sync;
        if !rows.is_empty() || (sync && !refused.is_empty()) {
            let lines: Vec<u64> = rows.iter().map(|row| row.line).collect();
            let page = ImportPage {
                organisation: self.actor.organisation(),
                actor: self.actor.clone(),
                import: self.report.import,
                file_name: self.options.file_name.clone(),
                mode: self.options.mode,
                reactivates: self.options.reactivate || sync,
                dry_run: self.options.dry_run,
                rows,
                refused,
            };
            let page = self.people.import_page(page).await?;
            self.anybody.extend(page.anybody.iter().take(5 - self.anybody.len().min(5)));
            errors.extend(self.report.count(lines, page));
        }
        self.report.refuse(errors, self.options.max_errors);
        self.report.last_line = last_line;
        self.tell();
        Ok(())
    }

    /// The file was read to its end: looks who is missing, and carries it out where that is allowed.
    async fn sync(&mut self, line_break: bool) -> Result<End, Error> {
        if self.report.rows() == 0 {
            let words =
                "nobody was deactivated, since the file names nobody: look whether it is the right one";
            self.report.withheld = Some(words.into());
            return Ok(End::Complete);
        }
        let missing = self.look_for_missing().await?;
        let mut figures = SyncFigures { contacts: self.report.contacts_replaced, ..missing };
        if figures.deactivate > 0 {
            self.report.withheld = self.why_withheld(line_break);
        }
        if self.report.withheld.is_some() {
            figures.deactivate = 0;
        }
        self.report.deactivated = figures.deactivate;
        let ImportOptions { allow_deactivate, allow_contacts, .. } = *self.options;
        let allowed = SyncAllowance { deactivate: allow_deactivate, contacts: allow_contacts };
        self.report.needs = figures.needs(allowed);
        if self.options.dry_run {
            return Ok(End::Complete);
        }
        if self.report.needs != SyncAllowance::default() {
            self.nothing_written_by_sync();
            return Ok(End::TooMuch(figures));
        }
        self.carry_out().await?;
        Ok(End::Complete)
    }

    async fn look_for_missing(&mut self) -> Result<SyncFigures, Error> {
        let mut figures = SyncFigures::default();
        let mut after = None;
        loop {
            let page = MissingPage {
                organisation: self.actor.organisation(),
                actor: self.actor.clone(),
                import: self.report.import,
                after,
                limit: PAGE,
            };
            let found = self.people.missing_page(page).await?;
            figures.active += found.active;
            figures.deactivate += found.missing;
            self.report.yourself_missing |= found.yourself;
            after = found.next;
            if after.is_none() {
                return Ok(figures);
            }
        }
    }

    fn why_withheld(&self, line_break: bool) -> Option<String> {
        if !self.anybody.is_empty() {
            let lines: Vec<String> = self.anybody.iter().map(u64::to_string).collect();
            return Some(format!(
                "nobody was deactivated, since rows that were refused may mean anybody (line {}): mend them and import \
                 the file again",
                lines.join(", ")
            ));
        }
        (!line_break).then(|| {
            "nobody was deactivated, since the last line does not end with a line break, as if the file were torn off: \
             look whether it is whole, add the line break, and import it again"
                .into()
        })
    }

    async fn carry_out(&mut self) -> Result<(), Error> {
        // What was counted is what would be; what is counted now is what is done.
        let report = &mut self.report;
        (report.created, report.updated, report.deactivated) = (0, 0, 0);
        (report.reactivated, report.contacts_replaced) = (0, 0);
        loop {
            let step = SyncStep {
                organisation: self.actor.organisation(),
                actor: self.actor.clone(),
                import: self.report.import,
                deactivates: self.report.withheld.is_none(),
                limit: PAGE,
            };
            match self.people.carry_out_sync(step).await? {
                SyncDone::Rows { lines, page } => {
                    let errors = self.report.count(lines, page);
                    self.report.refuse(errors, self.options.max_errors);
                }
                SyncDone::Deactivated(people) => self.report.deactivated += people,
                SyncDone::All => return Ok(()),
            }
            self.tell();
        }
    }

    fn nothing_written_by_sync(&mut self) {
        let report = &mut self.report;
        if report.mode == ImportMode::Sync && !report.dry_run {
            (report.created, report.updated, report.unchanged, report.deactivated) = (0, 0, 0, 0);
            (report.reactivated, report.contacts_replaced) = (0, 0);
        }
    }

    fn tell(&self) {
        if let Some(tell) = &self.options.progress {
            tell(&self.report);
        }
    }
}

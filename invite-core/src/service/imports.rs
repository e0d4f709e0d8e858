//! The list of imports, and undoing one.

use serde::Serialize;
use tracing::instrument;

use super::error::Error;
use super::invites::Invites;
use super::page::Page;
use crate::model::actor::Actor;
use crate::model::id::{ImportId, UserId};
use crate::port::people::{ImportSummary, UndoPage, Undone};

/// People a page, and so a transaction.
const PAGE: usize = 500;

/// People and fields that the lists of a report name at most.
const LISTED: usize = 1000;

/// What undoing an import did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UndoReport {
    /// Which import.
    pub import: ImportId,
    /// Whether it was undone before; then nothing was done now.
    pub already: bool,
    /// People of whom at least one field is as it was before.
    pub restored: u64,
    /// People whom it added, or reactivated, and who are deactivated.
    pub deactivated: u64,
    /// People whom it deactivated, and who are active again.
    pub reactivated: u64,
    /// What was changed since, or is somebody else's by now, and is left: the first 1,000.
    pub changed_since: Vec<ChangedSince>,
    /// How many there are in all.
    pub changed_since_count: u64,
    /// People whom it added, or reactivated, and who stay, since they were invited or came since, or it is who undoes:
    /// the first 1,000.
    pub left: Vec<UserId>,
    /// How many there are in all.
    pub left_count: u64,
}

/// A field that undoing left as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChangedSince {
    /// Whose.
    pub user: UserId,
    /// Which, such as `email`.
    pub field: String,
}

impl Invites {
    /// The imports of the actor's organisation, the newest first, before the cursor.
    pub async fn imports(
        &self,
        actor: &Actor,
        before: Option<ImportId>,
        limit: usize,
    ) -> Result<Page<ImportSummary, ImportId>, Error> {
        self.authorise(actor).await?;
        let rows = self.people()?.imports(actor.organisation(), before, limit).await?;
        Ok(Page::new(rows, limit, |row| row.import))
    }

    /// Takes an import back: restores what it changed, deactivates whom it added and who was not invited since, and
    /// reactivates whom it deactivated. What was changed since is left and listed.
    ///
    /// What an import changed is kept for 90 days. Undoing twice is undoing once, and one that was broken off goes on
    /// where it stopped.
    #[instrument(skip_all, fields(organisation = %actor.organisation(), %import))]
    pub async fn undo_import(&self, actor: &Actor, import: ImportId) -> Result<UndoReport, Error> {
        self.authorise(actor).await?;
        let people = self.people()?;
        let mut report = UndoReport {
            import,
            already: false,
            restored: 0,
            deactivated: 0,
            reactivated: 0,
            changed_since: Vec::new(),
            changed_since_count: 0,
            left: Vec::new(),
            left_count: 0,
        };
        let mut after = None;
        loop {
            let page = UndoPage {
                organisation: actor.organisation(),
                actor: actor.clone(),
                import,
                after,
                limit: PAGE,
            };
            match people.undo_page(page).await? {
                Undone::Unknown => return Err(Error::NotFound("import")),
                Undone::TooLate => return Err(Error::UndoTooLate),
                Undone::Already => {
                    report.already = true;
                    return Ok(report);
                }
                Undone::Page { people, next } => {
                    for (user, undone) in people {
                        report.restored += u64::from(!undone.restored.is_empty());
                        report.deactivated += u64::from(undone.deactivated);
                        report.reactivated += u64::from(undone.reactivated);
                        report.changed_since_count += undone.changed_since.len() as u64;
                        let room = LISTED - report.changed_since.len();
                        let since = undone.changed_since.into_iter().take(room);
                        report.changed_since.extend(since.map(|field| ChangedSince { user, field }));
                        report.left_count += u64::from(undone.left);
                        if undone.left && report.left.len() < LISTED {
                            report.left.push(user);
                        }
                    }
                    if next.is_none() {
                        return Ok(report);
                    }
                    after = next;
                }
            }
        }
    }
}

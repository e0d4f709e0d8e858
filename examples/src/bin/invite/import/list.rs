//! The imports that there were, and taking one back.

use invite_core::model::id::ImportId;
use invite_core::port::people::ImportSummary;
use invite_core::service::UndoReport;

use crate::ask;
use crate::exit::{Done, Exit};
use crate::failure::Failure;
use crate::output::{counted, grouped, maybe_time};
use crate::session::{Acting, Session};

pub(super) async fn list(session: &Session, acting: &Acting, limit: usize, before: Option<ImportId>) -> Done {
    let output = session.output;
    let zone = acting.organisation.settings.time_zone;
    let page = session.invites.imports(&acting.actor, before, limit).await?;
    if output.json() {
        page.rows.iter().try_for_each(|row| output.object(row))?;
        return Ok(Exit::Done);
    }
    if page.rows.is_empty() {
        output.note("There is no import yet: `invite import FILE` begins one.");
        return Ok(Exit::Done);
    }
    let rows = page.rows.iter().map(|row| {
        let figures = &row.figures;
        vec![
            row.import.to_string(),
            row.file_name.clone(),
            format!(
                "{} added, {} changed, {} refused",
                grouped(figures.created),
                grouped(figures.updated),
                grouped(figures.refused)
            ),
            maybe_time(row.began_at, zone),
            state(row).into(),
        ]
    });
    output.table(&["IMPORT", "FILE", "ROWS", "BEGAN", "STATE"], rows.collect())?;
    Ok(Exit::Done)
}

fn state(row: &ImportSummary) -> &'static str {
    match (row.undone_at.is_some(), row.ended_at.is_some(), row.complete) {
        (true, ..) => "undone",
        (false, false, _) => "not ended",
        (false, true, false) => "broken off",
        (false, true, true) => "done",
    }
}

/// Undoes an import; the one that began last, where none is named.
pub(super) async fn undo(session: &Session, acting: &Acting, import: Option<ImportId>, yes: bool) -> Done {
    let output = session.output;
    let import = match import {
        Some(import) => import,
        None => {
            let newest = session.invites.imports(&acting.actor, None, 1).await?.rows.into_iter().next();
            newest.ok_or_else(|| Failure::wrong("there is no import yet"))?.import
        }
    };
    let question = "Undo this import? Values become as they were, and people whom it added and who were not invited are \
                    deactivated.";
    if !ask::consent(output, yes, question, "undoing an import changes people")? {
        output.say("It stays as it is.")?;
        return Ok(Exit::Done);
    }
    let report = session.invites.undo_import(&acting.actor, import).await?;
    if output.json() {
        output.object(&report)?;
    } else {
        tell(session, acting, &report).await?;
    }
    Ok(Exit::Done)
}

async fn tell(session: &Session, acting: &Acting, report: &UndoReport) -> Result<(), Failure> {
    let output = session.output;
    if report.already {
        return output.say("It was undone already.");
    }
    output.say(format!(
        "Undone: {} as they were, {} deactivated, {} active again.",
        counted(report.restored, "person is", "people are"),
        grouped(report.deactivated),
        grouped(report.reactivated)
    ))?;
    let mut rows = Vec::new();
    for since in &report.changed_since {
        let user = session.invites.user(&acting.actor, since.user).await;
        let name = user.map_or_else(|_| since.user.to_string(), |row| row.user.display_name());
        rows.push(vec![name, since.field.clone()]);
    }
    if !rows.is_empty() {
        output.say("\nChanged since, and left as they are:")?;
        output.table(&["NAME", "WHAT"], rows)?;
    }
    if report.left_count > 0 {
        let people = counted(report.left_count, "person whom it added was", "people whom it added were");
        output.say(format!("{people} invited since, and stay."))?;
    }
    Ok(())
}

//! Which messages there are, their sources, versions and differences.

use chrono::{DateTime, Utc};
use invite_core::model::template_key::TemplateKey;
use invite_core::port::organisations::TemplateVersion;
use serde::Serialize;
use serde_json::json;

use crate::exit::{Done, Exit};
use crate::output::maybe_time;
use crate::session::{Acting, Session};

/// Versions a page.
const PAGE: usize = 100;

/// A message, for scripts.
#[derive(Serialize)]
struct Line<'a> {
    key: String,
    own: bool,
    built_in: bool,
    version: Option<&'a str>,
    saved_at: Option<DateTime<Utc>>,
}

pub(super) async fn list(session: &Session, acting: &Acting, only_own: bool) -> Done {
    let output = session.output;
    let zone = acting.organisation.settings.time_zone;
    let mut rows = session.invites.templates(&acting.actor).await?;
    rows.retain(|row| !only_own || row.own.is_some());
    if output.json() {
        for row in &rows {
            let own = row.own.as_ref();
            output.object(&Line {
                key: row.key.to_string(),
                own: own.is_some(),
                built_in: row.has_builtin,
                version: own.map(|own| own.version.as_str()),
                saved_at: own.and_then(|own| own.saved_at),
            })?;
        }
        return Ok(Exit::Done);
    }
    if rows.is_empty() {
        output.note("No message is the organisation's own: `invite template set` saves one.");
        return Ok(Exit::Done);
    }
    let cells = rows.iter().map(|row| {
        let own = row.own.as_ref();
        let what = match (own.is_some(), row.has_builtin) {
            (true, _) => "own",
            (false, true) => "built in",
            (false, false) => "in another language",
        };
        let version = own.map(|own| own.version.clone()).unwrap_or_default();
        vec![row.key.to_string(), what.into(), version, maybe_time(own.and_then(|own| own.saved_at), zone)]
    });
    output.table(&["MESSAGE", "WHICH", "VERSION", "SAVED"], cells.collect())?;
    Ok(Exit::Done)
}

pub(super) async fn versions(session: &Session, acting: &Acting, key: &TemplateKey) -> Done {
    let output = session.output;
    let zone = acting.organisation.settings.time_zone;
    let (mut before, mut shown) = (None, 0);
    loop {
        let page = session.invites.template_versions(&acting.actor, key, before, PAGE).await?;
        shown += page.rows.len();
        if output.json() {
            for TemplateVersion { version, built_in, saved_at, .. } in &page.rows {
                output.object(&json!({ "version": version, "built_in": built_in, "saved_at": saved_at }))?;
            }
        } else if !page.rows.is_empty() {
            let rows = page.rows.iter().map(|one| {
                let what = if one.built_in { "back to the built-in one" } else { "own" };
                vec![one.version.clone(), what.into(), maybe_time(one.saved_at, zone)]
            });
            output.table(&["VERSION", "WHICH", "SAVED"], rows.collect())?;
        }
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    if shown == 0 {
        output.note(format!("{key} was never changed."));
    }
    Ok(Exit::Done)
}

pub(super) async fn show(
    session: &Session,
    acting: &Acting,
    key: &TemplateKey,
    version: Option<&str>,
) -> Done {
    let output = session.output;
    let found = session.invites.template(&acting.actor, key, version).await?;
    if output.json() {
        output.object(&json!({
            "key": found.key.to_string(),
            "version": found.version,
            "built_in": found.built_in,
            "source": found.source,
        }))?;
        return Ok(Exit::Done);
    }
    if output.is_terminal() {
        output.note(format!(
            "{}, {}:\n",
            found.key,
            if found.built_in { "built in" } else { &found.version }
        ));
    }
    output.text(&found.source)?;
    Ok(Exit::Done)
}

pub(super) async fn diff(
    session: &Session,
    acting: &Acting,
    key: &TemplateKey,
    from: &str,
    to: Option<&str>,
) -> Done {
    let output = session.output;
    let difference = session.invites.template_difference(&acting.actor, key, Some(from), to).await?;
    if output.json() {
        output.object(&json!({ "key": key.to_string(), "difference": difference }))?;
    } else if difference.is_empty() {
        output.note("They are the same.");
    } else {
        output.text(&difference)?;
    }
    Ok(Exit::Done)
}

//! Showing a person, and telling their story.

use invite_core::model::id::UserId;
use serde::Serialize;

use crate::exit::{Done, Exit};
use crate::find;
use crate::output::maybe_time;
use crate::session::{Acting, Session};
use crate::users::{Line, status_words};

pub(super) async fn show(session: &Session, acting: &Acting, user: &str) -> Done {
    let id = find::user(session, &acting.actor, user).await?;
    one(session, acting, id).await
}

/// Shows the person with this id.
pub(super) async fn one(session: &Session, acting: &Acting, id: UserId) -> Done {
    let output = session.output;
    let row = session.invites.user(&acting.actor, id).await?;
    if output.json() {
        output.object(&Line::of(&row))?;
        return Ok(Exit::Done);
    }
    let zone = acting.organisation.settings.time_zone;
    let user = &row.user;
    output.fields(&[
        ("Name", user.display_name()),
        ("Status", status_words(row.status)),
        ("E-mail", user.email.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("Phone", user.phone.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("Signs in as", user.sign_in_name().unwrap_or_default()),
        ("User name", user.username.clone().unwrap_or_default()),
        ("Employee number", user.employee_number.clone().unwrap_or_default()),
        ("External id", user.external_id.clone().unwrap_or_default()),
        ("Language", user.locale.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("Time zone", user.time_zone.map(|zone| zone.to_string()).unwrap_or_default()),
        ("Prefers", user.prefers.map(|channel| channel.to_string()).unwrap_or_default()),
        ("Role", user.role.to_string()),
        ("Group", user.group.clone().unwrap_or_default()),
        ("Sign-in", user.sign_in.map(|method| method.to_string()).unwrap_or_default()),
        ("Last invited", maybe_time(row.last_invited_at, zone)),
        ("Last message", maybe_time(row.last_message_at, zone)),
        ("Last reminder", maybe_time(row.last_reminder_at, zone)),
        ("Last signed in", maybe_time(user.signed_in_at, zone)),
        ("Id", user.id.to_string()),
    ])?;
    Ok(Exit::Done)
}

/// A step of a story, for scripts.
#[derive(Serialize)]
struct Step<'a> {
    at: chrono::DateTime<chrono::Utc>,
    what: String,
    by: Option<&'a str>,
}

pub(super) async fn why(session: &Session, acting: &Acting, user: &str) -> Done {
    let output = session.output;
    let id = find::user(session, &acting.actor, user).await?;
    let story = session.invites.story(&acting.actor, id).await?;
    if output.json() {
        for step in &story.steps {
            let by = step.by.as_ref().and_then(|actor| actor.user());
            let by = by.and_then(|id| story.names.get(&id)).map(String::as_str);
            output.object(&Step { at: step.at, what: step.what.to_string(), by })?;
        }
        return Ok(Exit::Done);
    }
    output.say(&story)?;
    let row = session.invites.user(&acting.actor, id).await?;
    output.say(format!("Now: {}.", status_words(row.status)))?;
    Ok(Exit::Done)
}

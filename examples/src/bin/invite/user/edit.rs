//! Adding and changing people.

use invite_core::model::id::UserId;
use invite_core::model::user::User;
use invite_core::service::Error;
use serde_json::json;

use super::fields::Fields;
use super::show::one;
use crate::exit::{Done, Exit};
use crate::failure::Failure;
use crate::find;
use crate::session::{Acting, Session};

pub(super) async fn add(session: &Session, acting: &Acting, fields: Fields) -> Done {
    if !fields.names_somebody() {
        return Err(Failure::wrong(
            "nobody could tell who this is: give --email, --phone, --username, --employee-number or --external-id",
        ));
    }
    let mut user = User::new(UserId::new());
    fields.change(acting.organisation.settings.country)?(&mut user);
    let id = user.id;
    if let Err(error) = session.invites.add_user(&acting.actor, user).await {
        return Err(told(session, acting, error).await);
    }
    one(session, acting, id).await
}

pub(super) async fn set(session: &Session, acting: &Acting, user: &str, fields: Fields) -> Done {
    if fields.is_empty() {
        return Err(Failure::wrong("nothing to change: name a field, and see `invite user set --help`"));
    }
    let id = find::user(session, &acting.actor, user).await?;
    let change = fields.change(acting.organisation.settings.country)?;
    if let Err(error) = session.invites.change_user(&acting.actor, id, change).await {
        return Err(told(session, acting, error).await);
    }
    one(session, acting, id).await
}

pub(super) async fn deactivate(
    session: &Session,
    acting: &Acting,
    users: &[String],
    deactivated: bool,
) -> Done {
    let output = session.output;
    let ids = find::all(session, &acting.actor, users).await?;
    if deactivated && ids.iter().any(|id| acting.actor.user() == Some(*id)) {
        return Err(Failure::wrong(
            "you cannot deactivate yourself, since nobody might be left to undo it: let another administrator do it",
        ));
    }
    for id in ids {
        session.invites.change_user(&acting.actor, id, |user| user.deactivated = deactivated).await?;
        let user = session.invites.user(&acting.actor, id).await?.user;
        if output.json() {
            output.object(&json!({ "id": id, "deactivated": user.deactivated }))?;
        } else {
            let what = if deactivated { "deactivated" } else { "active again" };
            output.say(format!("{} is {what}.", user.display_name()))?;
        }
    }
    Ok(Exit::Done)
}

/// Names the person who has what must be unique.
async fn told(session: &Session, acting: &Acting, error: Error) -> Failure {
    let Error::Taken { column, by } = error else { return error.into() };
    let name = session.invites.user(&acting.actor, by).await.map(|row| row.user.display_name());
    let name = name.unwrap_or_else(|_| by.to_string());
    let column = crate::output::words(column);
    Failure::wrong(format!("{name} has this {column} already: choose another, or change theirs first"))
}

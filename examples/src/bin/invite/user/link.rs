//! A set-up link to hand over.

use invite_core::service::HandOverOptions;
use serde_json::json;

use crate::exit::{Done, Exit};
use crate::find;
use crate::output::time;
use crate::session::{Acting, Session};

pub(super) async fn link(session: &Session, acting: &Acting, user: &str, reset: bool) -> Done {
    let output = session.output;
    let id = find::user(session, &acting.actor, user).await?;
    let handed = session.invites.hand_over_link(&acting.actor, id, HandOverOptions { reset }).await?;
    if output.json() {
        output.object(&json!({
            "link": handed.link.expose(),
            "expires_at": handed.expires_at,
            "invitation": handed.invitation,
            "batch": handed.batch,
            "reset": handed.reset,
        }))?;
        return Ok(Exit::Done);
    }
    output.say(handed.link.expose())?;
    let (until, zone) = (
        time(handed.expires_at, acting.organisation.settings.time_zone),
        acting.organisation.settings.time_zone,
    );
    let reset = if handed.reset { " It replaces their password when it is used." } else { "" };
    output.note(format!(
        "Works once, until {until} ({zone}); earlier invitations do not work any more. It is shown this once: give it to \
         {user} alone.{reset}"
    ));
    Ok(Exit::Done)
}

//! Everything that is kept about a person, and erasing it.

use serde_json::json;

use crate::ask;
use crate::exit::{Done, Exit};
use crate::failure::Failure;
use crate::find;
use crate::output::counted;
use crate::session::{Acting, Session};

pub(super) async fn export(session: &Session, acting: &Acting, user: &str) -> Done {
    let output = session.output;
    let id = find::user(session, &acting.actor, user).await?;
    let export = session.invites.export_person(&acting.actor, id).await?;
    if output.json() {
        output.object(&export)?;
        return Ok(Exit::Done);
    }
    let text = serde_json::to_string_pretty(&export)
        .map_err(|error| Failure::failed(format!("this cannot be written as JSON: {error}")))?;
    output.say(text)?;
    Ok(Exit::Done)
}

pub(super) async fn erase(session: &Session, acting: &Acting, user: &str, yes: bool) -> Done {
    let output = session.output;
    let id = find::user(session, &acting.actor, user).await?;
    let name = session.invites.user(&acting.actor, id).await?.user.display_name();
    let question = format!("Erase {name} for good?");
    if !ask::consent(output, yes, &question, &format!("erasing {name} cannot be undone"))? {
        output.say("Nothing is erased.")?;
        return Ok(Exit::Done);
    }
    let erased = session.invites.erase_person(&acting.actor, id).await?;
    if output.json() {
        output.object(&json!({
            "id": id,
            "erased": erased.found,
            "invitations": erased.invitations,
            "messages": erased.messages,
            "suppressed": erased.suppressed,
        }))?;
        return Ok(Exit::Done);
    }
    output.say(format!(
        "{name} is erased: {} revoked, {} cancelled.",
        counted(erased.invitations, "invitation", "invitations"),
        counted(erased.messages, "message", "messages")
    ))?;
    if erased.suppressed > 0 {
        let addresses =
            counted(erased.suppressed, "suppressed address stays so", "suppressed addresses stay so");
        output.note(format!("{addresses}, by a hash that only INVITE_SECRET_KEY recognises."));
    }
    Ok(Exit::Done)
}

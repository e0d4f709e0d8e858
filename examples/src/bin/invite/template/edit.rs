//! Saving and checking messages, and going back to the built-in ones.

use invite_core::model::template_key::TemplateKey;
use serde_json::json;

use super::{problems, source};
use crate::exit::{Done, Exit};
use crate::session::{Acting, Session};

pub(super) async fn set(session: &Session, acting: &Acting, key: &TemplateKey, file: &str) -> Done {
    let output = session.output;
    let text = source::read(file)?;
    let version = match session.invites.save_template(&acting.actor, key, &text).await {
        Ok(version) => version,
        Err(error) => return problems::tell(output, error, source::name(file), &text),
    };
    if output.json() {
        output.object(&json!({ "key": key.to_string(), "version": version }))?;
    } else {
        output.say(format!("Saved as {version}: plans that are made from now on use it."))?;
        output.note(format!(
            "Look at it: `invite template preview {key}`, or `invite template test {key} ADDRESS`."
        ));
    }
    Ok(Exit::Done)
}

pub(super) async fn check(session: &Session, acting: &Acting, key: &TemplateKey, file: Option<&str>) -> Done {
    let output = session.output;
    let (name, text) = match file {
        Some(file) => (source::name(file).to_owned(), source::read(file)?),
        None => {
            let found = session.invites.template(&acting.actor, key, None).await?;
            (found.key.to_string(), found.source)
        }
    };
    if let Err(error) = session.invites.check_template(&acting.actor, key, &text).await {
        return problems::tell(output, error, &name, &text);
    }
    if output.json() {
        problems::line(output, key, &[])?;
    } else {
        output.say("Nothing is wrong with it.")?;
    }
    Ok(Exit::Done)
}

pub(super) async fn reset(session: &Session, acting: &Acting, key: &TemplateKey) -> Done {
    let output = session.output;
    let version = session.invites.reset_template(&acting.actor, key).await?;
    if output.json() {
        output.object(&json!({ "key": key.to_string(), "version": version }))?;
    } else {
        output.say(format!("{key} is the built-in message again, for plans that are made from now on."))?;
        output.note(format!("The organisation's own stays among `invite template versions {key}`."));
    }
    Ok(Exit::Done)
}

//! What a message looks like: here, in a browser, or where it arrives.

use std::fs;
use std::path::Path;

use invite_core::model::outcome::Outcome;
use invite_core::model::template_key::TemplateKey;
use invite_core::template::Rendered;
use invite_core::template::sms::{SmsEncoding, SmsSize};
use serde_json::json;

use super::{How, problems, source};
use crate::exit::{Done, Exit};
use crate::failure::Failure;
use crate::output::{Output, counted};
use crate::session::{Acting, Session};

pub(super) async fn preview(
    session: &Session,
    acting: &Acting,
    key: TemplateKey,
    how: &How,
    html: Option<&Path>,
) -> Done {
    let output = session.output;
    let preview = how.preview(key, session, acting).await?;
    let shown = match session.invites.preview(&acting.actor, &preview).await {
        Ok(shown) => shown,
        Err(error) => return problems::tell(output, error, how.name(), &how.text()?),
    };
    let written = match (&shown.words, html) {
        (Rendered::Email(email), Some(file)) => {
            fs::write(file, &email.html)
                .map_err(|error| Failure::wrong(format!("{} cannot be written: {error}", file.display())))?;
            Some(file.display().to_string())
        }
        (Rendered::Sms(_), Some(_)) => {
            return Err(Failure::wrong("a text message has no HTML: leave --html out"));
        }
        _ => None,
    };
    match &shown.words {
        Rendered::Email(email) if output.json() => output.object(&json!({
            "key": shown.key.to_string(),
            "subject": email.subject,
            "preheader": email.preheader,
            "text": email.text,
            "html": email.html,
        }))?,
        Rendered::Sms(sms) if output.json() => {
            let size = shown.sms.unwrap_or_else(|| SmsSize::of(&sms.text));
            output.object(&json!({
                "key": shown.key.to_string(),
                "text": sms.text,
                "segments": size.segments,
                "units": size.units,
                "encoding": encoding(size.encoding),
            }))?;
        }
        Rendered::Email(email) => {
            output.fields(&[("Subject", email.subject.clone()), ("Preview", email.preheader.clone())])?;
            output.say("")?;
            output.text(&email.text)?;
        }
        Rendered::Sms(sms) => {
            output.say(&sms.text)?;
            size(output, shown.sms.unwrap_or_else(|| SmsSize::of(&sms.text)));
        }
    }
    if let Some(file) = written {
        output.note(format!("The HTML is in {file}."));
    }
    if shown.key.locale != preview.key().locale {
        let (wanted, got) = (&preview.key().locale, &shown.key.locale);
        output.note(format!("There is none in {wanted}: people with that language get this one, in {got}."));
    }
    Ok(Exit::Done)
}

fn size(output: Output, size: SmsSize) {
    let segments = counted(u64::try_from(size.segments).unwrap_or(u64::MAX), "segment", "segments");
    output.note(format!("\n{segments} ({} units of {})", size.units, encoding(size.encoding)));
}

const fn encoding(encoding: SmsEncoding) -> &'static str {
    match encoding {
        SmsEncoding::Gsm7 => "GSM-7",
        SmsEncoding::Ucs2 => "UCS-2",
    }
}

pub(super) async fn test(
    session: &Session,
    acting: &Acting,
    key: TemplateKey,
    how: &How,
    address: &str,
) -> Done {
    let output = session.output;
    if session.url(key.channel).is_none() {
        let option = format!("--{} (INVITE_{})", key.channel, key.channel.as_str().to_uppercase());
        return Err(Failure::wrong(format!("there is nothing to send it with: give {option}")));
    }
    let preview = how.preview(key, session, acting).await?;
    let outcome = match session.invites.send_test(&acting.actor, &preview, address).await {
        Ok(outcome) => outcome,
        Err(error) => return problems::tell(output, error, how.name(), &how.text()?),
    };
    let (name, text) = match &outcome {
        Outcome::Accepted(_) => {
            ("accepted", format!("Sent to {address}: look at it there. Its password or link is a sample."))
        }
        Outcome::Refused { answer, .. } => ("refused", format!("Refused: {answer}")),
        Outcome::Deferred { answer, .. } => ("deferred", format!("Not now: {answer}. Try again later.")),
        Outcome::Throttled { answer, .. } => ("throttled", format!("Too fast: {answer}. Try again later.")),
        Outcome::Blocked { answer, .. } => ("blocked", format!("Nothing leaves there: {answer}")),
        Outcome::Unknown { answer } => ("unknown", format!("It may have been sent, or not: {answer}")),
    };
    if output.json() {
        output.object(&json!({ "to": address, "outcome": name }))?;
    } else {
        output.say(text)?;
    }
    Ok(Exit::failed_if(name != "accepted"))
}

impl How {
    /// How the source is called in what is said about it.
    fn name(&self) -> &str {
        self.source.as_deref().map_or("message", source::name)
    }

    /// The source, for a problem's line. Standard input was read already.
    fn text(&self) -> Result<String, Failure> {
        match self.source.as_deref() {
            Some(file) if file != "-" => source::read(file),
            _ => Ok(String::new()),
        }
    }
}

//! `invite accept`: a person uses their set-up link.

use invite_core::Secret;
use invite_core::credential::LinkToken;
use invite_core::port::redemption::LinkState;
use invite_core::service::Acceptance;
use serde_json::json;

use crate::arguments::Globals;
use crate::ask;
use crate::exit::{Done, Exit};
use crate::failure::Failure;
use crate::output::{Output, words};
use crate::session::{Needs, Session};

pub(crate) async fn run(globals: &Globals, output: Output) -> Done {
    let session = Session::open(globals, output, Needs::Database).await?;
    let token = token(&ask::secret("the link or its token")?);
    let new_password = ask::new_password()?;
    let answer = session.invites.accept(&token, &new_password).await?;
    let no = |reason: &str, text: String| (json!({ "accepted": false, "reason": reason }), text);
    let (json, text) = match answer {
        Acceptance::Accepted { user, .. } => {
            (json!({ "accepted": true, "user": user }), "Accepted: the password is set.".to_owned())
        }
        Acceptance::Wait(rest) => {
            let seconds = rest.as_secs().max(1);
            (
                json!({ "accepted": false, "reason": "wait", "seconds": seconds }),
                format!("Not now: try again in {seconds} s."),
            )
        }
        Acceptance::Not(LinkState::Used) => {
            no("used", "This link was used already: sign in with the password.".into())
        }
        Acceptance::Not(LinkState::Expired) => {
            no("expired", "This link has expired: ask the administrator for a new invitation.".into())
        }
        Acceptance::Not(LinkState::Revoked(reason)) => (
            json!({ "accepted": false, "reason": "revoked", "revoked": reason.as_str() }),
            format!("This link was revoked ({}): ask the administrator.", words(reason.as_str())),
        ),
        Acceptance::Refused => {
            no("refused", "This person may not have a password here: ask the administrator.".into())
        }
        Acceptance::Unknown | Acceptance::Not(LinkState::Open { .. }) => {
            no("unknown", "This is no link that works: copy the whole link from the newest message.".into())
        }
        _ => return Err(Failure::failed("the answer is not known to this program: use a newer one")),
    };
    if output.json() {
        output.object(&json)?;
    } else {
        output.say(text)?;
    }
    Ok(Exit::failed_if(!matches!(answer, Acceptance::Accepted { .. })))
}

/// The token of what was given: a token, or a whole link as it stands in the message.
fn token(given: &Secret) -> Secret {
    let parts = given.expose().rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_');
    let token = parts.filter(|part| part.len() == 22).find_map(LinkToken::parse);
    token.map_or_else(|| given.clone(), LinkToken::into_secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_link_is_as_good_as_its_token() {
        let token_of = |text: &str| token(&Secret::new(text.into())).expose().to_owned();
        let alone = "AAECAwQFBgcICQoLDA0ODw";
        for link in [
            alone,
            "https://app.acme.example/welcome#AAECAwQFBgcICQoLDA0ODw",
            "https://x.example/AAECAwQFBgcICQoLDA0ODw?a=1",
        ] {
            assert_eq!(token_of(link), alone);
        }
        assert_eq!(token_of("no token"), "no token");
    }
}

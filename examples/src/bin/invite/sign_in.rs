//! `invite sign-in`: a person comes with a password.

use std::io::{self, IsTerminal};

use clap::Args;
use invite_core::service::{SignIn, SignedIn};
use serde_json::json;

use crate::arguments::Globals;
use crate::ask;
use crate::exit::{Done, Exit};
use crate::failure::Failure;
use crate::output::Output;
use crate::session::{Needs, Session};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The name that they sign in with: user name, e-mail address, phone or employee number
    name: String,
    /// The password is temporary: the next line of standard input is the new one that they chose
    #[arg(long)]
    new: bool,
}

pub(crate) async fn run(arguments: Arguments, globals: &Globals, output: Output) -> Done {
    let session = Session::open(globals, output, Needs::Database).await?;
    let organisation = session.organisation().await?.id;
    let mut sign_in = SignIn::new(arguments.name, ask::secret("the password")?);
    if arguments.new {
        sign_in.new_password = Some(ask::new_password()?);
    }
    let mut answer = session.invites.sign_in(organisation, sign_in.clone()).await?;
    if answer == SignedIn::MustChangePassword && io::stdin().is_terminal() && !output.json() {
        output.say("Your temporary password is right. Choose your own, of at least 12 characters.")?;
        sign_in.new_password = Some(ask::new_password()?);
        answer = session.invites.sign_in(organisation, sign_in).await?;
    }
    tell(output, answer)
}

fn tell(output: Output, answer: SignedIn) -> Done {
    let (json, text) = match answer {
        SignedIn::In(user) => (json!({ "signed_in": true, "user": user }), "Signed in.".to_owned()),
        SignedIn::MustChangePassword => (
            json!({ "signed_in": false, "reason": "must_change_password" }),
            "The temporary password is right, and must be replaced: add --new, and give the new one on the next line."
                .to_owned(),
        ),
        SignedIn::Wait(rest) => {
            let seconds = rest.as_secs().max(1);
            (
                json!({ "signed_in": false, "reason": "wait", "seconds": seconds }),
                format!("Too many wrong guesses: try again in {seconds} s."),
            )
        }
        SignedIn::Refused => (
            json!({ "signed_in": false, "reason": "refused" }),
            "Refused: the name or the password is wrong, or may not be used any more. An administrator sees more with \
             `invite user why`."
                .to_owned(),
        ),
        _ => return Err(Failure::failed("the answer is not known to this program: use a newer one")),
    };
    if output.json() {
        output.object(&json)?;
    } else {
        output.say(text)?;
    }
    Ok(Exit::failed_if(!matches!(answer, SignedIn::In(_))))
}

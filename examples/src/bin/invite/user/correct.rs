//! `invite user correct`: the right address, and a new invitation to it.

use clap::Args;
use invite_core::model::contact::{EmailAddress, PhoneNumber};
use invite_core::service::{ConfirmOptions, Correction};

use crate::exit::Done;
use crate::failure::Failure;
use crate::find;
use crate::plan::{Ways, carry_on};
use crate::session::{Acting, Session};

/// The right address.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Address {
    /// Where e-mail goes
    #[arg(long, value_name = "ADDRESS")]
    email: Option<EmailAddress>,
    /// Where SMS go; without a country code it is a number of the organisation's country
    #[arg(long, value_name = "NUMBER")]
    phone: Option<String>,
}

/// What is done about the new invitation.
#[derive(Debug, Args)]
pub(crate) struct HowItGoesOn {
    /// Also for somebody who is set up: their own password stops working
    #[arg(long)]
    reset: bool,
    /// Correct the address, show the plan of the new invitation, and stop
    #[arg(long)]
    plan_only: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(super) async fn correct(
    session: &Session,
    acting: &Acting,
    user: &str,
    address: Address,
    HowItGoesOn { reset, plan_only, yes }: HowItGoesOn,
) -> Done {
    let id = find::user(session, &acting.actor, user).await?;
    let correction = match (address.email, address.phone) {
        (Some(email), _) => Correction::Email(email),
        (None, phone) => {
            let number = phone.unwrap_or_default();
            let number = PhoneNumber::parse(&number, acting.organisation.settings.country);
            Correction::Phone(number.map_err(|error| Failure::wrong(error.to_string()))?)
        }
    };
    let planning = session.invites.correct_address(&acting.actor, id, correction);
    let options = ConfirmOptions::new();
    let ways = Ways { plan_only, each: false, yes, resets: reset, options, not_before: None, pilot: None };
    carry_on(session, acting, planning, ways).await
}

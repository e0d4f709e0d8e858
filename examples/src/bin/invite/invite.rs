//! `invite invite`: begins an invitation for each person.

use std::time::Duration;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use clap::{ArgGroup, Args, ValueEnum};
use invite_core::Invite;
use invite_core::model::organisation::ChannelRule;
use invite_core::service::ConfirmOptions;

use crate::arguments::Globals;
use crate::duration;
use crate::exit::Done;
use crate::failure::Failure;
use crate::find;
use crate::moment::{self, Moment};
use crate::output::{Output, time};
use crate::plan::{Ways, carry_out};
use crate::session::{Needs, Session, now};

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("who").required(true).multiple(false).args(["users", "all", "never_invited", "group"]))]
pub(crate) struct Arguments {
    /// These people: e-mail address, user name, phone, employee number or id
    #[arg(value_name = "USER")]
    users: Vec<String>,
    /// Everybody
    #[arg(long)]
    all: bool,
    /// Everybody who was never invited
    #[arg(long)]
    never_invited: bool,
    /// Everybody in this group
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// By which channel; by default e-mail, and SMS for those without an address
    #[arg(long, value_enum)]
    channel: Option<ChannelChoice>,
    /// Show who gets what, and stop
    #[arg(long)]
    plan_only: bool,
    /// Show each person of the plan
    #[arg(long)]
    each: bool,
    /// Also invite people who are set up: their own passwords stop working
    #[arg(long)]
    reset: bool,
    /// Nothing leaves for so long, so that it can be undone, such as 15m; 1m above 100 people by default
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    hold: Option<Duration>,
    /// The first so many people get theirs; then it pauses, until `invite batch resume` sends the rest
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pilot: Option<u64>,
    /// Nothing leaves before this: "2026-11-25 08:00" in the organisation's zone, or 2026-11-25T08:00:00Z
    #[arg(long, value_name = "TIME", value_parser = moment::start)]
    at: Option<Moment>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ChannelChoice {
    /// E-mail only
    Email,
    /// SMS only
    Sms,
    /// Every channel that a person has an address for
    Both,
}

impl ChannelChoice {
    pub(crate) const fn rule(self) -> ChannelRule {
        match self {
            Self::Email => ChannelRule::Email,
            Self::Sms => ChannelRule::Sms,
            Self::Both => ChannelRule::Both,
        }
    }
}

pub(crate) async fn run(arguments: Arguments, globals: &Globals, output: Output) -> Done {
    let session = Session::open(globals, output, Needs::Database).await?;
    let acting = session.acting().await?;
    let request = if arguments.all {
        Invite::all()
    } else if arguments.never_invited {
        Invite::never_invited()
    } else if let Some(group) = arguments.group {
        Invite::group(group)
    } else {
        Invite::users(find::all(&session, &acting.actor, &arguments.users).await?)
    };
    let request = match arguments.channel {
        Some(choice) => request.channels(choice.rule()),
        None => request,
    };
    let mut options = ConfirmOptions::new();
    if let Some(hold) = arguments.hold {
        options = options.hold(hold);
    }
    if let Some(people) = arguments.pilot {
        options = options.pilot(people);
    }
    let not_before = match arguments.at {
        Some(moment) => Some(start(moment, acting.organisation.settings.time_zone)?),
        None => None,
    };
    if let Some(at) = not_before {
        options = options.not_before(at);
    }
    let ways = Ways {
        plan_only: arguments.plan_only,
        each: arguments.each,
        yes: arguments.yes,
        resets: arguments.reset,
        options,
        not_before,
        pilot: arguments.pilot,
    };
    carry_out(&session, &acting, request, ways).await
}

/// When it begins, which must be to come.
fn start(moment: Moment, zone: Tz) -> Result<DateTime<Utc>, Failure> {
    let at = moment.instant(zone, now())?;
    if at > now() {
        return Ok(at);
    }
    Err(Failure::wrong(format!(
        "{} ({zone}) is past: give a time to come, or leave --at out",
        time(at, zone)
    )))
}

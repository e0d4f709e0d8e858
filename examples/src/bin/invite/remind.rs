//! `invite remind`: adds a message to invitations that were not used yet.

use clap::{ArgGroup, Args};
use invite_core::Remind;
use invite_core::model::selection::{Filter, HistoryFilter, PeopleFilter};
use invite_core::service::ConfirmOptions;

use crate::arguments::Globals;
use crate::exit::Done;
use crate::find;
use crate::invite::ChannelChoice;
use crate::moment::Moment;
use crate::output::Output;
use crate::plan::{Ways, carry_out};
use crate::session::{Needs, Session, now};

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("who").required(true).multiple(true)
    .args(["users", "never_signed_in", "group", "invited_before", "reminded_before"]))]
pub(crate) struct Arguments {
    /// These people: e-mail address, user name, phone, employee number or id
    #[arg(value_name = "USER", conflicts_with_all = ["never_signed_in", "group", "invited_before", "reminded_before"])]
    users: Vec<String>,
    /// Everybody who has never signed in
    #[arg(long)]
    never_signed_in: bool,
    /// Everybody in this group
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// Only those whose last invitation is older than this: a date, an instant, or an age such as 3d
    #[arg(long, value_name = "WHEN")]
    invited_before: Option<Moment>,
    /// Only those whose last message, of any kind, is older than this
    #[arg(long, value_name = "WHEN")]
    reminded_before: Option<Moment>,
    /// By which channel; by default every one on which the invitation arrived
    #[arg(long, value_enum)]
    channel: Option<ChannelChoice>,
    /// Show who gets what, and stop
    #[arg(long)]
    plan_only: bool,
    /// Show each person of the plan
    #[arg(long)]
    each: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(crate) async fn run(arguments: Arguments, globals: &Globals, output: Output) -> Done {
    let session = Session::open(globals, output, Needs::Database).await?;
    let acting = session.acting().await?;
    let request = if arguments.users.is_empty() {
        let zone = acting.organisation.settings.time_zone;
        let instant = |moment: Option<Moment>| moment.map(|moment| moment.instant(zone, now())).transpose();
        Remind::matching(Filter {
            people: PeopleFilter { group: arguments.group, ..PeopleFilter::default() },
            history: HistoryFilter {
                never_signed_in: arguments.never_signed_in,
                invited_before: instant(arguments.invited_before)?,
                reminded_before: instant(arguments.reminded_before)?,
                ..HistoryFilter::default()
            },
        })
    } else {
        Remind::users(find::all(&session, &acting.actor, &arguments.users).await?)
    };
    let request = match arguments.channel {
        Some(choice) => request.channels(choice.rule()),
        None => request,
    };
    let ways = Ways {
        plan_only: arguments.plan_only,
        each: arguments.each,
        yes: arguments.yes,
        resets: false,
        options: ConfirmOptions::new(),
        not_before: None,
        pilot: None,
    };
    carry_out(&session, &acting, request, ways).await
}

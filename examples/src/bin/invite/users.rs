//! `invite users`: the list of people.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use clap::Args;
use invite_core::model::id::UserId;
use invite_core::model::role::Role;
use invite_core::model::selection::{Filter, HistoryFilter, PeopleFilter};
use invite_core::model::user::User;
use invite_core::service::{UserRow, UserStatus};
use serde::Serialize;

use crate::arguments::Globals;
use crate::exit::{Done, Exit};
use crate::failure::Failure;
use crate::moment::Moment;
use crate::output::{Output, maybe_time, words};
use crate::session::{Needs, Session, now};

/// People a page.
const PAGE: usize = 500;
/// People shown on a terminal unless told otherwise.
const ON_TERMINAL: usize = 100;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Never invited
    #[arg(long)]
    never_invited: bool,
    /// Never signed in, nor accepted an invitation
    #[arg(long)]
    never_signed_in: bool,
    /// Whose newest message did not arrive, or nobody knows
    #[arg(long)]
    failed: bool,
    /// In this group
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// With this role: administrator, member, or one of the application's own
    #[arg(long, value_name = "ROLE")]
    role: Option<Role>,
    /// Deactivated
    #[arg(long)]
    deactivated: bool,
    /// Whose last invitation is older than this: a date, an instant, or an age such as 3d
    #[arg(long, value_name = "WHEN")]
    invited_before: Option<Moment>,
    /// Whose last message, of any kind, is older than this
    #[arg(long, value_name = "WHEN")]
    reminded_before: Option<Moment>,
    /// With this in their name, address, phone, user name or number
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// At most so many; 100 on a terminal, all otherwise
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// Those after this person: the id of the last one that you saw
    #[arg(long, value_name = "ID")]
    after: Option<UserId>,
}

/// A person, for scripts.
#[derive(Serialize)]
pub(crate) struct Line<'a> {
    #[serde(flatten)]
    user: &'a User,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<&'static str>,
    last_invited_at: Option<DateTime<Utc>>,
    last_message_at: Option<DateTime<Utc>>,
    last_reminder_at: Option<DateTime<Utc>>,
}

impl<'a> Line<'a> {
    pub(crate) fn of(row: &'a UserRow) -> Self {
        let failure = match row.status {
            UserStatus::Failed(state) => Some(state.as_str()),
            _ => None,
        };
        Self {
            user: &row.user,
            status: status(row.status),
            failure,
            last_invited_at: row.last_invited_at,
            last_message_at: row.last_message_at,
            last_reminder_at: row.last_reminder_at,
        }
    }
}

/// The name of a status, for scripts.
pub(crate) const fn status(status: UserStatus) -> &'static str {
    match status {
        UserStatus::Deactivated => "deactivated",
        UserStatus::SignedIn => "signed_in",
        UserStatus::HasPassword => "has_password",
        UserStatus::OnItsWay => "on_its_way",
        UserStatus::Failed(_) => "failed",
        UserStatus::Expired => "expired",
        UserStatus::LinkHandedOver => "link_handed_over",
        UserStatus::Reminded => "reminded",
        UserStatus::Invited => "invited",
        UserStatus::SignsInWithSso => "signs_in_with_sso",
        UserStatus::NeverInvited => "never_invited",
        _ => "unknown",
    }
}

/// A status in words, with what went wrong.
pub(crate) fn status_words(status_of: UserStatus) -> String {
    match status_of {
        UserStatus::Failed(state) => format!("message {}", words(state)),
        UserStatus::SignsInWithSso => "signs in with SSO".into(),
        other => words(status(other)),
    }
}

pub(crate) async fn run(arguments: Arguments, globals: &Globals, output: Output) -> Done {
    let session = Session::open(globals, output, Needs::Database).await?;
    let acting = session.acting().await?;
    let zone = acting.organisation.settings.time_zone;
    let (limit, mut after) = (arguments.limit, arguments.after);
    let filter = filter(arguments, zone)?;
    let on_terminal = output.is_terminal() && !output.json();
    let limit = limit.map_or(if on_terminal { ON_TERMINAL } else { usize::MAX }, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    });
    let mut shown = 0;
    loop {
        let page =
            session.invites.users(&acting.actor, filter.clone(), after, PAGE.min(limit - shown)).await?;
        show(output, &page.rows, zone)?;
        shown += page.rows.len();
        after = page.next;
        if after.is_none() || shown >= limit {
            break;
        }
    }
    if shown == 0 {
        output.note("Nobody matches.");
    }
    if let Some(last) = after.filter(|_| on_terminal) {
        output.note(format!("{shown} shown. Those who follow: --after {last}; more at once: --limit N."));
    }
    Ok(Exit::Done)
}

fn filter(arguments: Arguments, zone: Tz) -> Result<Filter, Failure> {
    let instant = |moment: Option<Moment>| moment.map(|moment| moment.instant(zone, now())).transpose();
    let people = PeopleFilter {
        group: arguments.group,
        role: arguments.role,
        deactivated: arguments.deactivated.then_some(true),
        text: arguments.search,
    };
    let history = HistoryFilter {
        never_invited: arguments.never_invited,
        never_signed_in: arguments.never_signed_in,
        failed: arguments.failed,
        invited_before: instant(arguments.invited_before)?,
        reminded_before: instant(arguments.reminded_before)?,
    };
    Ok(Filter { people, history })
}

fn show(output: Output, rows: &[UserRow], zone: Tz) -> Result<(), Failure> {
    if output.json() {
        return rows.iter().try_for_each(|row| output.object(&Line::of(row)));
    }
    if rows.is_empty() {
        return Ok(());
    }
    let cells = rows.iter().map(|row| {
        vec![
            row.user.display_name(),
            row.user.email.as_ref().map(ToString::to_string).unwrap_or_default(),
            row.user.phone.as_ref().map(ToString::to_string).unwrap_or_default(),
            row.user.group.clone().unwrap_or_default(),
            status_words(row.status),
            maybe_time(row.last_message_at, zone),
        ]
    });
    output.table(&["NAME", "E-MAIL", "PHONE", "GROUP", "STATUS", "LAST MESSAGE"], cells.collect())
}

//! What an organisation's schedule does, as options and in words.

use chrono::{DateTime, NaiveTime};
use clap::Args;
use invite_core::model::organisation::Settings;
use invite_core::model::schedule::{InviteNew, Schedule};

/// What happens without anybody asking, while a worker runs.
#[derive(Debug, Default, Args)]
pub(crate) struct ScheduleArguments {
    /// When new people are invited: never without you, those whom an import adds at once, or everybody who was never
    /// invited at a time such as 2026-12-01T08:00:00+01:00
    #[arg(long, value_name = "by-hand|at-import|TIME", value_parser = invite_new)]
    invite_new: Option<InviteNew>,
    /// People who have not come are reminded so many days after their invitation, such as 3,7,14
    #[arg(long, value_name = "DAYS,…|none", value_parser = days)]
    remind_after: Option<Days>,
    /// The time of day at which those reminders go, where the recipient is, such as 9:00
    #[arg(long, value_name = "TIME", value_parser = hour)]
    reminder_hour: Option<NaiveTime>,
    /// Whether an event says the day before that an open invitation expires
    #[arg(long, value_name = "yes|no", value_parser = yes)]
    expiry_notice: Option<bool>,
    /// Nothing happens without you any more
    #[arg(long)]
    no_schedule: bool,
}

/// Days after an invitation.
#[derive(Debug, Clone)]
struct Days(Vec<u32>);

impl ScheduleArguments {
    /// Changes `settings`. The first option makes a schedule, which by itself does nothing but what is asked for.
    pub(crate) fn apply(self, settings: &mut Settings) {
        let Self { invite_new, remind_after, reminder_hour, expiry_notice, no_schedule } = self;
        if no_schedule {
            settings.schedule = None;
        }
        if invite_new.is_none()
            && remind_after.is_none()
            && reminder_hour.is_none()
            && expiry_notice.is_none()
        {
            return;
        }
        let empty = || Schedule { remind_after: Vec::new(), ..Schedule::default() };
        let schedule = settings.schedule.get_or_insert_with(empty);
        schedule.invite = invite_new.unwrap_or(schedule.invite);
        if let Some(Days(days)) = remind_after {
            schedule.remind_after = days;
        }
        schedule.reminder_hour = reminder_hour.unwrap_or(schedule.reminder_hour);
        schedule.expiry_notice = expiry_notice.unwrap_or(schedule.expiry_notice);
    }
}

/// A schedule in words.
pub(crate) fn words(schedule: Option<&Schedule>) -> String {
    let Some(schedule) = schedule else { return "nothing by itself".into() };
    let mut words = Vec::new();
    match schedule.invite {
        InviteNew::ByHand => {}
        InviteNew::AtImport => words.push("invites whom an import adds".into()),
        InviteNew::At(at) => {
            words.push(format!("invites everybody who was never invited at {}", at.to_rfc3339()));
        }
    }
    if !schedule.remind_after.is_empty() {
        let days: Vec<_> = schedule.remind_after.iter().map(u32::to_string).collect();
        let hour = schedule.reminder_hour.format("%H:%M");
        words.push(format!("reminds after {} days at {hour}", days.join(", ")));
    }
    if schedule.expiry_notice {
        words.push("tells the day before an invitation expires".into());
    }
    if words.is_empty() { "nothing by itself".into() } else { words.join("; ") }
}

fn invite_new(text: &str) -> Result<InviteNew, String> {
    match text.trim() {
        "by-hand" => Ok(InviteNew::ByHand),
        "at-import" => Ok(InviteNew::AtImport),
        time => DateTime::parse_from_rfc3339(time).map(|at| InviteNew::At(at.to_utc())).map_err(|_| {
            "write by-hand, at-import, or a time with its offset such as 2026-12-01T08:00:00+01:00".into()
        }),
    }
}

fn days(text: &str) -> Result<Days, String> {
    if text.trim().eq_ignore_ascii_case("none") {
        return Ok(Days(Vec::new()));
    }
    let days: Result<Vec<u32>, _> = text.split(',').map(|day| day.trim().parse()).collect();
    days.map(Days).map_err(|_| "write numbers of days such as 3,7,14, or none".into())
}

fn hour(text: &str) -> Result<NaiveTime, String> {
    NaiveTime::parse_from_str(text.trim(), "%H:%M").map_err(|_| "write a time of day such as 9:00".into())
}

fn yes(text: &str) -> Result<bool, String> {
    match text {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("write yes or no".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_does_what_was_asked_for_and_is_shown_in_words() {
        let mut settings = Settings::new("Acme");
        assert_eq!(words(settings.schedule.as_ref()), "nothing by itself");
        let invite_new = invite_new("at-import").ok();
        ScheduleArguments { invite_new, ..ScheduleArguments::default() }.apply(&mut settings);
        assert_eq!(words(settings.schedule.as_ref()), "invites whom an import adds");
        let arguments = ScheduleArguments {
            remind_after: days("3, 7,14").ok(),
            reminder_hour: hour("8:30").ok(),
            ..ScheduleArguments::default()
        };
        arguments.apply(&mut settings);
        let shown = "invites whom an import adds; reminds after 3, 7, 14 days at 08:30";
        assert_eq!(words(settings.schedule.as_ref()), shown);
        ScheduleArguments { no_schedule: true, ..ScheduleArguments::default() }.apply(&mut settings);
        assert_eq!(settings.schedule, None);
        assert!(days("3,x").is_err() && hour("25:00").is_err() && super::invite_new("tomorrow").is_err());
    }
}

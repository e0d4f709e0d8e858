//! `invite org`: organisations and their settings.

use clap::Subcommand;
use invite_core::Actor;
use invite_core::model::contact::EmailAddress;
use invite_core::model::id::UserId;
use invite_core::model::message::Mailbox;
use invite_core::model::organisation::{Alias, Organisation, Settings};
use invite_core::model::role::Role;
use invite_core::model::user::User;
use serde::Serialize;

use crate::arguments::Globals;
use crate::duration;
use crate::exit::{Done, Exit};
use crate::failure::Failure;
use crate::output::{Output, words};
use crate::schedule;
use crate::session::{Needs, Session};
use crate::settings::SettingsArguments;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create an organisation, with its first administrator
    Create {
        /// The short name by which people and scripts call it: letters, digits and dashes
        alias: Alias,
        /// The e-mail address of its first administrator
        #[arg(long, value_name = "ADDRESS")]
        admin: EmailAddress,
        #[command(flatten)]
        settings: Box<SettingsArguments>,
    },
    /// Show an organisation's settings
    Show {
        /// Its short name; --org by default
        alias: Option<String>,
    },
    /// Change an organisation's settings; what is not given stays as it is
    Set {
        /// Its short name; --org by default
        alias: Option<String>,
        #[command(flatten)]
        settings: Box<SettingsArguments>,
    },
}

#[derive(Serialize)]
struct Created<'a> {
    #[serde(flatten)]
    organisation: &'a Organisation,
    administrator: UserId,
}

pub(crate) async fn run(command: Command, globals: &Globals, output: Output) -> Done {
    match command {
        Command::Create { alias, admin, settings } => create(alias, admin, *settings, globals, output).await,
        Command::Show { alias } => {
            let session = Session::open(globals, output, Needs::Database).await?;
            show(output, &organisation(&session, alias.as_deref()).await?)
        }
        Command::Set { alias, settings } => {
            if settings.is_empty() {
                return Err(Failure::wrong(
                    "nothing to set: name a setting, and see `invite org set --help`",
                ));
            }
            let session = Session::open(globals, output, Needs::Database).await?;
            let organisation = organisation(&session, alias.as_deref()).await?;
            let actor = session.actor(organisation.id).await?;
            let mut changed = organisation.settings;
            settings.apply(&mut changed);
            show(output, &session.invites.change_settings(&actor, changed).await?)
        }
    }
}

async fn organisation(session: &Session, alias: Option<&str>) -> Result<Organisation, Failure> {
    match alias {
        Some(alias) => session.organisation_called(alias).await,
        None => session.organisation().await,
    }
}

async fn create(
    alias: Alias,
    admin: EmailAddress,
    arguments: SettingsArguments,
    globals: &Globals,
    output: Output,
) -> Done {
    let mut settings = Settings::new(alias.as_str());
    arguments.apply(&mut settings);
    let session = Session::open(globals, output, Needs::NewDatabase).await?;
    let organisation = session.invites.create_organisation(alias, settings).await?;
    let administrator =
        User { email: Some(admin.clone()), role: Role::Administrator, ..User::new(UserId::new()) };
    let id = administrator.id;
    session.invites.add_user(&Actor::system(organisation.id), administrator).await?;
    if output.json() {
        output.object(&Created { organisation: &organisation, administrator: id })?;
    } else {
        let (name, alias) = (&organisation.settings.name, &organisation.alias);
        output.say(format!("{name} is there, and {admin} is its administrator."))?;
        if organisation.settings.app_link.is_none() {
            output
                .note("Nobody is told where to sign in: set it with `invite org set --app-link https://…`.");
        }
        output.note(format!(
            "Next: `invite import FILE --org {alias} --as {admin}`, or set INVITE_ORG and INVITE_AS once."
        ));
    }
    Ok(Exit::Done)
}

fn show(output: Output, organisation: &Organisation) -> Done {
    if output.json() {
        output.object(organisation)?;
        return Ok(Exit::Done);
    }
    let Organisation { id, alias, settings } = organisation;
    let text = |value: &Option<_>| value.as_ref().map_or_else(String::new, |value: &_| format!("{value}"));
    let mailbox = |value: &Option<Mailbox>| value.as_ref().map_or_else(String::new, written);
    let list = |values: Vec<&str>| values.join(", ");
    output.fields(&[
        ("Organisation", alias.to_string()),
        ("Name", settings.name.clone()),
        ("Id", id.to_string()),
        ("App", settings.app_name.clone()),
        ("App link", text(&settings.app_link)),
        ("App Store", text(&settings.ios_link)),
        ("Google Play", text(&settings.android_link)),
        ("Channels", list(settings.channels.iter().map(|channel| channel.as_str()).collect())),
        ("Preferred channel", settings.prefers.to_string()),
        (
            "SMS as a fallback",
            if settings.sms_fallback { "where an e-mail does not arrive" } else { "no" }.to_owned(),
        ),
        ("Invitations carry", words(settings.credential)),
        ("which works for", duration::text(settings.credential_lifetime)),
        ("Link pattern", settings.link_pattern.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("Language", settings.locale.to_string()),
        ("Time zone", settings.time_zone.to_string()),
        ("Country", settings.country.map(|country| country.to_string()).unwrap_or_default()),
        ("SMS also to", list(settings.sms_countries.iter().map(|country| country.as_str()).collect())),
        ("From", mailbox(&settings.from)),
        ("Answers to", mailbox(&settings.reply_to)),
        ("Unsubscribe", settings.list_unsubscribe.clone().unwrap_or_default()),
        ("Support", settings.support.clone()),
        ("Colour", settings.theme.colour.to_string()),
        ("Logo", text(&settings.theme.logo)),
        (
            "No SMS at",
            settings.quiet_hours.map_or_else(|| "no time is quiet".into(), |hours| hours.to_string()),
        ),
        ("Sign-in", settings.sign_in.to_string()),
        (
            "Reminders",
            format!(
                "at most {}, at least {} after the last message",
                settings.reminders.at_most,
                duration::text(settings.reminders.gap)
            ),
        ),
        ("Schedule", schedule::words(settings.schedule.as_ref())),
    ])?;
    Ok(Exit::Done)
}

fn written(mailbox: &Mailbox) -> String {
    if mailbox.name.is_empty() {
        mailbox.address.to_string()
    } else {
        format!("{} <{}>", mailbox.name, mailbox.address)
    }
}

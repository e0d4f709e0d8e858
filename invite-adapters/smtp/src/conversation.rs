//! What is said of one message, and how it ended.

use std::time::Duration;

use invite_core::model::outcome::Outcome;
use tokio::time::Instant;

use crate::connection::{Connection, soonest};
use crate::letter::Letter;
use crate::outcomes::{accepted, answered, lost, unknown};
use crate::reply::Reply;
use crate::settings::Settings;
use crate::verdict::Phase;
use crate::wire::Fault;

/// How long the first command on a connection that was idle waits for its reply: whether a firewall has forgotten the
/// connection, nobody says. A fresh one then has all its time.
const FIRST_REPLY: Duration = Duration::from_secs(10);
/// How long a server that stopped reading a message may take to say why.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How it ended.
pub(crate) enum Ending {
    /// With an outcome, after which the connection can carry another message, or cannot.
    Outcome(Outcome, Usable),
    /// The connection was dead before anything of the message was accepted.
    Stale,
}

/// Whether a connection can carry another message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Usable {
    Yes,
    No,
}

/// Whether the server wants the message, as far as it said.
struct Asked {
    /// The reply that decided against it.
    against: Option<(Phase, Reply)>,
    /// The connection was lost there.
    lost: Option<(Phase, Fault)>,
    /// It accepted the recipient.
    has_recipient: bool,
    /// It waits for the octets of a message.
    waits_for_data: bool,
    /// The first command was not answered, or with a goodbye.
    stale: bool,
}

/// Says it. `idle_before`: the connection had been idle.
pub(crate) async fn converse(
    connection: &mut Connection,
    letter: &Letter<'_>,
    settings: &Settings,
    idle_before: bool,
    until: Instant,
) -> Ending {
    if let Some(outcome) = letter.objection(connection.offered) {
        return Ending::Outcome(outcome, Usable::Yes);
    }
    connection.messages += 1;
    let asked = asked(connection, letter, settings, idle_before, until).await;
    if idle_before && asked.stale {
        return Ending::Stale;
    }
    if let Some((phase, reply)) = asked.against {
        let outcome = answered(phase, &reply, settings, &letter.content());
        // A 2yz or 3yz that stands against a message answers something else: who knows what.
        let confused = asked.lost.is_some() || reply.code == 421 || reply.code < 400;
        // An empty message would go to somebody.
        let dangerous = asked.waits_for_data && asked.has_recipient;
        let usable = !confused && !dangerous && taken_back(connection, asked.waits_for_data, until).await;
        return Ending::Outcome(outcome, if usable { Usable::Yes } else { Usable::No });
    }
    if let Some((phase, fault)) = asked.lost {
        return Ending::Outcome(lost(phase, &fault, settings), Usable::No);
    }
    let (outcome, usable) = handed_over(connection, letter, settings, until).await;
    Ending::Outcome(outcome, usable)
}

/// MAIL, RCPT and DATA: in one write where the server takes that (RFC 2920), else one after the other.
async fn asked(
    connection: &mut Connection,
    letter: &Letter<'_>,
    settings: &Settings,
    idle_before: bool,
    until: Instant,
) -> Asked {
    let pipelining = connection.offered.pipelining();
    let mut commands = [letter.mail(connection.offered), letter.rcpt(), "DATA\r\n".to_owned()].map(Some);
    if pipelining {
        let all = commands.iter_mut().filter_map(Option::take).collect::<String>();
        commands[0] = Some(all);
    }
    let mut asked =
        Asked { against: None, lost: None, has_recipient: false, waits_for_data: false, stale: false };
    for (phase, command) in [Phase::Mail, Phase::Recipient, Phase::Data].into_iter().zip(commands) {
        let first = phase == Phase::Mail;
        let patience = settings.figures.reply_timeout;
        let patience = if first && idle_before { patience.min(FIRST_REPLY) } else { patience };
        let until = soonest(patience, until);
        let said = match command {
            Some(command) => connection.wire.say(&command, until).await,
            None => Ok(()),
        };
        let reply = match said {
            Ok(()) => connection.wire.reply(until).await,
            Err(fault) => Err(fault),
        };
        match reply {
            Ok(reply) => {
                asked.stale |= first && reply.code == 421;
                asked.has_recipient |= phase == Phase::Recipient && reply.is_positive();
                asked.waits_for_data = phase == Phase::Data && reply.code == 354;
                let hoped_for = if phase == Phase::Data { reply.code == 354 } else { reply.is_positive() };
                if !hoped_for && asked.against.is_none() {
                    asked.against = Some((phase, reply));
                    // Said one after the other, the others are not said at all.
                    if !pipelining {
                        break;
                    }
                }
            }
            Err(fault) => {
                asked.stale |= first;
                asked.lost = Some((phase, fault));
                break;
            }
        }
    }
    asked
}

/// Ends what was begun so that no message goes, and whether the connection can go on.
async fn taken_back(connection: &mut Connection, waits_for_data: bool, until: Instant) -> bool {
    if waits_for_data {
        // RFC 2920, 3.1: a server may want a message although it refused the only recipient. Nothing goes to nobody.
        let until = soonest(FIRST_REPLY, until);
        if connection.wire.ask(".\r\n", until).await.is_err() {
            return false;
        }
    }
    connection.reset(until).await
}

/// The octets with the final dot in one write, and the reply that decides.
async fn handed_over(
    connection: &mut Connection,
    letter: &Letter<'_>,
    settings: &Settings,
    until: Instant,
) -> (Outcome, Usable) {
    let wire = &mut connection.wire;
    let mut written = 0;
    let writing =
        wire.write(&letter.data, &mut written, soonest(settings.figures.reply_timeout, until)).await;
    if let Err(fault) = writing {
        if written == letter.data.len() {
            return (unknown(&fault, settings), Usable::No);
        }
        // The dot has not gone, and now never will. A server that had enough may have said why.
        let words = match fault {
            Fault::TimedOut => Err(Fault::TimedOut),
            _ => wire.reply(soonest(LAST_WORDS, until)).await,
        };
        let outcome = match words {
            Ok(reply) if reply.code >= 400 => answered(Phase::Message, &reply, settings, &letter.content()),
            _ => lost(Phase::Message, &fault, settings),
        };
        return (outcome, Usable::No);
    }
    match wire.reply(soonest(settings.figures.final_reply_timeout, until)).await {
        Ok(reply) if reply.is_positive() => (accepted(&reply, settings, &letter.content()), Usable::Yes),
        Ok(reply) if reply.code >= 400 => {
            let outcome = answered(Phase::Message, &reply, settings, &letter.content());
            let usable = reply.code != 421 && connection.reset(until).await;
            (outcome, if usable { Usable::Yes } else { Usable::No })
        }
        Ok(_) => (unknown(&Fault::Malformed, settings), Usable::No),
        Err(fault) => (unknown(&fault, settings), Usable::No),
    }
}

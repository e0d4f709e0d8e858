//! What a [`Transport`] must do.
//!
//! ```
//! use std::sync::Arc;
//!
//! use invite_core::conformance::transport::TransportUnderTest;
//! use invite_core::memory::RecordingTransport;
//!
//! fn fresh() -> TransportUnderTest {
//!     TransportUnderTest::new(Arc::new(RecordingTransport::new()))
//! }
//!
//! invite_core::transport_conformance!(my_transport, fresh());
//! ```
//!
//! The provider at the other end, real or a stand-in, must accept what it is sent. Give the suite
//! [arrivals](TransportUnderTest::arrivals) where the test can read what arrived; without them it sees the outcomes only.
//! It cannot see what a transport logs.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::DateTime;

use super::{Behaviour, Checked, Failure};
use crate::model::contact::{EmailAddress, PhoneNumber};
use crate::model::id::{DeliveryId, OrganisationId};
use crate::model::message::{Channel, Content, Email, Mailbox, Message, Sms};
use crate::model::outcome::{Answer, Outcome};
use crate::port::transport::Transport;

/// A transport, and what it needs to be told.
#[derive(Debug, Clone)]
pub struct TransportUnderTest {
    transport: Arc<dyn Transport>,
    channels: Vec<Channel>,
    from: String,
    to: String,
    sms_from: Option<String>,
    sms_to: String,
    arrivals: Option<Arc<dyn Arrivals>>,
}

impl TransportUnderTest {
    /// A transport for e-mail and SMS, from `no-reply@example.com` to `person@example.org` and `+4791234567`.
    pub fn new(transport: Arc<dyn Transport>) -> Self {
        Self {
            transport,
            channels: Channel::ALL.to_vec(),
            from: "no-reply@example.com".into(),
            to: "person@example.org".into(),
            sms_from: Some("ACME".into()),
            sms_to: "+4791234567".into(),
            arrivals: None,
        }
    }

    /// It carries this channel alone; what is meant for the other is refused or blocked.
    #[must_use]
    pub fn only(mut self, channel: Channel) -> Self {
        self.channels = vec![channel];
        self
    }

    /// E-mail goes from this address to that.
    #[must_use]
    pub fn email(mut self, from: impl Into<String>, to: impl Into<String>) -> Self {
        (self.from, self.to) = (from.into(), to.into());
        self
    }

    /// SMS go from this number or name, if one is needed, to that number, in E.164.
    #[must_use]
    pub fn sms(mut self, from: Option<String>, to: impl Into<String>) -> Self {
        (self.sms_from, self.sms_to) = (from, to.into());
        self
    }

    /// What arrived can be read here.
    #[must_use]
    pub fn arrivals(mut self, arrivals: Arc<dyn Arrivals>) -> Self {
        self.arrivals = Some(arrivals);
        self
    }

    fn message(&self, channel: Channel, saying: &Saying) -> Checked<Message> {
        let wrong = |_| Failure::new("the addresses that the suite was given are none");
        let content = match channel {
            Channel::Email => {
                let from: EmailAddress = self.from.parse().map_err(wrong)?;
                let to: EmailAddress = self.to.parse().map_err(wrong)?;
                Content::Email(Box::new(Email {
                    from: Mailbox { name: "ACME".into(), address: from },
                    reply_to: None,
                    to: Mailbox { name: saying.name.clone(), address: to },
                    subject: saying.subject.clone(),
                    text: saying.text.clone(),
                    html: format!("<p>{}</p>", saying.text),
                    language: "en".into(),
                    date: DateTime::UNIX_EPOCH + Duration::from_hours(24 * 365 * 55),
                    list_unsubscribe: None,
                }))
            }
            Channel::Sms => Content::Sms(Sms {
                from: self.sms_from.clone(),
                to: PhoneNumber::try_from(self.sms_to.clone()).map_err(wrong)?,
                text: saying.text.clone(),
            }),
        };
        Ok(Message { delivery: DeliveryId::new(), organisation: OrganisationId::new(), content })
    }

    async fn send(&self, message: &Message) -> Outcome {
        self.transport.send(message, DEADLINE).await
    }

    /// How many messages arrived that say this; none where it cannot be read.
    async fn arrived(&self, saying: &str) -> Option<usize> {
        let texts = self.arrivals.as_ref()?.texts().await;
        Some(texts.iter().filter(|text| text.contains(saying)).count())
    }
}

/// Reads what a transport's provider received.
#[async_trait]
pub trait Arrivals: fmt::Debug + Send + Sync {
    /// Each message that arrived, as one text in which its header and its plain text stand decoded.
    async fn texts(&self) -> Vec<String>;
}

/// Makes a module of tests, one a behaviour of a [`Transport`](crate::port::transport::Transport). The expression makes
/// a [`TransportUnderTest`](crate::conformance::transport::TransportUnderTest); it may await.
#[macro_export]
macro_rules! transport_conformance {
    ($module:ident, $fresh:expr $(,)?) => {
        #[cfg(test)]
        mod $module {
            #[allow(unused_imports)]
            use super::*;

            $crate::__transport_behaviours! { __transport_tests ($fresh) }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __transport_tests {
    ((($fresh:expr)) $($name:ident)*) => {
        $(#[test]
        fn $name() {
            $crate::conformance::test($crate::conformance::transport::BEHAVIOURS, stringify!($name), async { $fresh });
        })*
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __transport_list {
    (() $($name:ident)*) => {
        /// Everything that a transport must do.
        pub const BEHAVIOURS: &[Behaviour<TransportUnderTest>] = &[$(Behaviour {
            name: stringify!($name),
            run: |subject| Box::pin($name(subject)),
        },)*];
    };
}

/// The one list of the behaviours, handed to another macro.
#[doc(hidden)]
#[macro_export]
macro_rules! __transport_behaviours {
    ($then:ident $($context:tt)*) => {
        $crate::$then! {
            ($($context)*)
            a_valid_message_is_accepted
            what_arrives_is_what_was_sent
            what_was_accepted_has_arrived_and_what_was_not_has_not
            the_same_delivery_again_is_no_error
            many_messages_go_at_once
            an_answer_comes_within_the_deadline
            a_deadline_that_has_passed_does_not_make_it_panic
            a_channel_that_it_does_not_carry_is_certainly_not_sent
            a_send_that_is_dropped_does_not_harm_the_next
            hostile_names_and_subjects_stay_where_they_belong
            texts_of_any_length_do_not_make_it_panic
            no_answer_carries_content
            debug_shows_no_content
        }
    };
}

__transport_behaviours! { __transport_list }

/// Enough for any transport under test.
const DEADLINE: Duration = Duration::from_secs(20);

/// What a message says.
#[derive(Clone)]
struct Saying {
    name: String,
    subject: String,
    text: String,
}

impl Saying {
    fn plain(marker: &str) -> Self {
        Self {
            name: "Anna Berg".into(),
            subject: "ACME: your account".into(),
            text: format!("Hello Anna, this is {marker} . Sign in with it."),
        }
    }
}

/// A word that stands in no other message, made as a secret is.
fn marker() -> String {
    let id = DeliveryId::new().as_uuid().simple().to_string();
    format!("secret{}", &id[20..])
}

async fn a_valid_message_is_accepted(subject: TransportUnderTest) -> Checked {
    for channel in &subject.channels {
        let message = subject.message(*channel, &Saying::plain(&marker()))?;
        let outcome = subject.send(&message).await;
        holds!(matches!(outcome, Outcome::Accepted(_)), "a valid {channel} is accepted, not {outcome:?}");
    }
    Ok(())
}

async fn what_arrives_is_what_was_sent(subject: TransportUnderTest) -> Checked {
    for channel in subject.channels.clone() {
        let marker = marker();
        let mut saying = Saying::plain(&marker);
        saying.text = format!("Hei Ægir Þór, {marker} – straße, 100 €");
        let outcome = subject.send(&subject.message(channel, &saying)?).await;
        holds!(matches!(outcome, Outcome::Accepted(_)), "a text beyond ASCII is accepted, not {outcome:?}");
        if let Some(arrived) = subject.arrived(&saying.text).await {
            same!(arrived, 1, "messages on {channel} that arrived with the whole text");
        }
    }
    Ok(())
}

async fn what_was_accepted_has_arrived_and_what_was_not_has_not(subject: TransportUnderTest) -> Checked {
    for channel in subject.channels.clone() {
        for text in [String::new(), "a".repeat(40_000)] {
            let marker = marker();
            let saying = Saying { text: format!("{marker} {text}"), ..Saying::plain(&marker) };
            let outcome = subject.send(&subject.message(channel, &saying)?).await;
            let Some(arrived) = subject.arrived(&marker).await else { continue };
            match outcome {
                Outcome::Accepted(_) => same!(arrived, 1, "messages that arrived, of one accepted"),
                Outcome::Unknown { .. } => {}
                _ => same!(arrived, 0, "messages that arrived, of one with the outcome {outcome:?}"),
            }
        }
    }
    Ok(())
}

async fn the_same_delivery_again_is_no_error(subject: TransportUnderTest) -> Checked {
    for channel in &subject.channels {
        let message = subject.message(*channel, &Saying::plain(&marker()))?;
        for attempt in 1..=2 {
            let outcome = subject.send(&message).await;
            holds!(matches!(outcome, Outcome::Accepted(_)), "attempt {attempt} is accepted, not {outcome:?}");
        }
    }
    Ok(())
}

async fn many_messages_go_at_once(subject: TransportUnderTest) -> Checked {
    let mut tasks = Vec::new();
    for number in 0..24 {
        let channel = subject.channels[number % subject.channels.len()];
        let marker = marker();
        let message = subject.message(channel, &Saying::plain(&marker))?;
        let transport = Arc::clone(&subject.transport);
        let sent = tokio::spawn(async move { transport.send(&message, DEADLINE).await });
        tasks.push((marker, sent));
    }
    for (marker, task) in tasks {
        let outcome = task.await.map_err(|error| Failure::new(error.to_string()))?;
        holds!(matches!(outcome, Outcome::Accepted(_)), "each is accepted, but one is {outcome:?}");
        if let Some(arrived) = subject.arrived(&marker).await {
            same!(arrived, 1, "messages that arrived, of one that was sent");
        }
    }
    Ok(())
}

async fn an_answer_comes_within_the_deadline(subject: TransportUnderTest) -> Checked {
    for channel in &subject.channels {
        let message = subject.message(*channel, &Saying::plain(&marker()))?;
        let deadline = Duration::from_secs(5);
        // Twice as long, so that a busy machine is not taken for a slow transport.
        let answer = tokio::time::timeout(deadline * 2, subject.transport.send(&message, deadline)).await;
        holds!(answer.is_ok(), "it answers within the deadline of {deadline:?} on {channel}");
    }
    Ok(())
}

async fn a_deadline_that_has_passed_does_not_make_it_panic(subject: TransportUnderTest) -> Checked {
    for channel in subject.channels.clone() {
        for deadline in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
            let marker = marker();
            let message = subject.message(channel, &Saying::plain(&marker))?;
            let outcome = subject.transport.send(&message, deadline).await;
            if let (false, Some(arrived)) = (may_have_gone(&outcome), subject.arrived(&marker).await) {
                same!(arrived, 0, "messages that arrived, of one with the outcome {outcome:?}");
            }
        }
    }
    Ok(())
}

async fn a_channel_that_it_does_not_carry_is_certainly_not_sent(subject: TransportUnderTest) -> Checked {
    for channel in Channel::ALL.into_iter().filter(|channel| !subject.channels.contains(channel)) {
        let message = subject.message(channel, &Saying::plain(&marker()))?;
        let outcome = subject.send(&message).await;
        holds!(
            matches!(outcome, Outcome::Refused { .. } | Outcome::Blocked { .. }),
            "a message on {channel} is refused or blocked, not {outcome:?}"
        );
    }
    Ok(())
}

async fn a_send_that_is_dropped_does_not_harm_the_next(subject: TransportUnderTest) -> Checked {
    for channel in &subject.channels {
        for patience in [0, 1, 5, 20] {
            let message = subject.message(*channel, &Saying::plain(&marker()))?;
            let patience = Duration::from_millis(patience);
            drop(tokio::time::timeout(patience, subject.send(&message)).await);
        }
        let message = subject.message(*channel, &Saying::plain(&marker()))?;
        let outcome = subject.send(&message).await;
        holds!(matches!(outcome, Outcome::Accepted(_)), "the next is accepted, not {outcome:?}");
    }
    Ok(())
}

async fn hostile_names_and_subjects_stay_where_they_belong(subject: TransportUnderTest) -> Checked {
    let injected = format!("injected-{}@example.org", marker());
    for channel in subject.channels.clone() {
        for hostile in [
            format!("Anna\r\nBcc: {injected}"),
            format!("Anna\nBcc: {injected}"),
            format!("Anna\rBcc: {injected}"),
            format!("Anna\" <{injected}>, \"x"),
            "nul\0in it".into(),
            "\u{202e}turned".into(),
            "=?utf-8?q?encoded?=".into(),
            "=cmd() <script> [You won](http://evil.test) 👩‍🚒".into(),
            "x".repeat(1_000),
            "\\\"(),:;<>@[]".into(),
            String::new(),
        ] {
            let saying = Saying { name: hostile.clone(), subject: hostile, text: marker() };
            let outcome = subject.send(&subject.message(channel, &saying)?).await;
            holds!(
                matches!(outcome, Outcome::Accepted(_) | Outcome::Refused { .. }),
                "it is accepted or refused, not {outcome:?}"
            );
        }
        let Some(arrivals) = &subject.arrivals else { continue };
        let header = format!("bcc: {injected}");
        let texts = arrivals.texts().await;
        let broken_out = texts.iter().flat_map(|text| text.lines()).filter(|line| {
            // A header of its own begins a line.
            line.to_lowercase().starts_with(&header)
        });
        same!(broken_out.count(), 0, "headers that broke out of a name or subject");
    }
    Ok(())
}

async fn texts_of_any_length_do_not_make_it_panic(subject: TransportUnderTest) -> Checked {
    for channel in subject.channels.clone() {
        for text in [String::new(), "\n".repeat(3), "x".repeat(5_000), "ø ".repeat(100_000)] {
            let saying = Saying { text, ..Saying::plain("") };
            // Whatever becomes of it.
            subject.send(&subject.message(channel, &saying)?).await;
        }
    }
    Ok(())
}

async fn no_answer_carries_content(subject: TransportUnderTest) -> Checked {
    for channel in Channel::ALL {
        let marker = marker();
        for filler in [String::new(), "x".repeat(200_000), "\0".into()] {
            let saying = Saying {
                name: format!("{marker}\r\n"),
                subject: format!("{marker}\0{filler}"),
                text: format!("{marker} {filler}"),
            };
            let outcome = subject.send(&subject.message(channel, &saying)?).await;
            let Some(answer) = answer(&outcome) else { continue };
            holds!(
                !answer.text().contains(&marker) && !answer.code().contains(&marker),
                "the answer has nothing of the message, on {channel}"
            );
        }
    }
    Ok(())
}

async fn debug_shows_no_content(subject: TransportUnderTest) -> Checked {
    for channel in subject.channels.clone() {
        let marker = marker();
        let outcome = subject.send(&subject.message(channel, &Saying::plain(&marker))?).await;
        let shown = format!("{:?} {outcome:?}", subject.transport);
        holds!(!shown.contains(&marker), "Debug of the transport has nothing of a message on {channel}");
    }
    Ok(())
}

const fn may_have_gone(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Accepted(_) | Outcome::Unknown { .. })
}

const fn answer(outcome: &Outcome) -> Option<&Answer> {
    match outcome {
        Outcome::Accepted(_) => None,
        Outcome::Refused { answer, .. }
        | Outcome::Deferred { answer, .. }
        | Outcome::Throttled { answer, .. }
        | Outcome::Blocked { answer, .. }
        | Outcome::Unknown { answer } => Some(answer),
    }
}

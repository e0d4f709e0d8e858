//! Figures for whoever operates the library: what is counted, and how an exporter reads it.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::delivery::{EndReason, WaitCause, names};
use super::message::Channel;
use super::sender::PauseKind;

names! {
    /// What became of a hand-over, or of a message.
    CountedOutcome {
        /// The provider took responsibility.
        Sent = "sent",
        /// The provider reports that it arrived.
        Delivered = "delivered",
        /// The provider reports that it came back.
        Bounced = "bounced",
        /// The person called it spam.
        Complained = "complained",
        /// It will not go.
        Failed = "failed",
        /// The address must not be written to.
        Suppressed = "suppressed",
        /// It is not wanted any more.
        Cancelled = "cancelled",
        /// It may have been sent, or not, and is not tried again by itself.
        Unknown = "unknown",
        /// It may have been sent, or not, and is tried once more.
        Unseen = "unseen",
        /// Tried again later, the attempt counted.
        Deferred = "deferred",
        /// The provider says that we are too fast.
        Throttled = "throttled",
        /// The sender's configuration is at fault.
        Blocked = "blocked",
        /// The transport was not called.
        NotCalled = "not_called",
        /// Its secret is sealed with a key that the worker does not have.
        Locked = "locked",
    }
}

names! {
    /// How a confirmed batch stands that has messages on their way.
    OpenBatch {
        /// It goes on.
        Running = "running",
        /// It goes to its pilot.
        Pilot = "pilot",
        /// It is held, or has a start time.
        Start = "start",
        /// The brake paused it: too many of its messages failed.
        PausedByBrake = "paused_by_brake",
        /// Its pilot is out, and somebody is to look.
        PausedAfterPilot = "paused_after_pilot",
        /// Somebody paused it.
        PausedByHand = "paused_by_hand",
    }
}

/// One thing that is counted as it happens. Its text ([`Display`](fmt::Display) and [`FromStr`]) is its key in a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Count {
    /// What became of hand-overs and messages of confirmed batches. It only grows.
    Outcome(Channel, CountedOutcome, Option<EndReason>),
    /// Messages whose worker was not heard of in time: while they were handed over, or before. It only grows.
    LeaseLapsed {
        /// Whether the message was being handed over.
        handing_over: bool,
    },
    /// Batches that the brake paused. It only grows.
    Brake,
    /// Messages of confirmed batches that are queued or that a worker has.
    OnTheirWay(Channel),
    /// Those of them that were put off for this, and were not begun since.
    PutOff(Channel, WaitCause),
    /// Messages whose end is unknown, and that nobody has had sent again.
    Unknown(Channel),
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outcome(channel, outcome, None) => write!(f, "outcome {channel} {outcome}"),
            Self::Outcome(channel, outcome, Some(reason)) => {
                write!(f, "outcome {channel} {outcome} {reason}")
            }
            Self::LeaseLapsed { handing_over: false } => f.write_str("lease_lapsed preparing"),
            Self::LeaseLapsed { handing_over: true } => f.write_str("lease_lapsed handing_over"),
            Self::Brake => f.write_str("brake"),
            Self::OnTheirWay(channel) => write!(f, "on_their_way {channel}"),
            Self::PutOff(channel, cause) => write!(f, "put_off {channel} {cause}"),
            Self::Unknown(channel) => write!(f, "unknown {channel}"),
        }
    }
}

impl FromStr for Count {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let channel = |word: &str| {
            let found = Channel::ALL.into_iter().find(|channel| channel.as_str() == word);
            found.ok_or_else(|| format!("{word:?} is not a channel"))
        };
        let words: Vec<&str> = text.split(' ').collect();
        Ok(match *words {
            ["outcome", on, outcome] => Self::Outcome(channel(on)?, outcome.parse()?, None),
            ["outcome", on, outcome, reason] => {
                Self::Outcome(channel(on)?, outcome.parse()?, Some(reason.parse()?))
            }
            ["lease_lapsed", "preparing"] => Self::LeaseLapsed { handing_over: false },
            ["lease_lapsed", "handing_over"] => Self::LeaseLapsed { handing_over: true },
            ["brake"] => Self::Brake,
            ["on_their_way", on] => Self::OnTheirWay(channel(on)?),
            ["put_off", on, cause] => Self::PutOff(channel(on)?, cause.parse()?),
            ["unknown", on] => Self::Unknown(channel(on)?),
            _ => return Err(format!("{text:?} is not counted")),
        })
    }
}

/// Figures for whoever operates the library, of all organisations together.
///
/// An exporter reads [`families`](Self::families); [`Display`](fmt::Display) writes the text format that Prometheus and
/// OpenTelemetry collectors scrape:
///
/// ```
/// use std::time::Duration;
///
/// use invite_core::model::metrics::{Count, Metrics};
///
/// let mut metrics = Metrics::default();
/// metrics.oldest_due = Some(Duration::from_secs(90));
/// metrics.counts.insert(Count::Brake, 1);
///
/// let text = metrics.to_string();
/// assert!(text.contains("# TYPE invite_brakes_total counter\ninvite_brakes_total 1\n"));
/// assert!(text.contains("\ninvite_oldest_due_seconds 90\n"));
///
/// let oldest = metrics.families().into_iter().find(|family| family.name == "invite_oldest_due_seconds");
/// assert_eq!(oldest.map(|family| family.samples[0].value), Some(90.0));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Metrics {
    /// What was counted as it happened; what never happened is left out.
    pub counts: BTreeMap<Count, u64>,
    /// For how long the message has been due that could be claimed now and was due first; none where nothing could. The
    /// time in which its batch or its sender was stopped is not left out.
    pub oldest_due: Option<Duration>,
    /// What stops senders now, by kind.
    pub senders_paused: BTreeMap<PauseKind, u64>,
    /// Confirmed batches that have messages on their way.
    pub batches: BTreeMap<OpenBatch, u64>,
}

/// What a figure does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FamilyKind {
    /// It only grows, beyond restarts as well: it is kept in the store.
    Counter,
    /// It goes up and down.
    Gauge,
}

/// One figure, by its labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Family {
    /// Its name, in Prometheus' style, with its unit.
    pub name: &'static str,
    /// What it means.
    pub help: &'static str,
    /// What it does.
    pub kind: FamilyKind,
    /// Its values.
    pub samples: Vec<Sample>,
}

/// A value of a figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Names and values of its labels; words of this library only, so that they need no escaping.
    pub labels: Vec<(&'static str, &'static str)>,
    /// The value, in the unit of the name.
    pub value: f64,
}

impl Metrics {
    /// Keeps what a store has under this key. A key of a newer release is left out, and so is what went below nought.
    pub fn keep(&mut self, key: &str, value: i64) {
        if let (Ok(count), Ok(value)) = (key.parse(), u64::try_from(value)) {
            self.counts.insert(count, value);
        }
    }

    /// What was counted so.
    pub fn count(&self, count: Count) -> u64 {
        self.counts.get(&count).copied().unwrap_or_default()
    }

    /// All figures, in the same order each time. Those whose labels are known beforehand are there at nought too.
    pub fn families(&self) -> Vec<Family> {
        use FamilyKind::{Counter, Gauge};
        let of_channels = |count: fn(Channel) -> Count| {
            let sample = |on: Channel| sample(vec![("channel", on.as_str())], self.count(count(on)));
            Channel::ALL.into_iter().map(sample).collect()
        };
        let family = |name, kind, help, samples| Family { name, help, kind, samples };
        vec![
            family(
                "invite_oldest_due_seconds",
                Gauge,
                OLDEST_DUE,
                vec![Sample { labels: Vec::new(), value: self.oldest_due.unwrap_or_default().as_secs_f64() }],
            ),
            family("invite_messages_on_their_way", Gauge, ON_THEIR_WAY, of_channels(Count::OnTheirWay)),
            family("invite_messages_put_off", Gauge, PUT_OFF, self.put_off()),
            family("invite_messages_unknown", Gauge, UNKNOWN, of_channels(Count::Unknown)),
            family("invite_batches_open", Gauge, BATCHES, of_words("state", OpenBatch::ALL, &self.batches)),
            family(
                "invite_senders_paused",
                Gauge,
                SENDERS,
                of_words("kind", PauseKind::ALL, &self.senders_paused),
            ),
            family("invite_outcomes_total", Counter, OUTCOMES, self.outcomes()),
            family("invite_leases_lapsed_total", Counter, LEASES, self.leases_lapsed()),
            family(
                "invite_brakes_total",
                Counter,
                BRAKES,
                vec![sample(Vec::new(), self.count(Count::Brake))],
            ),
        ]
    }

    fn put_off(&self) -> Vec<Sample> {
        const CAUSES: [WaitCause; 5] = [
            WaitCause::Sender,
            WaitCause::QuietHours,
            WaitCause::SmsLimit,
            WaitCause::NextAttempt,
            WaitCause::SealingKey,
        ];
        let of_channel = |on: Channel| CAUSES.map(|cause| (on, cause));
        let sample = |(on, cause): (Channel, WaitCause)| {
            sample(
                vec![("channel", on.as_str()), ("cause", cause.as_str())],
                self.count(Count::PutOff(on, cause)),
            )
        };
        Channel::ALL.into_iter().flat_map(of_channel).map(sample).collect()
    }

    fn outcomes(&self) -> Vec<Sample> {
        let outcome = |(count, value): (&Count, &u64)| match *count {
            Count::Outcome(channel, outcome, reason) => {
                let reason = reason.map_or("", EndReason::as_str);
                let labels =
                    vec![("channel", channel.as_str()), ("outcome", outcome.as_str()), ("reason", reason)];
                Some(sample(labels, *value))
            }
            _ => None,
        };
        self.counts.iter().filter_map(outcome).collect()
    }

    fn leases_lapsed(&self) -> Vec<Sample> {
        let phase = |(handing_over, phase)| {
            sample(vec![("phase", phase)], self.count(Count::LeaseLapsed { handing_over }))
        };
        [(false, "preparing"), (true, "handing_over")].map(phase).to_vec()
    }
}

/// The text format of Prometheus, version 0.0.4.
impl fmt::Display for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Family { name, help, kind, samples } in self.families() {
            let kind = match kind {
                FamilyKind::Counter => "counter",
                FamilyKind::Gauge => "gauge",
            };
            writeln!(f, "# HELP {name} {help}\n# TYPE {name} {kind}")?;
            for Sample { labels, value } in samples {
                let labels: Vec<String> =
                    labels.iter().map(|(name, word)| format!("{name}=\"{word}\"")).collect();
                match labels.as_slice() {
                    [] => writeln!(f, "{name} {value}")?,
                    labels => writeln!(f, "{name}{{{}}} {value}", labels.join(","))?,
                }
            }
        }
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2⁵³, as all that reads it")]
const fn sample(labels: Vec<(&'static str, &'static str)>, value: u64) -> Sample {
    Sample { labels, value: value as f64 }
}

fn of_words<T: Copy + Ord + Into<&'static str>>(
    label: &'static str,
    all: &[T],
    counted: &BTreeMap<T, u64>,
) -> Vec<Sample> {
    let value = |word| counted.get(word).copied().unwrap_or_default();
    all.iter().map(|word| sample(vec![(label, (*word).into())], value(word))).collect()
}

const OLDEST_DUE: &str =
    "Seconds since the message was due that could be sent now and was due first; 0 where none could.";
const ON_THEIR_WAY: &str = "Messages of confirmed batches that are queued or that a worker has.";
const PUT_OFF: &str = "Messages on their way that were put off for this cause and were not begun since.";
const UNKNOWN: &str = "Messages that may have been sent or not, until they are reported about or sent again.";
const BATCHES: &str = "Confirmed batches with messages on their way.";
const SENDERS: &str = "What stops or slows down senders now.";
const OUTCOMES: &str = "What became of hand-overs and of messages.";
const LEASES: &str = "Messages whose worker was not heard of in time.";
const BRAKES: &str = "Batches that were paused because too many of their messages failed.";

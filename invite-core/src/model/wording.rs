//! In which languages messages are, and how long their text messages.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// The messages to one person in a plan.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ItemWording {
    /// The languages of the messages: `nb`. One, unless an e-mail and a text message are in different languages.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub languages: BTreeSet<String>,
    /// The languages in which there was no message for the person, and what it is in instead: `pl → nb`.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub fallbacks: BTreeSet<String>,
    /// How many segments the text message takes; 0 where there is none.
    #[serde(skip_serializing_if = "is_nought")]
    pub sms_segments: u64,
    /// Whether the text message needs UCS-2, so that 70 characters fill a segment instead of 160.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub sms_ucs2: bool,
}

/// The messages of a plan, in figures.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Wording {
    /// People by the language of their message. Somebody whose e-mail and text message are in two languages counts in
    /// both.
    pub languages: BTreeMap<String, u64>,
    /// People for whom there is no message in their language, by that language and the one used instead: `pl → nb`.
    pub fallbacks: BTreeMap<String, u64>,
    /// Segments of text messages: what a provider counts.
    pub sms_segments: u64,
    /// People whose text message needs UCS-2.
    pub sms_ucs2: u64,
}

impl Wording {
    /// Counts the messages to one person.
    pub fn add(&mut self, item: &ItemWording) {
        for (counts, names) in
            [(&mut self.languages, &item.languages), (&mut self.fallbacks, &item.fallbacks)]
        {
            for name in names {
                *counts.entry(name.clone()).or_default() += 1;
            }
        }
        self.sms_segments += item.sms_segments;
        self.sms_ucs2 += u64::from(item.sms_ucs2);
    }

    /// Takes back what [`add`](Self::add) counted.
    pub fn take(&mut self, item: &ItemWording) {
        for (counts, names) in
            [(&mut self.languages, &item.languages), (&mut self.fallbacks, &item.fallbacks)]
        {
            for name in names {
                if let Some(count) = counts.get_mut(name) {
                    *count -= 1;
                }
            }
            counts.retain(|_, count| *count > 0);
        }
        self.sms_segments -= item.sms_segments;
        self.sms_ucs2 -= u64::from(item.sms_ucs2);
    }

    /// Both together.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        for (counts, more) in
            [(&mut self.languages, &other.languages), (&mut self.fallbacks, &other.fallbacks)]
        {
            for (name, count) in more {
                *counts.entry(name.clone()).or_default() += count;
            }
        }
        self.sms_segments += other.sms_segments;
        self.sms_ucs2 += other.sms_ucs2;
        self
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference over")]
const fn is_nought(number: &u64) -> bool {
    *number == 0
}

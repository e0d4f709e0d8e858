//! Ids as names that both stores share, and texts in which they stand.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

/// What the ids of one store mean. Stores mint ids of their own for messages, invitations and people; what has the same
/// name in two stores is the same thing.
#[derive(Debug, Default)]
pub(super) struct Names(HashMap<Uuid, String>);

impl Names {
    pub(super) fn learn(&mut self, id: Uuid, name: impl FnOnce() -> String) {
        self.0.entry(id).or_insert_with(name);
    }

    pub(super) fn of(&self, id: Uuid) -> String {
        self.0.get(&id).cloned().unwrap_or_else(|| id.to_string())
    }

    /// A text with names for ids. On a clock that goes on by itself instants are taken out, to be compared roughly.
    pub(super) fn words(&self, text: &str, stands: bool) -> Words {
        let mut words = Words::default();
        let (mut rest, mut looked) = (text, 0);
        // An id has its first hyphen after eight digits, an instant after four.
        while let Some(hyphen) = rest[looked..].find('-').map(|found| looked + found) {
            let id = hyphen.checked_sub(8).and_then(|from| Some((from, as_id(rest.get(from..from + 36)?)?)));
            let instant = hyphen.checked_sub(4).filter(|_| !stands);
            let instant = instant.and_then(|from| Some((from, as_instant(rest.get(from..)?)?)));
            let (from, length) = match (id, instant) {
                (Some((from, id)), _) => {
                    words.text += &rest[..from];
                    words.text += &self.of(id);
                    (from, 36)
                }
                (None, Some((from, (length, at)))) => {
                    words.text += &rest[..from];
                    words.text += "<instant>";
                    words.instants.push(at);
                    (from, length)
                }
                (None, None) => {
                    looked = hyphen + 1;
                    continue;
                }
            };
            (rest, looked) = (&rest[from + length..], 0);
        }
        words.text += rest;
        words
    }
}

/// A text in names, and the instants that were taken out of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Words {
    pub(super) text: String,
    instants: Vec<DateTime<Utc>>,
}

impl Words {
    /// Whether they are the same but for the moments that a clock goes on by itself.
    pub(super) fn are(&self, other: &Self) -> bool {
        self.text == other.text
            && self.instants.len() == other.instants.len()
            && self
                .instants
                .iter()
                .zip(&other.instants)
                .all(|(a, b)| (*a - *b).abs() <= TimeDelta::seconds(20))
    }
}

fn as_id(text: &str) -> Option<Uuid> {
    let hyphens = [8, 13, 18, 23];
    let bytes = text.as_bytes();
    hyphens.iter().all(|at| bytes[*at] == b'-').then(|| text.parse().ok())?
}

fn as_instant(text: &str) -> Option<(usize, DateTime<Utc>)> {
    let year = text.get(..11)?.as_bytes();
    if !(year[0] == b'2' && year[4] == b'-' && year[7] == b'-' && year[10] == b'T') {
        return None;
    }
    let length = text.find('Z')? + 1;
    Some((length, text[..length].parse().ok()?))
}

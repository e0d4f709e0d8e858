//! How many queued messages could go now, and when the next of the others will.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::model::batch::BatchState;
use crate::model::sender::{PauseKind, SenderPause};

/// Queued messages of one batch, on one sender, to one destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Their batch's state.
    pub state: BatchState,
    /// Nothing of the batch leaves before this.
    pub not_before: DateTime<Utc>,
    /// Whether the batch goes to its first people only, and these are for others.
    pub beyond_pilot: bool,
    /// The keys under which a pause of their account, sender or destination would be kept.
    pub keys: [String; 3],
    /// How many they are.
    pub all: u64,
    /// How many of them are due of themselves.
    pub due: u64,
    /// When the next of the others is.
    pub next_due_at: Option<DateTime<Utc>>,
}

impl Group {
    /// Whether its messages go by themselves, sooner or later.
    fn goes_on(&self) -> bool {
        self.state == BatchState::Running && !self.beyond_pilot
    }

    /// How many of them could be claimed now. Of what waits behind blocks whose probe is due one message could, and of all
    /// that waits behind the same block the first one that is asked about: `probed` holds those that are taken.
    pub fn due_now(
        &self,
        now: DateTime<Utc>,
        pauses: &BTreeMap<String, SenderPause>,
        probed: &mut BTreeSet<String>,
    ) -> u64 {
        if !self.goes_on() || self.not_before > now || self.due == 0 {
            return 0;
        }
        let stops: Vec<_> = self.stops(pauses).collect();
        if stops.iter().any(|(_, pause)| pause.stops(now)) {
            return 0;
        }
        let blocks: Vec<_> = stops.iter().filter(|(_, pause)| pause.kind == PauseKind::Blocked).collect();
        if blocks.is_empty() {
            return self.due;
        }
        // One message tries all blocks that it is under.
        let new = blocks.iter().all(|(key, _)| !probed.contains(*key));
        probed.extend(blocks.iter().map(|(key, _)| (*key).clone()));
        u64::from(new)
    }

    /// When one of those that wait becomes due by itself.
    pub fn next_at(
        &self,
        now: DateTime<Utc>,
        pauses: &BTreeMap<String, SenderPause>,
    ) -> Option<DateTime<Utc>> {
        let stopped = SenderPause::stopped(self.stops(pauses).map(|(_, pause)| pause), now);
        if !self.goes_on() || stopped == Some(None) {
            return None;
        }
        let stopped_until = stopped.flatten();
        let earliest = if self.due > 0 { Some(now) } else { self.next_due_at };
        let at = earliest?.max(self.not_before).max(stopped_until.unwrap_or(now));
        // What is due already and not stopped is not waited for.
        if at > now { Some(at) } else { self.next_due_at }
    }

    fn stops<'a>(
        &'a self,
        pauses: &'a BTreeMap<String, SenderPause>,
    ) -> impl Iterator<Item = (&'a String, &'a SenderPause)> {
        self.keys.iter().filter_map(|key| pauses.get(key).map(|pause| (key, pause)))
    }
}

//! A plan or a batch in figures, for scripts.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use invite_core::model::batch::Totals;
use invite_core::model::id::BatchId;
use invite_core::model::item::SkipReason;
use invite_core::model::message::Channel;
use serde::Serialize;

use super::show::{count, wording};
use crate::failure::Failure;
use crate::output::Output;

/// A plan or a batch, for scripts. `send`, `reset`, `announce` and `skip` are disjoint and add up to `people`.
#[derive(Serialize)]
struct Line<'a> {
    batch: BatchId,
    send: u64,
    reset: u64,
    announce: u64,
    skip: &'a BTreeMap<SkipReason, u64>,
    people: u64,
    messages: BTreeMap<Channel, u64>,
    languages: BTreeMap<String, u64>,
    in_reserve: u64,
    fallbacks: BTreeMap<String, u64>,
    sms_segments: u64,
    sms_ucs2: u64,
    shared_addresses: u64,
    confirmed: bool,
    not_before: Option<DateTime<Utc>>,
}

pub(super) fn line(
    output: Output,
    batch: BatchId,
    totals: &Totals,
    not_before: Option<DateTime<Utc>>,
    confirmed: bool,
) -> Result<(), Failure> {
    let wording = wording(totals);
    output.object(&Line {
        batch,
        send: totals.send,
        reset: totals.reset,
        announce: totals.announce,
        skip: &totals.skip,
        people: totals.people(),
        messages: Channel::ALL
            .into_iter()
            .map(|channel| (channel, count(totals, channel)))
            .filter(|(_, count)| *count > 0)
            .collect(),
        in_reserve: totals.in_reserve + totals.reset_in_reserve,
        languages: wording.languages,
        fallbacks: wording.fallbacks,
        sms_segments: wording.sms_segments,
        sms_ucs2: wording.sms_ucs2,
        shared_addresses: totals.shared_addresses_with_resets,
        confirmed,
        not_before,
    })
}

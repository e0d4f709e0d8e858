//! Each person of a plan with what happens to them.

use invite_core::model::id::UserId;
use invite_core::model::item::SkipReason;
use invite_core::model::message::Channel;
use invite_core::service::Plan;
use serde::Serialize;

use super::Ways;
use super::show::channel_name;
use crate::failure::Failure;
use crate::session::{Acting, Session};

/// People a page.
const PAGE: usize = 500;

/// What a plan decided for one person, for scripts.
#[derive(Serialize)]
struct PersonLine<'a> {
    user: UserId,
    name: &'a str,
    decision: &'static str,
    skip: Option<SkipReason>,
    channels: &'a [Channel],
}

/// Each person of a plan with what happens to them.
pub(super) async fn each(session: &Session, acting: &Acting, plan: &Plan, ways: Ways) -> Result<(), Failure> {
    let output = session.output;
    let mut after = None;
    loop {
        let page = session.invites.items(&acting.actor, plan.id(), after, PAGE).await?;
        let people = page.rows.iter().map(|item| item.user).collect();
        let people = session.store.facts(acting.organisation.id, people).await?;
        let mut rows = Vec::with_capacity(page.rows.len());
        for (item, user) in page.rows.into_iter().zip(people) {
            let name = user.map_or_else(|| "somebody who is gone".into(), |user| user.display_name());
            let (mut decision, mut skip) = (item.decision.as_str(), item.decision.skip_reason());
            if decision == "send_with_reset" && !ways.resets {
                (decision, skip) = ("skip", Some(SkipReason::SetUpNeedsConsent));
            }
            if output.json() {
                output.object(&PersonLine {
                    user: item.user,
                    name: &name,
                    decision,
                    skip,
                    channels: &item.channels,
                })?;
                continue;
            }
            let what = match (decision, skip) {
                (_, Some(reason)) => format!("skipped: {}", reason.text()),
                ("send_with_reset", None) => "message, and password reset".into(),
                ("send", None) => "message".into(),
                _ => "message without password or link".into(),
            };
            let channels = if skip.is_some() { &[] } else { item.channels.as_slice() };
            rows.push(vec![
                name,
                what,
                channels.iter().map(|channel| channel_name(*channel)).collect::<Vec<_>>().join(", "),
            ]);
        }
        if !rows.is_empty() {
            output.table(&["NAME", "WHAT HAPPENS", "CHANNELS"], rows)?;
            output.say("")?;
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

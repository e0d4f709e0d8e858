//! `invite metrics`: figures for whoever operates it.

use invite_core::model::metrics::FamilyKind;
use serde_json::{Map, json};

use crate::arguments::Globals;
use crate::exit::{Done, Exit};
use crate::output::Output;
use crate::session::{Needs, Session};

pub(crate) async fn run(globals: &Globals, output: Output) -> Done {
    let session = Session::open(globals, output, Needs::Database).await?;
    let metrics = session.invites.metrics().await?;
    if !output.json() {
        output.page(&metrics.to_string())?;
        return Ok(Exit::Done);
    }
    for family in metrics.families() {
        let kind = match family.kind {
            FamilyKind::Counter => "counter",
            FamilyKind::Gauge => "gauge",
        };
        for sample in family.samples {
            let labels: Map<_, _> =
                sample.labels.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
            output.object(
                &json!({ "metric": family.name, "labels": labels, "value": sample.value, "kind": kind }),
            )?;
        }
    }
    Ok(Exit::Done)
}

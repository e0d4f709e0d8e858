//! A plan is shown and asked about before anything is sent; `invite` and `remind` share it.

mod each;
mod line;
mod show;

use std::time::Duration;

use chrono::{DateTime, Utc};
use indicatif::ProgressBar;
use invite_core::model::batch::Totals;
use invite_core::model::item::Action;
use invite_core::service::{ConfirmOptions, Error, Plan, PlanRequest};

use crate::ask;
use crate::exit::{Done, Exit};
use crate::failure::Failure;
use crate::output::{Output, counted};
use crate::session::{Acting, Session};

/// How a plan is carried on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ways {
    /// The plan is shown, and that is all.
    pub(crate) plan_only: bool,
    /// Each person is shown.
    pub(crate) each: bool,
    /// Nobody is asked.
    pub(crate) yes: bool,
    /// Whether passwords may be reset.
    pub(crate) resets: bool,
    /// What else confirming takes.
    pub(crate) options: ConfirmOptions,
    /// Said beside the plan: when it begins, with how many.
    pub(crate) not_before: Option<DateTime<Utc>>,
    pub(crate) pilot: Option<u64>,
}

/// Plans, shows, asks, confirms.
pub(crate) async fn carry_out(session: &Session, acting: &Acting, request: PlanRequest, ways: Ways) -> Done {
    carry_on(session, acting, session.invites.plan(&acting.actor, request), ways).await
}

/// The same with what makes the plan.
pub(crate) async fn carry_on(
    session: &Session,
    acting: &Acting,
    planning: impl Future<Output = Result<Plan, Error>>,
    ways: Ways,
) -> Done {
    let output = session.output;
    if !ways.plan_only && !ways.yes && !output.can_ask() {
        return Err(Failure::wrong(
            "nothing is sent without a yes, and there is no terminal to ask on: add --yes, or look at the plan with \
             --plan-only",
        ));
    }
    session.can_recognise(acting.organisation.id).await?;
    let plan = watched(output, "Looking at each person…", planning).await?;
    let totals = if ways.resets { plan.totals().clone() } else { plan.totals().clone().without_consent() };
    if ways.each {
        each::each(session, acting, &plan, ways).await?;
    }
    if ways.plan_only || !ways.yes {
        show::plan(output, acting, &plan, &totals, ways)?;
    }
    if ways.plan_only {
        return Ok(Exit::Done);
    }
    if totals.recipients() == 0 && !ways.yes {
        session.invites.cancel(&acting.actor, plan.id()).await?;
        output.say("Nobody would get a message, so there is nothing to confirm.")?;
        return Ok(Exit::Done);
    }
    let refusal = "a plan must be confirmed";
    if !ask::consent(output, ways.yes, &question(&totals, plan.batch().action), refusal)? {
        session.invites.cancel(&acting.actor, plan.id()).await?;
        output.say("Nothing is sent.")?;
        return Ok(Exit::Done);
    }
    let options = ways.options.resets(ways.resets);
    let confirming = session.invites.confirm_with(&acting.actor, plan.id(), options);
    let batch = watched(output, "Confirming…", confirming).await?;
    show::confirmed(output, &batch, acting.organisation.settings.time_zone)?;
    Ok(Exit::Done)
}

fn question(totals: &Totals, action: Action) -> String {
    let what = match action {
        Action::Remind => counted(totals.recipients(), "reminder", "reminders"),
        _ => counted(totals.recipients(), "invitation", "invitations"),
    };
    if totals.reset == 0 {
        return format!("Send {what}?");
    }
    let passwords = counted(totals.reset, "password", "passwords");
    format!("Send {what}, and reset {passwords}{}?", show::administrators(totals))
}

/// Waits for what may take long, and shows that it goes on.
async fn watched<T>(output: Output, what: &'static str, work: impl Future<Output = T>) -> T {
    let bar = output.is_watched().then(|| {
        let bar = ProgressBar::new_spinner().with_message(what);
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    });
    let done = work.await;
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    done
}

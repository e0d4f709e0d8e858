//! `invite batch`: what became of a batch, and what an administrator can do about it.

mod change;
mod show;
mod watch;

use clap::{ArgGroup, Args, Subcommand};
use invite_core::model::batch::Batch;
use invite_core::model::id::BatchId;
use invite_core::service::Retry;

use crate::arguments::Globals;
use crate::exit::Done;
use crate::failure::Failure;
use crate::output::Output;
use crate::session::{Acting, Needs, Session};

/// Batches a page.
const PAGE: usize = 100;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List batches, the newest first
    List {
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 20)]
        limit: usize,
        /// Those before this batch: the id of the last one that you saw
        #[arg(long, value_name = "ID")]
        before: Option<BatchId>,
        /// Plans that were never confirmed, too
        #[arg(long)]
        plans: bool,
    },
    /// Show how far a batch is
    Show {
        #[command(flatten)]
        which: Which,
        /// Each message, too
        #[arg(long)]
        each: bool,
    },
    /// Follow a batch until it is finished
    Watch(Which),
    /// Stop a batch for now
    Pause {
        #[command(flatten)]
        which: Which,
        /// Why, in words, for those who look
        #[arg(long, value_name = "TEXT", default_value = "paused by an administrator")]
        because: String,
    },
    /// Let a paused batch go on
    Resume(Which),
    /// Stop a batch for good; what was sent goes on working
    Cancel {
        #[command(flatten)]
        which: Which,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Stop a batch for good and take back what it did: nothing that it sent works any more
    Recall {
        #[command(flatten)]
        which: Which,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Send again what failed, or what nobody knows the end of; both by default
    Retry {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        again: Again,
    },
}

/// Which messages are sent again.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Again {
    /// Only those that failed
    #[arg(long)]
    failed: bool,
    /// Only those that may have been sent or not: whoever has one already gets a second one
    #[arg(long, conflicts_with = "failed")]
    unknown: bool,
}

/// One batch.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").required(true).args(["batch", "latest"]))]
pub(crate) struct Which {
    /// Its id
    #[arg(value_name = "BATCH")]
    batch: Option<BatchId>,
    /// The one that was planned last, of those that were confirmed
    #[arg(long)]
    latest: bool,
}

impl Which {
    /// The batch that is meant.
    async fn find(&self, session: &Session, acting: &Acting) -> Result<BatchId, Failure> {
        if let Some(batch) = self.batch {
            return Ok(batch);
        }
        let mut before = None;
        loop {
            let page = session.invites.batches(&acting.actor, before, PAGE).await?;
            if let Some(batch) = page.rows.iter().find(|batch| was_confirmed(batch)) {
                return Ok(batch.id);
            }
            before = page.next;
            if before.is_none() {
                return Err(Failure::wrong(
                    "there is no batch yet: `invite invite` or `invite remind` makes one",
                ));
            }
        }
    }
}

fn was_confirmed(batch: &Batch) -> bool {
    batch.confirmed.is_some()
}

pub(crate) async fn run(command: Command, globals: &Globals, output: Output) -> Done {
    let session = Session::open(globals, output, Needs::Database).await?;
    let acting = session.acting().await?;
    match command {
        Command::List { limit, before, plans } => show::list(&session, &acting, limit, before, plans).await,
        Command::Show { which, each } => {
            let batch = which.find(&session, &acting).await?;
            show::show(&session, &acting, batch, each).await
        }
        Command::Watch(which) => {
            let batch = which.find(&session, &acting).await?;
            watch::watch(&session, &acting, batch).await
        }
        Command::Pause { which, because } => {
            let batch = which.find(&session, &acting).await?;
            change::pause(&session, &acting, batch, because).await
        }
        Command::Resume(which) => {
            let batch = which.find(&session, &acting).await?;
            change::resume(&session, &acting, batch).await
        }
        Command::Cancel { which, yes } => {
            let batch = which.find(&session, &acting).await?;
            change::cancel(&session, &acting, batch, yes).await
        }
        Command::Recall { which, yes } => {
            let batch = which.find(&session, &acting).await?;
            change::recall(&session, &acting, batch, yes).await
        }
        Command::Retry { which, again } => {
            let batch = which.find(&session, &acting).await?;
            let what = match (again.failed, again.unknown) {
                (true, _) => Retry::Failed,
                (false, true) => Retry::Unknown,
                (false, false) => Retry::Both,
            };
            change::retry(&session, &acting, batch, what).await
        }
    }
}

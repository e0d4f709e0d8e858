//! How a command ends, for scripts.

use std::process::ExitCode;

use crate::failure::Failure;

/// How a command ends. The numbers are fixed: scripts read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything that was asked for is done.
    Done,
    /// Something failed for good.
    Failed,
    /// It was asked for wrongly, or with bad input.
    Wrong,
}

/// What a command gives back.
pub(crate) type Done = Result<Exit, Failure>;

impl Exit {
    /// [`Exit::Failed`] where `failed`.
    pub(crate) const fn failed_if(failed: bool) -> Self {
        if failed { Self::Failed } else { Self::Done }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::Failed => Self::from(1),
            Exit::Wrong => Self::from(2),
        }
    }
}

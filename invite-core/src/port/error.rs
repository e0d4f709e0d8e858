//! What goes wrong in a store or in a host's `Accounts`.

use std::error::Error;
use std::fmt;

type Source = Box<dyn Error + Send + Sync>;

/// An error of a port. Whoever creates it says by its kind whether trying again helps; the message says what was being
/// done, and never holds a secret or a whole message.
pub struct PortError {
    kind: PortErrorKind,
    doing: String,
    source: Option<Source>,
    advice: Option<&'static str>,
}

/// The result of a port's method.
pub type PortResult<T> = Result<T, PortError>;

/// The kinds of error, by what helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PortErrorKind {
    /// Not reachable, busy, or out of time: trying again helps. Workers wait, however long.
    Unavailable,
    /// It cannot be written to: read-only, or full. Somebody has to make room. Workers wait, as above.
    NotWritable,
    /// It refuses what was asked, or whoever asks: a rule of the database or of the host, a wrong password, a missing right
    /// or table. The same again fails again until somebody mends it, and the message says what.
    Refused,
    /// What it holds cannot be understood: a newer version wrote it, or it is damaged.
    Corrupt,
}

impl PortError {
    /// An error while doing `doing` ("claim deliveries").
    pub fn new(kind: PortErrorKind, doing: impl Into<String>) -> Self {
        Self { kind, doing: doing.into(), source: None, advice: None }
    }

    /// With its cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// With what its reader can do about it, where the cause does not say so ("make room").
    #[must_use]
    pub const fn advising(mut self, advice: &'static str) -> Self {
        self.advice = Some(advice);
        self
    }

    /// What helps.
    pub const fn kind(&self) -> PortErrorKind {
        self.kind
    }

    /// Whether trying again later helps without anybody's doing.
    pub const fn is_transient(&self) -> bool {
        matches!(self.kind, PortErrorKind::Unavailable)
    }
}

impl fmt::Display for PortError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            PortErrorKind::Unavailable => "not available now, try again",
            PortErrorKind::NotWritable => "cannot be written to: read-only or full",
            PortErrorKind::Refused => "refused",
            PortErrorKind::Corrupt => "what is stored cannot be understood",
        };
        write!(f, "{}: {what}", self.doing)?;
        match (&self.source, self.advice) {
            (Some(source), Some(advice)) => write!(f, " ({source}; {advice})"),
            (Some(source), None) => write!(f, " ({source})"),
            (None, Some(advice)) => write!(f, " ({advice})"),
            (None, None) => Ok(()),
        }
    }
}

impl fmt::Debug for PortError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PortError({:?}: {self})", self.kind)
    }
}

impl Error for PortError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn Error + 'static))
    }
}

//! One page of a list.

use crate::model::id::UserId;

/// One page of a list that is read to its end by giving back [`next`](Self::next).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T, C = UserId> {
    /// The rows, in the order of the list.
    pub rows: Vec<T>,
    /// Where the next page begins; none at the end.
    pub next: Option<C>,
}

impl<T, C> Page<T, C> {
    /// A page of `limit` rows at most. A full one may have a next that is empty.
    pub(super) fn new(rows: Vec<T>, limit: usize, cursor: impl Fn(&T) -> C) -> Self {
        let next = rows.last().filter(|_| rows.len() >= limit).map(cursor);
        Self { rows, next }
    }
}

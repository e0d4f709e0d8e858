//! Floor 1: the three state machines, kept apart. Each is a pure function of (state, event, now), in one file, and its
//! table is in its documentation.

pub mod batch;
pub mod delivery;
pub mod invitation;

//! Floor 1: who gets what. Pure functions that a store calls inside its transactions, so that there is one place that
//! decides, whatever the database.
//!
//! * [`decide()`]: the decision table.
//! * [`history`]: what a store's rows say about a person.
//! * [`begin`]: whether a claimed message may still go, and with which credential.
//! * [`record`]: what an outcome changes beyond its message.
//! * [`leave`]: when a change of a person takes their invitation away.
//! * [`person_match`]: which person a row of an upload is.
//! * [`people`]: what importing and editing make of people.
//! * [`import_sync`]: when a file that is the whole truth would change too much.
//! * [`import_undo`]: how an import is taken back.

pub mod begin;
mod decide;
pub mod history;
pub mod import_sync;
pub mod import_undo;
pub mod leave;
pub mod people;
pub mod person_match;
pub mod record;

pub use decide::{Case, Decided, Request, decide};

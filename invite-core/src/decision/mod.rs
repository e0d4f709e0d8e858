//! Floor 1: who gets what. Pure functions that a store calls inside its transactions, so that there is one place that
//! decides, whatever the database.
//!
//! * [`decide()`]: the decision table.
//! * [`history`]: what a store's rows say about a person.
//! * [`begin`]: whether a claimed message may still go, and with which credential.
//! * [`record`]: what an outcome changes beyond its message.
//! * [`quiet_hours`]: until when a message waits, so that no phone rings at night.
//! * [`fallback`]: when the SMS goes that is held in reserve for an e-mail that does not arrive.
//! * [`sms_limits`]: how many text messages may go to a number, and from an organisation, within a day.
//! * [`pace`]: how the messages of a sender with a rate are spread over time.
//! * [`schedule`]: what happens without anybody asking, and when.
//! * [`pilot`]: what a batch says when its pilot is out.
//! * [`waits`]: why a message in the queue waits, and until when.
//! * [`leave`]: when a change of a person takes their invitation away.
//! * [`person_match`]: which person a row of an upload is.
//! * [`possible_text_messages`]: what a text message to a person could be for.
//! * [`people`]: what importing and editing make of people.
//! * [`import_sync`]: when a file that is the whole truth would change too much.
//! * [`import_undo`]: how an import is taken back.

pub mod begin;
pub mod counts;
mod decide;
pub mod due;
pub mod fallback;
pub mod history;
pub mod import_sync;
pub mod import_undo;
pub mod leave;
pub mod pace;
pub mod people;
pub mod person_match;
pub mod pilot;
pub mod quiet_hours;
pub mod record;
pub mod schedule;
pub mod sms_limits;
mod text_message;
pub mod waits;

pub use decide::{Case, Decided, Request, decide};
pub use text_message::possible_text_messages;

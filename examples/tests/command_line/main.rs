//! The command line, as a real program in a folder of its own: the script that is promised, each command's answers and
//! exit codes, and that no secret leaves but where one is asked for.

#[path = "../support/mod.rs"]
mod support;

mod away;
mod batches;
mod house;
mod imports;
mod organisations;
#[cfg(all(feature = "real-server", unix))]
mod outages;
mod people;
mod plans;
#[cfg(feature = "real-server")]
mod postgres;
mod providers;
#[cfg(all(feature = "real-server", unix))]
mod proxy;
mod rollout;
mod script;
mod secrets;
mod sign_in;
#[cfg(unix)]
mod signals;
mod smtp;
mod suppression;
mod templates;
#[cfg(unix)]
mod terminal;
#[cfg(feature = "real-server")]
mod tls;
mod usage;

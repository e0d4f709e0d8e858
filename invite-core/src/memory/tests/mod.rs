//! The trickiest parts of what a store does, seen through its ports. The conformance suite has the rest.

mod credentials;
mod imports;
mod queue;
mod world;

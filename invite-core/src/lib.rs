//! Invitations for the users of an organisation.

pub mod credential;
pub mod decision;
pub mod machine;
pub mod memory;
pub mod model;
pub mod people_file;
pub mod policy;
pub mod port;
pub mod service;
pub mod template;

pub use credential::{SealingKey, Secret};
pub use model::actor::Actor;
pub use service::{Invite, Invites, Remind};

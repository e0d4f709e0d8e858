//! Invitations for the users of an organisation.

pub mod credential;
pub mod model;
pub mod port;

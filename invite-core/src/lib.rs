//! Invitations for the users of an organisation.

pub mod model;
pub mod port;
pub mod template;

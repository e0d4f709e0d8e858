//! Invitations for the users of an organisation.

pub mod model;
pub mod people_file;
pub mod port;

//! Floor 4: the services, one file a use case. They are methods of [`Invites`], which a host builds once.

mod builder;
mod invites;

pub use builder::{BuildError, Builder};
pub use invites::Invites;

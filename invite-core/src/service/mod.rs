//! Floor 4: the services, one file a use case. They are methods of [`Invites`], which a host builds once.

mod authority;
mod builder;
mod error;
mod import;
mod invites;
mod organisations;
mod page;
mod users;
pub mod worker;

pub use builder::{BuildError, Builder};
pub use error::Error;
pub use import::{ImportOptions, ImportReport};
pub use invites::Invites;
pub use page::Page;
pub use users::{UserRow, UserStatus};
pub use worker::{WorkReport, Worker};

//! Floor 4: the services, one file a use case. They are methods of [`Invites`], which a host builds once.

mod accept;
mod audit;
mod authority;
mod batches;
mod builder;
mod confirm;
mod error;
mod events;
mod guess;
mod hosts;
mod import;
mod invites;
mod organisations;
mod page;
mod plan;
mod redeem;
mod sign_in;
mod story;
mod summary;
mod suppression;
mod users;

pub use accept::{Invitee, LinkView};
pub use batches::BatchStatus;
pub use builder::{BuildError, Builder};
pub use confirm::ConfirmOptions;
pub use error::Error;
pub use hosts::SecretCheck;
pub use import::{ImportOptions, ImportReport};
pub use invites::Invites;
pub use page::Page;
pub use plan::{Invite, Plan, PlanRequest, Remind};
pub use redeem::Acceptance;
pub use sign_in::{SignIn, SignedIn};
pub use story::{Story, StoryEvent, StoryStep};
pub use users::{UserRow, UserStatus};

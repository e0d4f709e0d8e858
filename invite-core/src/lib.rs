//! Invitations for the users of an organisation: an administrator has a list of people, and they must all get in.
//!
//! They pick who, look at a plan that says who gets what and why not, and confirm it; each person gets an e-mail or SMS
//! with what they need to sign in; those who never came are reminded. The library does this on the host's own database
//! and providers, in any number of processes, for ten people or a million.
//!
//! ```
//! use invite_core::memory::{MemoryStore, RecordingTransport};
//! use invite_core::model::{id::UserId, organisation::Settings, role::Role, user::User};
//! use invite_core::{Actor, Invite, Invites, SealingKey, Secret, credential::random};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let invites = Invites::builder(MemoryStore::new())       // in production: SqliteStore, PgStore, or the host's own
//!     .email(RecordingTransport::new())                    // SMTP, SES, a folder of messages, or the host's own
//!     .seal_with(SealingKey::generate(&mut random::system_random()?)) // SealingKey::from_env("INVITE_SECRET_KEY")
//!     .build()?;
//!
//! let mut settings = Settings::new("Acme Ltd");
//! settings.app_link = Some("https://app.acme.example".parse()?);
//! let acme = invites.create_organisation("acme".parse()?, settings).await?;
//! let astrid = User { role: Role::Administrator, ..User::new(UserId::new()) };
//! let anna = User { email: Some("anna@acme.example".parse()?), ..User::new(UserId::new()) };
//! let admin = Actor::administrator(acme.id, astrid.id);
//! for user in [astrid, anna] {
//!     invites.add_user(&Actor::system(acme.id), user).await?;
//! }
//!
//! let plan = invites.plan(&admin, Invite::never_invited()).await?; // who gets what, who is skipped and why
//! assert_eq!((plan.totals().send, plan.totals().skipped()), (1, 1));
//! invites.confirm(&admin, plan.id()).await?; // carries out exactly that
//! assert_eq!(invites.worker().run_until_idle().await?.sent, 1);
//! # Ok(())
//! # }
//! ```
//!
//! # Where to begin
//!
//! * [`Invites`] is what a host holds; all services are its methods.
//! * [`port`] has the traits for those who bring their own people, database or provider, [`conformance`] the suites that
//!   say whether an implementation keeps its contract (feature `conformance`), [`memory`] everything a host's tests need.
//! * [`decision`] has the table of who gets what, [`machine`] the three state machines, [`policy`] the figures.
//!
//! # Features
//!
//! * `conformance`: the conformance suites.
//! * `mocks`: mockall mocks of the ports.

#[cfg(feature = "conformance")]
pub mod conformance;
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

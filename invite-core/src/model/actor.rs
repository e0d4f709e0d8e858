//! Who asks for something to be done.

use serde::{Deserialize, Serialize};

use super::id::{OrganisationId, UserId};

/// Who asks, and in which organisation. Every request carries one, and the audit keeps it.
///
/// ```
/// use invite_core::model::{actor::Actor, id::{OrganisationId, UserId}};
///
/// let actor = Actor::administrator(OrganisationId::new(), UserId::new());
/// assert!(actor.user().is_some());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    organisation: OrganisationId,
    who: Who,
}

/// The kinds of actor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Who {
    /// An administrator of the organisation, checked against the host's `Accounts` at each request.
    Administrator(UserId),
    /// The system itself: a schedule, or the host's own code at its start.
    System,
    /// An operator of the application, who acts for an administrator and is named in the audit.
    Operator {
        /// The operator, as the host names them.
        name: String,
        /// For whom; this person is checked as an administrator.
        on_behalf_of: UserId,
    },
}

impl Actor {
    /// An administrator of `organisation`. Claiming it is not enough: it is checked where it matters.
    pub const fn administrator(organisation: OrganisationId, user: UserId) -> Self {
        Self { organisation, who: Who::Administrator(user) }
    }

    /// The system, in `organisation`. Never build it from a request.
    pub const fn system(organisation: OrganisationId) -> Self {
        Self { organisation, who: Who::System }
    }

    /// An operator who acts for an administrator.
    pub fn operator(organisation: OrganisationId, name: impl Into<String>, on_behalf_of: UserId) -> Self {
        Self { organisation, who: Who::Operator { name: name.into(), on_behalf_of } }
    }

    /// The organisation in which the actor acts: nothing that is done crosses its border.
    pub const fn organisation(&self) -> OrganisationId {
        self.organisation
    }

    /// The kind of actor.
    pub const fn who(&self) -> &Who {
        &self.who
    }

    /// The user whose authority is used, who is therefore never in a batch of their own.
    pub const fn user(&self) -> Option<UserId> {
        match &self.who {
            Who::Administrator(user) | Who::Operator { on_behalf_of: user, .. } => Some(*user),
            Who::System => None,
        }
    }
}

//! Who may.

use super::error::Error;
use super::invites::Invites;
use crate::model::actor::Actor;
use crate::model::user::User;

impl Invites {
    /// Checks that `actor` may change and see people: an active administrator of the organisation, as the host's
    /// `Accounts` has them now, or the system. Gives the administrator.
    ///
    /// Every service that takes an actor begins with this.
    pub async fn authorise(&self, actor: &Actor) -> Result<Option<User>, Error> {
        let Some(id) = actor.user() else { return Ok(None) };
        let user = self.fact(actor.organisation(), id).await?;
        match user {
            Some(user) if user.role.is_administrator() && !user.deactivated => Ok(Some(user)),
            _ => Err(Error::NotAllowed),
        }
    }
}

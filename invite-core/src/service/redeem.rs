//! Redemption: a credential becomes a password that the person chose. Everybody who comes with a secret ends here.

use std::time::Duration;

use tracing::instrument;

use super::error::Error;
use super::invites::Invites;
use crate::credential::ChosenPassword;
use crate::model::id::{CredentialId, OrganisationId, UserId};
use crate::model::user::User;
use crate::port::accounts::{NewPassword, PasswordSet, SetPassword};
use crate::port::redemption::{Close, LinkState, Reserve, Reserved};

/// What became of a secret that somebody came with, and of the password that they chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Acceptance {
    /// The password is set, and the credential used.
    Accepted {
        /// In which organisation.
        organisation: OrganisationId,
        /// Who.
        user: UserId,
    },
    /// Not now: a request with the same secret is not done, or too many guesses were wrong. The same request may be
    /// made again after this.
    Wait(Duration),
    /// It does not work any more.
    Not(LinkState),
    /// It is nobody's secret, or none that works.
    Unknown,
    /// The host's `Accounts` says that this person may not have a password.
    Refused,
}

impl Invites {
    /// Reserve, set the password, close. A crash between them leaves a reservation that the same secret resumes.
    #[instrument(skip_all, fields(%organisation, %credential))]
    pub(super) async fn redeem_credential(
        &self,
        organisation: OrganisationId,
        credential: CredentialId,
        user: Option<User>,
        chosen: ChosenPassword,
    ) -> Result<Acceptance, Error> {
        let policy = self.inner.policy.clone();
        let reserve = Reserve { organisation, credential, user, policy };
        let (user, reservation) = match self.inner.store.reserve(reserve).await? {
            Reserved::Yours { user, reservation } => (user, reservation),
            Reserved::Busy(rest) => return Ok(Acceptance::Wait(rest)),
            Reserved::Not(state) => return Ok(Acceptance::Not(state)),
            Reserved::Unknown => return Ok(Acceptance::Unknown),
        };
        let password = NewPassword::new(chosen, self.inner.hasher.clone());
        let set = SetPassword { organisation, user, password, credential, reservation };
        match self.inner.accounts.set_password(set).await? {
            PasswordSet::Done => {}
            // A later request with the same secret was faster, after our time had run out.
            PasswordSet::Stale => return Ok(Acceptance::Not(LinkState::Used)),
            PasswordSet::Refused => return Ok(Acceptance::Refused),
        }
        if self.inner.store.close(Close { organisation, credential, reservation }).await? {
            Ok(Acceptance::Accepted { organisation, user })
        } else {
            Ok(Acceptance::Not(LinkState::Used))
        }
    }
}

//! Who sends: the account, and what proves it.

use invite_core::Secret;

use crate::error::SetupError;
use crate::sid::is_sid;

/// What a request signs in with.
#[derive(Clone)]
pub(crate) enum Login {
    AuthToken(Secret),
    ApiKey { sid: Secret, secret: Secret },
}

/// An account and a login that are well formed.
pub(crate) struct Credentials {
    account: Secret,
    login: Login,
}

impl Credentials {
    pub(crate) fn new(account: Secret, login: Option<Login>) -> Result<Self, SetupError> {
        if !is_sid(account.expose(), "AC") {
            return Err(SetupError::Account);
        }
        let login = login.ok_or(SetupError::Credentials)?;
        let password = match &login {
            Login::AuthToken(token) => token,
            Login::ApiKey { sid, secret } => {
                if !is_sid(sid.expose(), "SK") {
                    return Err(SetupError::ApiKey);
                }
                secret
            }
        };
        if password.expose().is_empty() || !password.expose().bytes().all(|b| b.is_ascii_graphic()) {
            return Err(SetupError::Credentials);
        }
        Ok(Self { account, login })
    }

    /// The account SID, which stands in the path of every request.
    pub(crate) fn account(&self) -> &str {
        self.account.expose()
    }

    /// The user of basic authentication.
    pub(crate) fn user(&self) -> &str {
        match &self.login {
            Login::AuthToken(_) => self.account.expose(),
            Login::ApiKey { sid, .. } => sid.expose(),
        }
    }

    /// The password of basic authentication.
    pub(crate) fn password(&self) -> &str {
        match &self.login {
            Login::AuthToken(token) => token.expose(),
            Login::ApiKey { secret, .. } => secret.expose(),
        }
    }
}

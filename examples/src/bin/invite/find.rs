//! Who a name on the command line is.

use invite_core::Actor;
use invite_core::model::id::UserId;
use invite_core::model::selection::Filter;
use invite_core::model::user::User;
use invite_core::service::Error;

use crate::failure::Failure;
use crate::nearest::nearest;
use crate::session::Session;

/// People looked at for a name that is like the one that is not known.
const LOOKED_AT: usize = 5_000;

/// The person who is called so: by id, user name, e-mail address, phone, employee number or external id.
pub(crate) async fn user(session: &Session, actor: &Actor, name: &str) -> Result<UserId, Failure> {
    match session.invites.find_user(actor, name).await {
        Err(Error::NotFound(_)) => Err(nobody(session, actor, name).await?),
        found => Ok(found?),
    }
}

/// All who are named, in order.
pub(crate) async fn all(session: &Session, actor: &Actor, named: &[String]) -> Result<Vec<UserId>, Failure> {
    let mut found = Vec::with_capacity(named.len());
    for name in named {
        found.push(user(session, actor, name).await?);
    }
    Ok(found)
}

async fn nobody(session: &Session, actor: &Actor, name: &str) -> Result<Failure, Failure> {
    let rows = session.invites.users(actor, Filter::default(), None, LOOKED_AT).await?.rows;
    let near = nearest(name, rows.iter().flat_map(|row| names(&row.user)), 3);
    let hint = if near.is_empty() {
        "look for them with `invite users --search TEXT`".to_owned()
    } else {
        format!("did you mean {}?", near.join(", or "))
    };
    Ok(Failure::wrong(format!("there is nobody called {name} in this organisation; {hint}")))
}

fn names(user: &User) -> impl Iterator<Item = &str> {
    let keys = [user.username.as_deref(), user.employee_number.as_deref(), user.external_id.as_deref()];
    let contact =
        [user.email.as_ref().map(|email| email.as_str()), user.phone.as_ref().map(|phone| phone.as_str())];
    keys.into_iter().chain(contact).flatten()
}

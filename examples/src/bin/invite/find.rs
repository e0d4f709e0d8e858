//! Who a name on the command line is.

use invite_core::Actor;
use invite_core::model::id::UserId;
use invite_core::model::selection::{Filter, PeopleFilter};
use invite_core::model::user::User;

use crate::failure::Failure;
use crate::nearest::nearest;
use crate::session::Session;

/// People looked at for a name that is like the one that is not known.
const LOOKED_AT: usize = 5_000;

/// The person who is called so: by id, user name, e-mail address, phone, employee number or external id.
pub(crate) async fn user(session: &Session, actor: &Actor, name: &str) -> Result<UserId, Failure> {
    if let Ok(id) = name.parse::<UserId>() {
        return Ok(session.invites.user(actor, id).await?.user.id);
    }
    let people = PeopleFilter { text: Some(name.to_owned()), ..PeopleFilter::default() };
    let filter = Filter { people, ..Filter::default() };
    let rows = session.invites.users(actor, filter, None, LOOKED_AT).await?.rows;
    let wanted = name.trim().to_lowercase();
    let mut found = rows.iter().map(|row| &row.user).filter(|user| names(user).any(|one| one.to_lowercase() == wanted));
    match (found.next(), found.next()) {
        (Some(user), None) => Ok(user.id),
        (Some(_), Some(_)) => Err(Failure::wrong(format!(
            "{name} is more than one person: give a user name, or an id from `invite users --search`"
        ))),
        (None, _) => Err(nobody(session, actor, name).await?),
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
    let contact = [user.email.as_ref().map(|email| email.as_str()), user.phone.as_ref().map(|phone| phone.as_str())];
    keys.into_iter().chain(contact).flatten()
}

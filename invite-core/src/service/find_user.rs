//! Which person is meant by what somebody typed.

use tracing::instrument;

use super::error::Error;
use super::invites::Invites;
use crate::decision::people;
use crate::model::actor::Actor;
use crate::model::contact::PhoneNumber;
use crate::model::id::{OrganisationId, UserId};
use crate::model::selection::{Filter, PeopleFilter};
use crate::model::user::User;
use crate::port::accounts::UserPage;

/// People that an error names at most.
const NAMED: usize = 10;

/// People looked at at once, where a host's own table is searched.
const STEP: usize = 500;

impl Invites {
    /// Whom an id, a user name, an e-mail address, a phone (of the organisation's country, where none is said), an
    /// employee number or an external id means, compared without case. Where it is more than one person,
    /// [`Error::Ambiguous`] names them.
    #[instrument(skip_all, fields(organisation = %actor.organisation()))]
    pub async fn find_user(&self, actor: &Actor, name: &str) -> Result<UserId, Error> {
        self.authorise(actor).await?;
        let organisation = actor.organisation();
        let by_id = match name.parse::<UserId>() {
            Ok(id) => self.fact(organisation, id).await?,
            Err(_) => None,
        };
        let country = self.organisation(organisation).await?.settings.country;
        let phone = PhoneNumber::parse(name, country).ok().map(|phone| phone.as_str().to_owned());
        let mut found: Vec<User> = by_id.into_iter().collect();
        for name in std::iter::once(name.trim().to_owned()).chain(phone) {
            found.extend(self.called(organisation, name).await?);
        }
        found.sort_by_key(|user| user.id);
        found.dedup_by_key(|user| user.id);
        match found.as_slice() {
            [] => Err(Error::NotFound("person")),
            [one] => Ok(one.id),
            several => {
                let people = several.iter().take(NAMED).map(|user| (user.id, user.display_name())).collect();
                Err(Error::Ambiguous { people })
            }
        }
    }

    /// Everybody who has this as a key or contact; at most about ten.
    async fn called(&self, organisation: OrganisationId, name: String) -> Result<Vec<User>, Error> {
        if let Some(people) = &self.inner.people {
            return Ok(people.named(organisation, name).await?);
        }
        let keys = people::keys_of_name(&name);
        let text = PeopleFilter { text: Some(name), ..PeopleFilter::default() };
        let filter = Filter { people: text, ..Filter::default() };
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = UserPage { organisation, filter: filter.clone(), after, limit: STEP };
            let people = self.inner.accounts.page(page).await?;
            let is_last = people.len() < STEP;
            after = people.last().map(|user| user.id);
            let is_meant = |user: &User| people::keys_of(user).iter().any(|key| keys.contains(key));
            found.extend(people.into_iter().filter(is_meant));
            if is_last || found.len() > NAMED {
                return Ok(found);
            }
        }
    }
}

//! What an [`Accounts`], such as a host's own users table, must do.
//!
//! ```
//! use std::sync::Arc;
//!
//! use async_trait::async_trait;
//! use invite_core::conformance::accounts::{AccountsUnderTest, Population};
//! use invite_core::memory::MemoryStore;
//! use invite_core::model::{actor::Actor, id::OrganisationId, user::User};
//! use invite_core::port::error::PortResult;
//! use invite_core::port::people::{People, SaveUsers};
//!
//! #[derive(Debug)]
//! struct Table(MemoryStore);
//!
//! #[async_trait]
//! impl Population for Table {
//!     async fn put(&self, organisation: OrganisationId, user: User) -> PortResult<()> {
//!         let actor = Actor::system(organisation);
//!         self.0.save(SaveUsers { organisation, actor, users: vec![user] }).await.map(drop)
//!     }
//! }
//!
//! async fn fresh() -> AccountsUnderTest {
//!     let store = MemoryStore::new();
//!     AccountsUnderTest { accounts: Arc::new(store.clone()), people: Arc::new(Table(store)) }
//! }
//!
//! invite_core::accounts_conformance!(my_accounts, fresh().await);
//! ```
//!
//! A table need not have every column: the suite compares what `Accounts` says with what it says elsewhere. It cannot
//! see which password was set; a host's own tests sign in with it.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::{Behaviour, Checked, Failure};
use crate::credential::{ChosenPassword, HashCost, Hasher, Secret};
use crate::model::id::{CredentialId, OrganisationId, UserId};
use crate::model::role::Role;
use crate::model::selection::{Filter, HistoryFilter, PeopleFilter};
use crate::model::user::User;
use crate::port::accounts::{Accounts, NewPassword, PasswordSet, SetPassword, UserPage};
use crate::port::error::PortResult;

/// A fresh `Accounts` without anybody in the organisations that the suite makes up, and what puts people into it.
#[derive(Debug, Clone)]
pub struct AccountsUnderTest {
    /// The accounts.
    pub accounts: Arc<dyn Accounts>,
    /// What puts people into them.
    pub people: Arc<dyn Population>,
}

/// Puts people where `Accounts` finds them: into the host's table.
#[async_trait]
pub trait Population: fmt::Debug + Send + Sync {
    /// Adds the person, or replaces who has this id in this organisation. What the table has no column for is left out.
    async fn put(&self, organisation: OrganisationId, user: User) -> PortResult<()>;
}

/// Makes a module of tests, one a behaviour of an [`Accounts`](crate::port::accounts::Accounts). The expression makes a
/// fresh [`AccountsUnderTest`](crate::conformance::accounts::AccountsUnderTest); it may await.
#[macro_export]
macro_rules! accounts_conformance {
    ($module:ident, $fresh:expr $(,)?) => {
        #[cfg(test)]
        mod $module {
            #[allow(unused_imports)]
            use super::*;

            $crate::__accounts_behaviours! { __accounts_tests ($fresh) }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __accounts_tests {
    ((($fresh:expr)) $($name:ident)*) => {
        $(#[test]
        fn $name() {
            $crate::conformance::test($crate::conformance::accounts::BEHAVIOURS, stringify!($name), async { $fresh });
        })*
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __accounts_list {
    (() $($name:ident)*) => {
        /// Everything that an `Accounts` must do.
        pub const BEHAVIOURS: &[Behaviour<AccountsUnderTest>] = &[$(Behaviour {
            name: stringify!($name),
            run: |subject| Box::pin(async move { $name(Table::of(subject)).await }),
        },)*];
    };
}

/// The one list of the behaviours, handed to another macro.
#[doc(hidden)]
#[macro_export]
macro_rules! __accounts_behaviours {
    ($then:ident $($context:tt)*) => {
        $crate::$then! {
            ($($context)*)
            everybody_is_paged_once_in_ascending_order_of_id
            a_page_begins_after_its_cursor_whoever_that_is
            a_page_is_shorter_than_its_limit_at_the_end_alone
            a_filter_agrees_with_the_people_that_it_is_about
            a_text_is_looked_for_to_the_letter
            a_filter_by_history_loses_nobody_of_whom_nothing_is_known
            facts_come_in_the_order_asked_and_nobody_is_none
            facts_of_many_people_are_told_at_once
            facts_are_as_fresh_as_the_last_write
            nobody_is_seen_from_another_organisation
            nobody_gets_a_password_from_another_organisation
            names_come_back_to_the_letter
            a_password_that_was_set_is_known_at_once
            the_same_request_again_is_done_already
            a_lower_reservation_of_a_credential_is_stale
            another_credential_starts_anew
            nobody_who_is_not_there_gets_a_password
            a_deactivated_person_gets_no_password
            requests_at_the_same_time_end_with_the_highest_reservation
        }
    };
}

__accounts_behaviours! { __accounts_list }

/// The subject, an organisation of its own, and its neighbour.
struct Table {
    accounts: Arc<dyn Accounts>,
    people: Arc<dyn Population>,
    organisation: OrganisationId,
    neighbour: OrganisationId,
}

impl Table {
    fn of(subject: AccountsUnderTest) -> Self {
        let AccountsUnderTest { accounts, people } = subject;
        Self { accounts, people, organisation: OrganisationId::new(), neighbour: OrganisationId::new() }
    }

    async fn put(&self, user: &User) -> Checked {
        Ok(self.people.put(self.organisation, user.clone()).await?)
    }

    async fn put_persons(&self, count: usize) -> Checked<Vec<UserId>> {
        let mut ids = Vec::new();
        for number in 0..count {
            let user = person(number);
            ids.push(user.id);
            self.put(&user).await?;
        }
        Ok(ids)
    }

    async fn page(&self, filter: &Filter, after: Option<UserId>, limit: usize) -> Checked<Vec<User>> {
        let page = UserPage { organisation: self.organisation, filter: filter.clone(), after, limit };
        Ok(self.accounts.page(page).await?)
    }

    /// All who match, page by page.
    async fn all(&self, filter: &Filter, limit: usize) -> Checked<Vec<User>> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = self.page(filter, after, limit).await?;
            holds!(page.len() <= limit, "a page of {limit} is no longer, but it has {} people", page.len());
            let short = page.len() < limit;
            let Some(last) = page.last() else { return Ok(all) };
            after = Some(last.id);
            all.extend(page);
            if short {
                let more = self.page(filter, after, limit).await?;
                same!(more, [], "people after a page that is shorter than its limit");
                return Ok(all);
            }
        }
    }

    async fn fact(&self, user: UserId) -> Checked<Option<User>> {
        let mut facts = self.accounts.facts(self.organisation, vec![user]).await?;
        same!(facts.len(), 1, "facts about one person");
        Ok(facts.remove(0))
    }

    async fn set(&self, user: UserId, credential: CredentialId, reservation: u64) -> Checked<PasswordSet> {
        let request = self.request(user, credential, reservation)?;
        Ok(self.accounts.set_password(request).await?)
    }

    fn request(&self, user: UserId, credential: CredentialId, reservation: u64) -> Checked<SetPassword> {
        let wrong = |error: &dyn fmt::Display| Failure::new(error.to_string());
        let typed = Secret::new(format!("correct horse battery staple {reservation}"));
        let chosen = ChosenPassword::parse(&typed).map_err(|error| wrong(&error))?;
        let hasher = Hasher::new(HashCost::weak_for_tests()).map_err(|error| wrong(&error))?;
        let password = NewPassword::new(chosen, hasher);
        Ok(SetPassword { organisation: self.organisation, user, password, credential, reservation })
    }
}

async fn everybody_is_paged_once_in_ascending_order_of_id(table: Table) -> Checked {
    let mut ids: Vec<_> = (0..23).map(|_| UserId::new()).collect();
    // Put in an order that is neither that of their ids nor its reverse.
    ids.sort_by_key(|id| id.as_uuid().as_u128().rotate_right(7));
    for (number, id) in ids.iter().enumerate() {
        table.put(&User { id: *id, ..person(number) }).await?;
    }
    ids.sort_unstable();
    for limit in [1, 4, 23, 24, 1000] {
        let paged = table.all(&Filter::default(), limit).await?;
        same!(paged.iter().map(|user| user.id).collect::<Vec<_>>(), ids, "the pages of {limit}");
    }
    Ok(())
}

async fn a_page_begins_after_its_cursor_whoever_that_is(table: Table) -> Checked {
    let before = UserId::new();
    let mut ids = table.put_persons(3).await?;
    let between = UserId::new();
    ids.extend(table.put_persons(2).await?);
    let after = UserId::new();
    for (cursor, expected) in [(before, &ids[..]), (between, &ids[3..]), (after, &[][..])] {
        let page = table.page(&Filter::default(), Some(cursor), 10).await?;
        same!(page.iter().map(|user| user.id).collect::<Vec<_>>(), expected, "after an id of nobody");
    }
    Ok(())
}

async fn a_page_is_shorter_than_its_limit_at_the_end_alone(table: Table) -> Checked {
    // Those who match stand far apart: a page that stops early would end the walk.
    for number in 0..60 {
        let mut user = person(number);
        user.deactivated = number % 20 != 19;
        table.put(&user).await?;
    }
    let active = PeopleFilter { deactivated: Some(false), ..PeopleFilter::default() };
    let filter = Filter { people: active, ..Filter::default() };
    let expected =
        table.all(&Filter::default(), 100).await?.iter().filter(|user| filter.people.matches(user)).count();
    same!(table.page(&filter, None, 2).await?.len(), expected.min(2), "people of the first page of two");
    same!(table.all(&filter, 2).await?.len(), expected, "people of all pages");
    Ok(())
}

async fn a_filter_agrees_with_the_people_that_it_is_about(table: Table) -> Checked {
    for user in population() {
        table.put(&user).await?;
    }
    let everybody = table.all(&Filter::default(), 1000).await?;
    for people in filters() {
        let expected: Vec<_> = everybody.iter().filter(|user| people.matches(user)).cloned().collect();
        let filter = Filter { people, history: HistoryFilter::default() };
        for limit in [3, 1000] {
            let found = table.all(&filter, limit).await?;
            let names = |users: &[User]| users.iter().map(|user| user.first_name.clone()).collect::<Vec<_>>();
            same!(names(&found), names(&expected), "first names of those who match {:?}", filter.people);
        }
    }
    Ok(())
}

async fn a_text_is_looked_for_to_the_letter(table: Table) -> Checked {
    for (number, name) in ["100% Anna", "Anna_Berg", "AnnaxBerg", "O'Hara", "back\\slash"].iter().enumerate()
    {
        let mut user = person(number);
        user.first_name = (*name).to_owned();
        table.put(&user).await?;
    }
    for (text, expected) in [
        ("%", vec!["100% Anna"]),
        ("a_b", vec!["Anna_Berg"]),
        ("'", vec!["O'Hara"]),
        ("k\\s", vec!["back\\slash"]),
        ("' OR 1=1 --", vec![]),
    ] {
        let people = PeopleFilter { text: Some(text.into()), ..PeopleFilter::default() };
        let found = table.all(&Filter { people, ..Filter::default() }, 100).await?;
        let names: Vec<_> = found.iter().map(|user| user.first_name.as_str()).collect();
        same!(names, expected, "first names that hold {text:?}");
    }
    Ok(())
}

async fn a_filter_by_history_loses_nobody_of_whom_nothing_is_known(table: Table) -> Checked {
    let ids = table.put_persons(5).await?;
    let history = HistoryFilter { never_invited: true, never_signed_in: true, ..HistoryFilter::default() };
    let found = table.all(&Filter { history, ..Filter::default() }, 100).await?;
    let found: BTreeSet<_> = found.iter().map(|user| user.id).collect();
    let new: Vec<_> = ids.iter().filter(|id| !found.contains(id)).collect();
    same!(new, Vec::<&UserId>::new(), "people never invited who are missing");
    Ok(())
}

async fn facts_come_in_the_order_asked_and_nobody_is_none(table: Table) -> Checked {
    let ids = table.put_persons(3).await?;
    let stranger = UserId::new();
    let asked = vec![ids[2], stranger, ids[0], ids[2], ids[1]];
    let facts = table.accounts.facts(table.organisation, asked).await?;
    let found: Vec<_> = facts.iter().map(|user| user.as_ref().map(|user| user.id)).collect();
    same!(found, [Some(ids[2]), None, Some(ids[0]), Some(ids[2]), Some(ids[1])], "whom the facts are about");
    same!(table.accounts.facts(table.organisation, vec![]).await?, [], "facts about nobody");
    let paged = table.all(&Filter::default(), 10).await?;
    same!(Some(&paged[0]), facts[2].as_ref(), "a person paged and asked for");
    Ok(())
}

async fn facts_of_many_people_are_told_at_once(table: Table) -> Checked {
    let ids = table.put_persons(20).await?;
    let asked: Vec<_> = (0..2_000).map(|n| if n % 100 == 0 { ids[n / 100] } else { UserId::new() }).collect();
    let facts = table.accounts.facts(table.organisation, asked).await?;
    same!(facts.len(), 2_000, "facts about 2,000 ids");
    same!(facts.iter().flatten().count(), 20, "people among them");
    holds!(
        (0..20).all(|n| facts[n * 100].as_ref().is_some_and(|user| user.id == ids[n])),
        "they are in order"
    );
    Ok(())
}

async fn facts_are_as_fresh_as_the_last_write(table: Table) -> Checked {
    let mut user = person(1);
    same!(table.fact(user.id).await?, None, "before the person is there");
    for number in 0..5 {
        user.first_name = format!("Renamed {number}");
        table.put(&user).await?;
        let name = table.fact(user.id).await?.map(|user| user.first_name);
        same!(name, Some(user.first_name.clone()), "the first name that was written a moment ago");
        let paged = table.all(&Filter::default(), 10).await?;
        same!(paged[0].first_name, user.first_name, "the first name in a page");
    }
    user.deactivated = true;
    table.put(&user).await?;
    holds!(table.fact(user.id).await?.is_some_and(|user| user.deactivated), "a deactivation is seen at once");
    Ok(())
}

async fn nobody_is_seen_from_another_organisation(table: Table) -> Checked {
    let ours = person(1);
    let theirs = person(2);
    table.put(&ours).await?;
    table.people.put(table.neighbour, theirs.clone()).await?;
    same!(table.fact(theirs.id).await?, None, "facts about a person of another organisation");
    let paged: Vec<_> = table.all(&Filter::default(), 10).await?.iter().map(|user| user.id).collect();
    same!(paged, [ours.id], "people in the pages");
    let elsewhere = table.accounts.facts(OrganisationId::new(), vec![ours.id, theirs.id]).await?;
    same!(elsewhere, [None, None], "facts in an organisation that is not there");
    Ok(())
}

async fn nobody_gets_a_password_from_another_organisation(table: Table) -> Checked {
    let theirs = person(1);
    table.people.put(table.neighbour, theirs.clone()).await?;
    let before = table.accounts.facts(table.neighbour, vec![theirs.id]).await?;
    let set = table.set(theirs.id, CredentialId::new(), 1).await?;
    same!(set, PasswordSet::Refused, "setting it");
    let after = table.accounts.facts(table.neighbour, vec![theirs.id]).await?;
    same!(after, before, "the facts about the person");
    Ok(())
}

async fn names_come_back_to_the_letter(table: Table) -> Checked {
    for (number, name) in
        ["Ægir Þór", "O'Hara; DROP TABLE users; --", "=cmd()", "<script>", "👩‍🚒", "אבי", " two  spaces "]
            .into_iter()
            .enumerate()
    {
        let mut user = person(number);
        user.first_name = name.to_owned();
        table.put(&user).await?;
        let found = table.fact(user.id).await?.map(|user| user.first_name);
        same!(found.as_deref(), Some(name), "the first name");
    }
    Ok(())
}

async fn a_password_that_was_set_is_known_at_once(table: Table) -> Checked {
    let ids = table.put_persons(2).await?;
    same!(table.set(ids[0], CredentialId::new(), 1).await?, PasswordSet::Done, "setting it");
    holds!(table.fact(ids[0]).await?.is_some_and(|user| user.has_password), "the facts have it");
    let page = table.all(&Filter::default(), 10).await?;
    same!(page.iter().map(|user| user.has_password).collect::<Vec<_>>(), [true, false], "in a page");
    Ok(())
}

async fn the_same_request_again_is_done_already(table: Table) -> Checked {
    let ids = table.put_persons(1).await?;
    let credential = CredentialId::new();
    for _ in 0..3 {
        same!(table.set(ids[0], credential, 4).await?, PasswordSet::Done, "the same request");
    }
    Ok(())
}

async fn a_lower_reservation_of_a_credential_is_stale(table: Table) -> Checked {
    let ids = table.put_persons(1).await?;
    let credential = CredentialId::new();
    for (reservation, expected) in [
        (2, PasswordSet::Done),
        (1, PasswordSet::Stale),
        (5, PasswordSet::Done),
        (2, PasswordSet::Stale),
        (4, PasswordSet::Stale),
        (5, PasswordSet::Done),
        (10, PasswordSet::Done),
        (9, PasswordSet::Stale),
    ] {
        same!(table.set(ids[0], credential, reservation).await?, expected, "reservation {reservation}");
    }
    Ok(())
}

async fn another_credential_starts_anew(table: Table) -> Checked {
    let ids = table.put_persons(2).await?;
    same!(table.set(ids[0], CredentialId::new(), 7).await?, PasswordSet::Done, "the first credential");
    same!(table.set(ids[0], CredentialId::new(), 1).await?, PasswordSet::Done, "another of the person");
    let credential = CredentialId::new();
    same!(table.set(ids[1], credential, 3).await?, PasswordSet::Done, "one of another person");
    same!(table.set(ids[1], credential, 2).await?, PasswordSet::Stale, "a lower reservation of theirs");
    Ok(())
}

async fn nobody_who_is_not_there_gets_a_password(table: Table) -> Checked {
    let stranger = UserId::new();
    same!(table.set(stranger, CredentialId::new(), 1).await?, PasswordSet::Refused, "setting it");
    same!(table.fact(stranger).await?, None, "facts about them");
    Ok(())
}

async fn a_deactivated_person_gets_no_password(table: Table) -> Checked {
    let mut user = person(1);
    user.deactivated = true;
    table.put(&user).await?;
    same!(table.set(user.id, CredentialId::new(), 1).await?, PasswordSet::Refused, "setting it");
    Ok(())
}

async fn requests_at_the_same_time_end_with_the_highest_reservation(table: Table) -> Checked {
    let ids = table.put_persons(1).await?;
    let credential = CredentialId::new();
    let mut tasks = Vec::new();
    for reservation in 1..=12 {
        let request = table.request(ids[0], credential, reservation)?;
        let accounts = Arc::clone(&table.accounts);
        tasks.push(tokio::spawn(async move { accounts.set_password(request).await }));
    }
    for task in tasks {
        let set = task.await.map_err(|error| Failure::new(error.to_string()))??;
        holds!(
            matches!(set, PasswordSet::Done | PasswordSet::Stale),
            "it is done or stale, but it is {set:?}"
        );
    }
    same!(table.set(ids[0], credential, 11).await?, PasswordSet::Stale, "the second highest afterwards");
    same!(table.set(ids[0], credential, 12).await?, PasswordSet::Done, "the highest afterwards");
    Ok(())
}

/// A person with names, keys and contacts that no other has.
fn person(number: usize) -> User {
    let mut user = User::new(UserId::new());
    user.first_name = format!("First{number}");
    user.last_name = format!("Last{number}");
    user.username = Some(format!("user-{number}-{}", user.id));
    user.email = format!("person-{number}@example.com").parse().ok();
    user
}

/// People in whom everything that a filter looks at varies.
fn population() -> Vec<User> {
    let groups = [None, Some("Bergen"), Some("BERGEN"), Some("Århus"), Some("århus")];
    let roles = ["member", "administrator", "Shop manager"];
    let names = ["Anna", "ÆGIR", "Straße", "o'neill", "İlker"];
    let mut people = Vec::new();
    for (g, group) in groups.into_iter().enumerate() {
        for (r, role) in roles.into_iter().enumerate() {
            for deactivated in [false, true] {
                let number = people.len();
                let mut user = person(number);
                user.first_name = format!("{} {number}", names[(g + r) % names.len()]);
                user.group = group.map(str::to_owned);
                user.role = role.parse().unwrap_or_default();
                user.deactivated = deactivated;
                user.employee_number = (number % 2 == 0).then(|| format!("00{number}"));
                user.external_id = (number % 3 == 0).then(|| format!("EXT-{number}"));
                if number % 4 == 0 {
                    user.email = None;
                    user.phone = format!("+47{}", 91_000_000 + number).try_into().ok();
                }
                people.push(user);
            }
        }
    }
    people
}

fn filters() -> Vec<PeopleFilter> {
    let none = PeopleFilter::default;
    let mut filters = vec![none()];
    for group in ["bergen", "Bergen", "ÅRHUS", "Oslo", ""] {
        filters.push(PeopleFilter { group: Some(group.into()), ..none() });
    }
    for role in ["member", "administrator", "Shop manager", "Cashier"] {
        filters.push(PeopleFilter { role: role.parse::<Role>().ok(), ..none() });
    }
    for deactivated in [false, true] {
        filters.push(PeopleFilter { deactivated: Some(deactivated), ..none() });
    }
    for text in
        ["anna", "ANNA", " anna ", "ægir", "STRASSE", "straße", "o'n", "last1", "person-1", "ext-1", "008"]
    {
        filters.push(PeopleFilter { text: Some(text.into()), ..none() });
    }
    for text in ["+4791", "User-", "first", "", "  ", "a 1", "nobody at all", "i\u{307}lker"] {
        filters.push(PeopleFilter { text: Some(text.into()), ..none() });
    }
    filters.push(PeopleFilter {
        group: Some("bergen".into()),
        role: "member".parse().ok(),
        deactivated: Some(false),
        text: Some("a".into()),
    });
    filters
}

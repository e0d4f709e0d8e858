//! The list of people, page by page, as somebody looks at it.

use std::time::Duration;

use invite_benches::bare::{Bare, Sieve};
use invite_benches::{Answer, timed};
use invite_core::Invites;
use invite_core::model::actor::Actor;
use invite_core::model::id::{OrganisationId, UserId};

/// People on a page.
const PAGE: usize = 100;
/// So many pages are looked at, one after the other.
const PAGES: usize = 10;

/// The first pages after a person. How long they took, how many they were, and how many people were on them.
pub(crate) async fn list(
    invites: &Invites,
    actor: &Actor,
    sieve: Sieve,
    mut after: Option<UserId>,
) -> Answer<(Duration, usize, usize)> {
    let (mut time, mut pages, mut people) = (Duration::ZERO, 0, 0);
    for _ in 0..PAGES {
        let (took, page) = timed(invites.users(actor, sieve.filter(), after, PAGE)).await;
        let page = page?;
        time += took;
        pages += 1;
        people += page.rows.len();
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    Ok((time, pages, people))
}

/// The same by the bare keyset query.
pub(crate) async fn bare(
    bare: &mut dyn Bare,
    organisation: OrganisationId,
    sieve: Sieve,
    mut after: Option<UserId>,
) -> Answer<(Duration, usize)> {
    let (mut time, mut people) = (Duration::ZERO, 0);
    for _ in 0..PAGES {
        let (took, page) = timed(bare.page(organisation, sieve, after, PAGE)).await;
        let (last, found) = page?;
        time += took;
        people += found;
        after = last;
        if found < PAGE {
            break;
        }
    }
    Ok((time, people))
}

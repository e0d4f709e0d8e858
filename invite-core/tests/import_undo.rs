//! What an import changed about people, and how it is taken back: the laws.

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use proptest::sample::select;

use invite_core::decision::import_undo::{FieldChanges, KeptLine};
use invite_core::decision::people::{Around, Stored};
use invite_core::model::id::UserId;
use invite_core::model::user::User;

fn now() -> DateTime<Utc> {
    "2026-11-23T08:00:00Z".parse().expect("an instant")
}

/// Somebody whose fields are from a small world.
fn fields() -> impl Strategy<Value = User> {
    let text = || prop::option::of(select(vec!["a".to_owned(), "b".into(), "C".into()]));
    let mail = prop::option::of(select(vec!["shop@example.com", "x@example.com"]));
    (text(), text(), text(), mail, any::<bool>()).prop_map(
        |(username, group, external_id, mail, deactivated)| {
            let email = mail.and_then(|mail| mail.parse().ok());
            let first_name = username.clone().unwrap_or_default();
            User { username, group, external_id, email, first_name, deactivated, ..User::new(UserId::new()) }
        },
    )
}

/// Undoes the change from `before` to `after`, where the person is `present` now.
fn undone(before: &User, after: &User, present: &User) -> (User, Vec<String>) {
    let changes = FieldChanges::between(before, after);
    let line = KeptLine { user: present.id, at: now(), created: false, changes };
    let deactivated_at = present.deactivated.then(now);
    let mut around = Around::new([Stored { user: present.clone(), deactivated_at }]);
    let undone = around.undo(&line, false, None, now() + TimeDelta::hours(1));
    let user = around.stored(present.id).map(|stored| stored.user.clone()).expect("the person");
    (user, undone.changed_since)
}

proptest! {
    #[test]
    fn what_nobody_changed_since_is_restored_whole(before in fields(), after in fields()) {
        let after = User { id: before.id, ..after };
        prop_assert_eq!(undone(&before, &after, &after), (before, Vec::new()));
    }

    #[test]
    fn undoing_twice_changes_nothing_more(before in fields(), after in fields(), present in fields()) {
        let (after, present) = (User { id: before.id, ..after }, User { id: before.id, ..present });
        let (once, _) = undone(&before, &after, &present);
        let (twice, _) = undone(&before, &after, &once);
        prop_assert_eq!(twice, once);
    }

    #[test]
    fn a_field_that_was_changed_since_is_listed_and_left(before in fields(), after in fields(), present in fields()) {
        let (after, present) = (User { id: before.id, ..after }, User { id: before.id, ..present });
        let (restored, listed) = undone(&before, &after, &present);
        let left = listed.iter().any(|field| field == "group");
        let changed = before.group != after.group && present.group != after.group && present.group != before.group;
        prop_assert_eq!(left, changed);
        if left {
            prop_assert_eq!(restored.group, present.group);
        }
    }
}

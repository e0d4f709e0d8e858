//! Which person a row of an upload is, and what it makes of them.

use proptest::prelude::*;
use proptest::sample::select;

use invite_core::decision::person_match::{Match, keys, match_row, merge};
use invite_core::model::contact::{EmailAddress, PhoneNumber};
use invite_core::model::id::UserId;
use invite_core::model::role::Role;
use invite_core::model::sign_in::SignInMethod;
use invite_core::model::user::User;
use invite_core::people_file::PersonRow;

fn person(first_name: &str) -> User {
    User { first_name: first_name.into(), ..User::new(UserId::new()) }
}

fn row() -> PersonRow {
    PersonRow::default()
}

fn email(text: &str) -> Option<EmailAddress> {
    Some(text.parse().expect("an address"))
}

fn phone(text: &str) -> Option<PhoneNumber> {
    Some(PhoneNumber::parse(text, None).expect("a number"))
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// The message of a row that is unclear.
fn unclear(row: &PersonRow, candidates: &[User]) -> String {
    match match_row(row, candidates) {
        Match::Unclear(message) => message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_unique_key_finds_its_person_without_regard_to_case() {
    let mut anna = person("Anna");
    (anna.external_id, anna.employee_number, anna.username) = (text("X-1"), text("0042a"), text("Änna"));
    for set in [
        |row: &mut PersonRow| row.external_id = text("x-1"),
        |row: &mut PersonRow| row.employee_number = text("0042A"),
        |row: &mut PersonRow| row.username = text("änNA"),
    ] {
        let mut row = row();
        set(&mut row);
        assert_eq!(match_row(&row, std::slice::from_ref(&anna)), Match::Known(anna.id));
    }
    let mut other_zeros = row();
    other_zeros.employee_number = text("42a");
    assert_eq!(match_row(&other_zeros, &[anna]), Match::New);
}

#[test]
fn a_unique_key_wins_over_contact_that_somebody_else_has() {
    let (mut anna, mut bo) = (person("Anna"), person("Bo"));
    anna.username = text("anna");
    bo.email = email("bo@example.com");
    let mut row = row();
    (row.username, row.email) = (text("anna"), email("bo@example.com"));
    assert_eq!(match_row(&row, &[bo, anna.clone()]), Match::Known(anna.id));
}

#[test]
fn keys_of_different_people_are_an_error_that_names_both_and_the_columns() {
    let (mut anna, mut bo) = (person("Anna"), person("Bo"));
    anna.external_id = text("1");
    (bo.username, bo.employee_number) = (text("bo"), text("7"));
    let mut row = row();
    (row.external_id, row.username, row.employee_number) = (text("1"), text("bo"), text("7"));
    assert_eq!(
        unclear(&row, &[anna, bo]),
        "its keys belong to different people: Anna (by external_id), Bo (by employee_number), Bo (by username); \
         correct the row, or change one of them first"
    );
}

#[test]
fn a_new_key_of_a_known_person_is_no_conflict() {
    let mut anna = person("Anna");
    (anna.external_id, anna.username) = (text("1"), text("anna"));
    let mut row = row();
    (row.external_id, row.username) = (text("1"), text("anna.hansen"));
    assert_eq!(match_row(&row, std::slice::from_ref(&anna)), Match::Known(anna.id));
    assert_eq!(merge(&row, &anna).username, text("anna.hansen"));
}

#[test]
fn without_a_unique_key_the_address_finds_its_only_owner_and_else_the_phone() {
    let (mut anna, mut bo) = (person("Anna"), person("Bo"));
    (anna.email, anna.phone) = (email("Anna@Example.com"), phone("+47 912 34 567"));
    bo.phone = phone("+46 70 123 45 67");
    let people = [anna.clone(), bo.clone()];
    let mut by_email = row();
    by_email.email = email("anna@example.COM");
    assert_eq!(match_row(&by_email, &people), Match::Known(anna.id));
    let mut by_phone = row();
    by_phone.phone = phone("+46701234567");
    assert_eq!(match_row(&by_phone, &people), Match::Known(bo.id));
    let mut another_address = row();
    (another_address.email, another_address.phone) = (email("cleo@example.com"), phone("+46701234567"));
    assert_eq!(match_row(&another_address, &people), Match::New, "a family's phone is shared");
}

#[test]
fn people_who_share_a_mailbox_are_told_apart_by_their_own_keys() {
    let (mut anna, mut bo) = (person("Anna"), person("Bo"));
    (anna.email, anna.username) = (email("shop@example.com"), text("anna"));
    (bo.email, bo.username) = (email("shop@example.com"), text("bo"));
    let people = [anna.clone(), bo.clone()];
    let mut row = row();
    row.email = email("shop@example.com");
    for (username, who) in
        [("anna", Match::Known(anna.id)), ("bo", Match::Known(bo.id)), ("cleo", Match::New)]
    {
        row.username = text(username);
        assert_eq!(match_row(&row, &people), who, "{username}");
    }
}

#[test]
fn several_who_share_a_contact_are_an_error_that_names_them_and_says_what_to_add() {
    let (mut anna, mut bo) = (person("Anna"), person("Bo"));
    (anna.email, anna.username) = (email("shop@example.com"), text("anna"));
    (bo.email, bo.phone) = (email("shop@example.com"), phone("+47 912 34 567"));
    anna.phone = bo.phone.clone();
    let people = [anna, bo];
    let advice = "give the row a username, employee_number or external_id";
    let mut by_email = row();
    by_email.email = email("shop@example.com");
    assert_eq!(
        unclear(&by_email, &people),
        format!("several people share this email: Anna (by email), Bo (by email); {advice}")
    );
    let mut by_phone = row();
    by_phone.phone = phone("+4791234567");
    assert_eq!(
        unclear(&by_phone, &people),
        format!(
            "several people share this phone_number: Anna (by phone_number), Bo (by phone_number); {advice}"
        )
    );
}

#[test]
fn people_without_a_name_are_named_by_what_tells_them_apart() {
    let (mut one, mut two) = (person(""), person(""));
    (one.email, one.external_id) = (email("shop@example.com"), text("X-1"));
    two.email = email("shop@example.com");
    let mut row = row();
    row.email = email("shop@example.com");
    let message = unclear(&row, &[one, two.clone()]);
    assert!(message.contains("X-1 (by email)") && message.contains(&two.id.to_string()), "{message}");
}

#[test]
fn an_error_names_at_most_five_of_a_crowd() {
    let crowd: Vec<User> =
        (0..9).map(|n| User { email: email("shop@example.com"), ..person(&format!("N{n}")) }).collect();
    let mut row = row();
    row.email = email("shop@example.com");
    let message = unclear(&row, &crowd);
    assert!(message.contains("N4") && !message.contains("N5"), "{message}");
}

#[test]
fn a_row_changes_what_it_says_and_leaves_the_rest() {
    let mut anna = person("Anna");
    (anna.last_name, anna.email, anna.group) = ("Berg".into(), email("anna@example.com"), text("Oslo"));
    anna.sign_in = Some(SignInMethod::Sso);
    anna.has_password = true;
    assert_eq!(merge(&row(), &anna), anna);

    let mut full = row();
    full.first_name = text("Anne");
    full.last_name = text("Dal");
    full.username = text("anne");
    full.employee_number = text("007");
    full.external_id = text("X");
    full.email = email("anne@example.com");
    full.phone = phone("+47 912 34 567");
    full.locale = Some("nb".parse().expect("a language"));
    full.time_zone = Some("Europe/Oslo".parse().expect("a zone"));
    full.role = Some(Role::Administrator);
    full.sign_in = Some(SignInMethod::Password);
    full.group = text("Bergen");
    let expected = User {
        id: anna.id,
        first_name: "Anne".into(),
        last_name: "Dal".into(),
        username: full.username.clone(),
        employee_number: full.employee_number.clone(),
        external_id: full.external_id.clone(),
        email: full.email.clone(),
        phone: full.phone.clone(),
        locale: full.locale.clone(),
        time_zone: full.time_zone,
        role: Role::Administrator,
        group: full.group.clone(),
        sign_in: full.sign_in,
        has_password: true,
        ..User::new(anna.id)
    };
    assert_eq!(merge(&full, &anna), expected);
}

#[test]
fn rows_are_kept_under_their_unique_keys_and_only_without_them_under_a_contact() {
    let mut one = row();
    (one.username, one.employee_number) = (text("Anna"), text("7"));
    (one.email, one.phone) = (email("Shop@Example.com"), phone("+47 912 34 567"));
    assert_eq!(keys(&one), ["employee_number:7", "username:anna"]);
    (one.username, one.employee_number) = (None, None);
    assert_eq!(keys(&one), ["email:shop@example.com"]);
    one.email = None;
    assert_eq!(keys(&one), ["phone_number:+4791234567"]);
}

/// Rows with keys and contacts from a small world, so that they often meet.
fn any_row() -> impl Strategy<Value = PersonRow> {
    let key = || prop::option::of(select(vec!["a".to_owned(), "B".into(), "b".into()]));
    let mail = prop::option::of(select(vec!["shop@example.com", "x@example.com"]));
    let number = prop::option::of(select(vec!["+4791234567", "+46701234567"]));
    let name = prop::option::of(select(vec!["Anna".to_owned(), "Bo".into()]));
    (key(), key(), key(), mail, number, name).prop_map(
        |(external_id, employee_number, username, mail, number, name)| {
            let mut row = PersonRow::default();
            (row.external_id, row.employee_number, row.username) = (external_id, employee_number, username);
            row.email = mail.and_then(email);
            row.phone = number.and_then(phone);
            row.first_name = name;
            row
        },
    )
}

proptest! {
    #[test]
    fn rule_14_merging_a_row_twice_changes_nothing_more(row in any_row(), other in any_row()) {
        let once = merge(&row, &merge(&other, &User::new(UserId::new())));
        prop_assert_eq!(merge(&row, &once), once);
    }

    #[test]
    fn rule_14_the_row_of_a_person_finds_them_again_and_nobody_else(
        row in any_row(),
        others in prop::collection::vec(any_row(), 0..6),
    ) {
        let others: Vec<User> = others.iter().map(|other| merge(other, &User::new(UserId::new()))).collect();
        prop_assume!(!keys(&row).is_empty());
        if match_row(&row, &others) == Match::New {
            let made = merge(&row, &User::new(UserId::new()));
            let all: Vec<User> = others.into_iter().chain([made.clone()]).collect();
            prop_assert_eq!(match_row(&row, &all), Match::Known(made.id));
        }
    }

    #[test]
    fn who_a_row_is_does_not_depend_on_the_order_of_the_candidates(
        row in any_row(),
        others in prop::collection::vec(any_row(), 0..6),
    ) {
        let mut people: Vec<User> = others.iter().map(|other| merge(other, &User::new(UserId::new()))).collect();
        let one_way = match_row(&row, &people);
        people.reverse();
        match (one_way, match_row(&row, &people)) {
            (Match::Unclear(_), Match::Unclear(_)) => {}
            (one, other) => prop_assert_eq!(one, other),
        }
    }
}

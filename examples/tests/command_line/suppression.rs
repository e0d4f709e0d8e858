//! `suppress`.

use serde_json::json;

use crate::house::House;

#[test]
fn an_address_on_the_list_gets_nothing_until_it_is_taken_off() {
    let house = House::with_people();
    house.run("suppress add Anna@acme.test 91234561 --json").ok();
    let list = house.run("suppress list --json").ok().lines();
    let addresses: Vec<&serde_json::Value> = list.iter().map(|line| &line["address"]).collect();
    assert_eq!(addresses, [&json!("anna@acme.test"), &json!("+4791234561")]);
    assert!(house.run("suppress list").ok().out.contains("by hand"));
    assert_eq!(house.run("invite anna --plan-only --json").ok().json()["skip"], json!({ "suppressed": 1 }));
    house.run("suppress remove anna@acme.test").ok();
    assert_eq!(house.run("invite anna --plan-only --json").ok().json()["send"], 1);
}

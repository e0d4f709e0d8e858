//! Rule 13, plan = outcome: confirming is one conditional write and carries out the plan shown.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use invite_core::memory::RecordingTransport;
use invite_core::model::batch::Totals;
use invite_core::model::id::{DeliveryId, UserId};
use invite_core::model::item::{Decision, Item, SkipReason};
use invite_core::model::message::{Channel, Content, Message};
use invite_core::model::message_kind::MessageKind;
use invite_core::model::organisation::ChannelRule;
use invite_core::model::template_key::TemplateKey;
use invite_core::model::wording::{ItemWording, Wording};
use invite_core::service::ConfirmOptions;
use invite_core::template::sms::{SmsEncoding, SmsSize};
use invite_core::{Invite, Remind};
use proptest::prelude::*;

use crate::house::House;
use crate::population::{Population, population};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn rule_13_the_messages_that_arrive_are_exactly_those_of_the_plan(
        population in population(),
        consent: bool,
        channels in prop::sample::select(vec![
            ChannelRule::Preferred, ChannelRule::Email, ChannelRule::Sms, ChannelRule::Both,
        ]),
        everybody: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(arrives_as_planned(population, consent, channels, everybody));
    }
}

const RUSSIAN_EMAIL: &str = "Subject: {{ organisation }}\n\nВход: {{ setup_link }}\n";
const RUSSIAN_SMS: &str = "{{ first_name }} Вход: {{ setup_link }} до {{ expires_at }}";

async fn arrives_as_planned(population: Population, consent: bool, channels: ChannelRule, everybody: bool) {
    let house = House::hosted_with(RecordingTransport::new(), |settings| population.set(settings)).await;
    for user in population.people.iter().cloned() {
        house.table.as_ref().unwrap().insert(house.organisation, user);
    }
    for (channel, source) in [(Channel::Email, RUSSIAN_EMAIL), (Channel::Sms, RUSSIAN_SMS)] {
        let key = TemplateKey { kind: MessageKind::Invitation, channel, locale: "ru".parse().unwrap() };
        house.invites.save_template(&house.admin, &key, source).await.unwrap();
    }
    let invite = if everybody { Invite::all() } else { Invite::never_invited() };
    let invited = carries_out(&house, invite.channels(channels), consent).await;
    assert!(invited <= 2 * population.people.len());
    house.clock.advance(Duration::from_hours(4 * 24));
    carries_out(&house, Remind::never_signed_in(), consent).await;
    house.clock.advance(Duration::from_hours(4 * 24));
    carries_out(&house, Invite::all().channels(channels), consent).await;
}

/// Plans, confirms and works; what arrived is what was shown. Gives how many messages it was.
async fn carries_out(house: &House, request: invite_core::service::PlanRequest, consent: bool) -> usize {
    let before = house.transport.messages().len();
    let plan = house.invites.plan(&house.admin, request).await.unwrap();
    let shown = house.invites.items(&house.admin, plan.id(), None, 1000).await.unwrap().rows;
    assert_eq!(counted(&shown), decisions(plan.totals().clone()));
    let options = ConfirmOptions::new().resets(consent);
    house.invites.confirm_with(&house.admin, plan.id(), options).await.unwrap();
    house.work().await;

    let carried_out: Vec<Item> = shown
        .into_iter()
        .map(|item| match item.decision {
            Decision::SendWithReset if !consent => {
                let decision = Decision::Skip(SkipReason::SetUpNeedsConsent);
                Item { decision, channels: Vec::new(), invitation: None, ..item }
            }
            _ => item,
        })
        .collect();
    let kept = house.invites.items(&house.admin, plan.id(), None, 1000).await.unwrap().rows;
    assert_eq!(kept, carried_out);
    let status = house.invites.batch(&house.admin, plan.id()).await.unwrap();
    assert_eq!(decisions(status.batch.totals.clone()), counted(&carried_out));
    assert!(status.finished);

    let whose: BTreeMap<DeliveryId, (UserId, Channel)> =
        house.deliveries(plan.id()).await.into_iter().map(|one| (one.id, (one.user, one.channel))).collect();
    let messages = house.transport.messages().split_off(before);
    let figures = |totals: &Totals| {
        if consent {
            (totals.wording.clone().and(&totals.reset_wording), totals.shared_addresses_with_resets)
        } else {
            (totals.wording.clone(), totals.shared_addresses)
        }
    };
    let seen = seen(&messages, |message| whose[&message.delivery].0);
    assert_eq!(figures(plan.totals()).1, seen.1, "who shares an address");
    let (planned, _) = figures(plan.totals());
    let without_fallbacks = |wording: Wording| Wording { fallbacks: BTreeMap::new(), ..wording };
    assert_eq!(without_fallbacks(planned.clone()), seen.0);
    let kept = status.batch.totals;
    assert_eq!(
        (kept.wording.clone().and(&kept.reset_wording), kept.shared_addresses_with_resets),
        (planned, seen.1)
    );
    let mut arrived: Vec<_> = messages.iter().map(|message| whose[&message.delivery]).collect();
    let mut expected: Vec<_> = carried_out
        .iter()
        .flat_map(|item| item.channels.iter().map(|channel| (item.user, *channel)))
        .collect();
    arrived.sort();
    expected.sort();
    assert_eq!(arrived, expected);
    arrived.len()
}

/// The figures of messages that arrived: languages, sizes, and who shares an address.
fn seen(messages: &[Message], whose: impl Fn(&Message) -> UserId) -> (Wording, u64) {
    let mut people: BTreeMap<UserId, ItemWording> = BTreeMap::new();
    let mut addresses: BTreeMap<String, BTreeSet<UserId>> = BTreeMap::new();
    for message in messages {
        let user = whose(message);
        let words = people.entry(user).or_default();
        let address = match &message.content {
            Content::Email(email) => {
                words.languages.insert(email.language.split('-').next().unwrap().to_owned());
                email.to.address.as_str().to_lowercase()
            }
            Content::Sms(sms) => {
                words.languages.insert(language(&sms.text).to_owned());
                let size = SmsSize::of(&sms.text);
                words.sms_segments = size.segments as u64;
                words.sms_ucs2 = size.encoding == SmsEncoding::Ucs2;
                sms.to.as_str().to_owned()
            }
        };
        addresses.entry(address).or_default().insert(user);
    }
    let mut wording = Wording::default();
    for item in people.values() {
        wording.add(item);
    }
    let sharing: BTreeSet<UserId> =
        addresses.into_values().filter(|users| users.len() > 1).flatten().collect();
    (wording, sharing.len() as u64)
}

/// The language of a text message, by the word that each has for the user name, or, our own, for the link.
fn language(text: &str) -> &'static str {
    let languages = [("User:", "en"), ("Brukernavn:", "nb"), ("Identifiant :", "fr"), ("Вход:", "ru")];
    languages.into_iter().find(|(word, _)| text.contains(word)).unwrap().1
}

fn counted(items: &[Item]) -> Totals {
    let mut totals = Totals::default();
    for item in items {
        totals.count(item.decision, &item.channels, false, false, &ItemWording::default());
    }
    totals
}

/// An item says neither who is an administrator nor what its messages say.
fn decisions(totals: Totals) -> Totals {
    Totals {
        reset_administrators: 0,
        wording: Wording::default(),
        reset_wording: Wording::default(),
        shared_addresses: 0,
        shared_addresses_with_resets: 0,
        ..totals
    }
}

#[tokio::test]
async fn rule_13_people_who_come_after_the_plan_get_nothing() {
    let house = House::new().await;
    house.add("anna").await;
    let plan = house.invites.plan(&house.admin, Invite::all()).await.unwrap();
    house.add("late").await;
    house.invites.confirm(&house.admin, plan.id()).await.unwrap();
    house.work().await;
    assert_eq!(house.messages_to("anna").len(), 1);
    assert!(house.messages_to("late").is_empty());
}

#[tokio::test]
async fn rule_13_what_was_planned_is_not_redecided_in_favour_of_anybody() {
    let house = House::new().await;
    let anna = house.add_with("anna", |user| user.deactivated = true).await;
    let plan = house.invites.plan(&house.admin, Invite::users([anna])).await.unwrap();
    assert_eq!(house.decision(plan.id(), anna).await, Decision::Skip(SkipReason::Deactivated));
    house.change(anna, |user| user.deactivated = false).await;
    house.invites.confirm(&house.admin, plan.id()).await.unwrap();
    house.work().await;
    assert!(house.transport.messages().is_empty());
}

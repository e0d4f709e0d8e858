//! Everything that can be seen of a store.

use std::fmt::Debug;

use chrono::{DateTime, Utc};

use super::names::{Names, Words};
use super::world::{Person, Side};
use crate::conformance::{Checked, Failure};
use crate::decision::history::History;
use crate::model::batch::{Batch, Progress};
use crate::model::delivery::Delivery;
use crate::model::event::{Event, EventCursor};
use crate::model::id::OrganisationId;
use crate::model::item::Item;
use crate::model::sender::SenderPause;
use crate::model::suppression::Suppression;
use crate::model::user::User;
use crate::port::people::ImportSummary;
use crate::port::queue::Waiting;
use crate::port::records::{AuditEntry, PersonRecord};
use crate::port::redemption::{Link, OpenPassword};

const ALL: usize = 10_000;

/// Everything that can be seen of a store. Of events and of the audit what is new.
#[derive(Debug)]
pub(super) struct Sight {
    pub(super) now: DateTime<Utc>,
    pub(super) batches: Vec<SeenBatch>,
    pub(super) people: Vec<SeenPerson>,
    pub(super) links: Vec<Option<Link>>,
    pub(super) events: Vec<Event>,
    audit: Vec<AuditEntry>,
    pauses: Vec<SenderPause>,
    suppressions: Vec<Suppression>,
    imports: Vec<ImportSummary>,
    pub(super) waiting: Waiting,
}

#[derive(Debug)]
pub(super) struct SeenBatch {
    pub(super) batch: Batch,
    pub(super) items: Vec<Item>,
    pub(super) messages: Vec<Delivery>,
    progress: Progress,
}

#[derive(Debug)]
pub(super) struct SeenPerson {
    pub(super) facts: Option<User>,
    pub(super) record: PersonRecord,
    pub(super) own_password_counts: bool,
    pub(super) passwords: Vec<OpenPassword>,
    history: Option<History>,
}

impl Sight {
    pub(super) async fn of(
        side: &mut Side,
        organisations: &[OrganisationId],
        people: &[(Person, Option<User>)],
    ) -> Checked<Self> {
        let store = side.store.clone();
        let now = store.now().await?;
        let (mut batches, mut audit, mut suppressions, mut imports) = (vec![], vec![], vec![], vec![]);
        for organisation in organisations {
            for batch in store.batches(*organisation, None, ALL).await? {
                let items = store.items(*organisation, batch.id, None, ALL).await?;
                let messages = store.deliveries(*organisation, batch.id, None, ALL).await?;
                let progress = store.progress(*organisation, batch.id).await?;
                batches.push(SeenBatch { batch, items, messages, progress });
            }
            suppressions.extend(store.suppressions(*organisation, None, ALL).await?);
            if let Some(people) = &side.people {
                imports.extend(people.imports(*organisation, None, ALL).await?);
            }
            let seen = side.audited.entry(*organisation).or_default();
            let lines = store.audit(*organisation, None, ALL).await?;
            let newest = lines.first().map_or(*seen, |line| line.number);
            audit.extend(lines.into_iter().filter(|line| line.number > *seen));
            *seen = newest;
        }
        let mut seen = Vec::new();
        for (person, facts) in people {
            let (organisation, id) = (person.organisation, person.ids[side.at]);
            let history = match facts {
                Some(user) => store.histories(organisation, vec![user.clone()]).await?.into_iter().next(),
                None => None,
            };
            seen.push(SeenPerson {
                record: store.person(organisation, id).await?,
                own_password_counts: store.own_password_counts(organisation, vec![id]).await? == [true],
                passwords: store.open_passwords(organisation, id).await?,
                history,
                facts: facts.clone(),
            });
        }
        let mut links = Vec::new();
        for digest in &side.digests {
            links.push(store.link(*digest).await?);
        }
        let events = store.events(side.cursor, ALL).await?;
        let events = events.map_err(|forgotten| Failure::new(forgotten.to_string()))?;
        side.cursor = events.last().map_or(side.cursor, |event| event.cursor);
        Ok(Self {
            now,
            batches,
            people: seen,
            links,
            events,
            audit,
            pauses: store.sender_pauses().await?,
            suppressions,
            imports,
            waiting: store.waiting().await?,
        })
    }

    /// Names what the store minted an id for, after that by which it is the same in another store.
    pub(super) fn name(&self, names: &mut Names) {
        for seen in self.batches.iter().rev() {
            let batch = names.of(seen.batch.id.as_uuid());
            for item in &seen.items {
                if let Some(invitation) = item.invitation {
                    let user = names.of(item.user.as_uuid());
                    names.learn(invitation.as_uuid(), || format!("invitation of {user} in {batch}"));
                }
            }
            for message in &seen.messages {
                let user = names.of(message.user.as_uuid());
                names.learn(message.id.as_uuid(), || format!("{} to {user} in {batch}", message.channel));
            }
        }
        for (at, link) in self.links.iter().enumerate() {
            if let Some(link) = link {
                names.learn(link.credential.as_uuid(), || format!("credential of link {at}"));
            }
        }
        for password in self.people.iter().flat_map(|person| &person.passwords) {
            let invitation = names.of(password.invitation.as_uuid());
            let generation = password.generation;
            names.learn(password.credential.as_uuid(), || format!("password {generation:?} of {invitation}"));
        }
    }

    /// All of it, in lines that are the same for two stores in which the same was done.
    pub(super) fn lines(&self, names: &Names, stands: bool) -> Vec<Words> {
        let mut lines = Vec::new();
        let mut say = |what: &str, seen: &dyn Debug| {
            lines.push(names.words(&format!("{what}: {seen:?}"), stands));
        };
        for (at, seen) in self.batches.iter().enumerate() {
            say(&format!("batch {at} from the newest"), &seen.batch);
            let batch = names.of(seen.batch.id.as_uuid());
            for item in &seen.items {
                say(&format!("item of {batch}"), item);
            }
            for (at, message) in seen.messages.iter().enumerate() {
                say(&format!("message {at} of {batch}"), message);
            }
            say(&format!("progress of {batch}"), &seen.progress);
        }
        for (at, person) in self.people.iter().enumerate() {
            let SeenPerson { facts, record, own_password_counts, passwords, history, .. } = person;
            say(&format!("person {at} is"), facts);
            say(&format!("history of person {at}"), history);
            say(&format!("own password of person {at} counts"), own_password_counts);
            for password in passwords {
                let OpenPassword { credential, invitation, generation, expires_at, .. } = password;
                say(&format!("password of person {at}"), &(credential, invitation, generation, expires_at));
            }
            say(&format!("person {at} retired, came"), &(record.retired, record.came_at));
            for line in &record.import_lines {
                say(&format!("import line of person {at}"), line);
            }
            for (batch, item) in &record.items {
                say(&format!("row of person {at}"), &(batch, item));
            }
            for invitation in &record.invitations {
                say(&format!("invitation of person {at}"), invitation);
            }
            for message in &record.deliveries {
                say(&format!("message of person {at}"), message);
            }
            for credential in &record.credentials {
                say(&format!("credential of person {at}"), credential);
            }
        }
        for (at, link) in self.links.iter().enumerate() {
            say(&format!("link {at}"), link);
        }
        for event in &self.events {
            say("event", &(event.organisation, event.at, &event.what));
        }
        for AuditEntry { at, actor, what, subject, details, .. } in &self.audit {
            say("audit", &(at, actor, what, subject, details));
        }
        for pause in &self.pauses {
            say("sender", pause);
        }
        for suppression in &self.suppressions {
            say("suppressed", suppression);
        }
        for import in &self.imports {
            say("import", import);
        }
        let Waiting { due, leased, later, next_in } = self.waiting;
        say("waiting (due, leased, later, next)", &(due, leased, later, next_in.map(|wait| self.now + wait)));
        lines.sort();
        lines
    }
}

/// What is seen in one store and not in the other, if anything.
pub(super) fn difference(model: &[Words], subject: &[Words]) -> Option<String> {
    if model.len() == subject.len() && model.iter().zip(subject).all(|(a, b)| a.are(b)) {
        return None;
    }
    let missing = |of: &[Words], from: &[Words]| -> Vec<String> {
        of.iter().filter(|one| !from.iter().any(|other| one.are(other))).map(|one| one.text.clone()).collect()
    };
    let said = |who: &str, lines: Vec<String>| {
        lines.iter().fold(String::new(), |said, line| said + "\n    " + who + " " + line)
    };
    let lost = said("the model:", missing(model, subject));
    let found = said("the store:", missing(subject, model));
    Some(if lost.is_empty() && found.is_empty() {
        "\n    one thing is there twice".to_owned()
    } else {
        lost + &found
    })
}

/// Where the events of a store begin.
pub(super) const BEGINNING: EventCursor = EventCursor(0);

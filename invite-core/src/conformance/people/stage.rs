//! An organisation with an administrator, and what imports and invites its people.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::PeopleUnderTest;
use crate::conformance::store::Clockwork;
use crate::conformance::{Checked, Failure};
use crate::credential::{SealingKey, SuppressionKey, random};
use crate::decision::person_match::{ImportMode, RowOutcome};
use crate::model::actor::Actor;
use crate::model::batch::TemplatePins;
use crate::model::delivery::{DeliveryState, EndReason};
use crate::model::id::{BatchId, ImportId, OrganisationId, UserId};
use crate::model::item::Action;
use crate::model::message::Channel;
use crate::model::organisation::{ChannelRule, Organisation, Settings};
use crate::model::role::Role;
use crate::model::selection::Selection;
use crate::model::sender::SenderKey;
use crate::model::user::User;
use crate::people_file::PersonRow;
use crate::policy::Policy;
use crate::port::InvitationStore;
use crate::port::people::{
    FinishedImport, ImportFigures, ImportPage, ImportedPage, MissingPage, MissingPeople, People, SaveUsers,
    Saved, SyncDone, SyncStep,
};
use crate::port::plans::{Confirm, NewPlan, PlanPage};
use crate::port::records::{Erase, Erased};

pub(super) const DAY: Duration = Duration::from_hours(24);

pub(super) struct Stage {
    pub(super) people: Arc<dyn People>,
    pub(super) store: Arc<dyn InvitationStore>,
    pub(super) clock: Arc<dyn Clockwork>,
    pub(super) organisation: OrganisationId,
    pub(super) admin: User,
    pub(super) key: SuppressionKey,
}

impl Stage {
    pub(super) async fn new(subject: PeopleUnderTest) -> Checked<Self> {
        let PeopleUnderTest { people, store, clock } = subject;
        let mut random = random::system_random().map_err(|error| Failure::new(error.to_string()))?;
        let key = SealingKey::generate(&mut random).suppression_key();
        Self::of(people, store, clock, key).await
    }

    /// The same stores, seen from another organisation.
    pub(super) async fn neighbour(&self) -> Checked<Self> {
        Self::of(self.people.clone(), self.store.clone(), self.clock.clone(), self.key.clone()).await
    }

    async fn of(
        people: Arc<dyn People>,
        store: Arc<dyn InvitationStore>,
        clock: Arc<dyn Clockwork>,
        key: SuppressionKey,
    ) -> Checked<Self> {
        let id = OrganisationId::new();
        let alias = format!("o-{id}").parse().map_err(|_| Failure::new("an alias"))?;
        let organisation = Organisation { id, alias, settings: Settings::new("Acme") };
        store.save_organisation(organisation, Actor::system(id), TemplatePins::default()).await?;
        let mut admin = person("Kari", "kari");
        admin.role = Role::Administrator;
        let stage = Self { people, store, clock, organisation: id, admin, key };
        stage.save(&stage.admin).await?;
        Ok(stage)
    }

    pub(super) fn actor(&self) -> Actor {
        Actor::administrator(self.organisation, self.admin.id)
    }

    pub(super) async fn save(&self, user: &User) -> Checked<Saved> {
        let save =
            SaveUsers { organisation: self.organisation, actor: self.actor(), users: vec![user.clone()] };
        let mut saved = self.people.save(save).await?;
        same!(saved.len(), 1, "answers about one person");
        Ok(saved.remove(0))
    }

    /// Adds somebody called so, with a user name and an e-mail address.
    pub(super) async fn add(&self, name: &str) -> Checked<User> {
        let user = person(name, &name.to_lowercase());
        same!(self.save(&user).await?, Saved::Created, "adding {name}");
        Ok(user)
    }

    pub(super) async fn fact(&self, id: UserId) -> Checked<Option<User>> {
        Ok(self.people.facts(self.organisation, vec![id]).await?.into_iter().next().flatten())
    }

    pub(super) async fn is_active(&self, user: &User) -> Checked<bool> {
        Ok(self.fact(user.id).await?.is_some_and(|user| !user.deactivated))
    }

    pub(super) fn page(&self, import: ImportId, mode: ImportMode, rows: &[PersonRow]) -> ImportPage {
        ImportPage {
            organisation: self.organisation,
            actor: self.actor(),
            import,
            file_name: "people.csv".into(),
            mode,
            reactivates: mode == ImportMode::Sync,
            dry_run: false,
            rows: rows.to_vec(),
            refused: Vec::new(),
        }
    }

    pub(super) async fn finish(&self, import: ImportId, mode: ImportMode, dry_run: bool) -> Checked {
        let finished = FinishedImport {
            organisation: self.organisation,
            actor: self.actor(),
            import,
            file_name: "people.csv".into(),
            mode,
            dry_run,
            complete: true,
            figures: ImportFigures { created: 7, ..ImportFigures::default() },
        };
        Ok(self.people.finish_import(finished).await?)
    }

    /// Imports rows, two a page.
    pub(super) async fn import(&self, rows: &[PersonRow]) -> Checked<(ImportId, Vec<RowOutcome>)> {
        let (import, mut outcomes) = (ImportId::new(), Vec::new());
        for rows in rows.chunks(2) {
            outcomes
                .extend(self.people.import_page(self.page(import, ImportMode::Upsert, rows)).await?.outcomes);
        }
        self.finish(import, ImportMode::Upsert, false).await?;
        Ok((import, outcomes))
    }

    /// Looks for whom the file of a sync does not name, one at a time.
    pub(super) async fn look(&self, import: ImportId) -> Checked<MissingPeople> {
        let (mut all, mut after) = (MissingPeople::default(), None);
        loop {
            let page =
                MissingPage { organisation: self.organisation, actor: self.actor(), import, after, limit: 1 };
            let found = self.people.missing_page(page).await?;
            all.active += found.active;
            all.missing += found.missing;
            all.yourself |= found.yourself;
            after = found.next;
            if after.is_none() {
                return Ok(all);
            }
        }
    }

    pub(super) async fn step(&self, import: ImportId, limit: usize) -> Checked<SyncDone> {
        let step = SyncStep {
            organisation: self.organisation,
            actor: self.actor(),
            import,
            deactivates: true,
            limit,
        };
        Ok(self.people.carry_out_sync(step).await?)
    }

    /// Carries a sync out, one row and person at a time, and ends it; how many it deactivated.
    pub(super) async fn carry_out(&self, import: ImportId) -> Checked<u64> {
        let mut deactivated = 0;
        loop {
            match self.step(import, 1).await? {
                SyncDone::Rows { lines, page } => {
                    same!((lines.len(), page.outcomes.len()), (1, 1), "rows of a step of one");
                }
                SyncDone::Deactivated(people) => deactivated += people,
                SyncDone::All => break,
            }
        }
        self.finish(import, ImportMode::Sync, false).await?;
        Ok(deactivated)
    }

    /// The first pass of a sync over these rows.
    pub(super) async fn begin_sync(&self, rows: &[PersonRow]) -> Checked<(ImportId, ImportedPage)> {
        let import = ImportId::new();
        let page = self.people.import_page(self.page(import, ImportMode::Sync, rows)).await?;
        Ok((import, page))
    }

    pub(super) async fn sync(&self, rows: &[PersonRow]) -> Checked<u64> {
        let (import, _) = self.begin_sync(rows).await?;
        self.look(import).await?;
        self.carry_out(import).await
    }

    /// Has a message of an invitation wait for somebody.
    pub(super) async fn invite(&self, user: &User) -> Checked<BatchId> {
        let policy = Policy::default();
        let plan = NewPlan {
            id: BatchId::new(),
            actor: Actor::system(self.organisation),
            inviter: "Kari".into(),
            action: Action::Invite,
            scheduled: false,
            selection: Selection::Ids(vec![user.id]),
            channels: ChannelRule::Email,
            templates: TemplatePins::default(),
            lifetime: policy.plan_lifetime,
        };
        let plan = self.store.open_plan(plan).await?.id;
        let page = PlanPage {
            organisation: self.organisation,
            plan,
            after: None,
            people: vec![(user.id, Some(user.clone()))],
            senders: BTreeMap::from([(Channel::Email, (SenderKey("email".into()), "account".into()))]),
            sms_sizes: BTreeMap::new(),
            last: true,
            policy: policy.clone(),
        };
        self.store.plan_page(page).await?;
        let actor = Actor::system(self.organisation);
        let confirm = Confirm {
            plan,
            actor,
            resets: true,
            hold: Some(Duration::ZERO),
            starts_in: Duration::ZERO,
            pilot: None,
            policy,
        };
        self.store.confirm(confirm).await?;
        Ok(plan)
    }

    /// Where the one message of a batch stands.
    pub(super) async fn ended(&self, batch: BatchId) -> Checked<(DeliveryState, Option<EndReason>)> {
        let deliveries = self.store.deliveries(self.organisation, batch, None, 10).await?;
        same!(deliveries.len(), 1, "messages of the batch");
        Ok((deliveries[0].state, deliveries[0].reason))
    }

    pub(super) async fn erase(&self, user: UserId) -> Checked<Erased> {
        Ok(self.people.erase(Erase { actor: self.actor(), user, key: self.key.clone() }).await?)
    }
}

pub(super) fn person(name: &str, username: &str) -> User {
    User {
        first_name: name.to_owned(),
        username: Some(username.to_owned()),
        email: format!("{username}@example.com").parse().ok(),
        ..User::new(UserId::new())
    }
}

/// A row that gives a person with this user name a group.
pub(super) fn row(line: u64, username: &str, group: &str) -> PersonRow {
    let (username, group) = (Some(username.to_owned()), Some(group.to_owned()));
    PersonRow { line, username, group, ..PersonRow::default() }
}

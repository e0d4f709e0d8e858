//! People that are wrong on purpose, each in one way: the suite catches every one of them, by the behaviour named here.
//!
//! They are wrappers around the memory store that change what is asked or answered; what is decided about a row or an
//! edit is proved by the tests of the decision.

#![cfg(feature = "conformance")]

use std::sync::Arc;

use async_trait::async_trait;
use invite_core::conformance::people::{BEHAVIOURS, PeopleUnderTest};
use invite_core::conformance::{block_on, failures};
use invite_core::credential::PasswordHash;
use invite_core::decision::person_match::{ImportMode, RowOutcome};
use invite_core::memory::{ManualClock, MemoryStore};
use invite_core::model::actor::Actor;
use invite_core::model::id::{ImportId, OrganisationId, UserId};
use invite_core::model::user::User;
use invite_core::port::accounts::{Accounts, PasswordSet, SetPassword, UserPage};
use invite_core::port::error::PortResult;
use invite_core::port::organisations::Organisations;
use invite_core::port::people::{
    FinishedImport, ImportPage, ImportSummary, ImportedPage, MissingPage, MissingPeople, People, SaveUsers,
    Saved, SignInRecord, SyncDone, SyncStep, UndoPage, Undone,
};
use invite_core::port::records::{Erase, Erased};

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Nothing.
    None,
    /// Each page of an import is one of its own.
    PagesForgotten,
    /// Every row adds somebody, as far as it is said.
    AllCreated,
    /// A dry run writes.
    DryRunWrites,
    /// A sync writes its rows at once.
    SyncAtOnce,
    /// Whoever runs a sync is like everybody else.
    ActorIsMissing,
    /// Rows that the reader refused are not looked at.
    RefusedIgnored,
    /// Who is missing is looked for again when a sync is carried out.
    LooksAgain,
    /// A sync deactivates nobody.
    NobodyIsMissing,
    /// What is not found in the organisation is looked for in all.
    TenantIgnored,
    /// People are found by what they sign in with alone.
    NamedBySignIn,
    /// Imports are listed the oldest first.
    OldestFirst,
    /// Undoing does everything in one page and says that there is more.
    UndoneInOne,
    /// Undoing knows no end.
    UndoneForEver,
    /// Erasing says yes and does nothing.
    ErasedLater,
    /// What is saved is saved twice.
    SavedTwice,
}

/// People with one fault.
#[derive(Debug)]
struct Wrong {
    store: MemoryStore,
    fault: Fault,
}

impl Wrong {
    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    /// The organisations in which something is looked for.
    async fn everywhere(&self, organisation: OrganisationId) -> PortResult<Vec<OrganisationId>> {
        let mut all = vec![organisation];
        if self.is(Fault::TenantIgnored) {
            all.extend(self.store.organisations(None, 100).await?.into_iter().map(|one| one.id));
        }
        Ok(all)
    }
}

#[async_trait]
impl Accounts for Wrong {
    async fn page(&self, page: UserPage) -> PortResult<Vec<User>> {
        self.store.page(page).await
    }

    async fn facts(&self, organisation: OrganisationId, users: Vec<UserId>) -> PortResult<Vec<Option<User>>> {
        self.store.facts(organisation, users).await
    }

    async fn set_password(&self, request: SetPassword) -> PortResult<PasswordSet> {
        self.store.set_password(request).await
    }
}

#[async_trait]
impl People for Wrong {
    async fn import_page(&self, mut page: ImportPage) -> PortResult<ImportedPage> {
        match self.fault {
            Fault::PagesForgotten => page.import = ImportId::new(),
            Fault::DryRunWrites => page.dry_run = false,
            Fault::SyncAtOnce if page.mode == ImportMode::Sync => {
                let at_once =
                    ImportPage { mode: ImportMode::Upsert, import: ImportId::new(), ..page.clone() };
                self.store.import_page(at_once).await?;
            }
            Fault::RefusedIgnored => page.refused.clear(),
            _ => {}
        }
        let mut imported = self.store.import_page(page).await?;
        for outcome in imported.outcomes.iter_mut().filter(|_| self.is(Fault::AllCreated)) {
            if let RowOutcome::Unchanged(user) = outcome {
                *outcome = RowOutcome::Created(*user);
            }
        }
        Ok(imported)
    }

    async fn missing_page(&self, mut page: MissingPage) -> PortResult<MissingPeople> {
        if self.is(Fault::ActorIsMissing) {
            page.actor = Actor::system(page.organisation);
        }
        self.store.missing_page(page).await
    }

    async fn carry_out_sync(&self, mut step: SyncStep) -> PortResult<SyncDone> {
        match self.fault {
            Fault::ActorIsMissing => step.actor = Actor::system(step.organisation),
            Fault::NobodyIsMissing => step.deactivates = false,
            Fault::LooksAgain => {
                let SyncStep { organisation, actor, import, .. } = step.clone();
                let page = MissingPage { organisation, actor, import, after: None, limit: usize::MAX };
                self.store.missing_page(page).await?;
            }
            _ => {}
        }
        self.store.carry_out_sync(step).await
    }

    async fn finish_import(&self, import: FinishedImport) -> PortResult<()> {
        self.store.finish_import(import).await
    }

    async fn imports(
        &self,
        organisation: OrganisationId,
        before: Option<ImportId>,
        limit: usize,
    ) -> PortResult<Vec<ImportSummary>> {
        let mut imports = self.store.imports(organisation, before, limit).await?;
        if self.is(Fault::OldestFirst) {
            imports.reverse();
        }
        Ok(imports)
    }

    async fn undo_page(&self, mut page: UndoPage) -> PortResult<Undone> {
        match self.fault {
            Fault::UndoneInOne => page.limit = usize::MAX,
            Fault::UndoneForEver => {
                let undone = self.store.undo_page(page).await?;
                return Ok(match undone {
                    Undone::Already => Undone::Page { people: Vec::new(), next: None },
                    other => other,
                });
            }
            Fault::TenantIgnored => {
                for organisation in self.everywhere(page.organisation).await? {
                    let undone = self.store.undo_page(UndoPage { organisation, ..page.clone() }).await?;
                    if undone != Undone::Unknown {
                        return Ok(undone);
                    }
                }
            }
            _ => {}
        }
        self.store.undo_page(page).await
    }

    async fn named(&self, organisation: OrganisationId, name: String) -> PortResult<Vec<User>> {
        if self.is(Fault::NamedBySignIn) {
            let record = self.store.sign_in_record(organisation, name).await?;
            return Ok(record.map(|record| record.user).into_iter().collect());
        }
        let mut named = Vec::new();
        for organisation in self.everywhere(organisation).await? {
            named.extend(self.store.named(organisation, name.clone()).await?);
        }
        named.dedup();
        Ok(named)
    }

    async fn erase(&self, erase: Erase) -> PortResult<Erased> {
        if self.is(Fault::ErasedLater) {
            return Ok(Erased { found: true, ..Erased::default() });
        }
        for organisation in self.everywhere(erase.actor.organisation()).await? {
            let actor = Actor::system(organisation);
            let actor = if self.is(Fault::TenantIgnored) { actor } else { erase.actor.clone() };
            let erased = People::erase(&self.store, Erase { actor, ..erase.clone() }).await?;
            if erased.found {
                return Ok(erased);
            }
        }
        Ok(Erased::default())
    }

    async fn save(&self, save: SaveUsers) -> PortResult<Vec<Saved>> {
        if self.is(Fault::SavedTwice) {
            self.store.save(save.clone()).await?;
        }
        self.store.save(save).await
    }

    async fn sign_in_record(
        &self,
        organisation: OrganisationId,
        name: String,
    ) -> PortResult<Option<SignInRecord>> {
        self.store.sign_in_record(organisation, name).await
    }

    async fn note_sign_in(
        &self,
        organisation: OrganisationId,
        user: UserId,
        rehashed: Option<PasswordHash>,
    ) -> PortResult<()> {
        self.store.note_sign_in(organisation, user, rehashed).await
    }
}

macro_rules! caught {
    ($($test:ident: $fault:ident by $behaviour:ident)*) => {$(
        #[test]
        fn $test() {
            is_caught(Fault::$fault, stringify!($behaviour));
        }
    )*};
}

caught! {
    an_import_forgets_its_earlier_pages: PagesForgotten
        by a_second_row_of_a_person_is_refused_with_the_line_of_the_first
    imports_at_the_same_time_add_people_twice: AllCreated
        by a_file_that_many_import_at_the_same_time_adds_each_person_once
    a_dry_run_writes: DryRunWrites by a_dry_run_says_the_same_and_writes_nobody
    a_sync_writes_before_it_knows_all: SyncAtOnce by a_sync_writes_nobody_before_it_is_carried_out
    a_sync_locks_out_who_runs_it: ActorIsMissing by whoever_runs_a_sync_stays_active
    a_refused_row_names_nobody: RefusedIgnored by whom_a_refused_row_names_is_not_missing
    whoever_came_meanwhile_is_missing: LooksAgain by whoever_is_added_while_a_sync_runs_stays_active
    nobody_is_missing: NobodyIsMissing by a_sync_deactivates_whom_its_file_does_not_name
    everybody_is_found_from_everywhere: TenantIgnored
        by nobody_is_found_or_signed_in_from_another_organisation
    every_import_is_undone_from_everywhere: TenantIgnored by an_import_is_not_undone_from_another_organisation
    everybody_is_erased_from_everywhere: TenantIgnored by nobody_is_erased_from_another_organisation
    some_keys_find_nobody: NamedBySignIn by people_are_found_by_every_key_and_contact
    imports_are_out_of_order: OldestFirst by imports_are_listed_the_newest_first_and_dry_runs_are_not
    undoing_knows_no_pages: UndoneInOne by undoing_page_by_page_reaches_everybody_once
    undoing_knows_no_end: UndoneForEver by undoing_twice_is_undoing_once
    erasing_is_answered_and_forgotten: ErasedLater by whoever_is_erased_is_gone_with_what_imports_keep
    saving_says_what_the_second_time_did: SavedTwice by people_are_added_changed_and_left_as_they_are
}

#[test]
fn the_right_people_pass_all() {
    let found = block_on(failures(BEHAVIOURS, async || subject(Fault::None)));
    assert!(found.is_empty(), "{found:#?}");
}

fn is_caught(fault: Fault, behaviour: &str) {
    let behaviour = BEHAVIOURS.iter().find(|one| one.name == behaviour).expect("a behaviour of the suite");
    let proof = block_on(behaviour.check(subject(fault)));
    let failure = proof.expect_err("the suite catches it");
    assert!(!failure.to_string().contains("panicked"), "it is caught by what it does: {failure}");
}

fn subject(fault: Fault) -> PeopleUnderTest {
    let clock = Arc::new(ManualClock::new("2026-11-23T08:00:00Z".parse().expect("an instant")));
    let store = MemoryStore::with_clock(clock.clone());
    PeopleUnderTest { people: Arc::new(Wrong { store: store.clone(), fault }), store: Arc::new(store), clock }
}

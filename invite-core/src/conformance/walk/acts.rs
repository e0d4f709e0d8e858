//! Taking a step: what administrators, hosts and the people themselves do.

use std::time::Duration;

use super::invariants::nothing_is_left;
use super::step::{PersonChange, SettingsChange, Step};
use super::workers::Whom;
use super::world::{MODEL, Person, Reservation, SUBJECT, Two, Went, World, said};
use crate::conformance::workshop::Workshop;
use crate::conformance::{Checked, Failure};
use crate::credential::{ChosenPassword, LinkToken, Secret, random};
use crate::decision::person_match::ImportMode;
use crate::machine::batch::BatchEvent;
use crate::model::actor::Actor;
use crate::model::batch::TemplatePins;
use crate::model::id::{BatchId, CredentialId, ImportId, OrganisationId, UserId};
use crate::model::item::Action;
use crate::model::message::Channel;
use crate::model::message_kind::MessageKind;
use crate::model::organisation::{ChannelRule, SsoPolicy};
use crate::model::selection::Selection;
use crate::model::sender::Covers;
use crate::model::sign_in::SignInMethod;
use crate::model::user::User;
use crate::people_file::PersonRow;
use crate::port::accounts::{NewPassword, SetPassword};
use crate::port::offers::{AskedBy, HandOverLink, Refresh};
use crate::port::people::{FinishedImport, ImportFigures, ImportPage, ImportedPage};
use crate::port::plans::{BatchChange, Confirm, NewPlan, PlanPage, RetryChunk};
use crate::port::records::{Arrival, ArrivalKind, Erase, SenderStop, SuppressionAct, SuppressionChange};
use crate::port::redemption::{Close, Guess, Reserve, Reserved};
use crate::template::sms::SmsSize;

type Answers = Vec<Two<String>>;

impl World {
    /// Takes a step in both stores, and compares them.
    pub(super) async fn take(&mut self, step: &Step) -> Checked<Went> {
        let answers = match step {
            Step::Claim { keep } => match self.claim(*keep).await? {
                Some(answers) => answers,
                None => return Ok(Went::Apart),
            },
            Step::SendAll => match self.send_all().await? {
                Some(answers) => answers,
                None => return Ok(Went::Apart),
            },
            Step::End => return self.end().await,
            Step::Begin { held, together } => self.begin(Whom::new(*held, *together)).await?,
            Step::Record { held, together, result } => {
                self.record(Whom::new(*held, *together), result).await?
            }
            Step::Renew { held } => self.renew(*held).await?,
            Step::Release { held } => self.release(*held).await?,
            Step::Report { message, report, concerns } => self.report(*message, *report, *concerns).await?,
            step => self.act(step).await?,
        };
        self.look(&answers).await?;
        Ok(Went::On)
    }

    /// Lets everything go on, gives it time, and looks whether all of it came to an end.
    async fn end(&mut self) -> Checked<Went> {
        for (organisation, batch) in self.batches.clone() {
            self.stop(organisation, batch, BatchEvent::Resume).await?;
        }
        for _ in 0..3 {
            self.wait(Duration::from_mins(1540)).await?;
            for (sms, account) in [(false, false), (false, true), (true, false), (true, true)] {
                self.stop_sender(sms, account, false).await?;
            }
            let swept = self.sweep().await?;
            self.look(&swept).await?;
            let Some(sent) = self.send_all().await? else { return Ok(Went::Apart) };
            self.look(&sent).await?;
        }
        let side = &self.sides[SUBJECT];
        if let Some(sight) = &side.sight {
            nothing_is_left(sight, &side.names)?;
            self.witness.no_secret_in(&sight.lines(&side.names, true))?;
        }
        self.tenants_are_apart().await?;
        Ok(Went::On)
    }

    async fn act(&mut self, step: &Step) -> Checked<Answers> {
        match step.clone() {
            Step::Add { organisation, looks } => {
                let user = self.newcomer(looks.email, looks.phone);
                let kept = self.sides[SUBJECT].people.is_some();
                let user = User { has_password: looks.set_up && !kept, ..user };
                let mut answers = self.add(organisation, user).await?;
                if looks.set_up && kept {
                    answers.extend(self.set_password(self.people.len() - 1, None).await?);
                }
                Ok(answers)
            }
            Step::Import { organisation, known, new } => self.import(organisation, &known, new).await,
            Step::Change { person, how, told } => self.change(person, how, told).await,
            Step::Plan { organisation, action, who, by_filter, rule, complete } => {
                let organisation = self.organisations[organisation].id;
                self.plan(organisation, action, (&who, by_filter), rule, complete).await
            }
            Step::Confirm { batch, resets, hold, starts_later, pilot, by } => {
                let Some((organisation, plan)) = self.batch(batch) else { return Ok(Vec::new()) };
                let actor = self.administrator(organisation, by);
                let confirm = Confirm {
                    plan,
                    actor,
                    resets,
                    hold: (!hold).then_some(Duration::ZERO),
                    starts_in: Duration::from_secs(if starts_later { 90 } else { 0 }),
                    pilot: pilot.and_then(std::num::NonZeroU64::new),
                    policy: self.policy.clone(),
                };
                let confirmed = self.both(async |side| side.store.confirm(confirm.clone()).await).await?;
                Ok(vec![said(&confirmed)])
            }
            Step::Stop { batch, event } => {
                let Some((organisation, batch)) = self.batch(batch) else { return Ok(Vec::new()) };
                self.stop(organisation, batch, event).await
            }
            Step::Retry { batch, failed, unknown } => self.retry(batch, failed, unknown).await,
            Step::Wait(time) => self.wait(time).await.map(|()| Vec::new()),
            Step::Sweep => self.sweep().await,
            Step::Settings { organisation, change } => self.change_settings(organisation, change).await,
            Step::Sender { sms, account, stop } => self.stop_sender(sms, account, stop).await,
            Step::Suppress { person, sms, act } => self.suppress(person, sms, act).await,
            Step::Arrive { person, password, ago } => self.arrive(person, password, ago).await,
            Step::HandOver { person, resets } => self.hand_over_link(person, resets).await,
            Step::Refresh { person } => self.refresh(person).await,
            Step::Reserve { credential } => self.reserve(credential).await,
            Step::Close { reservation, off } => self.close(reservation, off).await,
            Step::Guess { person, right } => self.guess(person, right).await,
            Step::Erase { person } => self.erase(person).await,
            _ => Ok(Vec::new()),
        }
    }

    /// A batch, counted back from the newest.
    fn batch(&self, number: usize) -> Option<(OrganisationId, BatchId)> {
        let count = self.batches.len();
        (count > 0).then(|| self.batches[count - 1 - number % count])
    }

    // People.

    async fn import(&mut self, organisation: usize, known: &[(usize, bool)], new: usize) -> Checked<Answers> {
        if self.sides[SUBJECT].people.is_none() {
            return Ok(Vec::new());
        }
        let organisation = self.organisations[organisation].id;
        let mut rows: Vec<PersonRow> = Vec::new();
        for (number, moves) in known {
            let Some(user) = self.facts(MODEL, self.person(*number)).await? else { continue };
            self.number += 1;
            let moved = format!("moved-{}@example.com", self.number).parse().ok();
            let email = if *moves { moved } else { user.email };
            let group = Some(format!("group {}", self.number));
            rows.push(PersonRow { username: user.username, email, group, ..PersonRow::default() });
        }
        for _ in 0..new {
            let User { first_name, username, email, .. } = self.newcomer(true, false);
            rows.push(PersonRow { first_name: Some(first_name), username, email, ..PersonRow::default() });
        }
        for (line, row) in (2..).zip(&mut rows) {
            row.line = line;
        }
        let (import, actor) = (ImportId::new(), self.administrator(organisation, 0));
        let (mode, file_name) = (ImportMode::Upsert, String::from("people.csv"));
        for side in &mut self.sides {
            side.names.learn(import.as_uuid(), || "import".into());
        }
        let page = ImportPage {
            organisation,
            actor: actor.clone(),
            import,
            file_name: file_name.clone(),
            mode,
            reactivates: true,
            dry_run: false,
            rows: rows.clone(),
            refused: Vec::new(),
        };
        let figures = ImportFigures::default();
        let finished = FinishedImport {
            organisation,
            actor,
            import,
            file_name,
            mode,
            dry_run: false,
            complete: true,
            figures,
        };
        let imported = self
            .both(async |side| match &side.people {
                Some(people) => {
                    let page = people.import_page(page.clone()).await?;
                    people.finish_import(finished.clone()).await?;
                    Ok(page)
                }
                None => Ok(ImportedPage::default()),
            })
            .await?;
        let mut at = [0; 2].map(|_: i32| Vec::new());
        for (ids, page) in at.iter_mut().zip(&imported) {
            for outcome in page.iter().flat_map(|page| &page.outcomes) {
                use crate::decision::person_match::RowOutcome as Row;
                if let Row::Created(id) = outcome {
                    ids.push(*id);
                }
            }
        }
        let [models, subjects] = at;
        same!(subjects.len(), models.len(), "people whom an import added");
        for ids in models.into_iter().zip(subjects) {
            self.learn_person(organisation, ids.into(), None);
        }
        Ok(vec![said(&imported)])
    }

    async fn change(&mut self, person: usize, how: PersonChange, told: bool) -> Checked<Answers> {
        let number = self.person(person);
        let shared = match how {
            PersonChange::SharesAddressWith(other) => self.facts(MODEL, self.person(other)).await?,
            _ => None,
        };
        let fresh = self.newcomer(true, true);
        let mut users = Vec::new();
        for at in [MODEL, SUBJECT] {
            let Some(mut user) = self.facts(at, number).await? else { return Ok(Vec::new()) };
            match how {
                PersonChange::Deactivated(deactivated) => user.deactivated = deactivated,
                PersonChange::NewAddress => user.email.clone_from(&fresh.email),
                PersonChange::NewPhone => user.phone.clone_from(&fresh.phone),
                PersonChange::Sso(sso) => {
                    user.sign_in =
                        sso.map(|sso| if sso { SignInMethod::Sso } else { SignInMethod::Password });
                }
                PersonChange::Elsewhere(elsewhere) => user.elsewhere = elsewhere,
                PersonChange::SharesAddressWith(_) => {
                    user.email = shared.as_ref().and_then(|user| user.email.clone()).or(user.email);
                }
            }
            users.push(user);
        }
        let users: Two<User> = users.try_into().map_err(|_| Failure::new("there are two stores"))?;
        let Person { organisation, ids, .. } = self.people[number];
        let kept = self.sides[SUBJECT].people.is_some();
        self.witness.changed(ids[SUBJECT], (told || kept) && users[SUBJECT].deactivated);
        if kept {
            return self.save(organisation, users).await;
        }
        self.people[number].row = Some(users[SUBJECT].clone());
        if !told {
            return Ok(Vec::new());
        }
        let answers = self
            .both(async |side| {
                let change = (ids[side.at], Some(users[side.at].clone()));
                side.store.record_changes(organisation, vec![change]).await
            })
            .await?;
        Ok(vec![said(&answers)])
    }

    /// Sets a person's own password where people are kept, or notes it in the host's table.
    async fn set_password(&mut self, person: usize, by: Option<&Reservation>) -> Checked<Answers> {
        let Person { organisation, ids, row } = &mut self.people[person];
        if let Some(row) = row {
            row.has_password = true;
        }
        let (organisation, ids) = (*organisation, *ids);
        let fresh = CredentialId::new();
        let chosen = ChosenPassword::parse(&Secret::new("correct horse battery".into()));
        let chosen = chosen.map_err(|error| Failure::new(error.to_string()))?;
        let password = NewPassword::new(chosen, Workshop::open()?.hasher.clone());
        let set = self
            .both(async |side| {
                let Some(people) = &side.people else { return Ok(None) };
                let request = SetPassword {
                    organisation,
                    user: ids[side.at],
                    password: password.clone(),
                    credential: by.map_or(fresh, |by| by.credentials[side.at]),
                    reservation: by.map_or(1, |by| by.numbers[side.at]),
                };
                people.set_password(request).await.map(Some)
            })
            .await?;
        Ok(vec![said(&set)])
    }

    async fn arrive(&mut self, person: usize, password: bool, ago: Duration) -> Checked<Answers> {
        let number = self.person(person);
        let Person { organisation, ids, .. } = self.people[number];
        let how = if password { ArrivalKind::PasswordSet } else { ArrivalKind::SignedIn };
        let at = self.sides[SUBJECT].store.now().await? - ago;
        if let Some(row) = &mut self.people[number].row {
            row.signed_in_at = row.signed_in_at.max(Some(at));
            row.has_password |= password;
        }
        let told = self
            .both(async |side| {
                let arrival = Arrival { user: ids[side.at], at, how };
                side.store.record_arrivals(organisation, vec![arrival]).await
            })
            .await?;
        Ok(vec![said(&told)])
    }

    async fn erase(&mut self, person: usize) -> Checked<Answers> {
        let number = self.person(person);
        let Person { organisation, ids, .. } = self.people[number];
        let key = Workshop::open()?.key.suppression_key();
        let actor = Actor::system(organisation);
        self.people[number].row = None;
        let erased = self
            .both(async |side| {
                let erase = Erase { actor: actor.clone(), user: ids[side.at], key: key.clone() };
                match &side.people {
                    Some(people) => people.erase(erase).await,
                    None => side.store.erase(erase).await,
                }
            })
            .await?;
        let again = self.both(async |side| side.store.has_hashed_suppressions(organisation).await).await?;
        Ok(vec![said(&erased), said(&again)])
    }

    // Plans and batches.

    fn new_plan(&mut self, actor: Actor, action: Action, selection: Selection, rule: ChannelRule) -> NewPlan {
        let id = BatchId::new();
        let name = format!("batch {}", self.batches.len());
        for side in &mut self.sides {
            side.names.learn(id.as_uuid(), || name.clone());
        }
        self.batches.push((actor.organisation(), id));
        NewPlan {
            id,
            actor,
            inviter: "Ada Admin".into(),
            action,
            scheduled: false,
            selection,
            channels: rule,
            templates: TemplatePins::default(),
            lifetime: Duration::from_hours(24),
        }
    }

    async fn plan(
        &mut self,
        organisation: OrganisationId,
        action: Action,
        (who, by_filter): (&[usize], bool),
        rule: ChannelRule,
        complete: bool,
    ) -> Checked<Answers> {
        let mut chosen: Vec<_> = who.iter().map(|number| self.person(*number)).collect();
        if by_filter {
            chosen = (0..self.people.len()).collect();
        }
        chosen.sort_unstable_by_key(|number| self.people[*number].ids[MODEL]);
        chosen.dedup();
        chosen.retain(|number| !by_filter || self.people[*number].organisation == organisation);
        let known: Vec<UserId> = chosen.iter().map(|number| self.people[*number].ids[MODEL]).collect();
        let same = chosen.iter().all(|number| self.people[*number].ids[0] == self.people[*number].ids[1]);
        // A selection by id is kept as it is, and people whom a store made have different ids in each.
        let selection = if by_filter || !same { Selection::all() } else { Selection::Ids(known) };
        let actor = self.administrator(organisation, who[0]);
        let plan = self.new_plan(actor, action, selection, rule);
        let id = plan.id;
        let opened = self.both(async |side| side.store.open_plan(plan.clone()).await).await?;
        let mut answers = vec![said(&opened)];
        let mut after = None;
        let pages: Vec<Vec<usize>> = chosen.chunks(3).map(<[usize]>::to_vec).collect();
        for (at, page) in pages.iter().enumerate() {
            let last = at + 1 == pages.len() && complete;
            let mut asked = Vec::new();
            for side in [MODEL, SUBJECT] {
                let mut people = Vec::new();
                for number in page {
                    let facts = self.facts(side, *number).await?;
                    // Somebody of another organisation is nobody.
                    let facts = facts.filter(|_| self.people[*number].organisation == organisation);
                    people.push((self.people[*number].ids[side], facts));
                }
                asked.push(PlanPage {
                    organisation,
                    plan: id,
                    after: after.map(|after: usize| self.people[after].ids[side]),
                    sms_sizes: people.iter().flat_map(|(id, _)| sms_sizes(*id)).collect(),
                    people,
                    senders: Self::senders(),
                    last,
                    policy: self.policy.clone(),
                });
            }
            let planned = self.both(async |side| side.store.plan_page(asked[side.at].clone()).await).await?;
            answers.push(said(&planned));
            after = page.last().copied();
        }
        Ok(answers)
    }

    pub(super) async fn stop(
        &self,
        organisation: OrganisationId,
        batch: BatchId,
        event: BatchEvent,
    ) -> Checked<Answers> {
        let because = (event == BatchEvent::Pause).then(|| "a walk".to_owned());
        let change = BatchChange { batch, actor: self.administrator(organisation, 0), event, because };
        let changed = self.both(async |side| side.store.change_batch(change.clone()).await).await?;
        Ok(vec![said(&changed)])
    }

    async fn retry(&mut self, batch: usize, failed: bool, unknown: bool) -> Checked<Answers> {
        let Some((organisation, batch)) = self.batch(batch) else { return Ok(Vec::new()) };
        let chunk = RetryChunk {
            batch,
            actor: self.administrator(organisation, 0),
            failed,
            unknown,
            cursor: None,
            limit: 1000,
        };
        let retried = self
            .both(async |side| {
                let retried = side.store.retry(chunk.clone()).await?;
                Ok(match retried {
                    crate::port::plans::Retried::Queued { failed, unknown, .. } => Ok((failed, unknown)),
                    other => Err(other),
                })
            })
            .await?;
        self.witness.asked_again(batch);
        Ok(vec![said(&retried)])
    }

    async fn change_settings(&mut self, organisation: usize, change: SettingsChange) -> Checked<Answers> {
        let settings = &mut self.organisations[organisation].settings;
        match change {
            SettingsChange::Sso(true) => settings.sign_in = SignInMethod::Sso,
            SettingsChange::Sso(false) => settings.sign_in = SignInMethod::Password,
            SettingsChange::Announces(true) => settings.sso_policy = SsoPolicy::Announce,
            SettingsChange::Announces(false) => settings.sso_policy = SsoPolicy::Skip,
            SettingsChange::Credential(kind) => settings.credential = kind,
            SettingsChange::Retirement(retirement) => settings.retirement = retirement,
            SettingsChange::Fallback(on) => settings.sms_fallback = on,
            SettingsChange::Prefers(channel) => settings.prefers = channel,
        }
        self.save_organisation(self.organisations[organisation].clone()).await
    }

    async fn stop_sender(&self, sms: bool, account: bool, stop: bool) -> Checked<Answers> {
        let channel = if sms { Channel::Sms } else { Channel::Email };
        let (sender, of_account) = Self::senders()[&channel].clone();
        let covers = if account { Covers::Account(of_account) } else { Covers::Sender(sender) };
        let actor = Actor::system(self.organisations[0].id);
        if stop {
            let pause = SenderStop { actor, covers, because: "a walk".into() };
            let stopped = self.both(async |side| side.store.pause_sender(pause.clone()).await).await?;
            return Ok(vec![said(&stopped)]);
        }
        let resumed =
            self.both(async |side| side.store.resume_sender(actor.clone(), covers.clone()).await).await?;
        Ok(vec![said(&resumed)])
    }

    async fn suppress(&self, person: usize, sms: bool, act: SuppressionAct) -> Checked<Answers> {
        let number = self.person(person);
        let channel = if sms { Channel::Sms } else { Channel::Email };
        let user = self.facts(MODEL, number).await?;
        let Some(address) = user.as_ref().and_then(|user| user.address(channel)) else {
            return Ok(Vec::new());
        };
        let change = SuppressionChange {
            actor: Actor::system(self.people[number].organisation),
            channel,
            address: address.to_lowercase(),
            act,
        };
        let suppressed = self.both(async |side| side.store.suppress(change.clone()).await).await?;
        Ok(vec![said(&suppressed)])
    }

    /// How many rows a sweep counts is a store's own affair; that it comes to an end is not.
    async fn sweep(&self) -> Checked<Answers> {
        let swept = self
            .both(async |side| {
                for _ in 0..1000 {
                    if side.store.sweep(100, self.policy.clone()).await? == 0 {
                        return Ok("nothing is left");
                    }
                }
                Ok("it never comes to an end")
            })
            .await?;
        Ok(vec![said(&swept)])
    }

    // Offers and redemption.

    async fn hand_over_link(&mut self, person: usize, resets: bool) -> Checked<Answers> {
        let number = self.person(person);
        let Person { organisation, ids, .. } = self.people[number];
        if ids[MODEL] != ids[SUBJECT] {
            return Ok(Vec::new());
        }
        let actor = self.administrator(organisation, 1);
        let selection = Selection::Ids(vec![ids[MODEL]]);
        let plan = self.new_plan(actor, Action::HandOver, selection, ChannelRule::Preferred);
        let mut random = random::system_random().map_err(|error| Failure::new(error.to_string()))?;
        let digest = LinkToken::mint(&mut random).digest();
        let facts = [self.facts(MODEL, number).await?, self.facts(SUBJECT, number).await?];
        let policy = self.policy.clone();
        let offered = self
            .both(async |side| {
                let offer = HandOverLink {
                    plan: plan.clone(),
                    user: ids[side.at],
                    facts: facts[side.at].clone(),
                    digest,
                    resets,
                    policy: policy.clone(),
                };
                side.store.hand_over_link(offer).await
            })
            .await?;
        self.learn_link([digest, digest]);
        Ok(vec![said(&offered)])
    }

    async fn refresh(&mut self, person: usize) -> Checked<Answers> {
        let number = self.person(person);
        let Person { organisation, ids, .. } = self.people[number];
        if ids[MODEL] != ids[SUBJECT] {
            return Ok(Vec::new());
        }
        let selection = Selection::Ids(vec![ids[MODEL]]);
        let plan =
            self.new_plan(Actor::system(organisation), Action::Refresh, selection, ChannelRule::Preferred);
        let facts = [self.facts(MODEL, number).await?, self.facts(SUBJECT, number).await?];
        let now = self.sides[SUBJECT].store.now().await?;
        let policy = self.policy.clone();
        let asked = self
            .both(async |side| {
                let refresh = Refresh {
                    plan: plan.clone(),
                    user: ids[side.at],
                    facts: facts[side.at].clone(),
                    senders: Self::senders(),
                    by: AskedBy::Name,
                    source: "192.0.2.1".into(),
                    policy: policy.clone(),
                };
                let refreshed = side.store.refresh(refresh).await?;
                Ok(match refreshed {
                    crate::port::offers::Refreshed::Wait(wait) => Err(now + wait),
                    other => Ok(other),
                })
            })
            .await?;
        Ok(vec![said(&asked)])
    }

    /// All credentials that can be seen, links first: whose, and their ids.
    fn credentials(&self) -> Vec<(UserId, Two<CredentialId>)> {
        let [model, subject] = [0, 1].map(|at| {
            let mut all: Vec<(UserId, CredentialId)> = Vec::new();
            if let Some(sight) = &self.sides[at].sight {
                all.extend(sight.links.iter().flatten().map(|link| (link.user, link.credential)));
                for (person, seen) in self.people.iter().zip(&sight.people) {
                    all.extend(seen.passwords.iter().map(|one| (person.ids[at], one.credential)));
                }
            }
            all
        });
        model.into_iter().zip(subject).map(|((user, a), (_, b))| (user, [a, b])).collect()
    }

    async fn reserve(&mut self, credential: usize) -> Checked<Answers> {
        let all = self.credentials();
        if all.is_empty() {
            return Ok(Vec::new());
        }
        let (user, credentials) = all[all.len() - 1 - credential % all.len()];
        let Some(person) = self.people.iter().position(|person| person.ids[MODEL] == user) else {
            return Ok(Vec::new());
        };
        let organisation = self.people[person].organisation;
        let facts = [self.facts(MODEL, person).await?, self.facts(SUBJECT, person).await?];
        let now = self.sides[SUBJECT].store.now().await?;
        let policy = self.policy.clone();
        let reserved = self
            .both(async |side| {
                let reserve = Reserve {
                    organisation,
                    credential: credentials[side.at],
                    user: facts[side.at].clone(),
                    policy: policy.clone(),
                };
                side.store.reserve(reserve).await
            })
            .await?;
        let mut numbers = [0; 2];
        for (number, reserved) in numbers.iter_mut().zip(&reserved) {
            if let Ok(Reserved::Yours { reservation, .. }) = reserved {
                *number = *reservation;
            }
        }
        if numbers[SUBJECT] > 0 {
            let sso =
                facts[SUBJECT].as_ref().is_some_and(|user| self.settings(organisation).sso_applies(user));
            holds!(!sso, "nobody to whom SSO applies is let in by a credential");
            self.witness.reserved(credentials[SUBJECT], numbers[SUBJECT])?;
            self.reservations.push(Reservation { person, credentials, numbers });
        }
        let in_words = reserved.map(|reserved| {
            reserved.map(|reserved| match reserved {
                Reserved::Yours { user, .. } => format!("yours, {user}"),
                Reserved::Busy(wait) => format!("busy until {:?}", now + wait),
                other => format!("{other:?}"),
            })
        });
        Ok(vec![said(&in_words)])
    }

    async fn close(&mut self, reservation: usize, off: u64) -> Checked<Answers> {
        let count = self.reservations.len();
        if count == 0 {
            return Ok(Vec::new());
        }
        let reservation = self.reservations[count - 1 - reservation % count].clone();
        let Reservation { person, credentials, numbers } = reservation.clone();
        let organisation = self.people[person].organisation;
        let mut answers = Vec::new();
        if off == 0 {
            answers = self.set_password(person, Some(&reservation)).await?;
        }
        let closed = self
            .both(async |side| {
                let close = Close {
                    organisation,
                    credential: credentials[side.at],
                    reservation: numbers[side.at] + off,
                };
                side.store.close(close).await
            })
            .await?;
        answers.push(said(&closed));
        Ok(answers)
    }

    async fn guess(&self, person: usize, right: bool) -> Checked<Answers> {
        let Person { organisation, ids, .. } = self.people[self.person(person)];
        let now = self.sides[SUBJECT].store.now().await?;
        let guessed = self
            .both(async |side| {
                let (user, source) = (ids[side.at], String::from("192.0.2.1"));
                let guess = Guess { organisation, user, source: source.clone(), policy: self.policy.clone() };
                let wait = side.store.count_guess(guess).await?;
                if right && wait.is_none() {
                    side.store.forget_guesses(organisation, user, source).await?;
                }
                Ok(wait.map(|wait| now + wait))
            })
            .await?;
        Ok(vec![said(&guessed)])
    }
}

fn sms_sizes(user: UserId) -> impl Iterator<Item = ((UserId, MessageKind), SmsSize)> {
    MessageKind::ALL.into_iter().map(move |kind| ((user, kind), SmsSize::of("A short text.")))
}

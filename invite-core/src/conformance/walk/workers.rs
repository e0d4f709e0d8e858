//! Taking a step: what workers and providers do.

use std::collections::BTreeSet;

use super::world::{Held, MODEL, SUBJECT, Two, World, said};
use crate::conformance::workshop::Workshop;
use crate::conformance::{Checked, Failure};
use crate::credential::{LinkToken, MintOrder, Minted, Salt, SealContext};
use crate::decision::begin::Take;
use crate::machine::delivery::Report;
use crate::model::credential::{CredentialKind, Generation};
use crate::model::delivery::DeliveryState;
use crate::model::outcome::{Answer, Concerns, Outcome, Receipt};
use crate::model::sender::PauseKind;
use crate::port::error::PortResult;
use crate::port::queue::{
    Begin, BeginDelivery, Begun, Claim, ClaimedDelivery, HandOver, HandOverResult, Record, RecordDelivery,
    Reported,
};

type Answers = Vec<Two<String>>;
/// Which generation each store asks for, with which salt.
type ToMint = Two<Option<(Generation, Option<Salt>)>>;

/// Which claimed messages are meant: one, counted back from the newest, or all of its claim.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whom {
    held: usize,
    together: bool,
}

impl Whom {
    pub(super) const fn new(held: usize, together: bool) -> Self {
        Self { held, together }
    }
}

impl World {
    fn held(&self, Whom { held, together }: Whom) -> Vec<Held> {
        let count = self.held.len();
        if count == 0 {
            return Vec::new();
        }
        let one = &self.held[count - 1 - held % count];
        let of_claim = |other: &&Held| other.claim == one.claim && (together || other.name == one.name);
        self.held.iter().filter(of_claim).cloned().collect()
    }

    /// Takes all that is due, so that there is nothing to choose, and gives back all but the first `keep`. None where
    /// the stores chose differently among suspects or probes, as they may.
    pub(super) async fn claim(&mut self, keep: usize) -> Checked<Option<Answers>> {
        let claim = Claim {
            worker: "a walk".into(),
            limit: 1000,
            lease: std::time::Duration::from_secs(90),
            policy: self.policy.clone(),
        };
        let claimed = self.both(async |side| side.store.claim(claim.clone()).await).await?;
        let mut claimed = claimed.map(|claimed| claimed.map_err(Failure::from));
        let [Ok(model), Ok(subject)] = &mut claimed else {
            return Err(Failure::new(format!("a claim failed: {:?}", claimed.map(Result::err))));
        };
        let (token, alone) = ([model.token, subject.token], [model.alone, subject.alone]);
        let mut sorted = [std::mem::take(&mut model.deliveries), std::mem::take(&mut subject.deliveries)];
        for (side, messages) in self.sides.iter().zip(&mut sorted) {
            messages.sort_by_key(|message| side.names.of(message.id.as_uuid()));
        }
        let names = [0, 1].map(|at| -> Vec<String> {
            sorted[at].iter().map(|message| self.sides[at].names.of(message.id.as_uuid())).collect()
        });
        if names[MODEL] != names[SUBJECT] {
            let chosen = alone[MODEL] == alone[SUBJECT] && names[MODEL].len() == names[SUBJECT].len();
            if chosen && (alone[SUBJECT] || self.probes().await?) && self.all_were_queued(&names) {
                return Ok(None);
            }
        }
        let mut answers: Answers = vec![alone.map(|alone| format!("alone: {alone}"))];
        let lines = [0, 1].map(|at| -> Vec<String> { sorted[at].iter().map(wish).collect() });
        let most = lines[0].len().max(lines[1].len());
        for at in 0..most {
            answers.push([0, 1].map(|side| lines[side].get(at).cloned().unwrap_or_else(|| "nothing".into())));
        }
        if names[MODEL] == names[SUBJECT] {
            self.claims += 1;
            let [model, subject] = sorted;
            let mut given_back = [Vec::new(), Vec::new()];
            for (at, both) in model.into_iter().zip(subject).enumerate() {
                let claimed: Two<ClaimedDelivery> = both.into();
                let name = names[SUBJECT][at].clone();
                if at < keep {
                    self.held.push(Held { claim: self.claims, name, tokens: token, claimed });
                } else {
                    for (back, one) in given_back.iter_mut().zip(&claimed) {
                        back.push(one.id);
                    }
                }
            }
            let released = self
                .both(async |side| side.store.release(token[side.at], given_back[side.at].clone()).await)
                .await?;
            answers.push(said(&released));
        }
        Ok(Some(answers))
    }

    /// Whether a blocked sender could be tried now by one of several messages.
    async fn probes(&self) -> Checked<bool> {
        let pauses = self.sides[SUBJECT].store.sender_pauses().await?;
        Ok(pauses.iter().any(|pause| pause.kind == PauseKind::Blocked))
    }

    /// Whether what was chosen waited in the queue of a running batch, in both.
    fn all_were_queued(&self, names: &Two<Vec<String>>) -> bool {
        let all: BTreeSet<&String> = names.iter().flatten().collect();
        let running = self.running(SUBJECT);
        let messages = self.messages();
        all.into_iter().all(|name| {
            messages.iter().any(|[_, message]| {
                self.sides[SUBJECT].names.of(message.id.as_uuid()) == *name
                    && running.contains(&message.batch)
                    && matches!(
                        message.state,
                        DeliveryState::Queued | DeliveryState::Claimed | DeliveryState::HandingOver
                    )
            })
        })
    }

    pub(super) async fn begin(&mut self, whom: Whom) -> Checked<Answers> {
        let mut left = self.held(whom);
        let mut answers = Vec::new();
        let mut asked: Vec<ToMint> = left
            .iter()
            .map(|held| held.claimed.each_ref().map(|claimed| claimed.credential.as_ref().and_then(to_mint)))
            .collect();
        // Once, and once more for those that another credential is asked for.
        for _ in 0..2 {
            if left.is_empty() {
                break;
            }
            let begun = self.begin_once(&left, &asked).await?;
            let mut again = Vec::new();
            let mut asked_again = Vec::new();
            for (at, held) in left.iter().enumerate() {
                let both: Two<Option<&Begun>> =
                    begun.each_ref().map(|begun| begun.as_ref().ok().and_then(|begun| begun.get(at)));
                answers.push(both.map(|begun| begun.map_or_else(|| "an error".into(), in_words)));
                if let [Some(Begun::Mint(a, salt_a)), Some(Begun::Mint(b, salt_b))] = both {
                    again.push(held.clone());
                    asked_again.push([Some((*a, *salt_a)), Some((*b, *salt_b))]);
                }
                self.note_begun(held, both).await?;
            }
            (left, asked) = (again, asked_again);
        }
        Ok(answers)
    }

    async fn begin_once(&self, left: &[Held], asked: &[ToMint]) -> Checked<Two<PortResult<Vec<Begun>>>> {
        let mut begins = Vec::new();
        for at in [MODEL, SUBJECT] {
            let mut deliveries = Vec::new();
            for (held, asked) in left.iter().zip(asked) {
                let claimed = &held.claimed[at];
                let minted = match asked[at] {
                    Some((generation, salt)) => Some(mint(claimed, generation, salt).await?),
                    None => None,
                };
                deliveries.push(BeginDelivery {
                    id: claimed.id,
                    user: self.facts_of(at, claimed.user).await?,
                    minted,
                    sender: Self::senders()[&claimed.channel].clone(),
                });
            }
            begins.push(Begin { token: left[0].tokens[at], deliveries, policy: self.policy.clone() });
        }
        self.both(async |side| side.store.begin(begins[side.at].clone()).await).await
    }

    /// What a worker sees of a message that it may hand over, and what must hold of it.
    async fn note_begun(&mut self, held: &Held, both: Two<Option<&Begun>>) -> Checked {
        let newest = self.newest_claims().get(&held.name) == Some(&held.claim);
        if !newest {
            holds!(
                matches!(both[SUBJECT], Some(Begun::Fenced)),
                "whoever was overtaken begins nothing, but {} was begun by an earlier claim",
                held.name
            );
        }
        let [Some(Begun::Go(model)), Some(Begun::Go(subject))] = both else { return Ok(()) };
        self.witness.handed_over(&held.name, subject)?;
        if subject.credential.is_some() {
            let sso = self.settings(subject.organisation).sso_applies(&subject.user);
            holds!(!sso, "nothing is minted for a person to whom SSO applies");
        }
        let (Some(model), Some(subject)) = (secret(model)?, secret(subject)?) else { return Ok(()) };
        if let (Some(model), Some(link)) = (LinkToken::parse(&model), LinkToken::parse(&subject)) {
            self.learn_link([model.digest(), link.digest()]);
            let found = self.sides[SUBJECT].store.link(link.digest()).await?;
            holds!(found.is_some(), "a link that is about to be sent leads somewhere");
        }
        self.witness.secrets.insert(subject);
        Ok(())
    }

    pub(super) async fn record(&mut self, whom: Whom, result: &HandOverResult) -> Checked<Answers> {
        let all = self.held(whom);
        if all.is_empty() {
            return Ok(Vec::new());
        }
        let recorded = self
            .both(async |side| {
                let outcomes = all
                    .iter()
                    .map(|held| RecordDelivery {
                        token: held.tokens[side.at],
                        id: held.claimed[side.at].id,
                        result: result.clone(),
                    })
                    .collect();
                side.store.record(Record { outcomes, policy: self.policy.clone() }).await
            })
            .await?;
        if let Ok(kept) = &recorded[SUBJECT] {
            let newest = self.newest_claims();
            for (held, kept) in all.iter().zip(kept) {
                if newest.get(&held.name) != Some(&held.claim) {
                    holds!(kept.is_none(), "an outcome of whoever was overtaken is not kept: {}", held.name);
                }
                if kept.is_some() {
                    self.witness.recorded(&held.name, result);
                }
            }
        }
        Ok(vec![said(&recorded)])
    }

    pub(super) async fn renew(&self, held: usize) -> Checked<Answers> {
        let Some(held) = self.held(Whom::new(held, false)).pop() else { return Ok(Vec::new()) };
        let lease = std::time::Duration::from_secs(90);
        let renewed =
            self.both(async |side| side.store.renew(vec![held.tokens[side.at]], lease).await).await?;
        Ok(vec![said(&renewed)])
    }

    pub(super) async fn release(&self, held: usize) -> Checked<Answers> {
        let Some(held) = self.held(Whom::new(held, false)).pop() else { return Ok(Vec::new()) };
        let released = self
            .both(async |side| side.store.release(held.tokens[side.at], vec![held.claimed[side.at].id]).await)
            .await?;
        Ok(vec![said(&released)])
    }

    /// Claims, begins and records until nothing is due; providers accept.
    pub(super) async fn send_all(&mut self) -> Checked<Option<Answers>> {
        let mut answers = Vec::new();
        for _ in 0..50 {
            let before = self.held.len();
            let Some(claimed) = self.claim(usize::MAX).await? else { return Ok(None) };
            answers.extend(claimed);
            if self.held.len() == before {
                break;
            }
            let all = Whom::new(0, true);
            answers.extend(self.begin(all).await?);
            let accepted = HandOverResult::Outcome(Outcome::Accepted(Receipt("receipt".into())));
            answers.extend(self.record(all, &accepted).await?);
        }
        Ok(Some(answers))
    }

    pub(super) async fn report(
        &self,
        message: usize,
        report: Report,
        concerns: Concerns,
    ) -> Checked<Answers> {
        let messages = self.messages();
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        let ids =
            messages[messages.len() - 1 - message % messages.len()].each_ref().map(|message| message.id);
        let reported = self
            .both(async |side| {
                let answer = Answer::new("5.1.1", "as reported");
                let reported = Reported { delivery: ids[side.at], report, concerns, answer };
                side.store.report(vec![reported], self.policy.clone()).await
            })
            .await?;
        Ok(vec![said(&reported)])
    }
}

fn to_mint(wish: &crate::port::queue::CredentialWish) -> Option<(Generation, Option<Salt>)> {
    match wish.take {
        Take::Mint(generation) => Some((generation, wish.salt)),
        Take::Saved(_) => None,
    }
}

async fn mint(claimed: &ClaimedDelivery, generation: Generation, salt: Option<Salt>) -> Checked<Minted> {
    let ClaimedDelivery { organisation, user, invitation, .. } = *claimed;
    let kind = claimed.credential.as_ref().map_or(CredentialKind::TemporaryPassword, |wish| wish.kind);
    Workshop::open()?.mint(MintOrder { kind, organisation, user, invitation, generation, salt }).await
}

fn secret(hand_over: &HandOver) -> Checked<Option<String>> {
    let Some(credential) = &hand_over.credential else { return Ok(None) };
    let context = SealContext {
        organisation: hand_over.organisation,
        invitation: credential.invitation,
        generation: credential.generation,
    };
    let secret = Workshop::open()?.unseal(&credential.sealed, &context)?;
    Ok(Some(secret.expose().to_owned()))
}

fn wish(claimed: &ClaimedDelivery) -> String {
    let ClaimedDelivery { id, organisation, batch, user, channel, invitation, credential } = claimed;
    let credential = credential.as_ref().map(|wish| (wish.kind, wish.take, wish.salt.is_some()));
    format!("{:?}", (id, organisation, batch, user, channel, invitation, credential))
}

fn in_words(begun: &Begun) -> String {
    match begun {
        Begun::Go(hand_over) => {
            let HandOver { id, user, channel, kind, credential, invited_at, last_reminder, at, .. } =
                &**hand_over;
            let carries = credential.as_ref();
            let carries = carries.map(|one| (one.kind, one.invitation, one.generation, one.expires_at));
            format!("go: {:?}", (id, user, channel, kind, carries, invited_at, last_reminder, at))
        }
        Begun::Mint(generation, salt) => format!("mint {generation:?}, salted: {}", salt.is_some()),
        other => format!("{other:?}"),
    }
}

//! Hashing of passwords: argon2id, as PHC strings. Pure and slow: a service goes through the
//! [`Hasher`](super::hasher::Hasher), which keeps this off the threads that serve requests.

use std::fmt;
use std::str::FromStr;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use password_hash::phc;
use rand::CryptoRng;
use sha2::{Digest, Sha256};
use subtle::{ConditionallySelectable, ConstantTimeEq};
use zeroize::Zeroizing;

use super::secret::Secret;
use crate::model::id::{OrganisationId, UserId};

/// How many octets of a hash are compared (the tag).
const TAG_OCTETS: usize = 32;

/// What one hash costs whoever computes it: us, and one who guesses.
///
/// The default is 19456 KiB, 2 iterations, 1 lane, the minimum of OWASP's Password Storage Cheat Sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashCost {
    memory_kib: u32,
    iterations: u32,
    lanes: u32,
}

/// A cost that is too weak to protect anyone, or so high that it would stop the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a hash of {memory_kib} KiB, {iterations} iterations and {lanes} lanes is out of bounds: choose {} to {} KiB, at \
     most {} iterations, at most {} lanes, and memory times iterations at least {} KiB (OWASP's minimum)",
    HashCost::LEAST_MEMORY_KIB,
    HashCost::MOST_MEMORY_KIB,
    HashCost::MOST_ITERATIONS,
    HashCost::MOST_LANES,
    HashCost::LEAST_WORK_KIB
)]
pub struct HashCostError {
    memory_kib: u32,
    iterations: u32,
    lanes: u32,
}

impl HashCost {
    /// The least memory: the last row of OWASP's table, which has 5 iterations.
    pub const LEAST_MEMORY_KIB: u32 = 7168;
    /// The least product of memory and iterations: the smallest in OWASP's table (7168 KiB, 5 iterations).
    pub const LEAST_WORK_KIB: u32 = 35_840;
    /// The most memory, 128 MiB: twice RFC 9106's recommendation where memory is scarce. Each thread of the pool may
    /// need as much, and a stored hash that asks for more is refused, so that a bad row does not exhaust memory.
    pub const MOST_MEMORY_KIB: u32 = 131_072;
    /// The most iterations; with the most memory about a second.
    pub const MOST_ITERATIONS: u32 = 16;
    /// The most lanes; one thread computes them all, one after the other.
    pub const MOST_LANES: u32 = 4;

    /// A cost of the host's own.
    pub const fn new(memory_kib: u32, iterations: u32, lanes: u32) -> Result<Self, HashCostError> {
        let cost = Self { memory_kib, iterations, lanes };
        if memory_kib >= Self::LEAST_MEMORY_KIB
            && cost.is_affordable()
            && memory_kib * iterations >= Self::LEAST_WORK_KIB
        {
            Ok(cost)
        } else {
            Err(HashCostError { memory_kib, iterations, lanes })
        }
    }

    /// Next to nothing, and protects nothing: for a host's tests, where thousands of hashes would take minutes.
    pub const fn weak_for_tests() -> Self {
        Self { memory_kib: Params::MIN_M_COST, iterations: 1, lanes: 1 }
    }

    /// Memory in KiB (argon2's m).
    pub const fn memory_kib(self) -> u32 {
        self.memory_kib
    }

    /// Passes over the memory (argon2's t).
    pub const fn iterations(self) -> u32 {
        self.iterations
    }

    /// Lanes (argon2's p).
    pub const fn lanes(self) -> u32 {
        self.lanes
    }

    const fn is_affordable(self) -> bool {
        self.memory_kib <= Self::MOST_MEMORY_KIB
            && 0 < self.iterations
            && self.iterations <= Self::MOST_ITERATIONS
            && 0 < self.lanes
            && self.lanes <= Self::MOST_LANES
    }

    fn params(self) -> Params {
        Params::new(self.memory_kib, self.iterations, self.lanes, Some(TAG_OCTETS))
            .expect("a cost lies within argon2's own bounds")
    }
}

impl Default for HashCost {
    fn default() -> Self {
        Self { memory_kib: Params::DEFAULT_M_COST, iterations: Params::DEFAULT_T_COST, lanes: 1 }
    }
}

/// 16 random octets that make equal passwords hash differently.
///
/// All temporary passwords of a person share [one](Self::of_person), so that one hash checks them all.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Salt([u8; 16]);

impl Salt {
    /// A new one.
    pub fn mint(random: &mut (impl CryptoRng + ?Sized)) -> Self {
        let mut octets = [0; 16];
        random.fill_bytes(&mut octets);
        Self(octets)
    }

    /// The salt of a person's temporary passwords: the same for all their invitations, so that one hash checks them
    /// all, and what a sign-in costs does not say how many are open. A salt has to be different for each person, and
    /// need not be secret; the passwords under it are random, and so no two are alike.
    pub fn of_person(organisation: OrganisationId, user: UserId) -> Self {
        let mut digest = Sha256::new();
        digest.update("invite: salt of a person");
        digest.update(organisation.as_uuid());
        digest.update(user.as_uuid());
        let octets: [u8; 32] = digest.finalize().into();
        let (salt, _) = octets.split_first_chunk().expect("32 octets are more than 16");
        Self(*salt)
    }

    /// The salt that a store has kept.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The octets, for a store.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(…)")
    }
}

/// A password's hash as it is stored: a PHC string of argon2id, version 19, with a tag of 32 octets.
///
/// `Debug` shows the cost alone: whoever has the rest can guess.
#[derive(Clone)]
pub struct PasswordHash {
    phc: String,
    settings: Settings,
    tag: [u8; TAG_OCTETS],
}

/// A text that is not a hash that we can check; it does not hold the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordHashError {
    /// No PHC string, or not whole.
    #[error(
        "the stored password hash is no PHC string with salt and hash: restore the row from a backup, or invite the person again"
    )]
    Malformed,
    /// Another algorithm, version, parameter or length of tag.
    #[error(
        "the stored password hash is not argon2id version 19 with parameters m, t, p and a hash of 32 octets: invite the person again"
    )]
    Unsupported,
    /// Checking it would take more memory or time than is allowed.
    #[error(
        "the stored password hash asks for more than {} KiB, {} iterations or {} lanes and is refused: invite the person again",
        HashCost::MOST_MEMORY_KIB,
        HashCost::MOST_ITERATIONS,
        HashCost::MOST_LANES
    )]
    TooCostly,
}

impl PasswordHash {
    /// The PHC string, for a store.
    pub fn as_str(&self) -> &str {
        &self.phc
    }

    /// The cost that it was computed with.
    pub const fn cost(&self) -> HashCost {
        self.settings.cost
    }

    /// The salt, if it is one of ours (16 octets).
    pub fn salt(&self) -> Option<Salt> {
        <[u8; 16]>::try_from(self.settings.salt.as_ref()).ok().map(Salt)
    }

    /// Whether it is weaker than `cost` in memory, iterations or salt, so that it should be replaced at the next
    /// sign-in, when the password is at hand.
    pub fn needs_rehash(&self, cost: HashCost) -> bool {
        self.settings.cost.memory_kib < cost.memory_kib
            || self.settings.cost.iterations < cost.iterations
            || self.settings.salt.len() < phc::Salt::RECOMMENDED_LENGTH
    }

    fn new(settings: Settings, tag: [u8; TAG_OCTETS]) -> Self {
        let HashCost { memory_kib, iterations, lanes } = settings.cost;
        let salt = settings.salt;
        let output = phc::Output::new(&tag).expect("a PHC string has room for 32 octets");
        let phc = format!("$argon2id$v=19$m={memory_kib},t={iterations},p={lanes}${salt}${output}");
        Self { phc, settings, tag }
    }
}

impl FromStr for PasswordHash {
    type Err = PasswordHashError;

    fn from_str(text: &str) -> Result<Self, PasswordHashError> {
        let parsed = phc::PasswordHash::new(text).map_err(|_| PasswordHashError::Malformed)?;
        let (Some(salt), Some(output)) = (parsed.salt, parsed.hash) else {
            return Err(PasswordHashError::Malformed);
        };
        let params = Params::try_from(&parsed.params).map_err(|_| PasswordHashError::Unsupported)?;
        let is_plain_argon2id = parsed.algorithm == argon2::ARGON2ID_IDENT
            && parsed.version == Some(Version::V0x13.into())
            && params.keyid().is_empty()
            && params.data().is_empty();
        let tag = output.as_bytes().try_into().ok().filter(|_| is_plain_argon2id);
        let tag = tag.ok_or(PasswordHashError::Unsupported)?;
        let cost =
            HashCost { memory_kib: params.m_cost(), iterations: params.t_cost(), lanes: params.p_cost() };
        if !cost.is_affordable() {
            return Err(PasswordHashError::TooCostly);
        }
        Ok(Self::new(Settings { cost, salt }, tag))
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let HashCost { memory_kib, iterations, lanes } = self.settings.cost;
        write!(f, "PasswordHash(argon2id m={memory_kib},t={iterations},p={lanes} …)")
    }
}

/// The memory that hashes are computed in: kept from one to the next, so that the operating system need not find and
/// clear 19 MiB for each, and wiped when it is dropped.
#[derive(Default)]
pub struct HashMemory(Zeroizing<Vec<Block>>);

impl HashMemory {
    /// Exactly `count` blocks: a hash that costs more than ours leaves no large memory behind.
    fn blocks(&mut self, count: usize) -> &mut [Block] {
        if self.0.len() != count {
            self.0 = Zeroizing::default();
            self.0 = Zeroizing::new(vec![Block::default(); count]);
        }
        &mut self.0
    }
}

impl fmt::Debug for HashMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HashMemory({} KiB)", self.0.len())
    }
}

/// Hashes `secret` for storing.
pub fn hash(secret: &Secret, salt: Salt, cost: HashCost, memory: &mut HashMemory) -> PasswordHash {
    let salt = phc::Salt::new(salt.as_bytes()).expect("a PHC string has room for 16 octets");
    compute(secret, Settings { cost, salt }, memory)
}

/// Whether `secret` is what `stored` was made of; computed at the cost that `stored` names.
pub fn verify(secret: &Secret, stored: &PasswordHash, memory: &mut HashMemory) -> bool {
    matches_any(&compute(secret, stored.settings, memory), std::slice::from_ref(stored)).is_some()
}

/// Which of `candidates` was made of `secret`, if any: one hash for all that share salt and cost, and one for nobody
/// where there are no candidates, so that an answer's time does not say whether there are any.
///
/// The generations of an invitation share their salt, and, unless the host has changed it between, their cost.
pub fn check(
    secret: &Secret,
    candidates: &[PasswordHash],
    cost: HashCost,
    memory: &mut HashMemory,
) -> Option<usize> {
    if candidates.is_empty() {
        hash(secret, Salt([0; 16]), cost, memory);
    }
    let matches = distinct_settings(candidates)
        .into_iter()
        .map(|settings| matches_any(&compute(secret, settings, memory), candidates));
    // All are computed, whichever matches.
    matches.fold(None, Option::or)
}

/// Which of `candidates` equals `computed`, if any; compared in constant time, each with each, to the end.
///
/// Only those that share salt and cost with `computed` can.
pub fn matches_any(computed: &PasswordHash, candidates: &[PasswordHash]) -> Option<usize> {
    let mut found = u64::MAX;
    for (index, candidate) in (0_u64..).zip(candidates) {
        if candidate.settings == computed.settings {
            found.conditional_assign(&index, candidate.tag.ct_eq(&computed.tag));
        }
    }
    usize::try_from(found).ok().filter(|index| *index < candidates.len())
}

/// What two hashes must share for one computation to check both.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Settings {
    cost: HashCost,
    salt: phc::Salt,
}

fn distinct_settings(candidates: &[PasswordHash]) -> Vec<Settings> {
    let mut distinct = Vec::new();
    for candidate in candidates {
        if !distinct.contains(&candidate.settings) {
            distinct.push(candidate.settings);
        }
    }
    distinct
}

fn compute(secret: &Secret, settings: Settings, memory: &mut HashMemory) -> PasswordHash {
    let params = settings.cost.params();
    let blocks = memory.blocks(params.block_count());
    let mut tag = [0; TAG_OCTETS];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into_with_memory(secret.expose().as_bytes(), &settings.salt, &mut tag, blocks)
        .expect("cost and salt lie within argon2's bounds, and a secret is no 4 GiB long");
    PasswordHash::new(settings, tag)
}

#[cfg(test)]
mod tests {
    use argon2::PasswordVerifier;
    use proptest::prelude::*;

    use super::*;

    const WEAK: HashCost = HashCost::weak_for_tests();

    fn secret(text: &str) -> Secret {
        Secret::new(text.into())
    }

    fn hashed(text: &str, salt: u8, cost: HashCost) -> PasswordHash {
        hash(&secret(text), Salt([salt; 16]), cost, &mut HashMemory::default())
    }

    fn verifies(text: &str, stored: &PasswordHash) -> bool {
        verify(&secret(text), stored, &mut HashMemory::default())
    }

    #[test]
    fn the_default_cost_makes_the_phc_string_that_argon2_itself_verifies() {
        let stored = hashed("abcd-efgh-jkmn", 7, HashCost::default());
        assert!(stored.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$BwcHBwcHBwcHBwcHBwcHBw$"));
        assert!(Argon2::default().verify_password(b"abcd-efgh-jkmn", stored.as_str()).is_ok());
    }

    #[test]
    fn a_hash_made_elsewhere_with_other_parameters_verifies_at_its_own_cost() {
        // argon2-cffi: hash_secret(b"correct-horse", b"somesalt", 3, 64, 2, 32, Type.ID)
        let foreign = "$argon2id$v=19$m=64,t=3,p=2$c29tZXNhbHQ$XMPAQYrg2K9+vCvUA2G7jZJof2XzPG5tN04FgYk/QMM";
        let stored: PasswordHash = foreign.parse().unwrap();
        assert_eq!(
            (stored.cost().memory_kib(), stored.cost().iterations(), stored.cost().lanes()),
            (64, 3, 2)
        );
        assert_eq!(stored.as_str(), foreign);
        assert!(verifies("correct-horse", &stored));
        assert!(!verifies("correct-horsf", &stored));
        assert!(stored.needs_rehash(HashCost::default()));
        assert_eq!(stored.salt(), None);
    }

    #[test]
    fn what_we_cannot_check_is_refused_by_its_reason() {
        let salt_and_tag = "c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let with = |prefix: &str| format!("{prefix}${salt_and_tag}").parse::<PasswordHash>().map(drop);
        assert_eq!(with("$argon2id$v=19$m=64,t=1,p=1"), Ok(()));
        for malformed in [
            "",
            "hunter2",
            "$argon2id",
            "$argon2id$v=19$m=64,t=1,p=1",
            "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ",
        ] {
            assert_eq!(
                malformed.parse::<PasswordHash>().map(drop),
                Err(PasswordHashError::Malformed),
                "{malformed}"
            );
        }
        for unsupported in [
            "$argon2i$v=19$m=64,t=1,p=1",
            "$argon2d$v=19$m=64,t=1,p=1",
            "$argon2id$v=16$m=64,t=1,p=1",
            "$argon2id$m=64,t=1,p=1",
            "$argon2id$v=19$m=64,t=1,p=1,keyid=AAAA",
            "$argon2id$v=19$m=64,t=1,p=1,data=AAAA",
            "$argon2id$v=19$m=64,t=1,p=1,x=1",
            "$argon2id$v=19$m=7,t=1,p=1",
            "$argon2id$v=19$m=64,t=0,p=1",
            "$scrypt$v=19$m=64,t=1,p=1",
        ] {
            assert_eq!(with(unsupported), Err(PasswordHashError::Unsupported), "{unsupported}");
        }
        let short = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA";
        assert_eq!(short.parse::<PasswordHash>().map(drop), Err(PasswordHashError::Unsupported));
    }

    #[test]
    fn a_stored_hash_cannot_ask_for_all_memory_or_all_day() {
        for costly in ["m=131073,t=1,p=1", "m=4294967295,t=1,p=1", "m=64,t=17,p=1", "m=64,t=1,p=5"] {
            let text =
                format!("$argon2id$v=19${costly}$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
            assert_eq!(text.parse::<PasswordHash>().map(drop), Err(PasswordHashError::TooCostly), "{costly}");
        }
    }

    #[test]
    fn every_row_of_owasp_is_a_cost_and_less_is_not() {
        for (memory, iterations) in [(47_104, 1), (19_456, 2), (12_288, 3), (9216, 4), (7168, 5)] {
            assert!(HashCost::new(memory, iterations, 1).is_ok(), "{memory} {iterations}");
        }
        for (memory, iterations, lanes) in [
            (19_456, 1, 1),
            (7167, 16, 1),
            (131_073, 1, 1),
            (19_456, 17, 1),
            (19_456, 2, 5),
            (19_456, 2, 0),
            (47_104, 0, 1),
        ] {
            assert!(HashCost::new(memory, iterations, lanes).is_err(), "{memory} {iterations} {lanes}");
        }
    }

    #[test]
    fn a_weaker_hash_is_rehashed_and_a_stronger_one_is_not() {
        let default = HashCost::default();
        let stronger = HashCost::new(38_912, 2, 1).unwrap();
        let hash_of = |cost| PasswordHash::new(Settings { cost, ..hashed("a", 1, WEAK).settings }, [0; 32]);
        assert!(hash_of(WEAK).needs_rehash(default));
        assert!(hash_of(default).needs_rehash(stronger));
        assert!(!hash_of(default).needs_rehash(default));
        assert!(!hash_of(stronger).needs_rehash(default));
    }

    #[test]
    fn one_hash_checks_all_generations_of_an_invitation() {
        let generations: Vec<_> = ["first", "second", "third"].map(|text| hashed(text, 1, WEAK)).into();
        assert_eq!(distinct_settings(&generations).len(), 1);
        for (place, text) in ["first", "second", "third"].into_iter().enumerate() {
            assert_eq!(matches_any(&hashed(text, 1, WEAK), &generations), Some(place));
        }
        assert_eq!(matches_any(&hashed("fourth", 1, WEAK), &generations), None);
        assert_eq!(matches_any(&hashed("first", 2, WEAK), &generations), None);
        assert_eq!(matches_any(&hashed("first", 1, WEAK), &[]), None);
    }

    #[test]
    fn generations_of_different_cost_or_salt_are_all_checked() {
        let dearer = HashCost { iterations: 2, ..WEAK };
        let candidates = [hashed("old", 1, WEAK), hashed("new", 1, dearer), hashed("other", 2, WEAK)];
        let mut memory = HashMemory::default();
        let mut place = |text: &str| check(&secret(text), &candidates, WEAK, &mut memory);
        assert_eq!(
            (place("old"), place("new"), place("other"), place("none")),
            (Some(0), Some(1), Some(2), None)
        );
        assert_eq!(check(&secret("old"), &[], WEAK, &mut memory), None);
    }

    #[test]
    fn a_costly_hash_leaves_no_large_memory_behind() {
        let mut memory = HashMemory::default();
        let dearer = HashCost { memory_kib: 64, ..WEAK };
        hash(&secret("a"), Salt([1; 16]), dearer, &mut memory);
        hash(&secret("a"), Salt([1; 16]), WEAK, &mut memory);
        assert_eq!(format!("{memory:?}"), "HashMemory(8 KiB)");
    }

    #[test]
    fn debug_shows_the_cost_alone() {
        let stored = hashed("abcd-efgh-jkmn", 7, WEAK);
        assert_eq!(format!("{stored:?}"), "PasswordHash(argon2id m=8,t=1,p=1 …)");
        assert_eq!(format!("{:?}", stored.salt().unwrap()), "Salt(…)");
    }

    proptest! {
        #[test]
        fn a_hash_verifies_its_own_secret_and_survives_its_phc_string(text in "\\PC{0,40}", other in "\\PC{0,40}", salt: [u8; 16]) {
            let stored = hash(&secret(&text), Salt(salt), WEAK, &mut HashMemory::default());
            let read: PasswordHash = stored.as_str().parse().unwrap();
            prop_assert_eq!(read.as_str(), stored.as_str());
            prop_assert_eq!(read.salt(), Some(Salt(salt)));
            prop_assert!(verifies(&text, &read));
            prop_assert_eq!(verifies(&other, &read), text == other);
        }

        #[test]
        fn reused_memory_leaves_no_trace_in_the_next_hash(texts in proptest::collection::vec("\\PC{0,20}", 1..5)) {
            let mut memory = HashMemory::default();
            for text in texts {
                let reused = hash(&secret(&text), Salt([3; 16]), WEAK, &mut memory);
                let fresh = hashed(&text, 3, WEAK);
                prop_assert_eq!(reused.as_str(), fresh.as_str());
            }
        }
    }
}

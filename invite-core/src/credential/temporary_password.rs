//! The temporary password: short enough to be typed from a phone's screen, long enough not to be guessed.

use rand::CryptoRng;
use zeroize::Zeroizing;

use super::secret::Secret;

/// The letters of a temporary password: 30 that are not mistaken for each other (no `i`, `l`, `o`, `0`, `1`),
/// 4.91 bits each.
pub const ALPHABET: &[u8; 30] = b"abcdefghjkmnpqrstvwxyz23456789";

/// How many letters a temporary password has: together 58 bits.
pub const LETTERS: usize = 12;

/// Letters between two dashes.
const GROUP: usize = 4;

/// A temporary password, as `xxxx-xxxx-xxxx`: the one form in which it is shown, hashed and sealed.
#[derive(Debug, Clone)]
pub struct TemporaryPassword(Secret);

impl TemporaryPassword {
    /// A new one; every password is equally likely.
    pub fn mint(random: &mut (impl CryptoRng + ?Sized)) -> Self {
        Self::grouped(&Zeroizing::new(std::array::from_fn(|_| letter(random))))
    }

    /// Reads what a person typed. Case, white space, dashes of any kind and the invisible characters that mail
    /// programs put between letters are ignored. `None`: this cannot be a temporary password, whoever typed it.
    pub fn normalise(typed: &str) -> Option<Self> {
        let mut letters = Zeroizing::new([0; LETTERS]);
        let mut places = letters.iter_mut();
        for c in typed.chars().filter(|c| !is_ignored(*c)) {
            let letter = u8::try_from(c.to_ascii_lowercase()).ok().filter(|b| ALPHABET.contains(b))?;
            *places.next()? = letter;
        }
        places.next().is_none().then(|| Self::grouped(&letters))
    }

    /// The text.
    pub const fn secret(&self) -> &Secret {
        &self.0
    }

    /// The text, taken out.
    pub fn into_secret(self) -> Secret {
        self.0
    }

    fn grouped(letters: &[u8; LETTERS]) -> Self {
        let mut text = String::with_capacity(LETTERS + LETTERS / GROUP);
        for (place, letter) in letters.iter().enumerate() {
            if place > 0 && place % GROUP == 0 {
                text.push('-');
            }
            text.push(char::from(*letter));
        }
        Self(Secret::new(text))
    }
}

/// One letter by rejection sampling: five random bits, drawn again where they are no index into the alphabet. A
/// remainder of a division would prefer some letters.
fn letter(random: &mut (impl CryptoRng + ?Sized)) -> u8 {
    loop {
        let index = random.next_u32() >> 27;
        if let Some(letter) = ALPHABET.get(index as usize) {
            return *letter;
        }
    }
}

fn is_ignored(c: char) -> bool {
    c.is_whitespace() || is_dash(c) || matches!(c, '\u{AD}' | '\u{200B}' | '\u{2060}' | '\u{FEFF}')
}

/// The property `Dash` of Unicode 16 (PropList.txt).
const fn is_dash(c: char) -> bool {
    matches!(c,
        '-' | '\u{58A}' | '\u{5BE}' | '\u{1400}' | '\u{1806}' | '\u{2010}'..='\u{2015}' | '\u{2053}' | '\u{207B}'
        | '\u{208B}' | '\u{2212}' | '\u{2E17}' | '\u{2E1A}' | '\u{2E3A}'..='\u{2E3B}' | '\u{2E40}' | '\u{2E5D}'
        | '\u{301C}' | '\u{3030}' | '\u{30A0}' | '\u{FE31}'..='\u{FE32}' | '\u{FE58}' | '\u{FE63}' | '\u{FF0D}'
        | '\u{10D6E}' | '\u{10EAD}')
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::convert::Infallible;

    use proptest::prelude::*;
    use rand::rngs::StdRng;
    use rand::{SeedableRng, TryCryptoRng, TryRng};

    use super::*;

    /// Counts through all values of the five bits that decide a letter.
    struct Counting(u32);

    impl TryRng for Counting {
        type Error = Infallible;

        fn try_next_u32(&mut self) -> Result<u32, Infallible> {
            self.0 = self.0.wrapping_add(1 << 27);
            Ok(self.0)
        }

        fn try_next_u64(&mut self) -> Result<u64, Infallible> {
            unreachable!("letters are drawn from 32 bits")
        }

        fn try_fill_bytes(&mut self, _: &mut [u8]) -> Result<(), Infallible> {
            unreachable!("letters are drawn from 32 bits")
        }
    }

    impl TryCryptoRng for Counting {}

    #[test]
    fn over_all_random_values_each_letter_comes_up_equally_often() {
        let mut random = Counting(0);
        let mut counts = HashMap::<u8, u32>::new();
        for _ in 0..ALPHABET.len() * 7 {
            *counts.entry(letter(&mut random)).or_default() += 1;
        }
        assert_eq!(counts.len(), ALPHABET.len());
        assert!(counts.values().all(|count| *count == 7));
    }

    #[test]
    fn in_a_large_sample_no_letter_is_preferred_at_any_place() {
        const SAMPLE: u32 = 30_000;
        let mut random = StdRng::seed_from_u64(7);
        let mut counts = vec![[0_u32; 256]; LETTERS];
        for _ in 0..SAMPLE {
            let password = TemporaryPassword::mint(&mut random);
            let letters = password.secret().expose().bytes().filter(|b| *b != b'-');
            letters.zip(&mut counts).for_each(|(letter, count)| count[usize::from(letter)] += 1);
        }
        let expected = f64::from(SAMPLE) / 30.0;
        for count in counts {
            let chi_squared: f64 = ALPHABET
                .iter()
                .map(|l| (f64::from(count[usize::from(*l)]) - expected).powi(2) / expected)
                .sum();
            // 29 degrees of freedom: one sample in a million exceeds 75.
            assert!(chi_squared < 75.0, "{chi_squared}");
        }
    }

    #[test]
    fn what_cannot_be_ours_is_none() {
        for typed in [
            "",
            "abcd-efgh-jkm",
            "abcd-efgh-jkmnp",
            "abcd-efgh-jkm1",
            "abcd-efgh-jkmo",
            "abcd_efgh_jkmn",
            "abcd-efgh-jkmń",
        ] {
            assert!(TemporaryPassword::normalise(typed).is_none(), "{typed}");
        }
    }

    #[test]
    fn debug_hides_it() {
        let password = TemporaryPassword::mint(&mut StdRng::seed_from_u64(1));
        assert!(!format!("{password:?}").contains(&password.secret().expose()[..4]));
    }

    proptest! {
        #[test]
        fn a_minted_password_has_three_groups_of_four_letters(seed: u64) {
            let password = TemporaryPassword::mint(&mut StdRng::seed_from_u64(seed));
            let groups: Vec<_> = password.secret().expose().split('-').collect();
            prop_assert_eq!(groups.len(), 3);
            prop_assert!(groups.iter().all(|g| g.len() == 4 && g.bytes().all(|b| ALPHABET.contains(&b))));
        }

        #[test]
        fn case_spaces_and_dashes_change_nothing(
            seed: u64,
            noise in proptest::collection::vec(
                (any::<bool>(), "[ \t\r\n\u{a0}\u{202f}\u{200b}\u{ad}\u{2010}-\u{2015}\u{2212}\u{ff0d}-]{0,3}"), 16),
        ) {
            let password = TemporaryPassword::mint(&mut StdRng::seed_from_u64(seed));
            let mut typed = String::new();
            for (letter, (upper, noise)) in password.secret().expose().chars().zip(noise) {
                typed.push(if upper { letter.to_ascii_uppercase() } else { letter });
                typed.push_str(&noise);
            }
            let read = TemporaryPassword::normalise(&typed);
            prop_assert_eq!(read.as_ref().map(|p| p.secret().expose()), Some(password.secret().expose()));
        }

        #[test]
        fn normalising_twice_is_normalising_once(typed in "\\PC{0,20}|[a-z2-9 -]{12,14}") {
            if let Some(once) = TemporaryPassword::normalise(&typed) {
                let twice = TemporaryPassword::normalise(once.secret().expose()).unwrap();
                prop_assert_eq!(once.secret().expose(), twice.secret().expose());
            }
        }
    }
}

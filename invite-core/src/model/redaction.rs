//! A provider's words without what they must not show.

use std::fmt;
use std::ops::Range;

/// A run of this many octets in the words and in the message is an echo: shorter than a temporary password (12 letters)
/// and than any link, longer than most that two English texts have in common by chance.
const ECHO: usize = 2 * STEP - 1;
/// A run of [`ECHO`] octets holds a whole step of this many, wherever it begins.
const STEP: usize = 6;

/// Takes out of a provider's words what they have in common with a message, for transports: an answer is stored and shown,
/// and providers quote what they were sent ("the URL … is listed").
///
/// ```
/// use invite_core::model::redaction::Redaction;
///
/// let message = "Welcome!\nhttps://app.acme.example/welcome#q9Zx";
/// let words = "URL https://app.acme.example/welcome#q9Zx is listed";
/// assert_eq!(Redaction::of(words).without(&[message.as_bytes()]).shown(), "URL … is listed");
/// ```
pub struct Redaction<'a> {
    words: &'a str,
    /// Of each octet, whether it is hidden.
    hidden: Vec<bool>,
}

impl<'a> Redaction<'a> {
    /// Of these words, of which nothing is hidden yet.
    pub fn of(words: &'a str) -> Self {
        Self { words, hidden: vec![false; words.len()] }
    }

    /// Hides every run of 11 octets or more that stands in one of these parts of the message, too.
    #[must_use]
    pub fn without(mut self, message: &[&[u8]]) -> Self {
        let octets = self.words.as_bytes();
        if message.is_empty() || octets.len() < ECHO {
            return self;
        }
        // One bit for each step of the words, and for few others.
        let mut seen = [0_u64; 64];
        for step in octets.windows(STEP) {
            seen[slot(step) / 64] |= 1 << (slot(step) % 64);
        }
        for part in message {
            for (number, step) in part.chunks_exact(STEP).enumerate() {
                // Nearly every step ends here, so that a message costs microseconds.
                if seen[slot(step) / 64] & (1 << (slot(step) % 64)) == 0 {
                    continue;
                }
                for (at, _) in octets.windows(STEP).enumerate().filter(|(_, other)| *other == step) {
                    let (before, after) = (number * STEP, number * STEP + STEP);
                    let left = common(octets[..at].iter().rev(), part[..before].iter().rev());
                    let right = common(octets[at + STEP..].iter(), part[after..].iter());
                    if left + STEP + right >= ECHO {
                        self.hidden[at - left..at + STEP + right].fill(true);
                    }
                }
            }
        }
        self
    }

    /// Hides these octets of the words, as far as there are so many.
    pub fn hide(&mut self, octets: Range<usize>) {
        self.hidden.iter_mut().take(octets.end).skip(octets.start).for_each(|octet| *octet = true);
    }

    /// The words with one `…` for each run of hidden octets; a character goes if an octet of it does.
    pub fn shown(&self) -> String {
        let mut shown = String::with_capacity(self.words.len());
        let mut inside = false;
        for (at, c) in self.words.char_indices() {
            let hide = self.hidden[at..at + c.len_utf8()].contains(&true);
            match (hide, inside) {
                (true, false) => shown.push('…'),
                (true, true) => {}
                (false, _) => shown.push(c),
            }
            inside = hide;
        }
        shown
    }
}

/// The words may hold what is to be hidden.
impl fmt::Debug for Redaction<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redaction({} octets, content hidden)", self.words.len())
    }
}

/// One of 4,096 places, by the first four octets.
fn slot(step: &[u8]) -> usize {
    let first = u32::from_le_bytes([step[0], step[1], step[2], step[3]]);
    // Knuth's multiplier; the upper bits are the well mixed ones.
    (first.wrapping_mul(0x9e37_79b1) >> 20) as usize
}

fn common<'a>(a: impl Iterator<Item = &'a u8>, b: impl Iterator<Item = &'a u8>) -> usize {
    a.zip(b).take_while(|(a, b)| a == b).count()
}

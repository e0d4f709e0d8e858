//! Looks for secrets in every form in which one could leave by mistake.

use aho_corasick::{AhoCorasick, AhoCorasickBuilder};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// A search for some secrets. Case does not count, so that capitals are found as well.
#[derive(Debug)]
pub(crate) struct Search {
    automaton: AhoCorasick,
    /// Of each pattern, the number of its secret and its form.
    patterns: Vec<(usize, &'static str)>,
}

impl Search {
    pub(crate) fn new(secrets: &[String]) -> Self {
        let (mut octets, mut patterns) = (Vec::new(), Vec::new());
        for (number, secret) in secrets.iter().enumerate() {
            for (form, pattern) in forms(secret) {
                octets.push(pattern);
                patterns.push((number, form));
            }
        }
        let automaton = AhoCorasickBuilder::new().ascii_case_insensitive(true).build(octets).unwrap();
        Self { automaton, patterns }
    }

    /// Which secret stands in `octets`, and in which form; never what it is.
    pub(crate) fn find(&self, place: &str, octets: &[u8]) -> Vec<String> {
        let unfolded = without_soft_breaks(octets);
        let found = [octets, unfolded.as_slice()].into_iter().flat_map(|octets| {
            let matches = self.automaton.find_overlapping_iter(octets);
            matches.map(|found| {
                let (number, form) = self.patterns[found.pattern().as_usize()];
                format!("{place}: secret {number}, {form}, at octet {}", found.start())
            })
        });
        let mut found: Vec<String> = found.collect();
        found.dedup();
        found
    }
}

/// A secret in every form, with the form's name.
pub(crate) fn forms(secret: &str) -> Vec<(&'static str, Vec<u8>)> {
    let mut forms = of_octets(secret.as_bytes());
    let bare = secret.replace('-', "");
    if bare != secret {
        forms.extend(of_octets(bare.as_bytes()));
    }
    for (form, space) in [("percent-encoded", "%20"), ("form-encoded", "+")] {
        if secret.contains(' ') {
            forms.push((form, secret.replace(' ', space).into_bytes()));
        }
    }
    // A token of a link is random octets in base64url: it could stand somewhere as these.
    if let Ok(token) = URL_SAFE_NO_PAD.decode(secret)
        && token.len() >= 16
    {
        forms.extend(of_octets(&token));
    }
    forms
}

fn of_octets(octets: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let each = |form: fn(&u8) -> String| octets.iter().map(form).collect::<Vec<_>>();
    let mut forms = vec![
        ("plain", octets.to_vec()),
        ("UTF-16", octets.iter().flat_map(|octet| [*octet, 0]).collect()),
        ("quoted-printable", each(|octet| format!("={octet:02X}")).concat().into_bytes()),
        ("percent-encoded", each(|octet| format!("%{octet:02X}")).concat().into_bytes()),
        ("hex", each(|octet| format!("{octet:02x}")).concat().into_bytes()),
        ("hex in a list", each(|octet| format!("{octet:02x}")).join(", ").into_bytes()),
        ("hex with spaces", each(|octet| format!("{octet:02x}")).join(" ").into_bytes()),
        ("decimal in a list", each(u8::to_string).join(", ").into_bytes()),
        ("decimal in JSON", each(u8::to_string).join(",").into_bytes()),
    ];
    for before in 0..3 {
        forms.push(("base64", base64_inside(octets, before, &STANDARD_NO_PAD)));
        forms.push(("base64url", base64_inside(octets, before, &URL_SAFE_NO_PAD)));
    }
    forms
}

/// The characters of base64 that depend on nothing but `octets`, where `before` others precede them, modulo 3.
fn base64_inside(octets: &[u8], before: usize, engine: &impl Engine) -> Vec<u8> {
    let padded = [&vec![0; before], octets].concat();
    let encoded = engine.encode(&padded);
    let (first, last) = ((before * 8).div_ceil(6), padded.len() * 8 / 6);
    encoded.as_bytes()[first..last].to_vec()
}

fn without_soft_breaks(octets: &[u8]) -> Vec<u8> {
    let mut unfolded = Vec::with_capacity(octets.len());
    let mut rest = octets;
    while let [first, after @ ..] = rest {
        rest = match rest {
            [b'=', b'\r', b'\n', after @ ..] | [b'=', b'\n', after @ ..] => after,
            _ => {
                unfolded.push(*first);
                after
            }
        };
    }
    unfolded
}

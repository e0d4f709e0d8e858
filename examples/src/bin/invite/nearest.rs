//! The nearest known name, where one is not known.

/// Names less like it than this are not meant.
const LIKE: f64 = 0.8;

/// The known names that are most like `name`, the most like first; at most so many.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>, at_most: usize) -> Vec<&'a str> {
    let name = name.to_lowercase();
    let mut likely: Vec<(f64, &str)> = known
        .map(|one| (strsim::jaro_winkler(&name, &one.to_lowercase()), one))
        .filter(|(likeness, _)| *likeness >= LIKE)
        .collect();
    likely.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    likely.dedup_by(|(_, one), (_, other)| one == other);
    likely.into_iter().take(at_most).map(|(_, one)| one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_its_name_and_another_name_does_not() {
        let known = ["anna@acme.test", "bjorn@acme.test"];
        assert_eq!(nearest("ana@acme.test", known.into_iter(), 1), ["anna@acme.test"]);
        assert!(nearest("zzz", known.into_iter(), 1).is_empty());
    }
}

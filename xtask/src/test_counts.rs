//! How many tests ran, from what they print.

use std::fmt;

/// How many tests passed and failed, over all test binaries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TestCounts {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
}

impl TestCounts {
    /// Adds what a line says, if it is the last line of a test binary:
    /// `test result: ok. 12 passed; 0 failed; 1 ignored; …`.
    pub(crate) fn add(&mut self, line: &str) {
        let Some(result) = line.strip_prefix("test result: ") else { return };
        let counts = result.split_once(". ").map_or("", |(_, counts)| counts);
        for count in counts.split("; ") {
            match count.split_once(' ').map(|(number, what)| (number.parse::<usize>(), what)) {
                Some((Ok(number), "passed")) => self.passed += number,
                Some((Ok(number), "failed")) => self.failed += number,
                _ => {}
            }
        }
    }
}

impl fmt::Display for TestCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_of_all_binaries_add_up() {
        let mut counts = TestCounts::default();
        for line in [
            "running 3 tests",
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.71s",
            "test passed ... ok",
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "",
        ] {
            counts.add(line);
        }
        assert_eq!(counts.to_string(), "15 passed, 2 failed");
    }

    #[test]
    fn other_lines_count_nothing() {
        let mut counts = TestCounts::default();
        for line in ["left: test result: ok. 12 passed; 0 failed", "test result: ", "12 passed; 0 failed"] {
            counts.add(line);
        }
        assert_eq!(counts, TestCounts::default());
    }
}

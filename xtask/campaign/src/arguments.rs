//! `--name value`, as often as there are names.

use std::collections::HashMap;
use std::str::FromStr;

/// What stands after the task.
#[derive(Debug)]
pub(crate) struct Arguments(HashMap<String, String>);

impl Arguments {
    pub(crate) fn of(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut arguments = HashMap::new();
        while let Some(word) = words.next() {
            let name = word.strip_prefix("--").ok_or_else(|| format!("{word:?}: write --name value"))?;
            let value = words.next().ok_or_else(|| format!("--{name} needs a value"))?;
            arguments.insert(name.to_owned(), value);
        }
        Ok(Self(arguments))
    }

    /// The value of a name, if it is there.
    pub(crate) fn value<T: FromStr>(&self, name: &str) -> Result<Option<T>, String> {
        let parse = |text: &String| text.parse().map_err(|_| format!("--{name} {text}: not understood"));
        self.0.get(name).map(parse).transpose()
    }

    /// The value of a name that must be there.
    pub(crate) fn needed<T: FromStr>(&self, name: &str) -> Result<T, String> {
        self.value(name)?.ok_or_else(|| format!("--{name} is missing"))
    }
}

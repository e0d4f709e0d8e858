//! `--name value`, as often as there are names.

use std::collections::HashMap;
use std::str::FromStr;

use crate::database::SERVER;
use crate::{Answer, Database};

/// What a bench, or a process of it, was asked for.
#[derive(Debug)]
pub struct Arguments {
    /// The word that stands before all names: what a process of a bench does; empty for the bench itself.
    pub task: String,
    values: HashMap<String, String>,
}

impl Arguments {
    /// Those of this process. The `--bench` that cargo adds is left out.
    pub fn of_process() -> Answer<Self> {
        let mut words = std::env::args().skip(1).filter(|word| word != "--bench").peekable();
        let task = words.next_if(|word| !word.starts_with("--")).unwrap_or_default();
        let mut values = HashMap::new();
        while let Some(word) = words.next() {
            let name = word.strip_prefix("--").ok_or_else(|| format!("{word}: write --name value"))?;
            let value = words.next().ok_or_else(|| format!("--{name} needs a value"))?;
            values.insert(name.to_owned(), value);
        }
        Ok(Self { task, values })
    }

    /// The value of a name, if it is there.
    pub fn value<T: FromStr>(&self, name: &str) -> Answer<Option<T>> {
        let parse = |text: &String| text.parse().map_err(|_| format!("--{name} {text}: not understood"));
        Ok(self.values.get(name).map(parse).transpose()?)
    }

    /// The value of a name that must be there.
    pub fn needed<T: FromStr>(&self, name: &str) -> Answer<T> {
        Ok(self.value(name)?.ok_or_else(|| format!("--{name} is missing"))?)
    }

    /// How often each step is measured: `--rounds`, or else by how long a round of so many people takes.
    pub fn rounds(&self, size: usize) -> Answer<usize> {
        let usual = match size {
            0..=20_000 => 5,
            20_001..=200_000 => 3,
            _ => 1,
        };
        Ok(self.value("rounds")?.unwrap_or(usual))
    }

    /// The kinds of database to be measured: SQLite, and PostgreSQL where there is a server; `--database` chooses one.
    pub fn databases(&self) -> Answer<Vec<&'static str>> {
        let chosen: Option<String> = self.value("database")?;
        match chosen.as_deref() {
            Some("sqlite") => Ok(vec![Database::SQLITE]),
            Some("postgres") => Ok(vec![Database::POSTGRES]),
            Some(other) => Err(format!("--database is sqlite or postgres, not {other}").into()),
            None if std::env::var_os(SERVER).is_some() => Ok(vec![Database::SQLITE, Database::POSTGRES]),
            None => Ok(vec![Database::SQLITE]),
        }
    }
}

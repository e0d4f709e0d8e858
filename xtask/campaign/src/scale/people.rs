//! A file of so many people, written row by row, and what is to become of them.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// What becomes of the people of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Expected {
    /// People who are added.
    pub(crate) created: u64,
    /// Rows that are refused.
    pub(crate) refused: u64,
    /// People who have no address.
    pub(crate) no_contact: u64,
    /// People who get a message.
    pub(crate) send: u64,
}

/// Writes the file: in every 97 rows one that is wrong, in every 50 one person without an address, in every 20 two who
/// share one.
pub(crate) fn write(path: &Path, people: u64) -> io::Result<Expected> {
    let mut file = BufWriter::new(File::create(path)?);
    writeln!(file, "email,phone_number,first_name,last_name,username,employee_number,locale,group")?;
    let mut expected = Expected::default();
    for number in 0..people {
        let email = match number {
            wrong if wrong % 97 == 96 => {
                expected.refused += 1;
                format!("person{number}@")
            }
            nobody if nobody % 50 == 49 => {
                expected.no_contact += 1;
                String::new()
            }
            shared if shared % 20 < 2 => {
                expected.send += 1;
                format!("shop{}@example.com", number / 20)
            }
            _ => {
                expected.send += 1;
                format!("person{number}@example.com")
            }
        };
        let shop = number % 300;
        writeln!(file, "{email},,Kari,Nordmann {number},person{number},{number:08},nb,Shop {shop}")?;
    }
    file.into_inner()?.sync_all()?;
    expected.created = people - expected.refused;
    Ok(expected)
}

//! What a rollout costs by its size: time, and memory that does not grow with it.

mod measured;
mod people;
mod steps;

use std::error::Error;
use std::process::{Command, Stdio};

use crate::arguments::Arguments;
use crate::scale::measured::{Comparison, Measured};

/// Without `--people`: the size that everybody has in mind, beside one that nothing can go wrong with.
const SIZES: [u64; 2] = [1_000, 100_000];
/// More memory for the larger size than so many times that of the smaller is growth.
const FLAT: f64 = 2.0;

/// Measures each size in a process of its own, so that its peak is its own, and prints them beside each other. Says
/// whether every plan came true and memory stayed flat.
pub(crate) fn scale(arguments: &Arguments) -> Result<bool, Box<dyn Error>> {
    let given: Option<u64> = arguments.value("people")?;
    let sizes = given.map_or(SIZES.to_vec(), |people| vec![SIZES[0].min(people), people]);
    let mut measured = Vec::new();
    for people in sizes {
        measured.push(in_a_process(people)?);
    }
    let comparison = Comparison(measured);
    print!("{comparison}");
    let grown = comparison.grown(FLAT);
    for step in &grown {
        println!("{step}: more than {FLAT} times the memory");
    }
    Ok(grown.is_empty() && comparison.0.iter().all(|measured| measured.faults.is_empty()))
}

fn in_a_process(people: u64) -> Result<Measured, Box<dyn Error>> {
    let mut process = Command::new(std::env::current_exe()?);
    process.args(["measure", "--people", &people.to_string()]).stderr(Stdio::inherit());
    let output = process.output()?;
    if !output.status.success() {
        return Err(format!("the process with {people} people ended with {}", output.status).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Measures one size in this process and prints what it found for the process that started it.
pub(crate) fn measure(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let measured = runtime.block_on(steps::measure(arguments.needed("people")?))?;
    println!("{}", serde_json::to_string(&measured)?);
    Ok(())
}

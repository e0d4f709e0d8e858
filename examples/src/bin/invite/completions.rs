//! `invite completions`: what a shell needs to complete commands and options.

use clap_complete::Shell;

use crate::arguments;
use crate::exit::{Done, Exit};
use crate::failure::Failure;
use crate::output::Output;

pub(crate) fn run(shell: Shell, output: Output) -> Done {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut arguments::command(), "invite", &mut script);
    let script = String::from_utf8(script)
        .map_err(|error| Failure::failed(format!("the completion script is no text: {error}")))?;
    output.page(&script)?;
    Ok(Exit::Done)
}

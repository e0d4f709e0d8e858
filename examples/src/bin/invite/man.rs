//! `invite man`: the manual, in the form that `man` reads.

use std::path::PathBuf;

use clap_mangen::Man;

use crate::arguments;
use crate::exit::{Done, Exit};
use crate::failure::Failure;
use crate::output::Output;

pub(crate) fn run(folder: Option<PathBuf>, output: Output) -> Done {
    let mut command = arguments::command();
    command.build();
    if let Some(folder) = folder {
        let written = clap_mangen::generate_to(command, &folder);
        written
            .map_err(|error| Failure::wrong(format!("{} cannot be written: {error}", folder.display())))?;
        output.note(format!("The manual is in {}: read it with `man -l invite.1`.", folder.display()));
        return Ok(Exit::Done);
    }
    let mut page = Vec::new();
    let rendered = Man::new(command).render(&mut page);
    rendered.map_err(|error| Failure::failed(format!("the manual cannot be written: {error}")))?;
    output.page(&String::from_utf8_lossy(&page))?;
    Ok(Exit::Done)
}

//! `man`: the manual pages, from the same table of commands as `--help`.

use std::path::{Path, PathBuf};

use clap::CommandFactory;
use clap_mangen::Man;
use diagnostics::wording::plural;
use diagnostics::{Diagnostic, Diagnostics, Result};
use toolbox::{atomic_file, links};

use super::Outcome;
use super::completions::PROGRAM;
use crate::cli::Cli;
use crate::report::Printer;
use crate::report::json::{Output, Script};

/// Runs the command: prints the page of the program, or writes all pages to a directory.
pub fn run(printer: &Printer, folder: Option<&Path>) -> Result<Outcome> {
    let pages = pages()?;
    let mut script = Script { text: None, written: Vec::new() };
    if let Some(folder) = folder {
        let here = std::env::current_dir().map_err(|error| Diagnostic::io("find", Path::new("."), &error))?;
        links::refuse(&here, &here.join(folder))?;
        std::fs::create_dir_all(folder).map_err(|error| Diagnostic::io("create", folder, &error))?;
        let files: Vec<(PathBuf, String)> = pages.into_iter().map(|(name, text)| (folder.join(name), text)).collect();
        atomic_file::write_all(&files)?;
        script.written = files.iter().map(|(path, _)| path.display().to_string()).collect();
        printer.finished(&format!("{} in {}", plural(files.len(), "page"), folder.display()));
    } else {
        let page = pages.into_iter().next().map(|(_, text)| text).unwrap_or_default();
        printer.result(&page);
        script.text = Some(page);
    }
    Ok(Outcome { diagnostics: Diagnostics::default(), output: Output::Man(script) })
}

/// The pages by file name: that of the program first, then those of its commands.
fn pages() -> Result<Vec<(String, String)>> {
    let mut program = Cli::command().name(PROGRAM).bin_name(PROGRAM);
    program.build();
    let mut pages = vec![page(PROGRAM, &program)?];
    for command in program.get_subcommands().filter(|command| command.get_name() != "help") {
        pages.push(page(&format!("{PROGRAM}-{}", command.get_name()), command)?);
        for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
            pages.push(page(&format!("{PROGRAM}-{}-{}", command.get_name(), inner.get_name()), inner)?);
        }
    }
    Ok(pages)
}

fn page(title: &str, command: &clap::Command) -> Result<(String, String)> {
    let mut bytes = Vec::new();
    let page = Man::new(command.clone()).title(title).section("1").manual("Build tool for GitOps repositories");
    page.render(&mut bytes).map_err(|error| Diagnostic::io("write", Path::new(title), &error))?;
    Ok((format!("{title}.1"), String::from_utf8_lossy(&bytes).into_owned()))
}

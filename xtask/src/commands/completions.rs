//! `completions`: prints a script with which a shell completes commands and options.

use clap::CommandFactory;
use clap_complete::aot::{self, Generator};
use diagnostics::Diagnostics;

use super::Outcome;
use crate::cli::{Cli, Shell};
use crate::report::Printer;
use crate::report::json::{Output, Script};

/// The program that is completed. Shells complete programs, not the subcommands of Cargo.
pub(crate) const PROGRAM: &str = "xtask";

/// Runs the command.
#[must_use]
pub fn run(printer: &Printer, shell: Shell) -> Outcome {
    let text = match shell {
        Shell::Bash => script(aot::Bash),
        Shell::Zsh => script(aot::Zsh),
        Shell::Fish => script(aot::Fish),
    };
    printer.result(&text);
    let script = Script { text: Some(text), written: Vec::new() };
    Outcome { diagnostics: Diagnostics::default(), output: Output::Completions(script) }
}

fn script(shell: impl Generator) -> String {
    let mut bytes = Vec::new();
    let mut command = Cli::command().name(PROGRAM).bin_name(PROGRAM);
    aot::generate(shell, &mut command, PROGRAM, &mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

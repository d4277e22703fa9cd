//! Completions and manual pages, as shells and `man` read them.

use std::process::{Command, Stdio};

use clap::CommandFactory;
use xtask::cli::Cli;

use crate::support::Bench;

fn completions(shell: &str) -> String {
    let bench = Bench::new();
    let answer = bench.xtask(&format!("completions {shell}")).run();
    answer.says(0, &["xtask"]);
    answer.stdout
}

/// The output of a program that reads a text; `None` if the program is not installed.
fn piped(program: &str, args: &[&str], text: &str) -> Option<String> {
    let folder = tempfile::tempdir().expect("temporary directory");
    let file = folder.path().join("script");
    std::fs::write(&file, text).expect("written");
    let output = Command::new(program).args(args).arg(&file).stdin(Stdio::null()).output().ok()?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program} failed:\n{err}");
    assert!(err.is_empty(), "{program} complains:\n{err}");
    Some(out.into_owned())
}

#[test]
fn bash_completes_commands_options_and_values() {
    let complete = |words: &str| {
        let script = completions("bash");
        let ask = format!(
            "{script}\nCOMP_WORDS=({words})\nCOMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n\
             _xtask xtask \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"\necho \"${{COMPREPLY[@]}}\"\n"
        );
        piped("bash", &["--norc"], &ask)
    };
    let Some(commands) = complete("xtask rend") else { return };
    assert_eq!(commands.trim(), "render");
    assert_eq!(complete("xtask render --acc").expect("bash").trim(), "--accept");
    assert_eq!(complete("xtask completions ''").expect("bash").split_whitespace().count(), 3 + 9, "shells and options");
    let all = complete("xtask ''").expect("bash");
    for command in Cli::command().get_subcommands() {
        assert!(
            all.split_whitespace().any(|word| word == command.get_name()),
            "{} is not in {all}",
            command.get_name()
        );
    }
}

#[test]
fn zsh_and_fish_accept_their_scripts() {
    for (shell, check) in [("zsh", "-n"), ("fish", "--no-execute")] {
        let script = completions(shell);
        assert!(script.contains("test-kind"), "{script}");
        piped(shell, &[check], &script);
    }
}

#[test]
fn manual_pages_describe_every_command() {
    let bench = Bench::new();
    let page = bench.xtask("man").run();
    page.says(0, &[".TH xtask 1", "test\\-kind", "XTASK_CHART_MIRROR"]);
    let formatted = piped("groff", &["-Kutf8", "-man", "-ww", "-z"], &page.stdout);
    bench.xtask("man --output pages").run().says(0, &[]);
    let pages = bench.root().join("pages");
    for command in Cli::command().get_subcommands() {
        let path = pages.join(format!("xtask-{}.1", command.get_name()));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(text.contains(".SH SYNOPSIS"), "{text}");
        if formatted.is_some() {
            piped("groff", &["-Kutf8", "-man", "-ww", "-z"], &text);
        }
    }
    assert!(pages.join("xtask-argocd-list.1").is_file());
}

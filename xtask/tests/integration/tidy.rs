//! Rules of this repository that the compiler does not check.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::CommandFactory;
use diagnostics::Code;
use regex_automata::meta::Regex as Automaton;
use regex_automata::util::syntax;
use regex_lite::Regex;
use xtask::cli::Cli;

use crate::support::repository;

/// The source files of the tool, with their texts.
fn sources() -> Vec<(PathBuf, String)> {
    let crates = std::fs::read_dir(repository().join("crates")).expect("readable");
    let mut folders: Vec<PathBuf> = crates.map(|entry| entry.expect("readable").path().join("src")).collect();
    folders.push(repository().join("xtask/src"));
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("readable") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = std::fs::read_to_string(&path).expect("text");
                files.push((path, text));
            }
        }
    }
    files.sort();
    files
}

/// The lines of the source files that satisfy a condition, with their places.
fn lines(wanted: impl Fn(&Path, &str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in sources() {
        let name = path.strip_prefix(repository()).expect("inside").to_path_buf();
        for (index, line) in text.lines().enumerate() {
            if wanted(&name, line) {
                found.push(format!("{}:{}: {}", name.display(), index + 1, line.trim()));
            }
        }
    }
    found
}

#[test]
fn no_unfinished_code() {
    // In two parts each, so that a search for them does not find this file.
    let words = [["db", "g!("], ["tod", "o!("], ["unimple", "mented!("], ["FIX", "ME"], ["XX", "X:"]]
        .map(|parts| parts.concat());
    assert_eq!(lines(|_, line| words.iter().any(|word| line.contains(word.as_str()))), Vec::<String>::new());
}

#[test]
fn one_file_prints_and_one_runs_programs() {
    let prints = ["println!(", "eprintln!(", "print!(", "eprint!(", "io::stdout()", "io::stderr()"];
    let tests = ["tests.rs", "testing.rs", "tools/probe.rs"];
    let printing = |path: &Path, line: &str| {
        !path.ends_with("xtask/src/report.rs")
            && prints.iter().any(|word| line.contains(word))
            // Tests print why they are skipped, and one of them replaces a program that prints.
            && !tests.iter().any(|end| path.ends_with(end))
    };
    assert_eq!(lines(printing), Vec::<String>::new(), "only report.rs prints");
    let spawns = ["Command::new(", "duct::cmd"];
    let spawning = |path: &Path, line: &str| {
        !["toolbox/src/process.rs", "toolbox/src/worker.rs"].iter().any(|end| path.ends_with(end))
            && spawns.iter().any(|word| line.contains(word))
            && !line.contains("//")
    };
    assert_eq!(lines(spawning), Vec::<String>::new(), "only process.rs and worker.rs run programs");
}

#[test]
fn one_module_reads_files() {
    let reading = |path: &Path, line: &str| {
        // `seal` reads what its arguments name, which may be a pipe.
        !path.ends_with("toolbox/src/regular_file.rs")
            && !path.ends_with("commands/seal.rs")
            && [" fs::read(", "::fs::read(", "fs::read_to_string("].iter().any(|word| line.contains(word))
            // Tests know what they read.
            && !line.contains("expect(")
            && !["tests.rs", "testing.rs"].iter().any(|end| path.ends_with(end))
    };
    assert_eq!(lines(reading), Vec::<String>::new(), "only regular_file.rs reads files");
}

#[test]
fn temporary_directories_are_closed_to_others() {
    let open = |path: &Path, line: &str| {
        !path.ends_with("toolbox/src/scratch.rs")
            && line.contains("tempdir")
            // Tests have nothing to hide.
            && !line.contains("expect(")
            && !["tests.rs", "testing.rs"].iter().any(|end| path.ends_with(end))
    };
    assert_eq!(lines(open), Vec::<String>::new(), "only scratch.rs creates temporary directories");
}

#[test]
fn every_code_is_used() {
    let texts: String = sources().into_iter().map(|(_, text)| text).collect();
    let unused: Vec<_> = Code::ALL.iter().filter(|code| !texts.contains(&format!("Code::{code:?}"))).collect();
    assert!(unused.is_empty(), "no diagnostic has {unused:?}: delete them from crates/diagnostics");
}

#[test]
fn every_module_is_documented() {
    let silent = sources().into_iter().filter(|(_, text)| !text.starts_with("//!") && !text.starts_with("use super"));
    let silent: Vec<_> = silent.map(|(path, _)| path).collect();
    assert!(silent.is_empty(), "no `//!` at the top of {silent:?}");
}

#[test]
fn the_changelog_mentions_the_current_version() {
    let changelog = std::fs::read_to_string(repository().join("CHANGELOG.md")).expect("CHANGELOG.md");
    let version = env!("CARGO_PKG_VERSION");
    assert!(changelog.contains(version), "CHANGELOG.md does not mention {version}, the version of the xtask crate");
}

#[test]
fn no_file_contains_a_path_of_one_machine() {
    let places = [["/wor", "k/"], ["/hom", "e/"], ["/Us", "ers/"], ["/roo", "t/"], ["/tmp/", "."], ["C:", "\\"]]
        .map(|parts| parts.concat());
    let found = tracked_lines(|_, line| places.iter().any(|place| line.contains(place.as_str())).then(String::new));
    assert!(found.is_empty(), "paths of one machine:\n{}", found.join("\n"));
}

/// Wording that reads like a literal translation, and what to write instead. Each pattern has brackets around a letter, so
/// that it does not match itself.
const RETIRED: &[(&str, &str)] = &[
    (r"\b(be|been) [h]ad\b", "unavailable, not found, could not be downloaded"),
    (r"\bst[a]nds? twice\b", "duplicate, is defined twice"),
    (r"` is [n]o ([a-km-z]|l[a-np-z])\w*", "is not a …, is not a valid …"),
    (r"\b(hold|holds|held|holding) (\w+ |`\S+ ){1,6}[a]gainst\b", "validate against, compare with"),
    (r"\bnobody (s[a]ys|t[e]lls)\b", "cannot tell whether …, is not set"),
    (r"\bwh[o]m?ever\b", "anyone who …, or name the actor"),
    (r"\bdeliberately [a]bsent\b", "Does not …"),
    (r"\b(is|are|was|were) t[o]ld\b", "is reported, is shown"),
    (r"(\b(it|that|which|this|output|command|tool|test|lint|render|validate)|`) t[e]lls\b", "report, print, show"),
    (r"\bis there alr[e]ady\b", "exists"),
    (r"\b(it|that|which|is|are|be|helm|kubernetes|argo cd) p[a]ss(es|ed)? over\b", "ignores, is ignored"),
    (r"\bgo[e]s into\b", "is written to, belongs in, is deployed to"),
    (r"\bm[e]nd(s|ed|ing)?\b", "fix"),
    (r"\bbr[i]ngs? (it|them|the|a|an|another|its|chart|charts|archives|images|tools|helm)\b", "download, install, use"),
    (r"\bw[i]thout a word\b", "silently"),
    (r"\buns[a]id\b", "implicitly, silently"),
    (r"\bs[a]ys nothing to\b", "unknown field, unknown value"),
    (r"\b[a]new\b", "again, recreate"),
    (r"\b(its|their) k[i]n\b", "and similar ones"),
    (r"\bw[a]ys? out\b", "fix, help, egress"),
    (r"\binputs? m[o]ved\b", "inputs changed"),
    (r"\bt[a]k(e|es|en|ing) (it |them )?away\b", "remove, delete"),
    (r"\bnot g[o] with\b", "is not allowed when, conflicts with"),
    (r"\ban[o]ther \w+ than\b", "a different … than, other than"),
    (
        r"\b(api servers?|kubernetes|argo cd|helm|kubeseal`?|kustomize|github|prometheus|admission) ref[u]ses?\b",
        "rejects",
    ),
    (r"\bmore than its l[i]mit\b", "exceeds its limit"),
    (
        r"\b\w*(col[o]ur|behavi[o]ur|hon[o]ur|fav[o]ur|neighb[o]ur|missp[e]lt|label[l]ed|cancel[l]ed|model[l]ed|travel[l]ed)\w*",
        "the American spelling",
    ),
    (
        r"\b\w*(normal|initial|recogn|optim|serial|organ|summar|synchron|custom|util|minim|maxim|author)[i]s(e|ed|es|ing|ation)\b",
        "the American spelling",
    ),
    (
        r"\b(cent[r]e|licenc[e]|catalog[u]e|whils[t]|amongs[t]|learn[t]|spel[t]|analys[e]d?|def[e]nce)\b",
        "the American spelling",
    ),
];

#[test]
fn no_file_contains_retired_wording() {
    // One automaton for all expressions, because there are 300,000 lines.
    let bytes = syntax::Config::new().case_insensitive(true).unicode(false).utf8(false);
    let patterns: Vec<&str> = RETIRED.iter().map(|(pattern, _)| *pattern).collect();
    let retired = Automaton::builder().syntax(bytes).build_many(&patterns).expect("patterns");
    let ends = ["rs", "md", "yaml", "yml", "toml", "txtar", "sh", "tpl", "txt", "json"];
    let names =
        ["Dockerfile", "run", "check", "about", "screen", ".gitignore", ".gitattributes", ".helmignore", "helmignore"];
    // Charts and API servers of others contribute to these.
    let others = ["schemas/", "tests/golden/"];
    let found = tracked_lines(|name, line| {
        let path = Path::new(name);
        let known = path.extension().is_some_and(|end| ends.iter().any(|known| end == *known))
            || path.file_name().is_some_and(|last| names.iter().any(|known| last == *known));
        if !known || others.iter().any(|start| name.starts_with(start)) {
            return None;
        }
        let matched = retired.find(line)?;
        let (_, instead) = RETIRED[matched.pattern().as_usize()];
        let text = String::from_utf8_lossy(&line.as_bytes()[matched.range()]);
        Some(format!("`{text}`: write {instead}: "))
    });
    assert!(found.is_empty(), "{} lines with retired wording:\n{}", found.len(), found.join("\n"));
}

/// The lines of all files that are in Git, or would be added to it, for which a function returns a remark. Without Git,
/// there are none.
fn tracked_lines(wanted: impl Fn(&str, &str) -> Option<String>) -> Vec<String> {
    let mut git = Command::new("git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(repository());
    let Some(output) = git.output().ok().filter(|output| output.status.success()) else { return Vec::new() };
    let mut found = Vec::new();
    for name in String::from_utf8_lossy(&output.stdout).split('\0').filter(|name| !name.is_empty()) {
        let Ok(text) = std::fs::read_to_string(repository().join(name)) else { continue };
        for (index, line) in text.lines().enumerate() {
            if let Some(remark) = wanted(name, line) {
                found.push(format!("{name}:{}: {remark}{}", index + 1, line.trim()));
            }
        }
    }
    found
}

#[test]
fn the_readme_lists_all_commands() {
    let readme = std::fs::read_to_string(repository().join("README.md")).expect("README.md");
    let table = readme.split("\n## Commands").nth(1).and_then(|rest| rest.split("\n## ").next()).expect("the section");
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split("` | ").next());
    let mut rows: BTreeMap<&str, String> = rows.fold(BTreeMap::new(), |mut rows, cell| {
        rows.entry(cell.split(' ').next().expect("a word")).or_default().push_str(cell);
        rows
    });
    // The section also has a table of variables.
    rows.retain(|name, _| name.starts_with(|c: char| c.is_ascii_lowercase()));
    for command in Cli::command().get_subcommands() {
        let name = command.get_name();
        let row = rows.remove(name).unwrap_or_else(|| panic!("README.md does not list `{name}`"));
        let inner: Vec<&clap::Command> = command.get_subcommands().collect();
        let missing: Vec<&str> =
            inner.iter().map(|inner| inner.get_name()).filter(|inner| !row.contains(inner)).collect();
        assert!(missing.is_empty(), "README.md does not list {missing:?} of `{name}`");
        let options: BTreeSet<&str> = std::iter::once(command)
            .chain(inner)
            .flat_map(clap::Command::get_arguments)
            .filter_map(clap::Arg::get_long)
            .collect();
        for word in Regex::new("--[a-z-]+").expect("a pattern").find_iter(&row).map(|found| found.as_str()) {
            assert!(options.contains(&word[2..]), "README.md lists `{word}`, which `{name}` does not have");
        }
    }
    assert!(rows.is_empty(), "README.md lists unknown commands: {:?}", rows.keys());
}

#[test]
fn dependencies_come_from_one_registry_and_in_one_version() {
    let lock = std::fs::read_to_string(repository().join("Cargo.lock")).expect("Cargo.lock");
    let field = |package: &str, key: &str| -> Option<String> {
        let value = package.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \""))?;
        Some(value.trim_end_matches('"').to_owned())
    };
    let mut versions: BTreeMap<String, usize> = BTreeMap::new();
    for package in lock.split("[[package]]\n").skip(1) {
        let name = field(package, "name").expect("a name");
        if let Some(source) = field(package, "source") {
            assert_eq!(source, "registry+https://github.com/rust-lang/crates.io-index", "{name}");
            assert!(field(package, "checksum").is_some(), "{name} has no checksum");
        }
        *versions.entry(name).or_default() += 1;
    }
    let deny = std::fs::read_to_string(repository().join("deny.toml")).expect("deny.toml");
    let skipped = deny.lines().filter_map(|line| line.trim().strip_prefix("{ crate = \"")?.split('"').next());
    let skipped: BTreeSet<&str> = skipped.collect();
    // The lock lists dependencies of all systems, cargo-deny only reads those of the systems in deny.toml.
    let several: BTreeSet<&str> = versions
        .iter()
        .filter(|(name, count)| **count > 1 && !name.starts_with("windows"))
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(several, skipped, "the crates with several versions, and `skip` in deny.toml");
}

#[test]
fn every_promise_about_security_has_a_test() {
    let text = std::fs::read_to_string(repository().join("docs/security.md")).expect("docs/security.md");
    let (_, promises) = text.split_once("\n## Promises\n").expect("the section");
    let mut tests: BTreeSet<String> = BTreeSet::new();
    let function = Regex::new(r"(?m)^ *fn (\w+)\(").expect("a pattern");
    let attributes = ["#[test]", "proptest! {"];
    let mut files: Vec<String> = sources().into_iter().map(|(_, text)| text).collect();
    for entry in std::fs::read_dir(repository().join("xtask/tests/integration")).expect("readable") {
        let path = entry.expect("readable").path();
        if path.is_file() {
            files.push(std::fs::read_to_string(path).expect("text"));
        }
    }
    for text in files.iter().filter(|text| attributes.iter().any(|attribute| text.contains(attribute))) {
        tests.extend(function.captures_iter(text).map(|found| found[1].to_owned()));
    }
    let mut rows = 0;
    for row in promises.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| promise")) {
        rows += 1;
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        let named: Vec<&str> = cells.last().expect("a cell").split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "no test: {row}");
        for name in named {
            let fixture = repository().join(format!("tests/fixtures/{name}.txtar")).is_file();
            assert!(fixture || tests.contains(name), "docs/security.md names `{name}`, which is not a test");
        }
    }
    assert!(rows > 20, "the table was not read");
}

/// docs/relays.md names a test for each feature that charts/postfix has: a file, a golden, a check, or a function.
#[test]
fn every_feature_of_the_relay_names_its_test() {
    let document = std::fs::read_to_string(repository().join("docs/relays.md")).expect("docs/relays.md");
    let (_, table) = document.split_once("\n| feature |").expect("the table");
    let link = Regex::new(r"\]\(([^)#]+)[^)]*\)").expect("a pattern");
    let quoted = Regex::new(r"`([a-z0-9_/-]+)`").expect("a pattern");
    let integration = repository().join("xtask/tests/integration");
    let functions: String = std::fs::read_dir(integration)
        .expect("readable")
        .filter_map(|entry| std::fs::read_to_string(entry.ok()?.path()).ok())
        .collect();
    let exists = |name: &str| {
        repository().join("tests/golden").join(name).join("render.lock").is_file()
            || functions.contains(&format!("#[test]\nfn {name}()"))
            || Code::ALL.iter().any(|code| code.name() == name)
    };
    let mut rows = 0;
    for row in table.lines().skip(2).take_while(|line| line.starts_with("| ")) {
        rows += 1;
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let (feature, own, test) = (cells[0], cells[1], cells.last().copied().expect("a cell"));
        if own == "no" || own.starts_with("no,") {
            assert_eq!(test, "–", "{feature}");
            continue;
        }
        let files: Vec<&str> = link.captures_iter(test).map(|found| found.get(1).expect("a path").as_str()).collect();
        for file in &files {
            assert!(repository().join("docs").join(file).exists(), "{feature}: {file} does not exist");
        }
        let names: Vec<&str> = quoted.captures_iter(test).map(|found| found.get(1).expect("a name").as_str()).collect();
        for name in names.iter().filter(|name| **name != "lint") {
            assert!(exists(name), "{feature}: `{name}` is not the name of a golden, a check, or a test");
        }
        assert!(!files.is_empty() || names.iter().any(|name| *name != "lint"), "{feature} has no test");
    }
    assert!(rows > 30, "the table was not read");
}

/// Files that read the text of a message, and why.
const READERS: [(&str, &str); 4] = [
    ("xtask/src/lint/prometheus_rules.rs", "findings that read alike are one, whatever they say"),
    ("crates/kubernetes/src/change/effects/versions.rs", "equal effects are shown once, whatever they say"),
    ("crates/kubernetes/src/validate/kubeconform.rs", "parses the messages of kubeconform"),
    ("xtask/src/policy.rs", "the messages are those of a policy program"),
];

#[test]
fn findings_are_related_by_facts_and_not_by_their_texts() {
    const COMPARES: &str =
        r"(starts_with|ends_with|contains|strip_prefix|strip_suffix|r?split\w*|r?find|matches|lines)\(";
    let patterns = [
        format!(r"\.message\s*(\.as_str\(\)\s*)?\.{COMPARES}"),
        r"\.message\s*(==|!=)|(==|!=)\s*&?(\w+\.)+message\b".to_owned(),
        format!(r"\.helps\b[^;]*?\bhelp\s*\.{COMPARES}"),
        r"\.helps\b[^;]*?\bhelp\s*(==|!=)|\.helps\s*\.contains\(".to_owned(),
        r#"\blabel(\(\w+\))?\s*(==|!=)\s*""#.to_owned(),
    ];
    let patterns = patterns.map(|pattern| Regex::new(&pattern).expect("a pattern"));
    let mut found = BTreeSet::new();
    for (path, text) in sources() {
        let name = path.strip_prefix(repository()).expect("inside").to_string_lossy().into_owned();
        let is_test = name.ends_with("tests.rs") || name.contains("/tests/");
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        if !is_test && patterns.iter().any(|pattern| pattern.is_match(code)) {
            found.insert(name);
        }
    }
    let expected = READERS.map(|(file, _)| file.to_owned());
    assert_eq!(found, BTreeSet::from(expected), "attach a fact (crates/diagnostics/src/fact.rs), and compare that");
}

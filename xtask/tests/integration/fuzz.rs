//! Readers of foreign text, fed with mutated files of this repository.
//!
//! Each test reads the inputs in tests/fuzz again that were once interesting, and then new ones for `XTASK_FUZZ_SECONDS` (1
//! by default) from a fixed seed, so a failure comes back; `XTASK_FUZZ_SEED` sets another one. It fails if a reader panics,
//! or takes more than a second. A failing test prints the input. Reduce it, and add it to the tests of the reader before
//! fixing.

mod readers;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use self::readers::Read;
use crate::support::{pack, repository};

/// How long a reader may take. Without optimizations, and beside other tests, it is slower.
const LIMIT: Duration = Duration::from_secs(if cfg!(debug_assertions) { 15 } else { 1 });

/// Texts that readers treat in a special way.
const TOKENS: &[&str] = &[
    "---\n",
    "...",
    "\n",
    "\r\n",
    "\t",
    " ",
    ": ",
    "- ",
    "&a ",
    "*a",
    "<<: ",
    "|\n",
    ">-\n",
    "|2+\n",
    "'",
    "\"",
    "{",
    "}",
    "[",
    "]",
    ",",
    "#",
    "!",
    "!!binary ",
    "%YAML 1.1\n",
    "null",
    "~",
    "yes",
    "0o17",
    "0x1F",
    "1e400",
    "-0",
    ".inf",
    "\u{0}",
    "\u{feff}",
    "\u{2028}",
    "ä",
    "😀",
    "\\u0000",
    "\\",
    "=",
    "\"\"\"",
    "'''",
    "# Source: a/templates/b.yaml\n",
];

#[test]
fn yaml_places_lie_inside_the_text_and_json_means_the_same() {
    fuzz("yaml", &files(&["charts", "argocd", "tests/golden"], &["yaml"]), readers::yaml);
}

#[test]
fn toml_is_read_or_refused_with_a_place() {
    fuzz("toml", &files(&["."], &["toml", "lock"]), readers::toml);
}

#[test]
fn applications_and_projects_are_read_or_refused_with_a_place() {
    fuzz("applications", &files(&["argocd"], &["yaml"]), readers::applications);
}

#[test]
fn manifests_are_split_without_loss() {
    fuzz("manifests", &files(&["tests/golden"], &["yaml"]), readers::manifests);
}

#[test]
fn output_of_helm_is_read_or_refused() {
    fuzz("helm-output", &[], readers::helm_output);
}

#[test]
fn templates_are_read_or_refused() {
    fuzz("templates", &files(&["charts"], &["yaml", "tpl", "txt"]), readers::templates);
}

#[test]
fn values_schemas_are_read_or_refused_with_a_place() {
    fuzz("values-schemas", &files(&["charts"], &["schema.json"]), readers::values_schemas);
}

#[test]
fn scenarios_are_read_or_refused_with_a_place() {
    fuzz("scenarios", &files(&["tests/kind"], &["yaml"]), readers::scenarios);
}

#[test]
fn schemas_are_written_as_they_are_read() {
    fuzz("openapi", &files(&["schemas"], &["json"]), readers::openapi);
}

#[test]
fn output_of_kubeconform_is_read_or_refused() {
    fuzz("kubeconform", &[], readers::kubeconform);
}

#[test]
fn archives_are_read_or_refused() {
    let chart = [("Chart.yaml", "name: a\n"), ("templates/a.yaml", "a: b\n"), ("charts/b/values.yaml", "{}\n")];
    let chart = chart.map(|(path, text)| (format!("a/{path}").into(), text.as_bytes().to_vec()));
    let packed = pack(chart.into());
    let mut plain = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(packed.as_slice()), &mut plain).expect("in memory");
    fuzz("archives", &[packed, plain], readers::archives);
}

#[test]
fn application_sets_are_read_or_refused_with_a_place() {
    let text = std::fs::read_to_string(repository().join("crates/argocd/src/application_set/answers.jsonl"));
    let text = text.expect("readable");
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let sets: Vec<Vec<u8>> = lines.filter_map(|line| Some(line["set"].as_str()?.as_bytes().to_vec())).collect();
    fuzz("application-sets", &sets, readers::application_sets);
}

/// The files under some directories whose names end in one of some ways.
fn files(folders: &[&str], ends: &[&str]) -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    let mut paths: Vec<PathBuf> = folders.iter().map(|folder| repository().join(folder)).collect();
    while let Some(path) = paths.pop() {
        if path.is_dir() {
            let hidden = |path: &Path| {
                path.file_name().is_some_and(|name| name == "target" || name.to_string_lossy().starts_with('.'))
            };
            let entries = std::fs::read_dir(&path).expect("readable").map(|entry| entry.expect("readable").path());
            paths.extend(entries.filter(|path| !hidden(path)));
        } else if ends.iter().any(|end| path.to_string_lossy().ends_with(end)) {
            seeds.push((path.clone(), std::fs::read(&path).expect("readable")));
        }
    }
    seeds.sort();
    assert!(!seeds.is_empty(), "no file to begin with");
    seeds.into_iter().map(|(_, bytes)| bytes).filter(|bytes| bytes.len() < 64 * 1024).collect()
}

/// The inputs in tests/fuzz, each in a line: a JSON string, or bytes in base64.
fn corpus(reader: &str) -> Vec<Vec<u8>> {
    let path = repository().join("tests/fuzz").join(reader).with_extension("jsonl");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let input = |line: &str| match serde_json::from_str(line) {
        Ok(Value::String(text)) => text.into_bytes(),
        _ => STANDARD.decode(line).unwrap_or_else(|error| panic!("{}: {line}: {error}", path.display())),
    };
    text.lines().map(input).collect()
}

/// Feeds a reader with its corpus, and with mutations of it and of some files.
#[expect(clippy::print_stderr, reason = "the number of inputs is a result")]
fn fuzz(reader: &str, files: &[Vec<u8>], read: Read) {
    let mut seeds = corpus(reader);
    for seed in &seeds {
        check(seed, read);
    }
    seeds.extend_from_slice(files);
    let number = |name: &str, default: u64| {
        std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is not a number")))
    };
    let mut random = fastrand::Rng::with_seed(number("XTASK_FUZZ_SEED", 0));
    let duration = Duration::from_secs(number("XTASK_FUZZ_SECONDS", 1));
    let (began, mut count, mut longest) = (Instant::now(), 0_u64, Duration::ZERO);
    while began.elapsed() < duration {
        let mut input = random.choice(&seeds).expect("a seed").clone();
        for _ in 0..random.usize(0..6) {
            mutate(&mut input, &seeds, &mut random);
        }
        longest = longest.max(check(&input, read));
        count += 1;
    }
    eprintln!("{reader}: {count} inputs in {} s, the slowest took {} ms", duration.as_secs(), longest.as_millis());
}

/// Reads an input, and returns how long it took. A panic of the reader names a line of it, but not the input.
fn check(input: &[u8], read: Read) -> Duration {
    let mut took = Duration::MAX;
    // Other programs may have had the processor.
    for _ in 0..3 {
        let began = Instant::now();
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| read(input))) {
            panic_message(input);
            resume_unwind(panic);
        }
        took = took.min(began.elapsed());
        if took <= LIMIT {
            break;
        }
    }
    if took > LIMIT {
        panic_message(input);
        panic!("the reader took {took:?}");
    }
    took
}

#[expect(clippy::print_stderr, reason = "a failing test prints its input")]
fn panic_message(input: &[u8]) {
    eprintln!("the input was:\n{}\nas bytes: {:?}", String::from_utf8_lossy(input), String::from_utf8_lossy(input));
}

fn mutate(input: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut fastrand::Rng) {
    let at = random.usize(0..=input.len());
    let end = (at + random.usize(0..40)).min(input.len());
    match random.u8(0..6) {
        0 => drop(input.drain(at..end)),
        1 => drop(input.splice(at..at, random.choice(TOKENS).expect("a token").bytes())),
        2 => {
            let copied = input[at..end].to_vec();
            let to = random.usize(0..=input.len());
            drop(input.splice(to..to, copied));
        }
        3 => {
            let other = random.choice(seeds).expect("a seed");
            let from = random.usize(0..=other.len());
            let stretch = other[from..(from + random.usize(0..200)).min(other.len())].to_vec();
            drop(input.splice(at..end, stretch));
        }
        4 => {
            if let Some(byte) = input.get_mut(at) {
                *byte = random.u8(..);
            }
        }
        _ => input.truncate(at),
    }
}

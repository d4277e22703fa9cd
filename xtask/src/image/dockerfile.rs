//! Parses the parts of a Dockerfile that are needed before a build: its steps, arguments, and base images.
//!
//! Parser directives are not supported. The engine parses the file itself, so an unrecognized step only makes
//! the place in a message less exact.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use diagnostics::{Code, Diagnostic, Diagnostics, Place, Source, nearest};

/// All instructions.
const INSTRUCTIONS: &[&str] = &[
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// Images that others copy from, and that a stage may be named like.
const OFFICIAL: &[&str] = &[
    "alpine", "bash", "busybox", "caddy", "composer", "debian", "docker", "golang", "gradle", "haproxy", "maven",
    "nginx", "node", "openjdk", "perl", "php", "postgres", "python", "redis", "ruby", "rust", "scratch", "traefik",
    "ubuntu",
];

/// The instructions with heredocs.
const HEREDOCS: &[&str] = &["ADD", "COPY", "RUN"];

/// A parsed Dockerfile.
#[derive(Debug)]
pub struct Dockerfile {
    /// Its text.
    pub source: Arc<Source>,
    /// The default of each argument, by name.
    pub arguments: BTreeMap<String, Option<String>>,
    steps: Vec<Step>,
}

/// An instruction.
#[derive(Debug)]
struct Step {
    /// Its first line, counted from 1.
    line: usize,
    /// Its name in uppercase.
    instruction: String,
    /// The rest, with continued lines joined by spaces.
    rest: String,
}

impl Dockerfile {
    /// Parses the text of a Dockerfile.
    #[must_use]
    pub fn parse(source: Arc<Source>) -> Self {
        let mut steps: Vec<Step> = Vec::new();
        let mut continued = false;
        // The words that end the heredocs of the last instruction.
        let mut heredocs: Vec<String> = Vec::new();
        for (index, line) in source.text.lines().enumerate() {
            let text = line.trim();
            if let Some(end) = heredocs.first() {
                if text == end {
                    heredocs.remove(0);
                }
                continue;
            }
            // Comments and blank lines do not end a continued instruction.
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let (body, more) = text.strip_suffix('\\').map_or((text, false), |body| (body.trim_end(), true));
            match steps.last_mut() {
                Some(step) if continued => {
                    step.rest.push(' ');
                    step.rest.push_str(body);
                }
                _ => {
                    let (name, rest) = body.split_once(char::is_whitespace).unwrap_or((body, ""));
                    steps.push(Step {
                        line: index + 1,
                        instruction: name.to_ascii_uppercase(),
                        rest: rest.trim_start().to_owned(),
                    });
                }
            }
            continued = more;
            if let Some(step) = steps.last().filter(|step| !more && HEREDOCS.contains(&step.instruction.as_str())) {
                heredocs = heredoc_ends(&step.rest);
            }
        }
        let mut arguments = BTreeMap::new();
        for step in steps.iter().filter(|step| step.instruction == "ARG") {
            for word in step.rest.split_whitespace() {
                let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
                let value = value.map(|value| value.trim_matches(['"', '\'']).to_owned());
                // Each stage declares the arguments that it uses again; only one declaration has the default.
                let known = arguments.entry(name.to_owned()).or_insert(None);
                *known = known.take().or(value);
            }
        }
        Self { source, arguments, steps }
    }

    /// The base images with their places, without `scratch` and earlier stages.
    #[must_use]
    pub fn bases(&self, arguments: &BTreeMap<String, String>) -> Vec<(String, Place)> {
        let mut bases = Vec::new();
        let mut stages: Vec<String> = Vec::new();
        for step in self.steps.iter().filter(|step| step.instruction == "FROM") {
            let mut words = step.rest.split_whitespace().filter(|word| !word.starts_with("--"));
            let Some(image) = words.next() else { continue };
            let image = self.expand(image, arguments);
            if image != "scratch" && !stages.contains(&image.to_lowercase()) {
                bases.push((image, Place::line(&self.source, step.line)));
            }
            if words.next().is_some_and(|word| word.eq_ignore_ascii_case("as")) {
                stages.extend(words.next().map(str::to_lowercase));
            }
        }
        bases
    }

    /// What every build fails on: unknown instructions, and files and stages that `COPY` takes and that do not exist.
    /// `folder` is the context of the build.
    #[must_use]
    pub fn check(&self, folder: &Path) -> Diagnostics {
        let mut diagnostics = Diagnostics::default();
        let mut stages: Vec<String> = Vec::new();
        for step in &self.steps {
            let words: Vec<&str> = step.rest.split_whitespace().collect();
            match step.instruction.as_str() {
                "FROM" => {
                    let name = words.iter().position(|word| word.eq_ignore_ascii_case("as"));
                    stages.push(name.and_then(|at| words.get(at + 1)).unwrap_or(&"").to_lowercase());
                }
                "COPY" | "ADD" => diagnostics.extend(self.check_copy(step, &words, &stages, folder)),
                known if INSTRUCTIONS.contains(&known) => {}
                unknown => {
                    let message = format!("unknown instruction `{unknown}`");
                    let found = invalid(message).at(Place::line(&self.source, step.line), "the build fails here");
                    diagnostics.push(match nearest(unknown, INSTRUCTIONS.iter().copied()) {
                        Some(near) => found.help(format!("did you mean `{near}`?")),
                        None => found.help("correct the instruction, or end the line before it with `\\`"),
                    });
                }
            }
        }
        diagnostics
    }

    fn check_copy(&self, step: &Step, words: &[&str], stages: &[String], folder: &Path) -> Diagnostics {
        let place = || Place::line(&self.source, step.line);
        let stage = words.iter().find_map(|word| word.strip_prefix("--from="));
        if let Some(stage) = stage {
            let named = stage.to_lowercase();
            if let Ok(index) = named.parse::<usize>() {
                let found = || invalid(format!("no stage has the number {index}"));
                let found = || found().at(place(), "stages are counted from 0").help("copy from an earlier stage");
                return if index < stages.len() { Diagnostics::default() } else { found().into() };
            }
            // Other names may be those of images or further contexts, and arguments may be anything.
            let image = stage.contains(['/', ':', '.', '$']) || OFFICIAL.contains(&named.as_str());
            let near = nearest(&named, stages.iter().map(String::as_str).filter(|name| !name.is_empty()));
            let Some(near) = near.filter(|_| !image && !stages.contains(&named)) else { return Diagnostics::default() };
            let found = invalid(format!("no stage is named `{stage}`")).at(place(), "copies from it");
            let found = found.note("the builder looks for an image of this name instead");
            return found.help(format!("did you mean `{near}`?")).into();
        }
        let list =
            step.rest.find('[').map(|at| &step.rest[at..]).filter(|_| !words.iter().any(|word| word.contains("<<")));
        let parsed: Option<Vec<String>> = list.and_then(|list| serde_json::from_str(list).ok());
        let plain = || words.iter().filter(|word| !word.starts_with("--")).map(|word| (*word).to_owned()).collect();
        let mut paths: Vec<String> = parsed.unwrap_or_else(plain);
        paths.pop();
        let exists = |path: &str| {
            let path = path.trim_matches(['"', '\'']);
            // Patterns, arguments, heredocs, and addresses.
            path.contains(['*', '?', '[', '$', ':', '<']) || folder.join(path.trim_start_matches('/')).exists()
        };
        // A directory that is not there, or empty as a submodule, is probably checked out or built before the image.
        let is_provided = |path: &str| {
            let (first, rest) = path.trim_start_matches("./").split_once('/').unwrap_or((path, ""));
            let names = names_below(folder);
            let similar = || nearest(first, names.iter().filter_map(|name| Some(name.split_once('/')?.0))).is_some();
            let is_filled = std::fs::read_dir(folder.join(first)).is_ok_and(|mut entries| entries.next().is_some());
            !rest.is_empty() && !is_filled && !folder.join(first).is_file() && !similar()
        };
        let missing = paths.iter().filter(|path| !exists(path) && !is_provided(path));
        Diagnostics(
            missing
                .map(|path| {
                    let found = invalid(format!("`{path}` does not exist"))
                        .at(place(), "copies it from the folder of the image");
                    let names = names_below(folder);
                    match nearest(path, names.iter().map(String::as_str)) {
                        Some(near) => found.help(format!("did you mean `{near}`?")),
                        None => found.help("add the file, or correct the path, which is relative to the Dockerfile"),
                    }
                })
                .collect(),
        )
    }

    /// Expands `$NAME`, `${NAME}`, and `${NAME:-default}` in a FROM.
    fn expand(&self, text: &str, arguments: &BTreeMap<String, String>) -> String {
        let value = |name: &str| arguments.get(name).or(self.arguments.get(name).and_then(Option::as_ref));
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some((inside, after)) = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
                let (name, default) = inside.split_once(":-").unwrap_or((inside, ""));
                out.push_str(value(name).map_or(default, String::as_str));
                rest = after;
            } else {
                let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
                out.push_str(value(&rest[..end]).map_or("", String::as_str));
                rest = &rest[end..];
            }
        }
        out.push_str(rest);
        out
    }

    /// The line of the step that failed, according to the build's log.
    #[must_use]
    pub fn failed_line(&self, log: &str) -> Option<usize> {
        // BuildKit prints the line at the end of its log.
        let named = log.lines().rev().find_map(|line| line.trim().strip_prefix("Dockerfile:")?.parse().ok());
        if named.is_some() {
            return named;
        }
        // The classic builder and podman number the steps: `Step 5/9 : RUN …`, `STEP 5/9: RUN …`.
        let number = log.lines().rev().find_map(|line| {
            let rest = line.strip_prefix("Step ").or_else(|| line.strip_prefix("STEP "))?;
            rest.split_once('/')?.0.parse::<usize>().ok()
        })?;
        // Podman does not count the arguments before the first FROM.
        let uncounted = if log.contains("STEP ") {
            self.steps.iter().take_while(|step| step.instruction == "ARG").count()
        } else {
            0
        };
        self.steps.get((number + uncounted).checked_sub(1)?).map(|step| step.line)
    }
}

fn invalid(message: String) -> Diagnostic {
    Diagnostic::new(Code::DockerfileInvalid, message)
}

/// The names of files and folders in a folder.
fn names_below(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
}

/// The words that end the heredocs of an instruction, `EOF` of `RUN <<EOF`.
fn heredoc_ends(text: &str) -> Vec<String> {
    let mut ends = Vec::new();
    for part in text.split("<<").skip(1) {
        let part = part.strip_prefix('-').unwrap_or(part);
        let word: String =
            part.trim_start_matches(['"', '\'']).chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        // A number is shifted in arithmetic, and `<<<` is a word.
        if word.starts_with(|c: char| c.is_alphabetic() || c == '_') {
            ends.push(word);
        }
    }
    ends
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# comment
ARG BASE=debian:12
ARG OTHER
FROM ${BASE} AS build
ARG N=1
RUN one && \\
    # within
    two

COPY a b
FROM --platform=linux/amd64 $OTHER
FROM build
FROM ${MISSING:-alpine}
";

    #[test]
    fn heredocs_are_text() {
        let text = "FROM a\nRUN <<EOF cat && cat <<-'END'\nCOPPY x y\nEOF\nEXPOSED\n  END\nRUN echo $((1 << 2))\nCMD [\"x\"]\n";
        let parsed = Dockerfile::parse(Source::new("Dockerfile", text));
        assert!(parsed.check(Path::new("/")).is_empty());
        assert_eq!(parsed.steps.len(), 4);
    }

    fn dockerfile() -> Dockerfile {
        Dockerfile::parse(Source::new("Dockerfile", TEXT))
    }

    #[test]
    fn base_images_are_expanded_and_exclude_stages() {
        let given = BTreeMap::from([("OTHER".to_owned(), "registry.example/x:1".to_owned())]);
        let bases = dockerfile().bases(&given);
        let names: Vec<String> = bases.iter().map(|(name, place)| format!("{name} {place}")).collect();
        assert_eq!(
            names,
            ["debian:12 Dockerfile:4:1", "registry.example/x:1 Dockerfile:11:1", "alpine Dockerfile:13:1"]
        );
        assert_eq!(dockerfile().arguments.keys().collect::<Vec<_>>(), ["BASE", "N", "OTHER"]);
    }

    #[test]
    fn the_failed_step_is_found_in_the_log_of_every_builder() {
        let dockerfile = dockerfile();
        for (log, line) in [
            (
                "Step 4/8 : ARG N=1\n ---> 1\nStep 5/8 : RUN one &&     two\nboom\nThe command '/bin/sh' returned 1\n",
                Some(6),
            ),
            ("STEP 1/6: FROM debian\nSTEP 3/6: RUN one\nError: building\n", Some(6)),
            (
                "#5 ERROR: process\n------\nDockerfile:6\n--------------------\n   6 | >>> RUN one\nERROR: failed to solve\n",
                Some(6),
            ),
            ("denied\n", None),
        ] {
            assert_eq!(dockerfile.failed_line(log), line, "{log}");
        }
    }
}

//! Parses the parts of a Dockerfile that are needed before a build: its steps, arguments, and base images.
//!
//! Parser directives are not supported. The engine parses the file itself, so an unrecognized step only makes
//! the place in a message less exact.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use diagnostics::{Code, Diagnostic, Diagnostics, Place, Source, did_you_mean, nearest};

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
        let mut diagnostics = self.check_variables();
        let mut stages: Vec<String> = Vec::new();
        for step in &self.steps {
            let words: Vec<&str> = step.rest.split_whitespace().collect();
            match step.instruction.as_str() {
                "FROM" => {
                    let name = words.iter().position(|word| word.eq_ignore_ascii_case("as"));
                    stages.push(name.and_then(|at| words.get(at + 1)).unwrap_or(&"").to_lowercase());
                }
                "COPY" | "ADD" => diagnostics.extend(self.check_copy(step, &words, &stages, folder)),
                "ENTRYPOINT" | "CMD" | "SHELL" if step.rest.starts_with('[') => {
                    diagnostics.0.extend(self.check_list(step).or_else(|| self.check_program(step)));
                }
                "EXPOSE" => diagnostics.0.extend(self.check_ports(step, &words)),
                known if INSTRUCTIONS.contains(&known) => {}
                unknown => {
                    let found = invalid(format!("unknown instruction `{unknown}`"));
                    let place = Place::line(&self.source, step.line);
                    let near = nearest(unknown, INSTRUCTIONS.iter().copied());
                    diagnostics.push(match (near, self.line_before(step.line)) {
                        (Some(near), _) => found.at(place, "the build fails here").help(did_you_mean(near)),
                        (None, Some(before)) => found
                            .at(Place::line(&self.source, before), "does not end with `\\`")
                            .at(place, "so this is an instruction, and the build fails here")
                            .help("end the line before it with `\\`, or correct the instruction"),
                        (None, None) => found.at(place, "the build fails here").help("correct the instruction"),
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
            return found.help(did_you_mean(near)).into();
        }
        let list =
            step.rest.find('[').map(|at| &step.rest[at..]).filter(|_| !words.iter().any(|word| word.contains("<<")));
        let parsed: Option<Vec<String>> = list.and_then(|list| serde_json::from_str(list).ok());
        let plain = || words.iter().filter(|word| !word.starts_with("--")).map(|word| (*word).to_owned()).collect();
        let mut paths: Vec<String> = parsed.unwrap_or_else(plain);
        if paths.len() == 1 && !words.iter().any(|word| word.contains("<<")) {
            let message = format!("`{}` has no destination", step.instruction);
            return invalid(message).at(place(), "the build fails here").help("add the path in the image").into();
        }
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
                        Some(near) => found.help(did_you_mean(near)),
                        None => found.help("add the file, or correct the path, which is relative to the Dockerfile"),
                    }
                })
                .collect(),
        )
    }

    /// The line before another one that belongs to an instruction.
    fn line_before(&self, line: usize) -> Option<usize> {
        let lines: Vec<&str> = self.source.text.lines().take(line - 1).collect();
        let own = |text: &&str| !text.trim().is_empty() && !text.trim_start().starts_with('#');
        lines.iter().rposition(own).map(|index| index + 1)
    }

    /// A program that is nearly a file that the image copies to another place.
    fn check_program(&self, step: &Step) -> Option<Diagnostic> {
        let words: Vec<String> = serde_json::from_str(&step.rest).ok()?;
        let program = words.first().filter(|program| program.starts_with('/'))?;
        let steps = self.steps.iter().filter(|step| matches!(step.instruction.as_str(), "COPY" | "ADD"));
        let copied: Vec<&str> = steps.filter_map(|step| step.rest.split_whitespace().last()).collect();
        let near = nearest(program, copied.iter().copied()).filter(|near| *near != program && !near.ends_with('/'))?;
        let found = invalid(format!("`{program}` is not in the image"))
            .at(Place::line(&self.source, step.line), format!("`{}` runs it", step.instruction));
        (!copied.contains(&program.as_str())).then(|| found.help(did_you_mean(near)))
    }

    /// A list that is not in JSON, which the builder takes for a command of a shell.
    fn check_list(&self, step: &Step) -> Option<Diagnostic> {
        // A shell's test begins with a bracket, too.
        let quoted = step.rest[1..].trim_start().starts_with(['"', '\'']);
        if !quoted || step.rest.contains('$') || serde_json::from_str::<Vec<String>>(&step.rest).is_ok() {
            return None;
        }
        let found = invalid(format!("the list of `{}` is not valid JSON", step.instruction));
        let found = found.at(Place::line(&self.source, step.line), "a shell runs this text as a command");
        Some(found.help("write each item in double quotes, with commas between them"))
    }

    fn check_ports(&self, step: &Step, words: &[&str]) -> Option<Diagnostic> {
        let valid = |word: &str| {
            let (ports, protocol) = word.split_once('/').unwrap_or((word, "tcp"));
            let numbers = ports.split('-').all(|port| port.parse::<u16>().is_ok());
            word.contains('$') || numbers && ["tcp", "udp", "sctp"].contains(&protocol.to_lowercase().as_str())
        };
        let word = words.iter().take_while(|word| !word.starts_with('#')).find(|word| !valid(word))?;
        let found = invalid(format!("`{word}` is not a port")).at(Place::line(&self.source, step.line), "");
        Some(found.help("write ports with blanks between them, such as `EXPOSE 80 53/udp`"))
    }

    /// Variables of base images and of scripts that nearly have the name of an argument, and base images from a variable
    /// that no argument before the first stage defines.
    fn check_variables(&self) -> Diagnostics {
        let mut diagnostics = Diagnostics::default();
        let mut set: BTreeSet<String> = self.arguments.keys().cloned().collect();
        for step in self.steps.iter().filter(|step| step.instruction == "ENV") {
            set.extend(step.rest.split_whitespace().map(|word| word.split('=').next().unwrap_or(word).to_owned()));
        }
        for step in self.steps.iter().filter(|step| matches!(step.instruction.as_str(), "FROM" | "RUN")) {
            let from = step.instruction == "FROM";
            for name in braced(&step.rest).into_iter().filter(|name| !set.contains(*name)) {
                // A script may set variables of its own.
                let near = nearest(name, set.iter().map(String::as_str))
                    .filter(|_| from || !step.rest.contains(&format!("{name}=")) && name.len() > 5);
                if near.is_none() && !from || step.rest.contains(&format!("for {name} ")) {
                    continue;
                }
                let line = self.line_with(step, &format!("${{{name}}}"));
                let found = invalid(format!("variable `{name}` is not defined"));
                let found = found.at(Place::line(&self.source, line), "is empty here");
                diagnostics.push(match near {
                    Some(near) => found.help(did_you_mean(near)),
                    None => found.help(format!("add `ARG {name}` before the first `FROM`")),
                });
            }
        }
        diagnostics
    }

    /// The line of a step that contains a text, or its first one.
    fn line_with(&self, step: &Step, text: &str) -> usize {
        let mut lines = self.source.text.lines().enumerate().skip(step.line - 1);
        lines.find(|(_, line)| line.contains(text)).map_or(step.line, |(index, _)| index + 1)
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
    pub(crate) fn failed_line(&self, log: &str) -> Option<usize> {
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

/// The names in `${NAME}`. Those with a default, and those that nothing else may set, are left out.
fn braced(text: &str) -> Vec<&str> {
    let plain = |name: &&str| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
    };
    let names = text.match_indices("${").filter(|(at, _)| !text[..*at].ends_with('\\'));
    // Builders define these.
    let given = |name: &&str| !name.starts_with("TARGET") && !name.starts_with("BUILD");
    names
        .filter_map(|(at, _)| text[at + 2..].split_once('}').map(|(name, _)| name))
        .filter(plain)
        .filter(given)
        .collect()
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

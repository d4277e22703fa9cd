//! As much of a Dockerfile as has to be known before it is built: its steps, its arguments, and what it begins with.
//!
//! Pure. Deliberately absent: heredocs and parser directives beside comments; the engine reads the file itself, and a
//! step that is not recognised here costs no more than a less exact place in a message.

use std::collections::BTreeMap;
use std::sync::Arc;

use diagnostics::{Place, Source};

/// A Dockerfile, read.
#[derive(Debug)]
pub struct Dockerfile {
    /// Its text.
    pub source: Arc<Source>,
    /// Names of its arguments, each with its default.
    pub arguments: BTreeMap<String, Option<String>>,
    steps: Vec<Step>,
}

/// An instruction.
#[derive(Debug)]
struct Step {
    /// Where it begins, counted from 1.
    line: usize,
    /// Its name in capitals.
    instruction: String,
    /// All that follows, continued lines joined by blanks.
    rest: String,
}

impl Dockerfile {
    /// Reads the text of a Dockerfile.
    #[must_use]
    pub fn parse(source: Arc<Source>) -> Self {
        let mut steps: Vec<Step> = Vec::new();
        let mut continued = false;
        for (index, line) in source.text.lines().enumerate() {
            let text = line.trim();
            // Comments and blank lines do not end an instruction that goes on below them.
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
        }
        let mut arguments = BTreeMap::new();
        for step in steps.iter().filter(|step| step.instruction == "ARG") {
            for word in step.rest.split_whitespace() {
                let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
                let value = value.map(|value| value.trim_matches(['"', '\'']).to_owned());
                // An argument is declared again in each stage that uses it; the default stands where one is given.
                let known = arguments.entry(name.to_owned()).or_insert(None);
                *known = known.take().or(value);
            }
        }
        Self { source, arguments, steps }
    }

    /// The images that stages begin with, each with its place; not `scratch`, and not an earlier stage.
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

    /// `$NAME`, `${NAME}` and `${NAME:-default}` in a FROM.
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

    /// The line of the step that a failed build's log ends in.
    #[must_use]
    pub fn failed_line(&self, log: &str) -> Option<usize> {
        // BuildKit names the line, when it is done with everything else.
        let named = log.lines().rev().find_map(|line| line.trim().strip_prefix("Dockerfile:")?.parse().ok());
        if named.is_some() {
            return named;
        }
        // The classic builder and podman count the steps: `Step 5/9 : RUN …`, `STEP 5/9: RUN …`.
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

    fn dockerfile() -> Dockerfile {
        Dockerfile::parse(Source::new("Dockerfile", TEXT))
    }

    #[test]
    fn bases_are_expanded_and_stages_are_none() {
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

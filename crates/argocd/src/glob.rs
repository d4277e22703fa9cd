//! Globs like in Argo CD's library: `*`, `?`, `[a-c]`, `[!x]`, `{a,b}`, `\x`, and `**` for directories at any depth.
//!
//! The order of the matches determines which values override others: directory by directory, parents before children, and
//! names in byte order. The matches of a pattern with `{…}` are sorted by path. Hidden files match, too.

use std::path::{Path, PathBuf};

/// An invalid pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

/// Returns all paths under `base` that match a pattern.
pub fn expand(base: &Path, pattern: &str) -> Result<Vec<PathBuf>, Malformed> {
    let alternatives = braces(pattern)?;
    let sorted = alternatives.len() > 1;
    let mut matches: Vec<String> = Vec::new();
    for alternative in alternatives {
        let segments: Vec<&str> = alternative.split('/').filter(|segment| !segment.is_empty()).collect();
        for segment in &segments {
            Matcher::parse(segment)?;
        }
        for found in walk(base, &segments)? {
            if !matches.contains(&found) {
                matches.push(found);
            }
        }
    }
    if sorted {
        matches.sort();
    }
    Ok(matches.into_iter().map(|path| base.join(path)).collect())
}

/// Whether a file name matches a pattern without `/`.
pub fn matches(pattern: &str, name: &str) -> Result<bool, Malformed> {
    Ok(Matcher::parse(pattern)?.matches(name))
}

/// Whether a path matches a pattern.
pub fn matches_path(pattern: &str, path: &str) -> Result<bool, Malformed> {
    let names: Vec<&str> = path.split('/').collect();
    for alternative in braces(pattern)? {
        let segments: Vec<&str> = alternative.split('/').filter(|segment| !segment.is_empty()).collect();
        // Which of the segments may follow the part of the path that was read.
        let mut open = vec![false; segments.len() + 1];
        open[0] = true;
        for name in &names {
            let mut next = vec![false; segments.len() + 1];
            for (index, segment) in segments.iter().enumerate() {
                if *segment == "**" {
                    open[index + 1] |= open[index];
                    next[index] |= open[index];
                } else if open[index] && matches(segment, name)? {
                    next[index + 1] = true;
                }
            }
            open = next;
        }
        for (index, segment) in segments.iter().enumerate() {
            open[index + 1] |= open[index] && *segment == "**";
        }
        if open[segments.len()] {
            return Ok(true);
        }
    }
    Ok(false)
}

fn walk(base: &Path, segments: &[&str]) -> Result<Vec<String>, Malformed> {
    let mut folders = vec![String::new()];
    for (index, segment) in segments.iter().enumerate() {
        let last = index + 1 == segments.len();
        let mut next = Vec::new();
        for folder in &folders {
            if *segment == "**" {
                descend(base, folder, last, &mut next);
                continue;
            }
            let matcher = Matcher::parse(segment)?;
            if let Some(name) = matcher.literal() {
                let path = join(folder, &name);
                if if last { base.join(&path).exists() } else { base.join(&path).is_dir() } {
                    next.push(path);
                }
                continue;
            }
            for name in names(&base.join(folder)) {
                let path = join(folder, &name);
                if matcher.matches(&name) && (last || base.join(&path).is_dir()) {
                    next.push(path);
                }
            }
        }
        folders = next;
    }
    Ok(folders)
}

/// Adds a directory and everything below it: directories, and files if they may match.
fn descend(base: &Path, folder: &str, files: bool, out: &mut Vec<String>) {
    if !base.join(folder).is_dir() {
        return;
    }
    out.push(folder.to_owned());
    for name in names(&base.join(folder)) {
        let path = join(folder, &name);
        if base.join(&path).is_dir() {
            descend(base, &path, files, out);
        } else if files {
            out.push(path);
        }
    }
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

/// Expands `{a,b}` into separate patterns.
pub(crate) fn braces(pattern: &str) -> Result<Vec<String>, Malformed> {
    let bytes = pattern.as_bytes();
    let mut index = 0;
    while index < bytes.len() {
        match bytes[index] {
            b'\\' => index += 1,
            b'{' => {
                let (end, commas) = closing(bytes, index).ok_or(Malformed)?;
                let mut out = Vec::new();
                let mut start = index + 1;
                for stop in commas.into_iter().chain([end]) {
                    let choice = format!("{}{}{}", &pattern[..index], &pattern[start..stop], &pattern[end + 1..]);
                    out.extend(braces(&choice)?);
                    start = stop + 1;
                }
                return Ok(out);
            }
            _ => {}
        }
        index += 1;
    }
    Ok(vec![pattern.to_owned()])
}

/// The position of the closing brace, and of the commas at its level.
fn closing(bytes: &[u8], open: usize) -> Option<(usize, Vec<usize>)> {
    let (mut depth, mut commas, mut index) = (0, Vec::new(), open);
    while index < bytes.len() {
        match bytes[index] {
            b'\\' => index += 1,
            b'{' => depth += 1,
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return Some((index, commas));
                }
            }
            b',' if depth == 1 => commas.push(index),
            _ => {}
        }
        index += 1;
    }
    None
}

/// The parsed segment of a pattern.
struct Matcher(Vec<Part>);

enum Part {
    Literal(char),
    Any,
    Star,
    Class { negated: bool, ranges: Vec<(char, char)> },
}

impl Matcher {
    fn parse(pattern: &str) -> Result<Self, Malformed> {
        let mut parts = Vec::new();
        let mut characters = pattern.chars().peekable();
        while let Some(c) = characters.next() {
            parts.push(match c {
                '*' => Part::Star,
                '?' => Part::Any,
                '\\' => Part::Literal(characters.next().ok_or(Malformed)?),
                '[' => {
                    let negated = characters.next_if(|c| matches!(c, '!' | '^')).is_some();
                    let mut ranges = Vec::new();
                    loop {
                        let mut low = characters.next().ok_or(Malformed)?;
                        if low == ']' {
                            break;
                        }
                        if low == '\\' {
                            low = characters.next().ok_or(Malformed)?;
                        }
                        let mut high = low;
                        let mut ahead = characters.clone();
                        if ahead.next() == Some('-') && ahead.peek().is_some_and(|c| *c != ']') {
                            characters.next();
                            high = characters.next().ok_or(Malformed)?;
                            if high == '\\' {
                                high = characters.next().ok_or(Malformed)?;
                            }
                        }
                        ranges.push((low, high));
                    }
                    if ranges.is_empty() {
                        return Err(Malformed);
                    }
                    Part::Class { negated, ranges }
                }
                c => Part::Literal(c),
            });
        }
        Ok(Self(parts))
    }

    /// The only matching name, if the segment has no wildcards.
    fn literal(&self) -> Option<String> {
        self.0.iter().map(|part| if let Part::Literal(c) = part { Some(*c) } else { None }).collect()
    }

    fn matches(&self, name: &str) -> bool {
        let name: Vec<char> = name.chars().collect();
        let (mut part, mut at) = (0, 0);
        let mut star: Option<(usize, usize)> = None;
        while at < name.len() {
            let fits = match self.0.get(part) {
                Some(Part::Star) => {
                    star = Some((part, at));
                    part += 1;
                    continue;
                }
                Some(Part::Any) => true,
                Some(Part::Literal(c)) => *c == name[at],
                Some(Part::Class { negated, ranges }) => {
                    ranges.iter().any(|(low, high)| (*low..=*high).contains(&name[at])) != *negated
                }
                None => false,
            };
            if fits {
                part += 1;
                at += 1;
            } else if let Some((star_part, star_at)) = star {
                part = star_part + 1;
                at = star_at + 1;
                star = Some((star_part, at));
            } else {
                return false;
            }
        }
        self.0[part..].iter().all(|part| matches!(part, Part::Star))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(pattern: &str) -> Vec<String> {
        let base = tempfile::tempdir().expect("temporary directory");
        for file in ["a.yaml", "b.yaml", "c.yml", ".d.yaml", "x/a.yaml", "x/y/b.yaml", "x-z/c.yaml", "z[1].yaml"] {
            let path = base.path().join(file);
            std::fs::create_dir_all(path.parent().expect("parent")).expect("directory");
            std::fs::write(path, "").expect("file");
        }
        let found = expand(base.path(), pattern).expect("valid");
        found.iter().map(|path| path.strip_prefix(base.path()).expect("inside").display().to_string()).collect()
    }

    #[test]
    fn matches_are_in_the_librarys_order() {
        assert_eq!(expanded("*.yaml"), [".d.yaml", "a.yaml", "b.yaml", "z[1].yaml"]);
        assert_eq!(expanded("?.y*ml"), ["a.yaml", "b.yaml", "c.yml"]);
        assert_eq!(expanded("[a-b].yaml"), ["a.yaml", "b.yaml"]);
        assert_eq!(expanded("[!a]*.yaml"), [".d.yaml", "b.yaml", "z[1].yaml"]);
        assert_eq!(expanded("**/a.yaml"), ["a.yaml", "x/a.yaml"]);
        assert_eq!(expanded("x*/**/*.yaml"), ["x/a.yaml", "x/y/b.yaml", "x-z/c.yaml"]);
        assert_eq!(expanded("{b,a}.yaml"), ["a.yaml", "b.yaml"]);
        assert_eq!(expanded("x/{y/b,a}.yaml"), ["x/a.yaml", "x/y/b.yaml"]);
        assert_eq!(expanded("z\\[1].yaml"), ["z[1].yaml"]);
        assert!(expanded("none*").is_empty());
    }

    #[test]
    fn paths_match_as_the_files_do() {
        let table = [
            ("a/*.yaml", "a/b.yaml", true),
            ("a/*.yaml", "a/b/c.yaml", false),
            ("a/**", "a/b/c.yaml", true),
            ("a/**/*.yaml", "a/c.yaml", true),
            ("**/apps/*.yaml", "apps/c.yaml", true),
            ("**/apps/*.yaml", "x/y/apps/c.yaml", true),
            ("{a,b}/*", "b/c", true),
            ("a", "a/b", false),
            ("", "a", false),
        ];
        for (pattern, path, expected) in table {
            assert_eq!(matches_path(pattern, path), Ok(expected), "{pattern} {path}");
        }
    }

    #[test]
    fn malformed_patterns_are_rejected() {
        for pattern in ["[a", "[]", "{a", "a\\"] {
            assert!(expand(Path::new("/"), pattern).is_err(), "{pattern}");
        }
    }
}

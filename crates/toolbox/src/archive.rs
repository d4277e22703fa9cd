//! Gzipped tar archives of charts and tools: a strict reader, and a digest of the files that they contain.
//!
//! Helm reads a chart archive again, with Go's `archive/tar`. If the two readers disagreed about an archive, the verified
//! files would not be the rendered ones. So this reader accepts only entries with one interpretation (regular files and
//! directories with plain, unique paths) and rejects all others instead of skipping them.
//!
//! Does not write archives.

mod extension;
mod header;
mod path;
mod problem;
mod stream;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use diagnostics::{Code, Limit, Result};
pub use digests::sha256;

use self::extension::{Extension, MAX_EXTENSION};
use self::header::foreign_kind;
use self::path::plain_path;
use self::problem::{Outcome, Problem, printable};
use self::stream::Stream;

/// The size limit of an unpacked chart in MiB, which is Helm's.
const MAX_CHART: usize = 100;

/// The files of an archive, by path with `/` between the parts.
pub type Tree = BTreeMap<String, Vec<u8>>;

/// Reads the files of a gzipped tar archive; `name` is its name in messages.
pub fn read(name: &str, bytes: &[u8]) -> Result<Tree> {
    let limit = Limit::ArchiveSize;
    files(bytes, limit.value()).map_err(|problem| match problem {
        Problem::Large(_) => problem.diagnostic(name, &limit.help()),
        _ => problem.diagnostic(name, "do not use this archive; check where it came from"),
    })
}

/// Reads the files of a chart archive, as [`read`] does. All files must be in one directory: Helm removes the first part of
/// each path, which would merge several directories.
pub fn read_chart(name: &str, bytes: &[u8]) -> Result<Tree> {
    files(bytes, MAX_CHART).and_then(in_one_folder).map_err(|problem| {
        if matches!(problem, Problem::Large(_)) {
            return problem
                .diagnostic(name, "use a smaller chart: Helm rejects larger ones, and no setting changes that");
        }
        let mut found =
            problem.diagnostic(name, "get the chart from its publisher again, or repack it with `helm package`");
        for diagnostic in found.0.iter_mut().filter(|diagnostic| diagnostic.code == Code::ArchiveUnsafe) {
            diagnostic.notes.push("Helm could load other files from this archive than the verified ones".to_owned());
        }
        found
    })
}

/// The files of an archive that unpacks to at most `limit` MiB.
fn files(bytes: &[u8], limit: usize) -> Outcome<Tree> {
    let mut stream = Stream::new(bytes, limit);
    let mut tree = Tree::new();
    let mut directories = BTreeSet::new();
    let mut extension: Option<Extension> = None;
    while let Some(header) = stream.header()? {
        if matches!(header.kind, b'x' | b'g' | b'L') {
            let reject = |problem: &str| Err(Problem::entry(&header.path, problem));
            if let Some(problem) = header.problem {
                return reject(problem);
            }
            if extension.is_some() {
                return reject("is a second extended header for one entry");
            }
            if header.size > MAX_EXTENSION {
                return reject("is an extended header of more than 1 MiB");
            }
            let content = stream.content(header.size)?;
            match header.kind {
                b'x' => extension = Some(Extension::pax(&content)),
                b'L' => extension = Some(Extension::gnu(&content)),
                _ => match Extension::pax(&content) {
                    Extension { problem: Some(problem), .. } => return reject(&problem),
                    Extension { path: Some(_), .. } => return reject("has a global PAX record `path`"),
                    Extension { .. } => {}
                },
            }
            continue;
        }
        let Extension { path, problem } = extension.take().unwrap_or_default();
        let raw = path.unwrap_or(header.path);
        let directory = header.kind == b'5';
        if let Some(problem) = foreign_kind(header.kind).or(problem).or(header.problem.map(str::to_owned)) {
            return Err(Problem::entry(&raw, &problem));
        }
        let path = plain_path(&raw, directory).map_err(|problem| Problem::entry(&raw, problem))?;
        if directory {
            if header.size > 0 {
                return Err(Problem::entry(&raw, "is a directory with content"));
            }
            directories.insert(path);
        } else if tree.insert(path, stream.content(header.size)?).is_some() {
            return Err(Problem::Unsafe(format!("contains `{}` twice", printable(&raw))));
        }
    }
    if extension.is_some() {
        return Err(Problem::Unsafe("ends with an extended header that belongs to no entry".to_owned()));
    }
    stream.end()?;
    let ancestors = |path: &str| path.match_indices('/').map(|(at, _)| path[..at].to_owned()).collect::<Vec<_>>();
    let parents = tree.keys().chain(&directories).flat_map(|path| ancestors(path)).find(|path| tree.contains_key(path));
    if let Some(both) = parents.or_else(|| directories.into_iter().find(|path| tree.contains_key(path))) {
        return Err(Problem::entry(both.as_bytes(), "is both a file and a directory"));
    }
    if tree.is_empty() {
        return Err(Problem::Unreadable("it contains no files".to_owned()));
    }
    Ok(tree)
}

fn in_one_folder(tree: Tree) -> Outcome<Tree> {
    let mut folder = None;
    for path in tree.keys() {
        match (path.split_once('/'), folder) {
            (None, _) => return Err(Problem::entry(path.as_bytes(), "is not in the chart's directory")),
            (Some((first, _)), None) => folder = Some(first),
            (Some((first, _)), Some(folder)) if first != folder => {
                return Err(Problem::entry(path.as_bytes(), &format!("is not in the chart's directory `{folder}`")));
            }
            _ => {}
        }
    }
    Ok(tree)
}

/// A digest over paths and contents, free of what a packager adds (order, times, owners, compression).
///
/// It is the SHA-256 of what `find . -type f | LC_ALL=C sort | xargs sha256sum` prints, without the `./`:
/// a line `<sha256 of content>  <path>` for each file, in the order of their paths.
#[must_use]
pub fn tree_digest(tree: &Tree) -> String {
    let mut listing = String::new();
    for (path, content) in tree {
        listing.push_str(&format!("{}  {path}\n", sha256(content)));
    }
    format!("tree-sha256:{}", sha256(listing.as_bytes()))
}

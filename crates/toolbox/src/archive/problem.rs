//! Why an archive is rejected.

use diagnostics::{Code, Diagnostic, Diagnostics, Place};

/// Why an archive is rejected.
#[derive(Debug)]
pub(super) enum Problem {
    /// It is damaged, or not a gzipped tar archive.
    Unreadable(String),
    /// It unpacks to more than this number of MiB.
    Large(usize),
    /// Readers could interpret it differently, or it contains what no chart or tool needs; a predicate of the archive.
    Unsafe(String),
}

impl Problem {
    /// A problem with one entry: a predicate of its path.
    pub(super) fn entry(path: &[u8], problem: &str) -> Self {
        Self::Unsafe(format!("contains `{}`, which {problem}", printable(path)))
    }

    pub(super) fn diagnostic(self, name: &str, help: &str) -> Diagnostics {
        let diagnostic = match self {
            Self::Unreadable(why) => {
                Diagnostic::new(Code::ArchiveTampered, format!("`{name}` is not a readable archive: {why}"))
                    .help("delete it; the next run downloads it again")
            }
            Self::Large(limit) => {
                let message = format!("`{name}` unpacks to more than {limit} MiB");
                Diagnostic::new(Code::ArchiveUnsafe, message).help(help)
            }
            Self::Unsafe(what) => Diagnostic::new(Code::ArchiveUnsafe, format!("`{name}` {what}")).help(help),
        };
        diagnostic.at(Place::file(name), "").into()
    }
}

pub(super) type Outcome<T> = std::result::Result<T, Problem>;

/// A path in a message: shortened, and with control characters escaped.
pub(super) fn printable(path: &[u8]) -> String {
    let text = String::from_utf8_lossy(path);
    let mut shown: String = text
        .chars()
        .take(160)
        .flat_map(|c| {
            let escaped = c.is_control().then(|| c.escape_default());
            let plain = escaped.is_none().then_some(c);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect();
    if text.chars().nth(160).is_some() {
        shown.push('…');
    }
    shown
}

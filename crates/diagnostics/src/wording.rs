//! Counts and lists in words.

/// `1 target`, `2 targets`.
#[must_use]
pub fn plural(count: usize, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}

/// `3 fresh, 1 changed`; counts of zero are omitted.
#[must_use]
pub fn list<const N: usize>(counts: [(usize, &str); N]) -> String {
    let parts: Vec<_> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    parts.join(", ")
}

/// The end of a shortened list: ` and 2 more`; empty for zero.
#[must_use]
pub fn and_more(count: usize) -> String {
    if count == 0 { String::new() } else { format!(" and {count} more") }
}

/// Names in backticks: `a`, `a and b`, or `a, b, and c`.
#[must_use]
pub fn names(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    all(&quoted)
}

/// Words: a, a and b, or a, b, and c.
#[must_use]
pub fn all<S: AsRef<str>>(words: &[S]) -> String {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    match &*words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [one, other] => format!("{one} and {other}"),
        [most @ .., last] => format!("{}, and {last}", most.join(", ")),
    }
}

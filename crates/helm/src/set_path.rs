//! Paths of values in the syntax of Helm's `--set`, such as `a.b\.c[0]`, whose steps are `a`, `b.c`, and `0`.

/// The keys and indexes of a path. `None` if it is not the path of one value.
#[must_use]
pub fn read(path: &str) -> Option<Vec<String>> {
    let mut steps = vec![String::new()];
    let mut characters = path.chars();
    while let Some(c) = characters.next() {
        let last = steps.last_mut()?;
        match c {
            '\\' => last.extend(characters.next()),
            '.' | '[' => steps.push(String::new()),
            ']' => {}
            ',' | '{' | '=' => return None,
            c => last.push(c),
        }
    }
    Some(steps).filter(|steps| steps.iter().all(|step| !step.is_empty()))
}

/// The path with these keys and indexes.
#[must_use]
pub fn write(steps: &[String]) -> String {
    let mut out = String::new();
    for step in steps {
        if step.parse::<usize>().is_ok() && !out.is_empty() {
            out.push_str(&format!("[{step}]"));
            continue;
        }
        if !out.is_empty() {
            out.push('.');
        }
        for c in step.chars() {
            if matches!(c, '.' | ',' | '[' | ']' | '{' | '=' | '\\') {
                out.push('\\');
            }
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_as_they_are_written() {
        for (path, steps) in [
            (r"a.b\.c[0]", &["a", "b.c", "0"][..]),
            ("a[0][1].b", &["a", "0", "1", "b"]),
            (r"a\,b\=c\{d", &["a,b=c{d"]),
            (r"a.b\\c\[d\]", &["a", r"b\c[d]"]),
        ] {
            let steps: Vec<String> = steps.iter().map(|step| (*step).to_owned()).collect();
            assert_eq!(read(path).as_deref(), Some(steps.as_slice()), "{path}");
            assert_eq!(write(&steps), path);
        }
    }

    #[test]
    fn other_texts_are_not_the_path_of_one_value() {
        for text in ["", "..", "a.", "a[]", "a,b", "a={b}"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}

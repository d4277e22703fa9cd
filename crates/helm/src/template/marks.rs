//! Marks in rendered text: which template wrote it.
//!
//! A mark is three characters that no chart contains, and that Go prints unchanged even in quotes. Text marks apply until
//! the next mark; the marks of an action enclose its output, so that those of a named template are inside those of the
//! action that includes it.

/// The first of a thousand digits.
const DIGITS: u32 = 0xA000;
const BASE: usize = 1000;

const TEXT: char = '\u{A490}';
const OPEN: char = '\u{A491}';
const CLOSE: char = '\u{A492}';

/// The number of marks that can be distinguished.
pub(super) const LIMIT: usize = BASE * BASE;

fn mark(kind: char, number: usize) -> String {
    let digit = |value: usize| u32::try_from(value % BASE).ok().and_then(|value| char::from_u32(DIGITS + value));
    let mut out = String::from(kind);
    out.extend(digit(number / BASE));
    out.extend(digit(number));
    out
}

pub(super) fn text(number: usize) -> String {
    mark(TEXT, number)
}

pub(super) fn open(number: usize) -> String {
    mark(OPEN, number)
}

pub(super) fn close(number: usize) -> String {
    mark(CLOSE, number)
}

/// Whether a text contains characters of marks.
pub(super) fn occur_in(text: &str) -> bool {
    text.chars().any(|c| (TEXT..=CLOSE).contains(&c) || digit(c).is_some())
}

fn digit(c: char) -> Option<usize> {
    let value = usize::try_from(u32::from(c).checked_sub(DIGITS)?).ok()?;
    (value < BASE).then_some(value)
}

/// Rendered text without its marks, and what wrote each of its lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marked {
    /// The text.
    pub text: String,
    /// The parts of each line of the text.
    pub lines: Vec<Vec<Part>>,
    /// The actions that enclose others, each with the index of the one around it.
    pub frames: Vec<Frame>,
    /// Where each line begins.
    starts: Vec<usize>,
}

/// Consecutive characters of a line with the same origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// The mark of the text or action that wrote it.
    pub mark: usize,
    /// The action that included the template with this mark.
    pub frame: Option<usize>,
    /// Where in the line its first character is that is not white space.
    pub start: usize,
}

/// An execution of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// Its mark.
    pub mark: usize,
    /// The one that included the template with it.
    pub parent: Option<usize>,
}

impl Marked {
    /// Reads rendered text. `None` if the marks are not balanced, because a function separated them.
    #[must_use]
    pub fn read(rendered: &str) -> Option<Self> {
        let mut marked = Self { lines: vec![Vec::new()], starts: vec![0], ..Self::default() };
        let mut current: Option<(usize, Option<usize>)> = None;
        let mut frame: Option<usize> = None;
        let mut chars = rendered.chars();
        while let Some(c) = chars.next() {
            if !(TEXT..=CLOSE).contains(&c) {
                marked.push(c, current);
                continue;
            }
            let mark = digit(chars.next()?)? * BASE + digit(chars.next()?)?;
            match c {
                TEXT => current = Some((mark, frame)),
                OPEN => {
                    current = Some((mark, frame));
                    marked.frames.push(Frame { mark, parent: frame });
                    frame = Some(marked.frames.len() - 1);
                }
                _ => {
                    let closed = marked.frames[frame?];
                    if closed.mark != mark {
                        return None;
                    }
                    frame = closed.parent;
                    current = None;
                }
            }
        }
        frame.is_none().then_some(marked)
    }

    fn push(&mut self, c: char, current: Option<(usize, Option<usize>)>) {
        let at = self.text.len();
        self.text.push(c);
        if c == '\n' {
            self.lines.push(Vec::new());
            self.starts.push(self.text.len());
        } else if let (false, Some((mark, frame)), Some(line)) = (c.is_whitespace(), current, self.lines.last_mut())
            && line.last().is_none_or(|part| (part.mark, part.frame) != (mark, frame))
        {
            let start = at - self.starts.last().copied().unwrap_or_default();
            line.push(Part { mark, frame, start });
        }
    }

    /// The text of a line, counted from 0.
    #[must_use]
    pub fn line(&self, index: usize) -> &str {
        let start = self.starts.get(index).copied().unwrap_or(self.text.len());
        let end = self.starts.get(index + 1).copied().unwrap_or(self.text.len());
        self.text[start..end].trim_end()
    }

    /// The marks of the actions around a part, innermost first.
    pub fn stack(&self, part: Part) -> impl Iterator<Item = usize> {
        let mut next = part.frame;
        std::iter::from_fn(move || {
            let frame = self.frames.get(next?)?;
            next = frame.parent;
            Some(frame.mark)
        })
    }

    /// A readable form of the marks in a text, for tests.
    #[cfg(test)]
    pub(super) fn shown(text: &str) -> String {
        let mut out = String::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            let name = match c {
                TEXT => "t",
                OPEN => "<",
                CLOSE => ">",
                c => {
                    out.push(c);
                    continue;
                }
            };
            let mut value = || chars.next().and_then(digit).expect("a digit");
            let number = value() * BASE + value();
            out.push_str(&format!("‹{name}{number}›"));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_know_their_marks() {
        let rendered = [
            text(0),
            "a: ".to_owned(),
            open(1_234),
            "\n  ".to_owned(),
            text(3),
            "b".to_owned(),
            close(1_234),
            "\n".to_owned(),
        ]
        .concat();
        let marked = Marked::read(&rendered).expect("balanced");
        assert_eq!(marked.text, "a: \n  b\n");
        let marks: Vec<Vec<usize>> =
            marked.lines.iter().map(|line| line.iter().map(|part| part.mark).collect()).collect();
        assert_eq!(marks, [vec![0], vec![3], vec![]]);
        assert_eq!(marked.stack(marked.lines[1][0]).collect::<Vec<_>>(), [1_234]);
    }

    #[test]
    fn separated_marks_are_recognized() {
        for parts in [vec![open(1)], vec![close(1)], vec![open(1), open(2), close(1), close(2)]] {
            assert_eq!(Marked::read(&parts.concat()), None);
        }
        let cut: String = text(1).chars().take(2).collect();
        assert_eq!(Marked::read(&cut), None);
        assert!(occur_in(&cut) && !occur_in("é漢字"));
    }
}

//! The blocks of a Markdown document, and their division into parts of limited size.
//!
//! A block that does not fit moves to the next part. Only one that is larger than a part is divided: a fold between its
//! blocks, a table between its rows, a fence between its lines. What is open at the end of a part is closed there, and opened
//! again in the next one, so that each part is a document by itself.

use super::escape;

/// A block.
#[derive(Debug)]
pub(super) enum Block {
    /// A paragraph or a heading; never divided.
    Text(String),
    /// A list, or a quote with one. The head is repeated where it is divided.
    List {
        /// What comes first, such as `> [!CAUTION]`.
        head: String,
        /// The items, each on one line.
        items: Vec<String>,
    },
    /// A table.
    Table {
        /// The two lines of its head.
        head: String,
        /// The rows, each on one line.
        rows: Vec<String>,
    },
    /// Code.
    Fence {
        /// The language.
        language: &'static str,
        /// The lines.
        lines: Vec<String>,
    },
    /// A fold.
    Fold {
        /// What is always visible, in HTML.
        summary: String,
        /// Whether it is open at first.
        open: bool,
        /// What is in it.
        blocks: Vec<Block>,
    },
}

/// How the size of a text is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// UTF-16 code units: at least as many as there are characters, however a host counts them.
    Characters,
    /// Bytes.
    Bytes,
}

impl Unit {
    /// The size of a text.
    #[must_use]
    pub(super) fn size(self, text: &str) -> usize {
        match self {
            Self::Characters => text.encode_utf16().count(),
            Self::Bytes => text.len(),
        }
    }
}

/// The end of a fold.
const END: &str = "</details>\n\n";

/// A line that is longer than this fraction of a part is cut.
const LINE: usize = 8;

/// Divides blocks into parts of at most `limit`. `limit` has to be at least a thousand.
#[must_use]
pub(super) fn divide(blocks: &[Block], unit: Unit, limit: usize) -> Vec<String> {
    let mut parts =
        Parts { unit, limit, done: Vec::new(), text: String::new(), used: 0, folds: Vec::new(), empty: true };
    for block in blocks {
        parts.put(block);
    }
    parts.finish()
}

struct Parts<'a> {
    unit: Unit,
    limit: usize,
    done: Vec<String>,
    /// The part that is written.
    text: String,
    used: usize,
    /// The folds that are open, the outermost first.
    folds: Vec<Open<'a>>,
    /// Whether the part contains nothing but what is repeated.
    empty: bool,
}

/// A fold that is open.
#[derive(Clone, Copy)]
struct Open<'a> {
    summary: &'a str,
    /// Whether it is unfolded at first.
    unfolded: bool,
    /// Where it begins in the text of the part.
    start: usize,
    /// Whether anything has been written in it, in any part.
    begun: bool,
}

impl Open<'_> {
    fn head(&self) -> String {
        if self.begun { head(self.summary, true, " (continued)") } else { head(self.summary, self.unfolded, "") }
    }
}

impl<'a> Parts<'a> {
    fn finish(mut self) -> Vec<String> {
        if !self.empty || self.done.is_empty() {
            self.done.push(self.text);
        }
        self.done
    }

    fn push(&mut self, text: &str) {
        self.used += self.unit.size(text);
        self.text.push_str(text);
    }

    /// What fits, if the open folds are closed after it.
    fn room(&self) -> usize {
        self.limit.saturating_sub(self.used + self.folds.len() * END.len())
    }

    /// Writes content.
    fn fill(&mut self, text: &str) {
        self.push(text);
        self.empty = false;
        self.folds.iter_mut().for_each(|fold| fold.begun = true);
    }

    fn new_part(&mut self) {
        if self.empty {
            return;
        }
        // A fold without content is not begun in this part.
        let begun = self.folds.iter().take_while(|fold| fold.begun).count();
        if let Some(bare) = self.folds.get(begun) {
            self.text.truncate(bare.start);
        }
        self.text.push_str(&END.repeat(begun));
        self.done.push(std::mem::take(&mut self.text));
        (self.used, self.empty) = (0, true);
        for index in 0..self.folds.len() {
            self.folds[index].start = self.text.len();
            let head = self.folds[index].head();
            self.push(&head);
        }
    }

    fn put(&mut self, block: &'a Block) {
        let whole = whole(block);
        let size = self.unit.size(&whole);
        if size > self.room() && !self.empty && size <= self.fresh_room() {
            self.new_part();
        }
        if size <= self.room() {
            self.fill(&whole);
            return;
        }
        match block {
            Block::Text(text) => {
                self.new_part();
                let cut = self.cut(text, self.room().saturating_sub(2));
                self.fill(&format!("{cut}\n\n"));
            }
            Block::List { head, items } => self.rows(head, items),
            Block::Table { head, rows } => self.rows(head, rows),
            Block::Fence { language, lines } => self.lines(language, lines),
            Block::Fold { summary, open, blocks } => {
                let fold = Open { summary, unfolded: *open, start: self.text.len(), begun: false };
                let start = fold.head();
                // A fold is not begun at the end of a part.
                if self.room() < self.unit.size(&start) + self.limit / LINE {
                    self.new_part();
                }
                self.folds.push(Open { start: self.text.len(), ..fold });
                self.push(&start);
                for block in blocks {
                    self.put(block);
                }
                self.folds.pop();
                self.push(END);
            }
        }
    }

    /// What fits into a new part.
    fn fresh_room(&self) -> usize {
        let folds = self.folds.iter().map(|fold| self.unit.size(&fold.head()) + END.len());
        self.limit.saturating_sub(folds.sum())
    }

    /// The rows of a list or a table, below a head that each part repeats.
    fn rows(&mut self, head: &str, rows: &[String]) {
        let mut begun = false;
        for row in rows {
            let row = format!("{}\n", self.cut(row, self.limit / LINE));
            let size = self.unit.size(&row) + 1;
            if !begun || size > self.room() {
                if size + self.unit.size(head) > self.room() {
                    if begun {
                        self.push("\n");
                    }
                    self.new_part();
                }
                self.push(head);
                begun = true;
            }
            self.fill(&row);
        }
        self.push("\n");
    }

    fn lines(&mut self, language: &str, lines: &[String]) {
        let fence = escape::fence(lines.iter().map(String::as_str));
        let (start, end) = (format!("{fence}{language}\n"), format!("{fence}\n\n"));
        let around = self.unit.size(&start) + self.unit.size(&end);
        let mut begun = false;
        for line in lines {
            let line = format!("{}\n", self.cut(line, self.limit / LINE));
            let size = self.unit.size(&line) + self.unit.size(&end);
            if begun && size > self.room() {
                self.push(&end);
                begun = false;
                self.new_part();
            } else if !begun && size + around > self.room() {
                self.new_part();
            }
            if !begun {
                self.push(&start);
                begun = true;
            }
            self.fill(&line);
        }
        if begun {
            self.push(&end);
        }
    }

    /// A line, without its end if that does not fit.
    fn cut(&self, line: &str, room: usize) -> String {
        let size = self.unit.size(line);
        if size <= room {
            return line.to_owned();
        }
        let note = format!("… (a line of {size} characters; `cargo xtask diff` prints all of it)");
        let mut left = room.saturating_sub(self.unit.size(&note));
        let mut kept = String::new();
        for c in line.chars() {
            let width = match self.unit {
                Unit::Characters => c.len_utf16(),
                Unit::Bytes => c.len_utf8(),
            };
            if width > left {
                break;
            }
            left -= width;
            kept.push(c);
        }
        kept + &note
    }
}

fn head(summary: &str, open: bool, note: &str) -> String {
    let open = if open { " open" } else { "" };
    format!("<details{open}><summary>{summary}{note}</summary>\n\n")
}

/// A block that is not divided.
fn whole(block: &Block) -> String {
    match block {
        Block::Text(text) => format!("{text}\n\n"),
        Block::List { head, items: rows } | Block::Table { head, rows } => {
            format!("{head}{}\n", rows.iter().map(|row| format!("{row}\n")).collect::<String>())
        }
        Block::Fence { language, lines } => {
            let fence = escape::fence(lines.iter().map(String::as_str));
            format!(
                "{fence}{language}\n{}{fence}\n\n",
                lines.iter().map(|line| format!("{line}\n")).collect::<String>()
            )
        }
        Block::Fold { summary, open, blocks } => {
            format!("{}{}{END}", head(summary, *open, ""), blocks.iter().map(whole).collect::<String>())
        }
    }
}

//! Splits a template into text, comments, and actions, and actions into tokens.

use std::ops::Range;

use super::tree::{Problem, Tag};

/// A part of a template.
#[derive(Debug)]
pub(super) enum Piece {
    Text(Range<usize>),
    Comment(Tag),
    Action(Tag, Vec<Token>),
}

/// A token of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) span: Range<usize>,
}

/// The kind of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A function or a keyword.
    Word,
    /// `$` or `$x`
    Variable,
    /// `.x`
    Field,
    /// `.`
    Dot,
    /// `"…"` or a raw string in backquotes.
    String,
    Character,
    Number,
    Pipe,
    Open,
    Close,
    Comma,
    /// `:=`
    Declare,
    /// `=`
    Assign,
}

/// The characters that Go trims beside a trim marker.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Splits a template. Takes linear time, whatever the text is.
pub(super) fn split(text: &str, problems: &mut Vec<Problem>) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut position = 0;
    while let Some(at) = text[position..].find("{{").map(|at| position + at) {
        if at > position {
            pieces.push(Piece::Text(position..at));
        }
        let mut lexer = Lexer { text, at: at + 2, start: at, problems };
        let piece = lexer.piece();
        position = lexer.at;
        pieces.push(piece);
    }
    if position < text.len() {
        pieces.push(Piece::Text(position..text.len()));
    }
    pieces
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    /// Where the action starts.
    start: usize,
    problems: &'a mut Vec<Problem>,
}

impl Lexer<'_> {
    fn byte(&self, offset: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + offset).copied()
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn problem(&mut self, span: Range<usize>, message: impl Into<String>) {
        self.problems.push(Problem { span, message: message.into() });
    }

    /// Reads the piece after `{{`.
    fn piece(&mut self) -> Piece {
        let trims_before = self.byte(0) == Some(b'-') && self.byte(1).is_some_and(is_space);
        if trims_before {
            self.at += 2;
        }
        // Go accepts a comment only directly after the delimiter or the space of its trim marker.
        if self.rest().starts_with("/*") {
            return self.comment(trims_before);
        }
        let mut tokens = Vec::new();
        let trims_after = loop {
            while self.byte(0).is_some_and(is_space) {
                self.at += 1;
            }
            let spaced = self.at > 0 && is_space(self.text.as_bytes()[self.at - 1]);
            if spaced && self.rest().starts_with("-}}") {
                self.at += 3;
                break true;
            }
            if self.rest().starts_with("}}") {
                self.at += 2;
                break false;
            }
            if self.at >= self.text.len() {
                self.problem(self.start..self.text.len(), "action is not closed");
                break false;
            }
            tokens.extend(self.token());
        };
        Piece::Action(self.tag(trims_before, trims_after), tokens)
    }

    fn comment(&mut self, trims_before: bool) -> Piece {
        let mut trims_after = false;
        if let Some(end) = self.rest().find("*/") {
            self.at += end + 2;
            if self.rest().starts_with("}}") {
                self.at += 2;
            } else if self.byte(0).is_some_and(is_space) && self.text[self.at + 1..].starts_with("-}}") {
                self.at += 4;
                trims_after = true;
            } else {
                self.problem(self.start..self.at, "comment ends before the closing delimiter");
                self.at = self.rest().find("}}").map_or(self.text.len(), |end| self.at + end + 2);
            }
        } else {
            self.at = self.text.len();
            self.problem(self.start..self.at, "comment is not closed");
        }
        Piece::Comment(self.tag(trims_before, trims_after))
    }

    /// The delimiters of the piece that ends here.
    fn tag(&self, trims_before: bool, trims_after: bool) -> Tag {
        let span = self.start..self.at;
        let from = (self.start + if trims_before { 3 } else { 2 }).min(span.end);
        let close = if trims_after { 3 } else { 2 };
        let to = if self.text[from..span.end].ends_with("}}") { span.end - close } else { span.end };
        let to = to.max(from);
        let content = &self.text[from..to];
        let start = from + (content.len() - content.trim_ascii_start().len());
        let inside = start..(from + content.trim_ascii_end().len()).max(start);
        Tag { span, inside, trims_before, trims_after }
    }

    /// Reads a token, or nothing at a character that starts none.
    fn token(&mut self) -> Option<Token> {
        let start = self.at;
        let first = self.rest().chars().next()?;
        let kind = match first {
            '"' => self.quoted('"', Kind::String),
            '\'' => self.quoted('\'', Kind::Character),
            '`' => {
                let end = self.text[start + 1..].find('`');
                self.at = end.map_or(self.text.len(), |end| start + 1 + end + 1);
                if end.is_none() {
                    self.problem(start..self.at, "raw string is not closed");
                }
                Kind::String
            }
            '|' => self.one(Kind::Pipe),
            '(' => self.one(Kind::Open),
            ')' => self.one(Kind::Close),
            ',' => self.one(Kind::Comma),
            '=' => self.one(Kind::Assign),
            ':' if self.byte(1) == Some(b'=') => {
                self.at += 2;
                Kind::Declare
            }
            '$' => {
                self.at += 1;
                self.alphanumeric();
                Kind::Variable
            }
            '.' if !self.byte(1).is_some_and(|byte| byte.is_ascii_digit()) => {
                self.at += 1;
                self.alphanumeric();
                if self.at == start + 1 { Kind::Dot } else { Kind::Field }
            }
            '+' | '-' | '.' | '0'..='9' => self.number(),
            c if is_alphanumeric(c) => {
                self.alphanumeric();
                Kind::Word
            }
            c => {
                self.at += c.len_utf8();
                self.problem(start..self.at, format!("unexpected `{}`", c.escape_debug()));
                return None;
            }
        };
        Some(Token { kind, span: start..self.at })
    }

    fn one(&mut self, kind: Kind) -> Kind {
        self.at += 1;
        kind
    }

    fn alphanumeric(&mut self) {
        let rest = self.rest();
        self.at += rest.find(|c| !is_alphanumeric(c)).unwrap_or(rest.len());
    }

    /// A string or character, which ends with its line at the latest.
    fn quoted(&mut self, quote: char, kind: Kind) -> Kind {
        let start = self.at;
        let mut escaped = false;
        let end = self.rest().char_indices().skip(1).find_map(|(at, c)| match c {
            '\n' => Some((at, false)),
            _ if escaped => {
                escaped = false;
                None
            }
            '\\' => {
                escaped = true;
                None
            }
            c if c == quote => Some((at + 1, true)),
            _ => None,
        });
        let (length, closed) = end.unwrap_or((self.text.len() - start, false));
        self.at = start + length;
        if !closed {
            self.problem(start..self.at, "string is not closed");
        }
        kind
    }

    fn number(&mut self) -> Kind {
        self.at += 1;
        let digits = self.rest().trim_start_matches('0');
        let hexadecimal = digits.starts_with(['x', 'X']);
        let mut before = ' ';
        let length = self.rest().find(|c: char| {
            let exponent = matches!(before, 'p' | 'P') || matches!(before, 'e' | 'E') && !hexadecimal;
            before = c;
            !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.') || exponent && matches!(c, '+' | '-'))
        });
        self.at += length.unwrap_or(self.text.len() - self.at);
        Kind::Number
    }
}

fn is_alphanumeric(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

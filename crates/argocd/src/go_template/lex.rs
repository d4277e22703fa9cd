//! The tokens of a template.

use super::error::{Error, Problem, Result};

/// A token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    /// Its kind.
    pub kind: Kind,
    /// Its text; of a field or a variable, without `.` or `$`.
    pub text: String,
    /// Its position.
    pub at: usize,
}

/// The kind of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text outside of actions.
    Text,
    /// `{{`
    Open,
    /// `}}`
    Close,
    /// White space in an action.
    Space,
    /// `=`
    Assign,
    /// `:=`
    Declare,
    /// `|`
    Pipe,
    /// `(`
    LeftParen,
    /// `)`
    RightParen,
    /// `.`
    Dot,
    /// `.name`
    Field,
    /// `$name`
    Variable,
    /// A name, a keyword, `true`, `false`, or `nil`.
    Word,
    /// A number.
    Number,
    /// `'c'`, with its quotes.
    Character,
    /// A string in double quotes, with them.
    Quoted,
    /// A string in backquotes, without them.
    Raw,
    /// Another character, such as `,`.
    Other,
    /// The end of the text.
    End,
}

const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];

/// Splits a template into tokens; the last one is [`Kind::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Token>> {
    let mut lexer = Lexer { text, at: 0, tokens: Vec::new() };
    let mut trimmed = false;
    while let Some(found) = lexer.rest().find("{{") {
        let open = lexer.at + found;
        let inside = &text[open + 2..];
        let trims = inside.starts_with('-') && inside[1..].starts_with(SPACES);
        let mut plain = &text[lexer.at..open];
        if trimmed {
            plain = plain.trim_start_matches(SPACES);
        }
        if trims {
            plain = plain.trim_end_matches(SPACES);
        }
        lexer.plain(plain);
        lexer.at = open + if trims { 4 } else { 2 };
        trimmed = if lexer.rest().starts_with("/*") { lexer.comment(open)? } else { lexer.action(open)? };
    }
    let rest = if trimmed { lexer.rest().trim_start_matches(SPACES) } else { lexer.rest() };
    lexer.plain(rest);
    lexer.tokens.push(Token { kind: Kind::End, text: String::new(), at: text.len() });
    Ok(lexer.tokens)
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    tokens: Vec<Token>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn push(&mut self, kind: Kind, text: &str, length: usize) {
        self.tokens.push(Token { kind, text: text.to_owned(), at: self.at });
        self.at += length;
    }

    fn plain(&mut self, text: &str) {
        if !text.is_empty() {
            self.tokens.push(Token { kind: Kind::Text, text: text.to_owned(), at: self.at });
        }
    }

    fn error<T>(at: usize, message: impl Into<String>) -> Result<T> {
        Err(Error::new(at, Problem::Syntax(message.into())))
    }

    /// Skips a comment. Returns whether the space after it is trimmed.
    fn comment(&mut self, open: usize) -> Result<bool> {
        let Some(end) = self.rest().find("*/") else { return Self::error(open, "unclosed comment") };
        self.at += end + 2;
        let rest = self.rest();
        let trims = rest.starts_with(SPACES) && rest[1..].starts_with("-}}");
        if !trims && !rest.starts_with("}}") {
            return Self::error(open, "comment ends before closing delimiter");
        }
        self.at += if trims { 4 } else { 2 };
        Ok(trims)
    }

    /// Reads an action. Returns whether the space after it is trimmed.
    fn action(&mut self, open: usize) -> Result<bool> {
        self.tokens.push(Token { kind: Kind::Open, text: String::new(), at: open });
        let mut depth = 0usize;
        loop {
            let rest = self.rest();
            let trims = rest.starts_with(SPACES) && rest[1..].starts_with("-}}");
            if trims || rest.starts_with("}}") {
                if depth > 0 {
                    return Self::error(self.at, "unclosed left paren");
                }
                self.push(Kind::Close, "", if trims { 4 } else { 2 });
                return Ok(trims);
            }
            let Some(c) = rest.chars().next() else { return Self::error(open, "unclosed action") };
            match c {
                ' ' | '\t' | '\r' | '\n' => {
                    let mut length = rest.len() - rest.trim_start_matches(SPACES).len();
                    // The last space belongs to a closing delimiter with a trim marker.
                    if rest[length..].starts_with("-}}") {
                        length -= 1;
                    }
                    self.push(Kind::Space, "", length);
                }
                '=' => self.push(Kind::Assign, "=", 1),
                ':' if rest.starts_with(":=") => self.push(Kind::Declare, ":=", 2),
                ':' => return Self::error(self.at, "expected :="),
                '|' => self.push(Kind::Pipe, "|", 1),
                '"' => self.quoted('"', Kind::Quoted, "unterminated quoted string")?,
                '\'' => self.quoted('\'', Kind::Character, "unterminated character constant")?,
                '`' => {
                    let Some(end) = rest[1..].find('`') else {
                        return Self::error(self.at, "unterminated raw quoted string");
                    };
                    self.push(Kind::Raw, &rest[1..=end], end + 2);
                }
                '$' => self.name(Kind::Variable)?,
                '.' if !rest[1..].starts_with(|c: char| c.is_ascii_digit()) => self.name(Kind::Field)?,
                '+' | '-' | '.' | '0'..='9' => self.number(),
                '(' => {
                    depth += 1;
                    self.push(Kind::LeftParen, "(", 1);
                }
                ')' => {
                    let Some(less) = depth.checked_sub(1) else {
                        return Self::error(self.at, "unexpected right paren");
                    };
                    depth = less;
                    self.push(Kind::RightParen, ")", 1);
                }
                c if alphanumeric(c) => self.name(Kind::Word)?,
                c if c.is_ascii_graphic() => self.push(Kind::Other, &rest[..1], 1),
                c => return Self::error(self.at, format!("unrecognized character in action: {c:?}")),
            }
        }
    }

    fn quoted(&mut self, quote: char, kind: Kind, message: &str) -> Result<()> {
        let rest = self.rest();
        let mut characters = rest.char_indices().skip(1);
        while let Some((at, c)) = characters.next() {
            match c {
                '\n' => break,
                '\\' if characters.next().is_none_or(|(_, c)| c == '\n') => break,
                c if c == quote => {
                    self.push(kind, &rest[..=at], at + 1);
                    return Ok(());
                }
                _ => {}
            }
        }
        Self::error(self.at, message)
    }

    /// Reads a word, a field, or a variable.
    fn name(&mut self, kind: Kind) -> Result<()> {
        let rest = self.rest();
        let start = usize::from(kind != Kind::Word);
        let length = rest[start..].find(|c| !alphanumeric(c)).map_or(rest.len(), |length| start + length);
        let after = &rest[length..];
        let ends = after.is_empty()
            || after.starts_with(SPACES)
            || after.starts_with(['.', ',', '|', ':', ')', '('])
            || after.starts_with("}}");
        if !ends {
            let c = after.chars().next().unwrap_or_default();
            return Self::error(self.at + length, format!("bad character {c:?}"));
        }
        let kind = if kind == Kind::Field && length == 1 { Kind::Dot } else { kind };
        self.push(kind, &rest[start..length], length);
        Ok(())
    }

    fn number(&mut self) {
        let rest = self.rest();
        let mut length = 0;
        let mut exponent = false;
        for c in rest.chars() {
            let sign = matches!(c, '+' | '-') && (length == 0 || exponent);
            if !sign && !c.is_alphanumeric() && !matches!(c, '.' | '_') {
                break;
            }
            exponent = matches!(c, 'e' | 'E') && !rest.trim_start_matches(['+', '-']).starts_with("0x")
                || matches!(c, 'p' | 'P');
            length += c.len_utf8();
        }
        self.push(Kind::Number, &rest[..length], length);
    }
}

fn alphanumeric(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

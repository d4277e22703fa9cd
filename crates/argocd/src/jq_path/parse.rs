//! Reads jq expressions.

use document::json;

/// How deep parentheses may be nested.
const DEEPEST: usize = 50;

/// An expression that yields parts of its input.
#[derive(Debug, Clone)]
pub(super) enum Expression {
    /// `.`
    Identity,
    /// `.name`
    Key(String),
    /// `.[0]`
    Index(i64),
    /// `.[]`
    Each,
    /// `inner?`
    Try(Box<Expression>),
    /// `first | second`, and one step after another.
    Then(Box<Expression>, Box<Expression>),
    /// `first, second`
    Also(Vec<Expression>),
    /// `select(condition)`
    Select(Box<Condition>),
}

/// A test of a text with an argument.
pub(super) type Test = fn(&str, &str) -> bool;

/// The functions that test a text.
const TESTS: &[(&str, Test)] = &[
    ("startswith", |text, argument| text.starts_with(argument)),
    ("endswith", |text, argument| text.ends_with(argument)),
    ("contains", |text, argument| text.contains(argument)),
];

/// A condition of `select`.
#[derive(Debug, Clone)]
pub(super) enum Condition {
    /// The value is neither null nor false.
    Truth(Expression),
    /// The value equals a literal in JSON, or does not.
    Equal(Expression, String, bool),
    /// The text of the value passes a test with an argument.
    Text(Expression, Test, String),
    /// The mapping has a key.
    Has(Expression, String),
    Not(Box<Condition>),
    And(Vec<Condition>),
    Or(Vec<Condition>),
}

/// The length of an expression up to which it is read.
const LONGEST: usize = 2000;

/// Reads a whole expression.
pub(super) fn expression(text: &str) -> Option<Expression> {
    if text.len() > LONGEST {
        return None;
    }
    let mut reader = Reader { rest: text.trim(), depth: 0 };
    let found = reader.pipe()?;
    reader.rest.is_empty().then_some(found)
}

struct Reader<'a> {
    rest: &'a str,
    depth: usize,
}

impl Reader<'_> {
    /// Skips a token and the white space behind it.
    fn skip(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }

    /// Skips a word that is not the beginning of a longer one.
    fn word(&mut self, word: &str) -> bool {
        let ends = self.rest.strip_prefix(word).is_some_and(|rest| !rest.starts_with(is_letter));
        ends && self.skip(word)
    }

    fn pipe(&mut self) -> Option<Expression> {
        let mut first = self.comma()?;
        while !self.rest.starts_with("||") && self.skip("|") {
            first = Expression::Then(Box::new(first), Box::new(self.comma()?));
        }
        Some(first)
    }

    fn comma(&mut self) -> Option<Expression> {
        let mut parts = vec![self.term()?];
        while self.skip(",") {
            parts.push(self.term()?);
        }
        if parts.len() == 1 { parts.pop() } else { Some(Expression::Also(parts)) }
    }

    fn term(&mut self) -> Option<Expression> {
        let mut found = if self.word("select") {
            Expression::Select(Box::new(self.parentheses(Self::or)?))
        } else if self.rest.starts_with('(') {
            self.parentheses(Self::pipe)?
        } else {
            let rest = self.rest.strip_prefix('.').filter(|rest| !rest.starts_with('.'))?;
            // The dot before a name belongs to the name.
            if !rest.starts_with(|c: char| is_letter(c) || c == '"') {
                self.rest = rest;
            }
            Expression::Identity
        };
        loop {
            let step = if self.rest.starts_with('.') && !self.rest.starts_with("..") {
                self.rest = &self.rest[1..];
                if self.rest.starts_with('[') {
                    continue;
                }
                Expression::Key(self.name()?)
            } else if self.rest.starts_with('[') {
                self.rest = self.rest[1..].trim_start();
                let step = if self.rest.starts_with(']') {
                    Expression::Each
                } else if self.rest.starts_with('"') {
                    Expression::Key(self.string()?)
                } else {
                    let end = self.rest.find(|c: char| !c.is_ascii_digit() && c != '-')?;
                    let index = self.rest[..end].parse().ok()?;
                    self.rest = &self.rest[end..];
                    Expression::Index(index)
                };
                self.rest = self.rest.trim_start().strip_prefix(']')?;
                step
            } else if let Some(rest) = self.rest.strip_prefix('?') {
                self.rest = rest;
                found = Expression::Try(Box::new(found));
                continue;
            } else {
                break;
            };
            found = match found {
                Expression::Identity => step,
                found => Expression::Then(Box::new(found), Box::new(step)),
            };
        }
        self.rest = self.rest.trim_start();
        Some(found)
    }

    fn parentheses<T>(&mut self, inner: impl Fn(&mut Self) -> Option<T>) -> Option<T> {
        self.depth += 1;
        if self.depth > DEEPEST || !self.skip("(") {
            return None;
        }
        let found = inner(self)?;
        self.depth -= 1;
        // A suffix follows at once.
        self.rest = self.rest.strip_prefix(')')?;
        Some(found)
    }

    fn name(&mut self) -> Option<String> {
        if self.rest.starts_with('"') {
            return self.string();
        }
        let end = self.rest.find(|c: char| !is_letter(c) && !c.is_ascii_digit()).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit())).then(|| name.to_owned())
    }

    /// A string without escapes.
    fn string(&mut self) -> Option<String> {
        let rest = self.rest.strip_prefix('"')?;
        let (text, rest) = rest.split_once('"')?;
        self.rest = rest;
        (!text.contains('\\')).then(|| text.to_owned())
    }

    fn or(&mut self) -> Option<Condition> {
        let mut parts = vec![self.and()?];
        while self.word("or") {
            parts.push(self.and()?);
        }
        if parts.len() == 1 { parts.pop() } else { Some(Condition::Or(parts)) }
    }

    fn and(&mut self) -> Option<Condition> {
        let mut parts = vec![self.comparison()?];
        while self.word("and") {
            parts.push(self.comparison()?);
        }
        if parts.len() == 1 { parts.pop() } else { Some(Condition::And(parts)) }
    }

    fn comparison(&mut self) -> Option<Condition> {
        if self.rest.starts_with('(') {
            let condition = self.parentheses(Self::or)?;
            self.rest = self.rest.trim_start();
            return Some(if self.pipe_not() { Condition::Not(Box::new(condition)) } else { condition });
        }
        if self.is_function() {
            return self.function(Expression::Identity);
        }
        let mut subject = self.term()?;
        for (operator, equal) in [("==", true), ("!=", false)] {
            if self.skip(operator) {
                let literal = self.literal()?;
                return Some(Condition::Equal(subject, literal, equal));
            }
        }
        while !self.rest.starts_with("||") && self.skip("|") {
            if self.word("not") {
                return Some(Condition::Not(Box::new(Condition::Truth(subject))));
            }
            if self.is_function() {
                return self.function(subject);
            }
            subject = Expression::Then(Box::new(subject), Box::new(self.term()?));
        }
        Some(Condition::Truth(subject))
    }

    fn pipe_not(&mut self) -> bool {
        let before = self.rest;
        if self.skip("|") && self.word("not") {
            return true;
        }
        self.rest = before;
        false
    }

    /// Whether a function follows that tests its input.
    fn is_function(&self) -> bool {
        let follows = |name: &str| self.rest.strip_prefix(name).is_some_and(|rest| !rest.starts_with(is_letter));
        follows("has") || TESTS.iter().any(|(name, _)| follows(name))
    }

    /// A function that tests its input.
    fn function(&mut self, subject: Expression) -> Option<Condition> {
        for (name, test) in TESTS {
            if self.word(name) {
                return Some(Condition::Text(subject, *test, self.argument()?));
            }
        }
        if self.word("has") { Some(Condition::Has(subject, self.argument()?)) } else { None }
    }

    fn argument(&mut self) -> Option<String> {
        let argument = self.parentheses(|reader| {
            let text = reader.string()?;
            reader.rest = reader.rest.trim_start();
            Some(text)
        });
        self.rest = self.rest.trim_start();
        argument
    }

    /// A literal, as JSON.
    fn literal(&mut self) -> Option<String> {
        let literal = if self.rest.starts_with('"') {
            json::quoted(&self.string()?)
        } else {
            let end =
                self.rest.find(|c: char| !is_letter(c) && !c.is_ascii_digit() && c != '-').unwrap_or(self.rest.len());
            let (word, rest) = self.rest.split_at(end);
            self.rest = rest;
            let known = matches!(word, "true" | "false" | "null") || word.parse::<i64>().is_ok();
            known.then(|| word.to_owned())?
        };
        self.rest = self.rest.trim_start();
        Some(literal)
    }
}

fn is_letter(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_'
}

//! The grammar of expressions of Prometheus, as far as every version and every compatible database has it.
//!
//! Whatever only some of them understand is accepted: arithmetic in ranges, modifiers, and the filters of log queries, which
//! the same objects may contain. Brackets and quotation marks must match.

use crate::lint::prometheus_duration::is_duration;

/// Operators that are words.
const OPERATORS: &[&str] = &["and", "atan2", "default", "if", "ifnot", "or", "unless"];

/// Operators that are signs, the longer ones first.
const SIGNS: &[&str] = &["==", "!=", ">=", "<=", "+", "-", "*", "/", "%", "^", ">", "<"];

/// Comparisons of labels, the longer ones first.
const COMPARISONS: &[&str] = &["=~", "!~", "!=", "="];

/// Operators of other languages, and what Prometheus has instead.
const FOREIGN: &[(&str, &str)] = &[("&&", "and"), ("||", "or"), ("=", "=="), ("!", "unless")];

/// Words after an operator that are followed by labels.
const MATCHING: &[&str] = &["fill", "fill_left", "fill_right", "group_left", "group_right", "ignoring", "on"];

/// Where an expression cannot be parsed, and why.
#[must_use]
pub(crate) fn error(text: &str) -> Option<(usize, String)> {
    let tokens = tokens(text)?;
    let mut parser = Parser { text, tokens, next: 0 };
    if parser.tokens.is_empty() {
        return None;
    }
    let result = parser.expression().and_then(|()| match parser.peek() {
        Some(token) => Err(parser.unexpected(token)),
        None => Ok(()),
    });
    result.err()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Word,
    Text,
    Sign,
}

#[derive(Debug, Clone, Copy)]
struct Token {
    kind: Kind,
    start: usize,
    end: usize,
}

/// The tokens of an expression; `None` if it contains characters of another language.
fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let (kind, length) = match c {
            ' ' | '\t' | '\n' | '\r' => {
                at += 1;
                continue;
            }
            '#' => {
                at += rest.find('\n').unwrap_or(rest.len());
                continue;
            }
            '"' | '\'' | '`' => (Kind::Text, text_length(rest, c)?),
            c if is_word(c) => (Kind::Word, word_length(rest)),
            // Log queries, and templates.
            '|' if !rest.starts_with("||") => return None,
            '\\' | '?' | ';' | '~' => return None,
            c if !c.is_ascii() => return None,
            _ => {
                let two =
                    rest.get(..2).filter(|two| matches!(*two, "==" | "!=" | ">=" | "<=" | "=~" | "!~" | "&&" | "||"));
                (Kind::Sign, two.map_or(1, str::len))
            }
        };
        tokens.push(Token { kind, start: at, end: at + length });
        at += length;
    }
    Some(tokens)
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '.' | '$')
}

/// The length of a word, a number, or a duration. A number may have a sign in its exponent, and a word contains variables of
/// Grafana, such as `${a}`.
fn word_length(text: &str) -> usize {
    let number = text.starts_with(|c: char| c.is_ascii_digit() || c == '.') && !text.starts_with("0x");
    let (mut before, mut variable) = (' ', false);
    text.find(|c: char| {
        let exponent = number && matches!(c, '+' | '-') && matches!(before, 'e' | 'E');
        variable |= before == '$' && c == '{';
        let ends = !is_word(c) && !exponent && !variable;
        variable &= c != '}';
        before = c;
        ends
    })
    .unwrap_or(text.len())
}

fn text_length(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    let inner = text.char_indices().skip(1);
    let mut end = inner.skip_while(|(_, c)| {
        let ends = *c == quote && !escaped;
        escaped = *c == '\\' && !escaped && quote != '`';
        !ends
    });
    end.next().map(|(at, _)| at + 1)
}

type Parsed = Result<(), (usize, String)>;

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    next: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<Token> {
        self.tokens.get(self.next).copied()
    }

    fn text_of(&self, token: Token) -> &'a str {
        &self.text[token.start..token.end]
    }

    /// The text of the next token, unless it is a quoted one.
    fn plain(&self) -> Option<&'a str> {
        self.peek().filter(|token| token.kind != Kind::Text).map(|token| self.text_of(token))
    }

    fn is(&self, text: &str) -> bool {
        self.plain() == Some(text)
    }

    fn take(&mut self, text: &str) -> bool {
        let is = self.is(text);
        self.next += usize::from(is);
        is
    }

    fn take_word(&mut self, words: &[&str]) -> bool {
        let is = self.plain().is_some_and(|word| words.iter().any(|known| word.eq_ignore_ascii_case(known)));
        self.next += usize::from(is);
        is
    }

    fn end(&self) -> usize {
        self.text.trim_end().len().saturating_sub(1)
    }

    fn unexpected(&self, token: Token) -> (usize, String) {
        let text = self.text_of(token);
        let instead = FOREIGN.iter().find(|(foreign, _)| *foreign == text);
        let reason = match instead {
            Some((_, own)) => format!("unexpected `{text}`: the operator is `{own}`"),
            None => format!("unexpected `{text}`"),
        };
        (token.start, reason)
    }

    fn missing(&self, what: &str) -> (usize, String) {
        match self.peek() {
            Some(token) => (token.start, format!("unexpected `{}`: {what} is missing before it", self.text_of(token))),
            None => (self.end(), format!("{what} is missing at the end")),
        }
    }

    fn expression(&mut self) -> Parsed {
        self.operand()?;
        while self.take_word(OPERATORS) || SIGNS.iter().any(|sign| self.take(sign)) {
            self.take_word(&["bool"]);
            while self.peek_matching() {
                self.next += 1;
                if self.is("(") {
                    self.labels()?;
                }
            }
            self.operand()?;
        }
        // A variable of Grafana may contain the rest.
        self.next += usize::from(self.peek().is_some_and(|token| self.is_variable(token)));
        Ok(())
    }

    /// Whether labels for the matching of vectors follow.
    fn peek_matching(&self) -> bool {
        let bracket = self.tokens.get(self.next + 1).is_some_and(|token| self.text_of(*token) == "(");
        self.plain()
            .map(str::to_ascii_lowercase)
            .is_some_and(|word| MATCHING.contains(&word.as_str()) && (bracket || word.starts_with("group_")))
    }

    fn operand(&mut self) -> Parsed {
        while self.take("+") || self.take("-") {}
        let Some(token) = self.peek() else { return Err(self.missing("an operand")) };
        let text = self.text_of(token);
        match (token.kind, text) {
            (Kind::Text, _) => self.next += 1,
            (Kind::Word, _) => {
                self.next += 1;
                self.after_word(text)?;
            }
            (_, "(") => {
                self.next += 1;
                self.arguments()?;
            }
            (_, "{") => self.matchers()?,
            (_, ")" | "," | "]" | "}") => return Err(self.missing("an operand")),
            _ if SIGNS.contains(&text) => return Err(self.missing("an operand")),
            _ => return Err(self.unexpected(token)),
        }
        self.modifiers()
    }

    /// Reads after a word: the arguments of a function, or the matchers of a metric.
    fn after_word(&mut self, word: &str) -> Parsed {
        let grouped = self.grouping()?;
        if self.is("(") {
            let digits = word.starts_with(|c: char| c.is_ascii_digit());
            if digits {
                return Err(self.missing("an operator"));
            }
            self.next += 1;
            self.arguments()?;
            self.grouping()?;
        } else if grouped {
            return Err(self.missing("the expression in parentheses"));
        } else if self.is("{") {
            self.matchers()?;
        }
        Ok(())
    }

    /// `by` or `without`, with labels.
    fn grouping(&mut self) -> Result<bool, (usize, String)> {
        let grouped = self.take_word(&["by", "without"]);
        if grouped {
            if !self.is("(") {
                return Err(self.missing("`(`"));
            }
            self.labels()?;
        }
        if grouped && self.take_word(&["limit"]) {
            self.next += 1;
        }
        Ok(grouped)
    }

    /// Labels in parentheses.
    fn labels(&mut self) -> Parsed {
        self.next += 1;
        let mut separated = true;
        loop {
            match self.peek() {
                Some(_) if self.is(")") => {
                    self.next += 1;
                    return Ok(());
                }
                Some(token) if token.kind != Kind::Sign && separated => {
                    self.next += 1;
                    separated = self.take(",");
                }
                Some(token) if token.kind != Kind::Sign => return Err(self.missing("`,`")),
                Some(token) => return Err(self.unexpected(token)),
                None => return Ok(()),
            }
        }
    }

    /// Expressions, up to the closing parenthesis.
    fn arguments(&mut self) -> Parsed {
        while !self.take(")") {
            self.expression()?;
            if !self.take(",") && !self.is(")") {
                return Err(match self.peek() {
                    Some(token) => self.unexpected(token),
                    None => self.missing("`)`"),
                });
            }
        }
        Ok(())
    }

    fn matchers(&mut self) -> Parsed {
        self.next += 1;
        while !self.take("}") {
            let Some(name) = self.peek() else { return Ok(()) };
            if name.kind == Kind::Sign {
                return Err(self.missing("a label"));
            }
            self.next += 1;
            let compares = COMPARISONS.iter().any(|sign| self.take(sign));
            if compares {
                match self.peek() {
                    Some(value) if value.kind == Kind::Text || self.is_variable(value) => self.next += 1,
                    Some(value) if value.kind == Kind::Word => {
                        let text = self.text_of(value);
                        return Err((value.start, format!("the value of a label must be quoted: `\"{text}\"`")));
                    }
                    _ => return Err(self.missing("the value of the label, in quotation marks,")),
                }
            } else if self.is("==") {
                return Err(match self.peek() {
                    Some(token) => (token.start, "`==` does not compare labels: use `=`".to_owned()),
                    None => self.missing("`=`"),
                });
            } else if name.kind == Kind::Word && !self.is_variable(name) {
                return Err(self.missing("one of `=`, `!=`, `=~`, and `!~`"));
            }
            if !self.take(",") && !self.take_word(&["or"]) && !self.is("}") {
                return Err(self.missing("`,`"));
            }
        }
        Ok(())
    }

    fn is_variable(&self, token: Token) -> bool {
        self.text_of(token).contains('$')
    }

    /// Ranges, offsets, and times.
    fn modifiers(&mut self) -> Parsed {
        loop {
            if self.is("[") {
                self.range()?;
            } else if self.take_word(&["offset"]) {
                self.take("-");
                self.duration_or_more()?;
            } else if self.take("@") {
                self.take("-");
                self.next += 1;
                if self.take("(") && !self.take(")") {
                    return Err(self.missing("`)`"));
                }
            } else if !self.take_word(&["anchored", "keep_metric_names", "smoothed"]) {
                return Ok(());
            }
        }
    }

    fn duration_or_more(&mut self) -> Parsed {
        if self.take("(") {
            return self.arguments();
        }
        let Some(token) = self.peek().filter(|token| token.kind == Kind::Word) else {
            return Err(self.missing("a duration"));
        };
        self.next += 1;
        Self::duration(self.text_of(token), token.start)
    }

    /// A range, and the resolution of a subquery. Only plain durations are checked, since some versions calculate there.
    fn range(&mut self) -> Parsed {
        let start = self.tokens[self.next].end;
        while self.peek().is_some() && !self.is("]") {
            self.next += 1;
        }
        let Some(end) = self.peek() else { return Ok(()) };
        self.next += 1;
        let inner = &self.text[start..end.start];
        if inner.trim().is_empty() {
            return Err((end.start, "the range is empty".to_owned()));
        }
        let mut at = start;
        for (index, part) in inner.splitn(2, ':').enumerate() {
            if !(index == 1 && part.trim().is_empty()) {
                Self::duration(part.trim(), at)?;
            }
            at += part.len() + 1;
        }
        Ok(())
    }

    fn duration(text: &str, at: usize) -> Parsed {
        let plain = text.starts_with(|c: char| c.is_ascii_digit())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c.is_ascii_whitespace());
        if !plain || is_duration(text) || text.parse::<f64>().is_ok() {
            return Ok(());
        }
        Err((at, format!("`{text}` is not a duration, such as `5m`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_prometheus_parses_is_valid() {
        for text in [
            "up",
            "up == 0",
            "-up + +1 * (2 ^ 3) % 1e-3 / 0x1F",
            "sum by (a, b) (rate(x{c=\"d\", e=~'f.*',}[5m]))",
            "sum(x) by (a) / on (a) group_left (b) sum without () (y) > bool 1",
            "max_over_time(rate(x[5m])[1h:1m] offset 1d) or vector(0)",
            "x[1h:] @ start() offset -5m",
            "x @ 1609746000.5 unless ignoring (a) y",
            "{__name__=~\"job:.*\"}",
            "{\"metric.name\", a!~`b`}",
            "histogram_quantile(0.9, sum(rate(x_bucket[5m])) by (le))",
            "label_replace(up, \"a\", \"$1\", \"b\", \"(.*)\")",
            "topk(3, x) # the largest ones",
            "count(x) without (a) ==bool 3",
            "time() - x > 86400",
            "absent(x{a=\"}\"} == 1)",
            "SUM(x) BY (a)",
            "x[300]",
            "x[5m + 1m]",
            "sum(rate(x{job=\"a\"}[$__rate_interval])) by ($by)",
            "x{$filter, a=$b} $more",
            "x_${kind:raw}[$__interval:${step}] > $limit",
            "{app=\"x\"} |= \"error\"",
            "Inf > NaN",
            "x{a=\"b\" or c=\"d\"}",
            "x offset 1h30m",
            "1h > x",
        ] {
            assert_eq!(error(text), None, "{text}");
        }
    }

    #[test]
    fn what_prometheus_refuses_is_found() {
        for (text, at) in [
            ("x{a=b}", 4),
            ("x{a==\"b\"}", 3),
            ("x{a \"b\"}", 4),
            ("x{a=\"b\" c=\"d\"}", 8),
            ("x{=\"b\"}", 2),
            ("x = 1", 2),
            ("x && y", 2),
            ("x y", 2),
            ("x >", 2),
            ("x > > 1", 4),
            ("sum(x) by a", 10),
            ("sum by (a)", 9),
            ("sum by (a b) (x)", 10),
            ("rate(x[5min])", 7),
            ("rate(x[])", 7),
            ("x offset 5minutes", 9),
            ("(x,) y", 5),
            ("* 2", 0),
            ("sum(x / )", 8),
        ] {
            assert_eq!(error(text).map(|(found, _)| found), Some(at), "{text}: {:?}", error(text));
        }
    }
}

//! What is wrong with expressions of Prometheus: their grammar, and the calls of functions, of which nearly known names and
//! functions of ranges that get none are reported.

mod brackets;
mod syntax;

use diagnostics::{Help, did_you_mean, nearest_within};

/// An error in an expression.
#[derive(Debug)]
pub(super) struct Wrong {
    /// Where, in bytes.
    pub(super) at: usize,
    /// Why Prometheus cannot parse it.
    pub(super) reason: String,
    /// How to fix it, if that is known.
    pub(super) help: Option<Help>,
}

/// The first reason why an expression cannot be parsed. Without certainty that it is one of Prometheus, only brackets and
/// quotation marks are checked.
pub(super) fn wrong(text: &str, certain: bool) -> Option<Wrong> {
    let parsed = || if certain { syntax::error(text) } else { None };
    let wrong = brackets::unbalanced(text).or_else(parsed).map(|(at, reason)| Wrong { at, reason, help: None });
    let call = || wrong_call(text).filter(|_| certain).map(|(at, reason, help)| Wrong { at, reason, help: Some(help) });
    wrong.or_else(call)
}

/// Functions whose argument is a range, such as `x[5m]`.
const OF_RANGES: &[&str] = &[
    "absent_over_time",
    "avg_over_time",
    "changes",
    "count_over_time",
    "delta",
    "deriv",
    "first_over_time",
    "idelta",
    "increase",
    "irate",
    "last_over_time",
    "mad_over_time",
    "max_over_time",
    "min_over_time",
    "predict_linear",
    "present_over_time",
    "quantile_over_time",
    "rate",
    "resets",
    "stddev_over_time",
    "stdvar_over_time",
    "sum_over_time",
    "ts_of_first_over_time",
    "ts_of_last_over_time",
    "ts_of_max_over_time",
    "ts_of_min_over_time",
];

/// Other functions and operators that people write before a bracket.
const OTHERS: &[&str] = &[
    "abs",
    "absent",
    "acos",
    "acosh",
    "and",
    "asin",
    "asinh",
    "atan",
    "atanh",
    "avg",
    "bool",
    "bottomk",
    "by",
    "ceil",
    "clamp",
    "clamp_max",
    "clamp_min",
    "cos",
    "cosh",
    "count",
    "count_values",
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "days_in_month",
    "deg",
    "double_exponential_smoothing",
    "exp",
    "floor",
    "group",
    "group_left",
    "group_right",
    "histogram_avg",
    "histogram_count",
    "histogram_fraction",
    "histogram_quantile",
    "histogram_quantiles",
    "histogram_stddev",
    "histogram_stdvar",
    "histogram_sum",
    "holt_winters",
    "hour",
    "ignoring",
    "info",
    "label_join",
    "label_replace",
    "limit_ratio",
    "limitk",
    "ln",
    "log10",
    "log2",
    "max",
    "min",
    "minute",
    "month",
    "on",
    "or",
    "pi",
    "quantile",
    "rad",
    "round",
    "scalar",
    "sgn",
    "sin",
    "sinh",
    "sort",
    "sort_by_label",
    "sort_by_label_desc",
    "sort_desc",
    "sqrt",
    "stddev",
    "stdvar",
    "sum",
    "tan",
    "tanh",
    "time",
    "timestamp",
    "topk",
    "unless",
    "vector",
    "without",
    "year",
];

/// The length from which on a name is not similar to a function by chance.
const LONG: usize = 4;

/// Where an expression calls a function that does not exist, or one of ranges without a range, why that is wrong, and what
/// helps. Brackets and quotation marks must match.
#[must_use]
fn wrong_call(text: &str) -> Option<(usize, String, Help)> {
    let plain = without_texts(text);
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    plain.match_indices('(').find_map(|(bracket, _)| {
        let before = plain[..bracket].trim_end();
        let start = before.rfind(|c: char| !word(c)).map_or(0, |at| at + 1);
        let name = &before[start..];
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let known = name.to_ascii_lowercase();
        if OF_RANGES.contains(&name) {
            let arguments = &plain[bracket..bracket + closing(&plain[bracket..])?];
            return (!arguments.contains('[')).then(|| {
                (start, format!("`{name}` needs a range"), "add a range to the metric, such as `[5m]`".into())
            });
        }
        if OTHERS.contains(&known.as_str()) || name.len() < LONG {
            return None;
        }
        let near =
            nearest_within(name, 2, OF_RANGES.iter().chain(OTHERS).copied()).filter(|near| near.len() >= LONG)?;
        // Newer functions have names like older ones, with a prefix or a suffix.
        let extends = name.contains(near) || near.contains(name);
        (!extends || name.len().abs_diff(near.len()) == 1)
            .then(|| (start, format!("there is no function `{name}`"), did_you_mean(near)))
    })
}

/// An expression with blanks instead of its texts and comments.
fn without_texts(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    let blank = |plain: &mut String, c: char| plain.extend(std::iter::repeat_n(' ', c.len_utf8()));
    while let Some(c) = chars.next() {
        match c {
            '"' | '\'' | '`' => {
                blank(&mut plain, c);
                while let Some(inner) = chars.next() {
                    blank(&mut plain, inner);
                    if inner == '\\' && c != '`' {
                        if let Some(escaped) = chars.next() {
                            blank(&mut plain, escaped);
                        }
                    } else if inner == c {
                        break;
                    }
                }
            }
            '#' => {
                blank(&mut plain, c);
                for inner in chars.by_ref() {
                    if inner == '\n' {
                        plain.push(inner);
                        break;
                    }
                    blank(&mut plain, inner);
                }
            }
            c => plain.push(c),
        }
    }
    plain
}

/// Where the bracket is closed with which a text begins.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    text.char_indices().find_map(|(at, c)| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        (depth == 0).then_some(at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_known_functions_are_valid() {
        for text in [
            "rate(x{a=\"b\"}[5m]) > 0",
            "sum by (a) (rate(x[5m]))",
            "max_over_time(rate(x[5m])[1h:1m]) # rate(x)",
            "x{a=\"rate(b)\"} > 1",
            "SUM(x) BY (a)",
            "double_exponential_smoothing(x[1h], 0.5, 0.5)",
            "sort_by_label(x, \"a\")",
            "absent(x) or vector(0)",
            "mad_over_time(x[5m])",
        ] {
            assert_eq!(wrong_call(text), None, "{text}");
        }
    }

    #[test]
    fn misspelled_functions_and_missing_ranges_are_found() {
        for (text, at) in
            [("1 + abscent(x)", 4), ("sum(rat(x[5m]))", usize::MAX), ("rate(x{a=\"[\"})", 0), ("increse(x[1h])", 0)]
        {
            assert_eq!(wrong_call(text).map_or(usize::MAX, |(found, ..)| found), at, "{text}");
        }
    }
}

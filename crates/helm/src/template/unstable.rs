//! Calls of functions whose result differs each time.

use std::ops::Range;

use super::lex::{self, Kind, Piece};

/// The functions. Dates are computed from `now`, unless a value contains them.
const FUNCTIONS: [&str; 17] = [
    "bcrypt",
    "encryptAES",
    "genCA",
    "genCAWithKey",
    "genPrivateKey",
    "genSelfSignedCert",
    "genSelfSignedCertWithKey",
    "genSignedCert",
    "genSignedCertWithKey",
    "htpasswd",
    "now",
    "randAlpha",
    "randAlphaNum",
    "randAscii",
    "randBytes",
    "randNumeric",
    "uuidv4",
];

/// The actions, from `{{` to `}}`, that call such a function.
#[must_use]
pub fn calls(text: &str) -> Vec<Range<usize>> {
    let pieces = lex::split(text, &mut Vec::new());
    let calling = pieces.into_iter().filter_map(|piece| match piece {
        Piece::Action(tag, tokens) => tokens
            .iter()
            .any(|token| token.kind == Kind::Word && FUNCTIONS.contains(&&text[token.span.clone()]))
            .then_some(tag.span),
        Piece::Text(_) | Piece::Comment(_) => None,
    });
    calling.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_found_in_actions() {
        let text = "now: {{ now }}\nx: {{ randAlphaNum 5 | quote }}{{ .Values.now }}{{ \"now\" }}{{/* now */}}";
        let found: Vec<&str> = calls(text).into_iter().map(|span| &text[span]).collect();
        assert_eq!(found, ["{{ now }}", "{{ randAlphaNum 5 | quote }}"]);
    }
}

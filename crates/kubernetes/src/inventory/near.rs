//! Decides whether a name is most likely a misspelling of another.
//!
//! Stricter than [`diagnostics::nearest`]: names of objects differ in little on purpose, such as `web-1` and `web-2`, or
//! `db-app` and `db-api`.

use diagnostics::edit_distance;

/// The shortest part of a name in which one edit counts as a misspelling, and the shortest one for two.
const ONE_EDIT: usize = 4;
const TWO_EDITS: usize = 8;

/// Whether one name is most likely a misspelling of the other: they differ in the letters of one part, or in separators.
#[must_use]
pub fn is_near(typed: &str, known: &str) -> bool {
    if typed == known || typed.len().abs_diff(known.len()) > 2 {
        return false;
    }
    let separator = |c: char| matches!(c, '-' | '.' | '_' | '/');
    let joined = |text: &str| text.chars().filter(|c| !separator(*c)).flat_map(char::to_lowercase).collect::<String>();
    if joined(typed) == joined(known) {
        return true;
    }
    let (left, right): (Vec<&str>, Vec<&str>) = (typed.split(separator).collect(), known.split(separator).collect());
    if left.len() != right.len() {
        return false;
    }
    let mut different = left.iter().zip(&right).filter(|(left, right)| left != right);
    let (Some((left, right)), None) = (different.next(), different.next()) else { return false };
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    if digits(left) != digits(right) {
        return false;
    }
    let shortest = left.chars().count().min(right.chars().count());
    match edit_distance(left, right) {
        1 => shortest >= ONE_EDIT,
        2 => shortest >= TWO_EDITS,
        _ => false,
    }
}

/// Whether two numbers differ in one digit, in a digit too many, or in the order of two digits.
#[must_use]
pub fn is_near_number(typed: i64, known: i64) -> bool {
    let (typed, known) = (typed.to_string(), known.to_string());
    typed.len() >= 3 && known.len() >= 3 && edit_distance(&typed, &known) == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelled_names_are_near() {
        for (typed, known) in
            [("postfix-confg", "postfix-config"), ("pstfix", "postfix"), ("webconfig", "web-config"), ("Web", "web")]
        {
            assert!(is_near(typed, known), "{typed} {known}");
        }
    }

    #[test]
    fn names_that_differ_on_purpose_are_not_near() {
        for (typed, known) in [
            ("web-1", "web-2"),
            ("db-app", "db-api"),
            ("web", "web-config"),
            ("web-tls", "web-sasl"),
            ("web", "web"),
            ("service1", "service2"),
        ] {
            assert!(!is_near(typed, known), "{typed} {known}");
        }
    }

    #[test]
    fn numbers_with_one_wrong_digit_are_near() {
        assert!(is_near_number(8081, 8080) && is_near_number(8008, 8080) && is_near_number(808, 8080));
        assert!(!is_near_number(80, 8080) && !is_near_number(9090, 8080) && !is_near_number(8080, 8080));
    }
}

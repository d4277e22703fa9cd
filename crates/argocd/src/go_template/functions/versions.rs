//! Functions for semantic versions.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::convert::text;
use crate::go_template::signature::Type::Text;
use crate::go_template::signature::{Function, Outcome};
use crate::go_template::value::{Map, Value};
use crate::version_range::{Range, version};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("semver", &[Text], semver),
    Function::new("semverCompare", &[Text, Text], |values| {
        let range = Range::constraint(text(values, 0));
        let range = range.ok_or_else(|| format!("improper constraint: {}", text(values, 0)))?;
        let version = version(text(values, 1)).ok_or("Invalid Semantic Version")?;
        Ok(Value::Bool(range.allows(&version)))
    }),
];

/// A version. Its methods are fields here, which templates read in the same way.
fn semver(values: &[Value]) -> Outcome {
    let original = text(values, 0);
    let found = version(original).ok_or("Invalid Semantic Version")?;
    let number = |number: u64| Value::Int(i64::try_from(number).unwrap_or(i64::MAX));
    let printed = found.to_string();
    let fields = [
        ("Major", number(found.major)),
        ("Minor", number(found.minor)),
        ("Patch", number(found.patch)),
        ("Prerelease", Value::string(&found.pre)),
        ("Metadata", Value::string(&found.build)),
        ("Original", Value::string(original)),
        ("String", Value::string(&printed)),
    ];
    let entries: BTreeMap<String, Value> = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Ok(Value::Map(Map { printed: Some(Rc::from(printed)), ..Map::new(entries) }))
}

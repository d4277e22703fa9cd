//! Go's text/template with the functions that Argo CD gives to ApplicationSets.
//!
//! The expected results in the tests come from Argo CD's own code. The crate gotmpl was tried first: it accepts templates
//! without `end`, checks functions only where they are called, writes large numbers differently, and has no types for
//! arguments, all of which Argo CD rejects or shows.

pub mod builtins;
pub mod error;
mod exec;
mod format;
mod functions;
mod lex;
mod literal;
pub mod merge;
mod normalize;
mod number;
mod parse;
mod signature;
#[cfg(test)]
mod tests;
mod tree;
pub mod value;

use std::collections::BTreeMap;
use std::sync::OnceLock;

pub use self::error::{Error, Problem, Result};
pub use self::exec::MissingKey;
pub(crate) use self::normalize::normalize;
use self::signature::Function;
pub use self::value::Value;

/// The options in `goTemplateOptions`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// `missingkey`
    pub missing_key: MissingKey,
}

/// Renders a template.
pub fn render(text: &str, dot: &Value, options: Options) -> Result<String> {
    // Most fields are not templates.
    if !text.contains("{{") {
        return Ok(text.to_owned());
    }
    let functions = functions();
    let template = parse::parse(text, &|name| functions.contains_key(name))?;
    exec::execute(&template, functions, options.missing_key, dot)
}

/// The text of a number in JSON as Go writes it.
#[must_use]
pub(crate) fn number_text(value: f64) -> String {
    number::json_text(value)
}

/// The names of all functions.
pub(crate) fn function_names() -> impl Iterator<Item = &'static str> {
    functions().keys().copied()
}

fn functions() -> &'static BTreeMap<&'static str, Function> {
    static FUNCTIONS: OnceLock<BTreeMap<&'static str, Function>> = OnceLock::new();
    FUNCTIONS.get_or_init(|| {
        let all = builtins::FUNCTIONS.iter().chain(functions::all());
        all.map(|function| (function.name, *function)).collect()
    })
}

//! Functions for types, defaults, and decisions.

use super::convert::{kind, text};
use crate::go_template::signature::Function;
use crate::go_template::signature::Type::{Any, Bool, Text};
use crate::go_template::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::variadic("default", &[Any], Any, |values| {
        Ok(values.get(1).filter(|value| value.truth()).unwrap_or(&values[0]).clone())
    }),
    Function::new("empty", &[Any], |values| Ok(Value::Bool(!values[0].truth()))),
    Function::variadic("coalesce", &[], Any, |values| {
        Ok(values.iter().find(|value| value.truth()).cloned().unwrap_or(Value::Nil))
    }),
    Function::variadic("all", &[], Any, |values| Ok(Value::Bool(values.iter().all(Value::truth)))),
    Function::variadic("any", &[], Any, |values| Ok(Value::Bool(values.iter().any(Value::truth)))),
    Function::new("ternary", &[Any, Any, Bool], |values| Ok(values[usize::from(!values[2].truth())].clone())),
    Function::new("typeOf", &[Any], |values| Ok(Value::string(type_of(&values[0])))),
    Function::new("typeIs", &[Text, Any], |values| Ok(Value::Bool(text(values, 0) == type_of(&values[1])))),
    Function::new("typeIsLike", &[Text, Any], |values| {
        let name = type_of(&values[1]);
        Ok(Value::Bool(text(values, 0) == name || format!("*{}", text(values, 0)) == name))
    }),
    Function::new("kindIs", &[Text, Any], |values| Ok(Value::Bool(text(values, 0) == kind(&values[1])))),
    Function::new("deepEqual", &[Any, Any], |values| Ok(Value::Bool(values[0].same(&values[1])))),
];

fn type_of(value: &Value) -> &'static str {
    if value.is_nil() { "<nil>" } else { value.type_name() }
}

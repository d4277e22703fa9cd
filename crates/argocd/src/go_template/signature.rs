//! Functions with the types of their parameters, which decide what a template may pass to them.

use super::value::{Map, Value};

/// The type of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// Anything.
    Any,
    /// `string`
    Text,
    /// `int`
    Int,
    /// `bool`
    Bool,
    /// `float64`
    Float,
    /// `map[string]interface{}`, which `values` and labels are not.
    Dictionary,
}

impl Type {
    /// Its name in Go's messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "interface {}",
            Self::Text => "string",
            Self::Int => "int",
            Self::Bool => "bool",
            Self::Float => "float64",
            Self::Dictionary => "map[string]interface {}",
        }
    }

    /// Whether null can be passed.
    #[must_use]
    pub(crate) fn takes_nil(self) -> bool {
        matches!(self, Self::Any | Self::Dictionary)
    }

    /// Whether a value that is not null can be passed.
    #[must_use]
    pub fn takes(self, value: &Value) -> bool {
        match self {
            Self::Any => true,
            Self::Text => matches!(value, Value::String(_)),
            Self::Int => matches!(value, Value::Int(_)),
            Self::Bool => matches!(value, Value::Bool(_)),
            Self::Float => matches!(value, Value::Float(_)),
            Self::Dictionary => matches!(value, Value::Map(Map { strings: false, .. })),
        }
    }
}

/// The result of a function; an error is Go's message.
pub(super) type Outcome = Result<Value, String>;

/// A function.
#[derive(Debug, Clone, Copy)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// The types of its parameters.
    pub parameters: &'static [Type],
    /// The type of any number of further parameters.
    pub variadic: Option<Type>,
    /// Its implementation; `None` if this tool does not have it.
    pub call: Option<fn(&[Value]) -> Outcome>,
}

impl Function {
    /// A function with these parameters.
    #[must_use]
    pub const fn new(name: &'static str, parameters: &'static [Type], call: fn(&[Value]) -> Outcome) -> Self {
        Self { name, parameters, variadic: None, call: Some(call) }
    }

    /// A function with further parameters.
    #[must_use]
    pub(crate) const fn variadic(
        name: &'static str,
        parameters: &'static [Type],
        variadic: Type,
        call: fn(&[Value]) -> Outcome,
    ) -> Self {
        Self { name, parameters, variadic: Some(variadic), call: Some(call) }
    }

    /// A function that exists in Argo CD, but whose result this tool cannot compute.
    #[must_use]
    pub const fn unsupported(name: &'static str) -> Self {
        Self { name, parameters: &[], variadic: Some(Type::Any), call: None }
    }
}

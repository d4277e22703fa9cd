//! The values that a template reads and computes.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use document::{Node, Value as Yaml};
use serde_json::Value as Json;

use super::number;

/// A value. Go's reflection distinguishes more types; these are the ones that parameters and functions have.
#[derive(Debug, Clone)]
pub enum Value {
    /// A key that does not exist, or a null that was taken out of its map: Go's invalid value.
    Missing,
    /// Null, as the value of a key or an item of a list.
    Nil,
    /// A boolean.
    Bool(bool),
    /// An `int`: a literal, a length, or an index.
    Int(i64),
    /// An `int64`: the result of Sprig's arithmetic.
    Int64(i64),
    /// A `float64`, like every number of a parameter.
    Float(f64),
    /// A string.
    String(Rc<str>),
    /// A list.
    List(Rc<Vec<Value>>),
    /// A map.
    Map(Map),
}

/// A map, which functions such as `set` change in place.
#[derive(Debug, Clone, Default)]
pub struct Map {
    /// The entries, sorted by key as templates iterate over them.
    pub entries: Rc<RefCell<BTreeMap<String, Value>>>,
    /// Whether it is a `map[string]string`, such as `values` and labels, which Sprig's functions for dictionaries reject.
    pub strings: bool,
    /// The text that is printed instead of the entries, such as a version, whose fields are the entries.
    pub printed: Option<Rc<str>>,
}

impl Map {
    /// A map of any values.
    #[must_use]
    pub fn new(entries: BTreeMap<String, Value>) -> Self {
        Self { entries: Rc::new(RefCell::new(entries)), ..Self::default() }
    }

    /// A map of strings.
    #[must_use]
    pub(crate) fn of_strings(entries: impl IntoIterator<Item = (String, String)>) -> Self {
        let entries = entries.into_iter().map(|(key, text)| (key, Value::string(&text))).collect();
        Self { entries: Rc::new(RefCell::new(entries)), strings: true, ..Self::default() }
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Value> {
        self.entries.borrow().get(key).cloned()
    }

    /// Sets the value of a key.
    pub fn set(&self, key: &str, value: Value) {
        self.entries.borrow_mut().insert(key.to_owned(), value);
    }

    /// A copy of the entries.
    #[must_use]
    pub fn pairs(&self) -> Vec<(String, Value)> {
        self.entries.borrow().iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// The number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.borrow().len()
    }

    /// Whether there are no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.borrow().is_empty()
    }
}

/// How deep a value may be nested. A map can contain itself.
const MAX_DEPTH: usize = 200;

impl Value {
    /// A string.
    #[must_use]
    pub fn string(text: &str) -> Self {
        Self::String(Rc::from(text))
    }

    /// A list.
    #[must_use]
    pub fn list(items: Vec<Self>) -> Self {
        Self::List(Rc::new(items))
    }

    /// Whether it is null or does not exist.
    #[must_use]
    pub(crate) fn is_nil(&self) -> bool {
        matches!(self, Self::Missing | Self::Nil)
    }

    /// Whether `if` takes it as true, and Sprig as not empty.
    #[must_use]
    pub(crate) fn truth(&self) -> bool {
        match self {
            Self::Missing | Self::Nil => false,
            Self::Bool(value) => *value,
            Self::Int(number) | Self::Int64(number) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::String(text) => !text.is_empty(),
            Self::List(items) => !items.is_empty(),
            Self::Map(map) => !map.is_empty(),
        }
    }

    /// The name of its type in Go's messages.
    #[must_use]
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Missing => "<nil>",
            Self::Nil => "interface {}",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Int64(_) => "int64",
            Self::Float(_) => "float64",
            Self::String(_) => "string",
            Self::List(_) => "[]interface {}",
            Self::Map(Map { strings: true, .. }) => "map[string]string",
            Self::Map(_) => "map[string]interface {}",
        }
    }

    /// The text of `%v`.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, 0);
        out
    }

    fn write(&self, out: &mut String, depth: usize) {
        if depth > MAX_DEPTH {
            return;
        }
        match self {
            Self::Missing | Self::Nil => out.push_str("<nil>"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Int(number) | Self::Int64(number) => out.push_str(&number.to_string()),
            Self::Float(value) => out.push_str(&number::shortest(*value)),
            Self::String(text) | Self::Map(Map { printed: Some(text), .. }) => out.push_str(text),
            Self::List(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(' ');
                    }
                    item.write(out, depth + 1);
                }
                out.push(']');
            }
            Self::Map(map) => {
                out.push_str("map[");
                for (index, (key, value)) in map.entries.borrow().iter().enumerate() {
                    if index > 0 {
                        out.push(' ');
                    }
                    out.push_str(key);
                    out.push(':');
                    value.write(out, depth + 1);
                }
                out.push(']');
            }
        }
    }

    /// A copy that shares no map with this value.
    #[must_use]
    pub(crate) fn deep_copy(&self) -> Self {
        self.copy(0)
    }

    fn copy(&self, depth: usize) -> Self {
        match self {
            _ if depth > MAX_DEPTH => Self::Nil,
            Self::List(items) => Self::list(items.iter().map(|item| item.copy(depth + 1)).collect()),
            Self::Map(map) => {
                let entries = map.entries.borrow();
                let entries = entries.iter().map(|(key, value)| (key.clone(), value.copy(depth + 1))).collect();
                Self::Map(Map { entries: Rc::new(RefCell::new(entries)), ..map.clone() })
            }
            other => other.clone(),
        }
    }

    /// Whether two values are the same in type and content.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        self.same_to(other, 0)
    }

    fn same_to(&self, other: &Self, depth: usize) -> bool {
        if depth > MAX_DEPTH {
            return false;
        }
        match (self, other) {
            (Self::Missing | Self::Nil, Self::Missing | Self::Nil) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a), Self::Int(b)) | (Self::Int64(a), Self::Int64(b)) => a == b,
            #[expect(clippy::float_cmp, reason = "Go compares them exactly, too")]
            (Self::Float(a), Self::Float(b)) => a == b,
            (Self::String(a), Self::String(b)) => a == b,
            (Self::List(a), Self::List(b)) => {
                a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| a.same_to(b, depth + 1))
            }
            (Self::Map(a), Self::Map(b)) => {
                let (a, b) = (a.entries.borrow(), b.entries.borrow());
                a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| a.0 == b.0 && a.1.same_to(b.1, depth + 1))
            }
            _ => false,
        }
    }

    /// The value of YAML or JSON, in which every number is a `float64`.
    #[must_use]
    pub(crate) fn of_node(node: &Node) -> Self {
        match &node.value {
            Yaml::Null => Self::Nil,
            Yaml::Bool(value) => Self::Bool(*value),
            Yaml::Number(number) => Self::Float(number.parse().unwrap_or_default()),
            Yaml::String(text) => Self::string(text),
            Yaml::Sequence(items) => Self::list(items.iter().map(Self::of_node).collect()),
            Yaml::Mapping(entries) => Self::Map(Map::new(
                entries.iter().map(|(key, value)| (key.name.clone(), Self::of_node(value))).collect(),
            )),
        }
    }

    /// The value of JSON, in which every number is a `float64`.
    #[must_use]
    pub(crate) fn of_json(json: &Json) -> Self {
        match json {
            Json::Null => Self::Nil,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => Self::Float(number.as_f64().unwrap_or_default()),
            Json::String(text) => Self::string(text),
            Json::Array(items) => Self::list(items.iter().map(Self::of_json).collect()),
            Json::Object(entries) => {
                Self::Map(Map::new(entries.iter().map(|(key, value)| (key.clone(), Self::of_json(value))).collect()))
            }
        }
    }

    /// The value as JSON, with sorted keys and numbers as Go writes them.
    #[must_use]
    pub fn to_json(&self) -> Json {
        self.json(0)
    }

    fn json(&self, depth: usize) -> Json {
        match self {
            _ if depth > MAX_DEPTH => Json::Null,
            Self::Missing | Self::Nil => Json::Null,
            Self::Bool(value) => Json::from(*value),
            Self::Int(number) | Self::Int64(number) => Json::from(*number),
            Self::Float(value) => number::json(*value),
            Self::String(text) => Json::from(&**text),
            Self::List(items) => items.iter().map(|item| item.json(depth + 1)).collect(),
            Self::Map(map) => {
                let entries = map.entries.borrow();
                Json::Object(entries.iter().map(|(key, value)| (key.clone(), value.json(depth + 1))).collect())
            }
        }
    }
}

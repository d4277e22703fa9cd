//! Value flow through the functions of templates.

use super::value::{Reads, Value};

/// The functions that change their first argument.
const MUTATING: &[&str] = &["set", "unset", "merge", "mergeOverwrite", "mustMerge", "mustMergeOverwrite"];

/// Whether a function changes its first argument.
pub(super) fn mutates(name: &str) -> bool {
    MUTATING.contains(&name)
}

/// The result of a function other than `include`, `template`, and `tpl`.
pub(super) fn call(name: &str, arguments: &[Value]) -> Value {
    unbounded(name, arguments).bounded()
}

fn unbounded(name: &str, arguments: &[Value]) -> Value {
    match name {
        // The result is one of the arguments, which all decide which one.
        "and" | "or" | "coalesce" | "default" | "ternary" | "merge" | "mustMerge" | "mergeOverwrite"
        | "mustMergeOverwrite" => union(arguments).depending(&scalars(arguments)),
        "required" | "deepCopy" | "mustDeepCopy" | "pick" | "omit" => {
            arguments.last().cloned().unwrap_or_default().depending(&depends(arguments, 1))
        }
        "first" | "last" | "mustFirst" | "mustLast" | "values" => union(arguments).any(),
        "initial" | "rest" | "reverse" | "uniq" | "without" | "compact" | "slice" | "mustInitial" | "mustRest"
        | "mustReverse" | "mustUniq" | "mustWithout" | "mustCompact" | "mustSlice" | "concat" => union(arguments),
        "append" | "prepend" | "mustAppend" | "mustPrepend" => match arguments {
            [list, item] => list.clone().or(&list_of(std::slice::from_ref(item))),
            _ => union(arguments),
        },
        "list" | "tuple" => list_of(arguments),
        "dict" => dict(arguments),
        "get" | "hasKey" => match arguments {
            [map, key] => field(map, key),
            _ => union(arguments),
        },
        "index" => match arguments {
            [start, keys @ ..] => keys.iter().fold(start.clone(), |value, key| field(&value, key)),
            [] => Value::default(),
        },
        "dig" => match arguments {
            [keys @ .., otherwise, map] => keys.iter().fold(map.clone(), |value, key| field(&value, key)).or(otherwise),
            _ => union(arguments),
        },
        "set" => match arguments {
            [map, key, value] => {
                let mut entry = Value::default();
                let name = key.literal.as_deref().unwrap_or(super::value::ANY);
                entry.entries.insert(name.to_owned(), value.clone());
                map.clone().or(&entry)
            }
            _ => union(arguments),
        },
        // The kind of a context is always the same.
        "kindIs" | "kindOf" | "typeIs" | "typeOf" | "typeIsLike" => Value::computed(depends(arguments, 0)),
        _ => {
            let mut reads = depends(arguments, 0);
            for argument in arguments {
                reads.extend(argument.contexts.iter().cloned());
            }
            Value::computed(reads)
        }
    }
}

/// A field whose name is the literal of a value, or any field.
fn field(map: &Value, key: &Value) -> Value {
    let field = key.literal.as_deref().map_or_else(|| map.any(), |name| map.field(name));
    field.depending(&key.reads())
}

fn union(arguments: &[Value]) -> Value {
    let mut all = arguments.iter();
    let first = all.next().cloned().unwrap_or_default();
    let literal = None;
    Value { literal, ..all.fold(first, Value::or) }
}

/// The values and dependences of the arguments, without the last ones.
fn depends(arguments: &[Value], without: usize) -> Reads {
    arguments[..arguments.len().saturating_sub(without)].iter().flat_map(Value::reads).collect()
}

/// The dependences of the choice between the arguments: whether they are empty.
fn scalars(arguments: &[Value]) -> Reads {
    arguments.iter().flat_map(|argument| argument.depends.iter().cloned()).collect()
}

fn list_of(items: &[Value]) -> Value {
    Value { items: Some(Box::new(union(items))), ..Value::default() }
}

fn dict(arguments: &[Value]) -> Value {
    let mut dict = Value::default();
    for pair in arguments.chunks(2) {
        let [key, value] = pair else { continue };
        let name = key.literal.as_deref().unwrap_or(super::value::ANY);
        dict.entries.insert(name.to_owned(), value.clone().depending(&key.reads()));
    }
    dict
}

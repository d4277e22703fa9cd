//! Functions for lists.

use super::convert::{list, to_int64};
use super::strings::strings;
use crate::go_template::signature::Type::{Any, Int};
use crate::go_template::signature::{Function, Outcome};
use crate::go_template::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::variadic("list", &[], Any, |values| Ok(Value::list(values.to_vec()))),
    Function::variadic("tuple", &[], Any, |values| Ok(Value::list(values.to_vec()))),
    Function::new("append", &[Any, Any], push),
    Function::new("push", &[Any, Any], push),
    Function::new("mustAppend", &[Any, Any], push),
    Function::new("mustPush", &[Any, Any], push),
    Function::new("prepend", &[Any, Any], prepend),
    Function::new("mustPrepend", &[Any, Any], prepend),
    Function::new("first", &[Any], first),
    Function::new("mustFirst", &[Any], first),
    Function::new("last", &[Any], last),
    Function::new("mustLast", &[Any], last),
    Function::new("rest", &[Any], rest),
    Function::new("mustRest", &[Any], rest),
    Function::new("initial", &[Any], initial),
    Function::new("mustInitial", &[Any], initial),
    Function::new("reverse", &[Any], reverse),
    Function::new("mustReverse", &[Any], reverse),
    Function::new("uniq", &[Any], uniq),
    Function::new("mustUniq", &[Any], uniq),
    Function::new("compact", &[Any], compact),
    Function::new("mustCompact", &[Any], compact),
    Function::variadic("without", &[Any], Any, without),
    Function::variadic("mustWithout", &[Any], Any, without),
    Function::new("has", &[Any, Any], has),
    Function::new("mustHas", &[Any, Any], has),
    Function::variadic("slice", &[Any], Any, slice),
    Function::variadic("mustSlice", &[Any], Any, slice),
    Function::variadic("concat", &[], Any, |values| {
        let mut items = Vec::new();
        for value in values {
            items.extend_from_slice(list(value, "Cannot concat")?);
        }
        Ok(Value::list(items))
    }),
    Function::new("chunk", &[Int, Any], chunk),
    Function::new("mustChunk", &[Int, Any], chunk),
    Function::new("sortAlpha", &[Any], |values| {
        let mut texts = strings(&values[0]);
        texts.sort();
        Ok(Value::list(texts.iter().map(|text| Value::string(text)).collect()))
    }),
];

fn push(values: &[Value]) -> Outcome {
    let mut items = list(&values[0], "Cannot push on")?.to_vec();
    items.push(values[1].clone());
    Ok(Value::list(items))
}

fn prepend(values: &[Value]) -> Outcome {
    let mut items = vec![values[1].clone()];
    items.extend_from_slice(list(&values[0], "Cannot prepend on")?);
    Ok(Value::list(items))
}

fn first(values: &[Value]) -> Outcome {
    Ok(list(&values[0], "Cannot find first on")?.first().cloned().unwrap_or(Value::Nil))
}

fn last(values: &[Value]) -> Outcome {
    Ok(list(&values[0], "Cannot find last on")?.last().cloned().unwrap_or(Value::Nil))
}

fn rest(values: &[Value]) -> Outcome {
    Ok(Value::list(list(&values[0], "Cannot find rest on")?.get(1..).unwrap_or_default().to_vec()))
}

fn initial(values: &[Value]) -> Outcome {
    let items = list(&values[0], "Cannot find initial on")?;
    Ok(Value::list(items[..items.len().saturating_sub(1)].to_vec()))
}

fn reverse(values: &[Value]) -> Outcome {
    Ok(Value::list(list(&values[0], "Cannot find reverse on")?.iter().rev().cloned().collect()))
}

fn uniq(values: &[Value]) -> Outcome {
    let mut unique: Vec<Value> = Vec::new();
    for item in list(&values[0], "Cannot find uniq on")? {
        if !unique.iter().any(|other| other.same(item)) {
            unique.push(item.clone());
        }
    }
    Ok(Value::list(unique))
}

fn compact(values: &[Value]) -> Outcome {
    let items = list(&values[0], "Cannot compact on")?;
    Ok(Value::list(items.iter().filter(|item| item.truth()).cloned().collect()))
}

fn without(values: &[Value]) -> Outcome {
    let items = list(&values[0], "Cannot find without on")?;
    let kept = items.iter().filter(|item| !values[1..].iter().any(|other| other.same(item)));
    Ok(Value::list(kept.cloned().collect()))
}

fn has(values: &[Value]) -> Outcome {
    if values[1].is_nil() {
        return Ok(Value::Bool(false));
    }
    Ok(Value::Bool(list(&values[1], "Cannot find has on")?.iter().any(|item| item.same(&values[0]))))
}

fn slice(values: &[Value]) -> Outcome {
    let items = list(&values[0], "list should be type of slice or array but")?;
    if items.is_empty() {
        return Ok(Value::Nil);
    }
    let bound = |index: usize, otherwise: usize| match values.get(index) {
        Some(value) => usize::try_from(to_int64(value)).map_err(|_| "slice index out of bounds".to_owned()),
        None => Ok(otherwise),
    };
    let range = bound(1, 0)?..bound(2, items.len())?;
    items
        .get(range)
        .map(|items| Value::list(items.to_vec()))
        .ok_or_else(|| "reflect.Value.Slice: slice index out of bounds".to_owned())
}

fn chunk(values: &[Value]) -> Outcome {
    let items = list(&values[1], "Cannot chunk")?;
    let size = match &values[0] {
        Value::Int(size) => usize::try_from(*size).unwrap_or_default(),
        _ => 0,
    };
    if size == 0 {
        return Err("the size of a chunk must be positive".to_owned());
    }
    Ok(Value::list(items.chunks(size).map(|chunk| Value::list(chunk.to_vec())).collect()))
}

//! Functions for numbers.

use super::convert::{int, to_float64, to_int64};
use crate::go_template::signature::Type::{Any, Float, Int};
use crate::go_template::signature::{Function, Outcome};
use crate::go_template::value::Value;

/// The longest list of numbers.
const MAX_COUNT: i64 = 100_000;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("float64", &[Any], |values| Ok(Value::Float(to_float64(&values[0])))),
    Function::new("add1", &[Any], |values| Ok(Value::Int64(to_int64(&values[0]).wrapping_add(1)))),
    Function::variadic("add", &[], Any, |values| {
        Ok(Value::Int64(values.iter().fold(0, |sum: i64, value| sum.wrapping_add(to_int64(value)))))
    }),
    Function::new("sub", &[Any, Any], |values| {
        Ok(Value::Int64(to_int64(&values[0]).wrapping_sub(to_int64(&values[1]))))
    }),
    Function::new("div", &[Any, Any], |values| match to_int64(&values[1]) {
        0 => Err("runtime error: integer divide by zero".to_owned()),
        divisor => Ok(Value::Int64(to_int64(&values[0]).wrapping_div(divisor))),
    }),
    Function::new("mod", &[Any, Any], |values| match to_int64(&values[1]) {
        0 => Err("runtime error: integer divide by zero".to_owned()),
        divisor => Ok(Value::Int64(to_int64(&values[0]).wrapping_rem(divisor))),
    }),
    Function::variadic("mul", &[Any], Any, |values| {
        Ok(Value::Int64(values.iter().fold(1, |product: i64, value| product.wrapping_mul(to_int64(value)))))
    }),
    Function::new("add1f", &[Any], |values| Ok(Value::Float(to_float64(&values[0]) + 1.0))),
    Function::variadic("addf", &[], Any, |values| Ok(Value::Float(values.iter().map(to_float64).sum()))),
    Function::variadic("subf", &[Any], Any, |values| Ok(fold(values, |a, b| a - b))),
    Function::variadic("divf", &[Any], Any, |values| Ok(fold(values, |a, b| a / b))),
    Function::variadic("mulf", &[Any], Any, |values| Ok(fold(values, |a, b| a * b))),
    Function::variadic("max", &[Any], Any, |values| Ok(extreme(values, true))),
    Function::variadic("biggest", &[Any], Any, |values| Ok(extreme(values, true))),
    Function::variadic("min", &[Any], Any, |values| Ok(extreme(values, false))),
    Function::variadic("maxf", &[Any], Any, |values| Ok(fold(values, f64::max))),
    Function::variadic("minf", &[Any], Any, |values| Ok(fold(values, f64::min))),
    Function::new("ceil", &[Any], |values| Ok(Value::Float(to_float64(&values[0]).ceil()))),
    Function::new("floor", &[Any], |values| Ok(Value::Float(to_float64(&values[0]).floor()))),
    Function::variadic("round", &[Any, Int], Float, |values| Ok(Value::Float(round(values)))),
    Function::new("until", &[Int], |values| {
        let stop = int(values, 0);
        steps(0, stop, if stop < 0 { -1 } else { 1 }).map(list)
    }),
    Function::new("untilStep", &[Int, Int, Int], |values| {
        steps(int(values, 0), int(values, 1), int(values, 2)).map(list)
    }),
    Function::variadic("seq", &[], Int, seq),
];

fn fold(values: &[Value], operation: fn(f64, f64) -> f64) -> Value {
    let mut numbers = values.iter().map(to_float64);
    let first = numbers.next().unwrap_or_default();
    Value::Float(numbers.fold(first, operation))
}

fn extreme(values: &[Value], greatest: bool) -> Value {
    let numbers = values.iter().map(to_int64);
    Value::Int64(if greatest { numbers.max() } else { numbers.min() }.unwrap_or_default())
}

fn round(values: &[Value]) -> f64 {
    let places = i32::try_from(int(values, 1)).unwrap_or_default();
    let on = values.get(2).map_or(0.5, to_float64);
    let power = 10f64.powi(places);
    let digit = power * to_float64(&values[0]);
    let rounded = if digit.fract() >= on { digit.ceil() } else { digit.floor() };
    rounded / power
}

fn steps(from: i64, stop: i64, by: i64) -> Result<Vec<i64>, String> {
    let mut numbers = Vec::new();
    if (stop < from && by >= 0) || (stop >= from && by <= 0) {
        return Ok(numbers);
    }
    if from.abs_diff(stop) / by.unsigned_abs() > MAX_COUNT.unsigned_abs() {
        return Err("the list is too long".to_owned());
    }
    let mut number = from;
    while if by < 0 { number > stop } else { number < stop } {
        numbers.push(number);
        number = number.saturating_add(by);
    }
    Ok(numbers)
}

fn list(numbers: Vec<i64>) -> Value {
    Value::list(numbers.into_iter().map(Value::Int).collect())
}

fn seq(values: &[Value]) -> Outcome {
    let (start, step, end) = match values.len() {
        1 => (1, if int(values, 0) < 1 { -1 } else { 1 }, int(values, 0)),
        2 => (int(values, 0), if int(values, 1) < int(values, 0) { -1 } else { 1 }, int(values, 1)),
        3 => (int(values, 0), int(values, 1), int(values, 2)),
        _ => return Ok(Value::string("")),
    };
    if values.len() == 3 && end < start && step > 0 {
        return Ok(Value::string(""));
    }
    let after = end.saturating_add(if end < start { -1 } else { 1 });
    let texts: Vec<String> = steps(start, after, step)?.iter().map(i64::to_string).collect();
    Ok(Value::string(&texts.join(" ")))
}

//! Parsed templates.

use std::rc::Rc;

/// Nodes in the order of the text.
pub(super) type List = Vec<Node>;

/// A part of a template.
#[derive(Debug)]
pub(super) enum Node {
    /// Text outside of actions, trimmed.
    Text(String),
    /// A pipeline whose value is printed unless it declares variables.
    Action(Pipe),
    /// `if`.
    If(Branch),
    /// `with`.
    With(Branch),
    /// `range`.
    Range(Branch),
    /// `template` or `block`: the name of a template, and the value of its dot.
    Template {
        /// The name.
        name: String,
        /// The value, if any.
        pipe: Option<Pipe>,
        /// The position in the text.
        at: usize,
    },
    /// `break`.
    Break,
    /// `continue`.
    Continue,
}

/// The parts of `if`, `with`, and `range`.
#[derive(Debug)]
pub(super) struct Branch {
    /// The condition, or the value.
    pub pipe: Pipe,
    /// The body.
    pub body: List,
    /// The branch after `else`.
    pub otherwise: Option<List>,
}

/// Commands, each of which receives the value of the one before.
#[derive(Debug)]
pub(super) struct Pipe {
    /// The variables that receive the value, without `$`.
    pub variables: Vec<Rc<str>>,
    /// Whether the variables exist already (`=`).
    pub assigns: bool,
    /// The commands; at least one.
    pub commands: Vec<Command>,
    /// The position in the text.
    pub at: usize,
}

/// An operand with its arguments; at least one operand.
#[derive(Debug)]
pub(super) struct Command(pub Vec<Operand>);

/// An operand and its position in the text.
#[derive(Debug)]
pub(super) struct Operand {
    /// Its kind.
    pub term: Term,
    /// The position in the text.
    pub at: usize,
}

/// The kind of an operand.
#[derive(Debug)]
pub(super) enum Term {
    /// `.`
    Dot,
    /// `nil`
    Nil,
    /// `true` or `false`
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string, without quotes.
    Text(Rc<str>),
    /// `.a.b`
    Field(Vec<String>),
    /// `$x.a`; the name is without `$`.
    Variable(Rc<str>, Vec<String>),
    /// The name of a function.
    Function(String),
    /// A pipeline in parentheses.
    Pipe(Box<Pipe>),
    /// The fields of a pipeline in parentheses, or of the result of a function.
    Chain(Box<Operand>, Vec<String>),
}

/// A literal number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Number {
    /// Its value as an integer, if it is one that fits.
    pub integer: Option<i64>,
    /// Its value.
    pub float: f64,
    /// Whether it is written as a floating-point number.
    pub is_float: bool,
}

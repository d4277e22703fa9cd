//! The tree of a template. Spans are byte ranges of its text.

use std::ops::Range;

/// A parsed template. With problems, the tree contains what could be read in spite of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Template {
    /// The nodes outside all blocks, in the order of the text.
    pub nodes: Vec<Node>,
    /// The errors that Go's parser would report, in the order of the text.
    pub problems: Vec<Problem>,
}

/// A part of a template that Go's parser rejects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The part.
    pub span: Range<usize>,
    /// The problem.
    pub message: String,
}

/// The delimiters of an action or a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// From `{{` to `}}`.
    pub span: Range<usize>,
    /// The content without delimiters, trim markers, and the whitespace around it.
    pub inside: Range<usize>,
    /// Whether `{{-` trims the text before it.
    pub trims_before: bool,
    /// Whether `-}}` trims the text after it.
    pub trims_after: bool,
}

/// A node of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// Text that is copied to the output.
    Text(Text),
    /// `{{/* … */}}`
    Comment(Tag),
    /// `{{ pipeline }}`, which prints its value unless it sets a variable.
    Output(Output),
    /// `if`, `with`, or `range`, up to its `end`.
    Control(Control),
    /// `define` or `block`, up to its `end`.
    Define(Define),
    /// `{{ template "name" pipeline }}`
    Call(Call),
    /// `{{ break }}`
    Break(Tag),
    /// `{{ continue }}`
    Continue(Tag),
}

/// Text between actions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// All of it.
    pub span: Range<usize>,
    /// The text that the trim markers of its neighbors leave.
    pub kept: Range<usize>,
}

/// An action with a pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its delimiters.
    pub tag: Tag,
    /// The computed value.
    pub pipeline: Pipeline,
}

/// The keyword of a [`Control`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keyword {
    /// `if`, also in `else if`.
    If,
    /// `with`, also in `else with`.
    With,
    /// `range`
    Range,
}

/// An `if`, `with`, or `range` with its alternatives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// Which of them.
    pub keyword: Keyword,
    /// The first branch and its alternatives, of which at most one is rendered. All conditions are evaluated with the dot
    /// outside of the block; variables that one declares exist in the branches after it, too.
    pub arms: Vec<Arm>,
    /// The closing tag, unless it is missing.
    pub end: Option<Tag>,
}

/// A branch of a [`Control`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arm {
    /// The opening tag.
    pub tag: Tag,
    /// The condition, the new dot, or the list. A plain `else` has none.
    pub pipeline: Option<Pipeline>,
    /// The content.
    pub body: Vec<Node>,
}

/// A named template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Define {
    /// The opening tag.
    pub tag: Tag,
    /// Its name.
    pub name: String,
    /// The literal that names it; empty if there is none.
    pub name_span: Range<usize>,
    /// For a `block`, the context in which it is called at this place.
    pub block: Option<Pipeline>,
    /// The content.
    pub body: Vec<Node>,
    /// The closing tag, unless it is missing.
    pub end: Option<Tag>,
}

/// The call of a named template by the keyword `template`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Its delimiters.
    pub tag: Tag,
    /// The name of the template.
    pub name: String,
    /// The literal that names it; empty if there is none.
    pub name_span: Range<usize>,
    /// The dot of the template; without it, the dot is nil.
    pub context: Option<Pipeline>,
}

/// Calls a function with every named template among nodes, outer ones first.
pub(super) fn defines<'t>(nodes: &'t [Node], found: &mut dyn FnMut(&'t Define)) {
    for node in nodes {
        match node {
            Node::Define(define) => {
                found(define);
                defines(&define.body, found);
            }
            Node::Control(control) => control.arms.iter().for_each(|arm| defines(&arm.body, found)),
            _ => {}
        }
    }
}

/// `$a, $b := command | command`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pipeline {
    /// From its first to its last token.
    pub span: Range<usize>,
    /// The variables that it sets.
    pub variables: Vec<Variable>,
    /// Whether it declares the variables (`:=`), or assigns to existing ones (`=`).
    pub declares: bool,
    /// The commands, each of which has the result of the one before as its last argument.
    pub commands: Vec<Command>,
}

/// A variable that a pipeline sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name, with the dollar sign.
    pub name: String,
    /// Its place.
    pub span: Range<usize>,
}

/// A function with its arguments, or a single operand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// From its first to its last token.
    pub span: Range<usize>,
    /// The operands. The first is the function, if there are several.
    pub operands: Vec<Operand>,
}

impl Command {
    /// The name of the function that it calls, if it calls one.
    #[must_use]
    pub fn function(&self) -> Option<&str> {
        match self.operands.first() {
            Some(Operand { root: Root::Function(name), fields, .. }) if fields.is_empty() => Some(name),
            _ => None,
        }
    }
}

/// A value in a command, such as `.Values.a`, `$x.b`, or `(lookup …).data`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operand {
    /// From its root to its last field.
    pub span: Range<usize>,
    /// The value whose fields they are.
    pub root: Root,
    /// The fields.
    pub fields: Vec<Field>,
}

impl Operand {
    /// The name of the variable that it is, without a field of it.
    #[must_use]
    pub fn variable(&self) -> Option<&str> {
        match &self.root {
            Root::Variable(name) if self.fields.is_empty() => Some(name),
            _ => None,
        }
    }

    /// The string literals in it, in their order.
    #[must_use]
    pub fn strings(&self) -> Vec<&str> {
        match &self.root {
            Root::String(text) => vec![text],
            Root::Parentheses(inner) => {
                inner.commands.iter().flat_map(|command| &command.operands).flat_map(Self::strings).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// The name of a field after a dot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The name without the dot.
    pub name: String,
    /// The name with the dot.
    pub span: Range<usize>,
}

/// The first part of an operand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Root {
    /// The dot, also of `.Values`.
    Dot,
    /// A variable with its dollar sign; `$` is the context with which the template was called.
    Variable(String),
    /// The name of a function.
    Function(String),
    /// `(pipeline)`
    Parentheses(Box<Pipeline>),
    /// A string in double quotes or backquotes, unquoted.
    String(String),
    /// A character in single quotes, as written.
    Character(String),
    /// A number, as written.
    Number(String),
    /// `true` or `false`
    Bool(bool),
    /// `nil`
    Nil,
}

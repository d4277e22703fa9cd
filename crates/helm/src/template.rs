//! Go templates as Helm reads them: a tree in which every part knows its place in the text.

pub mod flow;
pub mod instrument;
mod lex;
pub mod marks;
pub mod names;
pub mod parse;
mod pipeline;
pub mod tree;
pub mod unclosed;
pub mod unstable;

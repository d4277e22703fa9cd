//! Go templates as Helm reads them: a tree in which every part knows its place in the text.

mod lex;
pub mod parse;
mod pipeline;
pub mod tree;
pub mod unclosed;

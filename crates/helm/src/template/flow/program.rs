//! The templates of a chart and its dependencies, with their named templates.

use std::collections::HashMap;
use std::ops::Range;

use crate::template::tree::{self, Define, Node, Operand, Template};

/// The templates of a chart and its dependencies.
#[derive(Debug, Default)]
pub struct Program {
    /// Each with its path in an unpacked copy of the outermost chart.
    pub(super) files: Vec<(String, Template)>,
    /// All named templates, each with its file.
    pub(super) defines: Vec<(usize, Define)>,
    /// The definition that Helm uses.
    pub(super) used: HashMap<String, usize>,
}

impl Program {
    /// The templates, in any order, each with its path in an unpacked copy of the outermost chart.
    #[must_use]
    pub fn new(files: Vec<(String, Template)>) -> Self {
        let mut program = Self { files, ..Self::default() };
        let mut order: Vec<usize> = (0..program.files.len()).collect();
        // Helm parses deeper folders first and, within a folder, in reverse order of names; the last definition counts.
        order.sort_by_cached_key(|index| {
            let path = &program.files[*index].0;
            std::cmp::Reverse((path.matches('/').count(), path.clone()))
        });
        for file in order {
            let Self { files, defines, used } = &mut program;
            tree::defines(&files[file].1.nodes, &mut |define| {
                if !is_empty(define) || !used.contains_key(&define.name) {
                    used.insert(define.name.clone(), defines.len());
                }
                defines.push((file, define.clone()));
            });
        }
        program
    }

    /// The index of the named template that contains a place.
    pub(super) fn around(&self, file: usize, span: &Range<usize>) -> Option<usize> {
        let inside = |define: &Define| {
            let end = define.end.as_ref().map_or(usize::MAX, |tag| tag.span.start);
            define.tag.span.end <= span.start && span.end <= end
        };
        let defines = self.defines.iter().enumerate();
        let around = defines.filter(|(_, (of, define))| *of == file && inside(define));
        around.max_by_key(|(_, (_, define))| define.tag.span.start).map(|(index, _)| index)
    }

    /// The content of a file, or of a named template.
    pub(super) fn body(&self, file: usize, define: Option<usize>) -> &[Node] {
        match define {
            Some(define) => self.defines.get(define).map(|(_, define)| define.body.as_slice()).unwrap_or_default(),
            None => self.files.get(file).map(|(_, template)| template.nodes.as_slice()).unwrap_or_default(),
        }
    }

    /// The files that an operand may name, such as `(print $.Template.BasePath "/config-map.yaml")`. None if that is not
    /// known.
    pub(super) fn named_by(&self, operand: &Operand) -> Vec<usize> {
        let end = operand.strings().into_iter().rev().find_map(|text| Some(format!("/{}", text.rsplit_once('/')?.1)));
        let Some(end) = end.filter(|end| end.contains('.')) else { return Vec::new() };
        let files = self.files.iter().enumerate().filter(|(_, (path, _))| path.ends_with(&end));
        files.map(|(index, _)| index).collect()
    }
}

/// Whether a definition has no content, so it does not override another one.
fn is_empty(define: &Define) -> bool {
    define.body.iter().all(|node| match node {
        Node::Text(text) => text.kept.is_empty(),
        Node::Comment(_) => true,
        _ => false,
    })
}

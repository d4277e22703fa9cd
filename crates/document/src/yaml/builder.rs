//! Builds the tree of a document from the parser's events.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use diagnostics::{Diagnostics, Limit, Result, Source};
use yaml_events::{Event, ScalarStyle};

use super::scalar::scalar;
use super::syntax::syntax_error;
use crate::mapping::{Key, SMALL};
use crate::tree::{Node, Value};

/// One YAML document.
#[derive(Debug, Clone)]
pub struct Document {
    /// Its content; null if it is empty.
    pub root: Node,
    /// Duplicate keys: every occurrence but the first in its mapping. The last value wins, as in Kubernetes.
    pub duplicates: Vec<Key>,
    /// The values of duplicate keys that a later value replaced.
    pub replaced: Vec<Node>,
    /// Whether it uses anchors or aliases, so the text of a value may be somewhere else than its key.
    pub aliases: bool,
}

impl Document {
    /// A part of another document, without anchors and duplicate keys.
    #[must_use]
    pub fn of(root: Node) -> Self {
        Self { root, duplicates: Vec::new(), replaced: Vec::new(), aliases: false }
    }
}

pub(super) struct Builder<'a> {
    source: &'a Arc<Source>,
    stack: Vec<Frame>,
    root: Option<Node>,
    anchors: BTreeMap<usize, Node>,
    copied: usize,
    duplicates: Vec<Key>,
    replaced: Vec<Node>,
    aliases: bool,
}

impl<'a> Builder<'a> {
    pub(super) fn new(source: &'a Arc<Source>) -> Self {
        Self {
            source,
            stack: Vec::new(),
            root: None,
            anchors: BTreeMap::new(),
            copied: 0,
            duplicates: Vec::new(),
            replaced: Vec::new(),
            aliases: false,
        }
    }

    pub(super) fn document(self) -> Document {
        let root =
            self.root.unwrap_or_else(|| Node { value: Value::Null, span: 0..0, source: Arc::clone(self.source) });
        Document { root, duplicates: self.duplicates, replaced: self.replaced, aliases: self.aliases }
    }

    pub(super) fn event(&mut self, event: Event<'_>, span: Range<usize>) -> Result<()> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let merge = style == ScalarStyle::Plain && tag.is_none() && text == "<<";
                let value = scalar(&text, style, tag.as_deref())
                    .map_err(|what| syntax_error(self.source, span.clone(), &what))?;
                let node = Node { value, span, source: Arc::clone(self.source) };
                self.place(node, anchor, merge)
            }
            Event::Alias(anchor) => {
                self.aliases = true;
                let Some(node) = self.anchors.get(&anchor).cloned() else {
                    return Err(syntax_error(self.source, span, "the anchor of this alias is not defined"));
                };
                self.count_copies(&node, &span)?;
                self.place(Node { span, ..node }, 0, false)
            }
            Event::SequenceStart(anchor, _) => self.open(anchor, span, false),
            Event::MappingStart(anchor, _) => self.open(anchor, span, true),
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(mut frame) = self.stack.pop() else { return Ok(()) };
                // Documents are kept for a whole run, and most of their mappings have fewer entries than there is room for.
                frame.entries.list.shrink_to_fit();
                frame.items.shrink_to_fit();
                let end = span.end.max(frame.start);
                let value = if frame.mapping {
                    Value::Mapping(frame.entries.list.into())
                } else {
                    Value::Sequence(frame.items)
                };
                let node = Node { value, span: frame.start..end, source: Arc::clone(self.source) };
                self.place(node, frame.anchor, false)
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {
                Ok(())
            }
        }
    }

    fn open(&mut self, anchor: usize, span: Range<usize>, mapping: bool) -> Result<()> {
        let limit = Limit::YamlDepth;
        if self.stack.len() >= limit.value() {
            return Err(self.exceeded(limit, span, &format!("it is nested more than {} levels deep", limit.value())));
        }
        self.stack.push(Frame {
            anchor,
            start: span.start,
            items: Vec::new(),
            entries: Entries::default(),
            key: None,
            mapping,
        });
        Ok(())
    }

    fn count_copies(&mut self, node: &Node, span: &Range<usize>) -> Result<()> {
        let limit = Limit::YamlCopies;
        self.copied += size(node);
        if self.copied > limit.value() {
            let what = format!("its anchors and aliases copy more than {} values", limit.value());
            return Err(self.exceeded(limit, span.clone(), &what));
        }
        Ok(())
    }

    fn exceeded(&self, limit: Limit, span: Range<usize>, what: &str) -> Diagnostics {
        let mut found = syntax_error(self.source, span, what);
        found.0.iter_mut().for_each(|found| found.helps.push(limit.help()));
        found
    }

    /// Adds a complete node to its parent: as a key, as the value of the pending key, as an item, or as the root.
    fn place(&mut self, node: Node, anchor: usize, merge: bool) -> Result<()> {
        if anchor > 0 {
            self.aliases = true;
            self.count_copies(&node, &node.span)?;
            self.anchors.insert(anchor, node.clone());
        }
        let Some(frame) = self.stack.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        if !frame.mapping {
            frame.items.push(node);
            return Ok(());
        }
        match frame.key.take() {
            None => {
                let name = match &node.value {
                    Value::String(text) | Value::Number(text) => text.clone(),
                    Value::Bool(value) => value.to_string(),
                    Value::Null => "null".to_owned(),
                    Value::Sequence(_) | Value::Mapping(_) => {
                        return Err(syntax_error(self.source, node.span, "a key must be a scalar"));
                    }
                };
                frame.key = Some(PendingKey { key: Key { name, span: node.span }, merge });
            }
            Some(PendingKey { merge: true, key }) => {
                merge_into(&mut frame.entries, &node).map_err(|()| {
                    syntax_error(self.source, key.span, "`<<` requires a mapping or a list of mappings")
                })?;
            }
            Some(PendingKey { merge: false, key }) => {
                if let Some(replaced) = frame.entries.set(key.clone(), node, true) {
                    self.duplicates.push(key);
                    self.replaced.push(replaced);
                }
            }
        }
        Ok(())
    }
}

/// A sequence or mapping that has not ended yet.
struct Frame {
    anchor: usize,
    start: usize,
    items: Vec<Node>,
    entries: Entries,
    /// The key whose value comes next; `None` in a sequence and between entries.
    key: Option<PendingKey>,
    mapping: bool,
}

struct PendingKey {
    key: Key,
    merge: bool,
}

/// The entries of a mapping so far.
#[derive(Default)]
struct Entries {
    list: Vec<(Key, Node)>,
    /// The positions in the list, by key, once there are many.
    positions: HashMap<String, usize>,
    /// Whether the entry at a position was written in this mapping, and not merged into it.
    own: Vec<bool>,
}

impl Entries {
    /// Adds an entry, or replaces the one with the same key. Returns what it replaced, if both were written in this mapping.
    fn set(&mut self, key: Key, node: Node, own: bool) -> Option<Node> {
        if let Some(at) = self.position(&key.name) {
            let (_, replaced) = std::mem::replace(&mut self.list[at], (key, node));
            let both = own && self.own[at];
            self.own[at] |= own;
            return both.then_some(replaced);
        }
        if self.list.len() > SMALL {
            self.positions.insert(key.name.clone(), self.list.len());
        }
        self.list.push((key, node));
        self.own.push(own);
        None
    }

    fn position(&mut self, name: &str) -> Option<usize> {
        if self.list.len() <= SMALL {
            return self.list.iter().position(|(key, _)| key.name == name);
        }
        if self.positions.is_empty() {
            let positions = self.list.iter().enumerate();
            self.positions = positions.map(|(at, (key, _))| (key.name.clone(), at)).collect();
        }
        self.positions.get(name).copied()
    }
}

/// Merges a mapping, or a list of mappings, as `<<` does in the library that Kubernetes uses: it overrides the keys
/// before it, keys after it override it, and the first mapping of a list wins.
fn merge_into(entries: &mut Entries, node: &Node) -> std::result::Result<(), ()> {
    match &node.value {
        Value::Mapping(merged) => {
            for (key, value) in merged {
                entries.set(key.clone(), value.clone(), false);
            }
            Ok(())
        }
        Value::Sequence(items) => {
            for item in items.iter().rev() {
                if !matches!(item.value, Value::Mapping(_)) {
                    return Err(());
                }
                merge_into(entries, item)?;
            }
            Ok(())
        }
        _ => Err(()),
    }
}

fn size(node: &Node) -> usize {
    match &node.value {
        Value::Sequence(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Mapping(entries) => 1 + entries.iter().map(|(_, node)| 1 + size(node)).sum::<usize>(),
        _ => 1,
    }
}

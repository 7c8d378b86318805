//! Builds the tree from the events of either parser, and keeps it within bounds.

use std::collections::HashMap;

use super::{DEPTH_MAX, Entry, Kind, NODES_MAX, Node, Scalar};
use crate::diagnostic::Draft;
use crate::source::Span;

/// A mapping of at most this many entries is searched for a duplicate key one by one.
const SCANNED_KEYS_MAX: usize = 16;

/// Duplicate keys reported of one file.
const DUPLICATES_MAX: usize = 100;

/// The tree so far. Collections are opened and closed; what is complete goes into the innermost
/// open one.
#[derive(Debug, Default)]
pub(super) struct Builder {
    open: Vec<Open>,
    root: Option<Built>,
    anchors: HashMap<usize, Built>,
    nodes: usize,
    duplicates: Vec<Draft>,
}

/// A complete value, with what an alias to it costs.
#[derive(Debug, Clone)]
struct Built {
    node: Node,
    height: usize,
    count: usize,
}

/// A collection that has begun.
#[derive(Debug)]
struct Open {
    collection: Collection,
    tag: Option<Box<str>>,
    span: Span,
    anchor: usize,
    height: usize,
    count: usize,
}

#[derive(Debug)]
enum Collection {
    Sequence(Vec<Node>),
    Mapping {
        entries: Vec<Entry>,
        index: HashMap<Box<str>, usize>,
        key: Option<(Box<str>, Span)>,
    },
}

/// A fault that ends the reading of a file.
pub(super) type Fault = Box<Draft>;

impl Builder {
    /// A list begins; `anchor` is 0 for none.
    pub(super) fn open_sequence(
        &mut self,
        span: Span,
        tag: Option<Box<str>>,
        anchor: usize,
    ) -> Result<(), Fault> {
        self.open(Collection::Sequence(vec![]), span, tag, anchor)
    }

    /// A mapping begins.
    pub(super) fn open_mapping(
        &mut self,
        span: Span,
        tag: Option<Box<str>>,
        anchor: usize,
    ) -> Result<(), Fault> {
        let collection = Collection::Mapping {
            entries: vec![],
            index: HashMap::new(),
            key: None,
        };
        self.open(collection, span, tag, anchor)
    }

    fn open(
        &mut self,
        collection: Collection,
        span: Span,
        tag: Option<Box<str>>,
        anchor: usize,
    ) -> Result<(), Fault> {
        if self.open.len() >= DEPTH_MAX {
            return Err(too_deep(span));
        }
        if let Some(Open {
            collection: Collection::Mapping { key: None, .. },
            ..
        }) = self.open.last()
        {
            return Err(Draft::error(span, "a key must be a string").into());
        }
        self.open.push(Open {
            collection,
            tag,
            span,
            anchor,
            height: 0,
            count: 1,
        });
        Ok(())
    }

    /// The innermost collection ends at the end of `end`.
    pub(super) fn close(&mut self, end: Span) -> Result<(), Fault> {
        // The parsers balance their events; an unbalanced one changes nothing.
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let kind = match open.collection {
            Collection::Sequence(items) => Kind::Sequence(items),
            Collection::Mapping { entries, .. } => Kind::Mapping(entries),
        };
        let node = Node {
            kind,
            tag: open.tag,
            span: open.span.to(end),
        };
        self.add(
            Built {
                node,
                height: open.height + 1,
                count: open.count,
            },
            open.anchor,
        )
    }

    /// A scalar or null.
    pub(super) fn scalar(&mut self, node: Node, anchor: usize) -> Result<(), Fault> {
        self.add(
            Built {
                node,
                height: 0,
                count: 1,
            },
            anchor,
        )
    }

    /// An alias, written at `span`.
    pub(super) fn alias(&mut self, anchor: usize, span: Span) -> Result<(), Fault> {
        let Some(built) = self.anchors.get(&anchor) else {
            return Err(Draft::error(span, "an alias cannot stand inside its own anchor").into());
        };
        if self.open.len() + built.height > DEPTH_MAX {
            return Err(too_deep(span));
        }
        let count = built.count;
        self.spend(count, span)?;
        let built = self.anchors[&anchor].clone();
        self.place(built)
    }

    /// The key of the innermost mapping, if one is due, or the value goes where values go.
    fn add(&mut self, built: Built, anchor: usize) -> Result<(), Fault> {
        let span = built.node.span;
        self.spend(1, span)?;
        if anchor != 0 {
            self.spend(built.count, span)?;
            self.anchors.insert(anchor, built.clone());
        }
        self.place(built)
    }

    fn place(&mut self, built: Built) -> Result<(), Fault> {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(built);
            return Ok(());
        };
        open.height = open.height.max(built.height);
        open.count += built.count;
        match &mut open.collection {
            Collection::Sequence(items) => items.push(built.node),
            Collection::Mapping {
                entries,
                index,
                key,
            } => match key.take() {
                None => *key = Some(key_text(built.node)?),
                Some((text, key_span)) => {
                    let entry = Entry {
                        key: text,
                        key_span,
                        value: built.node,
                    };
                    let duplicate = insert(entries, index, entry);
                    if let Some(draft) = duplicate
                        && self.duplicates.len() < DUPLICATES_MAX
                    {
                        self.duplicates.push(draft);
                    }
                }
            },
        }
        Ok(())
    }

    fn spend(&mut self, nodes: usize, span: Span) -> Result<(), Fault> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > NODES_MAX {
            let message = format!("the file has more than {NODES_MAX} values");
            let help = "aliases count as often as they are used; split the file";
            return Err(Draft::error(span, message).help(help).into());
        }
        Ok(())
    }

    /// The innermost collection that has not ended, and whether it is a mapping.
    pub(super) fn innermost(&self) -> Option<(Span, bool)> {
        let open = self.open.last()?;
        Some((
            open.span,
            matches!(open.collection, Collection::Mapping { .. }),
        ))
    }

    /// The tree, or the duplicate keys in it. `None` for the tree of an empty text.
    pub(super) fn finish(self) -> Result<Option<Node>, Vec<Draft>> {
        if self.duplicates.is_empty() {
            Ok(self.root.map(|built| built.node))
        } else {
            Err(self.duplicates)
        }
    }
}

fn too_deep(span: Span) -> Fault {
    Draft::error(span, format!("values nest more than {DEPTH_MAX} deep")).into()
}

fn key_text(node: Node) -> Result<(Box<str>, Span), Fault> {
    match node.kind {
        Kind::Scalar(Scalar { text, plain: true }) if &*text == "<<" => {
            let fault = Draft::error(
                node.span,
                "CloudFormation does not merge mappings with `<<`",
            );
            Err(fault.help("write the keys out").into())
        }
        Kind::Scalar(Scalar { text, .. }) => Ok((text, node.span)),
        Kind::Null => Err(Draft::error(node.span, "a key must be a string, not null").into()),
        Kind::Sequence(_) | Kind::Mapping(_) => {
            Err(Draft::error(node.span, "a key must be a string").into())
        }
    }
}

/// Adds an entry, unless its key is taken. Large mappings are searched by hash.
fn insert(
    entries: &mut Vec<Entry>,
    index: &mut HashMap<Box<str>, usize>,
    entry: Entry,
) -> Option<Draft> {
    if index.is_empty() && entries.len() == SCANNED_KEYS_MAX {
        *index = entries
            .iter()
            .enumerate()
            .map(|(at, known)| (known.key.clone(), at))
            .collect();
    }
    let known = if entries.len() < SCANNED_KEYS_MAX {
        entries.iter().position(|known| known.key == entry.key)
    } else {
        index.get(&entry.key).copied()
    };
    if let Some(at) = known {
        let first = entries[at].key_span;
        let message = format!("duplicate key `{}`", entry.key);
        return Some(
            Draft::error(entry.key_span, message)
                .label(first, "first given here")
                .help("remove one, or give it another name"),
        );
    }
    if entries.len() >= SCANNED_KEYS_MAX {
        index.insert(entry.key.clone(), entries.len());
    }
    entries.push(entry);
    None
}

impl Node {
    /// A scalar node.
    pub(super) fn scalar(text: &str, plain: bool, tag: Option<Box<str>>, span: Span) -> Self {
        Self {
            kind: Kind::Scalar(Scalar {
                text: text.into(),
                plain,
            }),
            tag,
            span,
        }
    }
}

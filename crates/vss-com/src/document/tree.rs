//! Documents as trees of elements: read from XML, and written again with everything that is not
//! understood in it.

use std::fmt::Write as _;

use vss_model::{Error, ErrorKind};

/// Longest document in bytes of UTF-8.
const LONGEST: usize = 64 << 20;
/// Elements in elements.
const DEEPEST: usize = 32;
/// Elements, texts and the like in one document.
const MOST_NODES: u32 = 4_000_000;

/// The namespace of what no public document names (spec: requester §11).
pub(super) const OWN: &str = "urn:openvss:document:1";
const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// A name and the namespace that it is in; empty for none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    space: String,
    local: String,
}

/// An attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Attribute {
    name: Name,
    value: String,
}

/// What is in an element.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    Element(Element),
    Text(String),
}

/// An element. What is known of it is taken out while it is read; the rest is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Element {
    name: Name,
    attributes: Vec<Attribute>,
    nodes: Vec<Node>,
}

/// What was not understood of an element.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Rest {
    attributes: Vec<Attribute>,
    nodes: Vec<Node>,
}

/// `VSS_E_INVALID_XML_DOCUMENT`, with what is wrong.
pub(super) fn invalid(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidXmlDocument, why)
}

impl Element {
    /// An empty one, in a namespace.
    pub(super) fn new(space: &str, local: &str) -> Self {
        Self {
            name: Name {
                space: space.to_owned(),
                local: local.to_owned(),
            },
            attributes: Vec::new(),
            nodes: Vec::new(),
        }
    }

    /// Reads a document whose root has this name. A byte order mark before it and zeroes after it are
    /// left out (spec: requester §11).
    ///
    /// # Errors
    /// `VSS_E_INVALID_XML_DOCUMENT` for what is not well formed, has a document type, is too large or
    /// too deep, or has another root.
    pub(super) fn parse(text: &str, space: &str, root: &str) -> Result<Self, Error> {
        let text = text.trim_start_matches('\u{feff}').trim_end_matches('\0');
        if text.len() > LONGEST {
            return Err(invalid("the document is too long"));
        }
        let options = roxmltree::ParsingOptions {
            allow_dtd: false,
            nodes_limit: MOST_NODES,
            ..roxmltree::ParsingOptions::default()
        };
        let document = roxmltree::Document::parse_with_options(text, options)
            .map_err(|error| invalid("the document is not well formed").with_source(error))?;
        let element = from_node(document.root_element(), 0)?;
        if !element.is(space, root) {
            return Err(invalid(format!(
                "the root of the document is {} of {:?}, not {root} of {space:?}",
                element.name.local, element.name.space
            )));
        }
        Ok(element)
    }

    /// The document that this is the root of.
    pub(super) fn to_xml(&self) -> String {
        let mut text = String::new();
        write_element(&mut text, self, "");
        text
    }

    /// Whether it has this name.
    pub(super) fn is(&self, space: &str, local: &str) -> bool {
        self.name.space == space && self.name.local == local
    }

    /// Takes an attribute out.
    pub(super) fn take(&mut self, local: &str) -> Option<String> {
        let at = self
            .attributes
            .iter()
            .position(|one| one.name.space.is_empty() && one.name.local == local)?;
        Some(self.attributes.remove(at).value)
    }

    /// Takes all elements of this name out, in their order.
    pub(super) fn take_all(&mut self, space: &str, local: &str) -> Vec<Self> {
        let nodes = std::mem::take(&mut self.nodes);
        let mut taken = Vec::new();
        for node in nodes {
            match node {
                Node::Element(element) if element.is(space, local) => taken.push(element),
                other => self.nodes.push(other),
            }
        }
        taken
    }

    /// Takes the first element of this name out.
    pub(super) fn take_one(&mut self, space: &str, local: &str) -> Option<Self> {
        let at = self
            .nodes
            .iter()
            .position(|node| matches!(node, Node::Element(element) if element.is(space, local)))?;
        match self.nodes.remove(at) {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        }
    }

    /// The text in it.
    pub(super) fn text(&self) -> String {
        let texts = self.nodes.iter().filter_map(|node| match node {
            Node::Text(text) => Some(text.as_str()),
            Node::Element(_) => None,
        });
        texts.collect()
    }

    /// What is left after all that is known was taken out. White space between elements is nothing.
    pub(super) fn rest(self) -> Rest {
        let is_kept = |node: &Node| match node {
            Node::Text(text) => !text.trim().is_empty(),
            Node::Element(_) => true,
        };
        Rest {
            attributes: self.attributes,
            nodes: self.nodes.into_iter().filter(is_kept).collect(),
        }
    }

    /// With an attribute more.
    pub(super) fn with(mut self, local: &str, value: impl Into<String>) -> Self {
        self.attributes.push(Attribute {
            name: Name {
                space: String::new(),
                local: local.to_owned(),
            },
            value: value.into(),
        });
        self
    }

    /// With an attribute more, if there is a value.
    pub(super) fn with_some(self, local: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.with(local, value),
            None => self,
        }
    }

    /// With an element more.
    pub(super) fn holding(mut self, element: Self) -> Self {
        self.nodes.push(Node::Element(element));
        self
    }

    /// With elements more.
    pub(super) fn holding_all(mut self, elements: impl IntoIterator<Item = Self>) -> Self {
        self.nodes.extend(elements.into_iter().map(Node::Element));
        self
    }

    /// With a text more.
    pub(super) fn saying(mut self, text: &str) -> Self {
        self.nodes.push(Node::Text(text.to_owned()));
        self
    }

    /// With what was not understood when it was read.
    pub(super) fn and(mut self, rest: &Rest) -> Self {
        self.attributes.extend(rest.attributes.iter().cloned());
        self.nodes.extend(rest.nodes.iter().cloned());
        self
    }
}

/// The reader itself does not recurse; this does, and so does whatever walks the tree later.
fn from_node(node: roxmltree::Node<'_, '_>, depth: usize) -> Result<Element, Error> {
    if depth > DEEPEST {
        return Err(invalid(format!(
            "the elements of the document are nested more than {DEEPEST} deep"
        )));
    }
    let mut element = Element::new(
        node.tag_name().namespace().unwrap_or_default(),
        node.tag_name().name(),
    );
    for attribute in node.attributes() {
        element.attributes.push(Attribute {
            name: Name {
                space: attribute.namespace().unwrap_or_default().to_owned(),
                local: attribute.name().to_owned(),
            },
            value: attribute.value().to_owned(),
        });
    }
    for child in node.children() {
        if child.is_element() {
            element
                .nodes
                .push(Node::Element(from_node(child, depth + 1)?));
        } else if child.is_text() {
            element
                .nodes
                .push(Node::Text(child.text().unwrap_or_default().to_owned()));
        }
    }
    Ok(element)
}

/// Every element says its namespace when it is not that of the element around it.
fn write_element(text: &mut String, element: &Element, around: &str) {
    let space = element.name.space.as_str();
    text.push('<');
    text.push_str(&element.name.local);
    if space != around {
        text.push_str(" xmlns=\"");
        escape(text, space);
        text.push('"');
    }
    for (number, attribute) in element.attributes.iter().enumerate() {
        text.push(' ');
        match attribute.name.space.as_str() {
            "" => {}
            XML => text.push_str("xml:"),
            other => {
                let _ = write!(text, "xmlns:a{number}=\"");
                escape(text, other);
                let _ = write!(text, "\" a{number}:");
            }
        }
        text.push_str(&attribute.name.local);
        text.push_str("=\"");
        escape(text, &attribute.value);
        text.push('"');
    }
    if element.nodes.is_empty() {
        text.push_str("/>");
        return;
    }
    text.push('>');
    for node in &element.nodes {
        match node {
            Node::Element(inner) => write_element(text, inner, space),
            Node::Text(inner) => escape(text, inner),
        }
    }
    text.push_str("</");
    text.push_str(&element.name.local);
    text.push('>');
}

/// Characters that XML cannot hold are written as U+FFFD; line breaks and tabs keep their places in
/// attributes too.
fn escape(text: &mut String, value: &str) {
    for c in value.chars() {
        match c {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '"' => text.push_str("&quot;"),
            '\t' | '\n' | '\r' => {
                let _ = write!(text, "&#{};", u32::from(c));
            }
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => text.push('\u{fffd}'),
            c => text.push(c),
        }
    }
}

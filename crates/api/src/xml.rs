//! The members of an answer: elements with text, structures, lists with `<item>`s (E8).

use std::fmt::Display;

use jiff::Timestamp;
use quick_xml::Writer;
use quick_xml::events::{BytesEnd, BytesStart, BytesText, Event};
use secgroup_model::Tags;

/// Members of an answer, in the order in which they are written.
pub struct Xml {
    writer: Writer<Vec<u8>>,
}

impl std::fmt::Debug for Xml {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.writer.get_ref()))
    }
}

impl Default for Xml {
    fn default() -> Self {
        Self::new()
    }
}

impl Xml {
    /// No members yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            writer: Writer::new(Vec::new()),
        }
    }

    /// `<return>true</return>`: what actions answer that have nothing to say (E10).
    #[must_use]
    pub fn done() -> Self {
        let mut xml = Self::new();
        xml.text("return", true);
        xml
    }

    /// `<tag>value</tag>`.
    pub fn text(&mut self, tag: &str, value: impl Display) {
        self.write(Event::Start(BytesStart::new(tag)));
        self.write(Event::Text(BytesText::new(&value.to_string())));
        self.write(Event::End(BytesEnd::new(tag)));
    }

    /// `<tag>value</tag>`, or nothing.
    pub fn optional(&mut self, tag: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.text(tag, value);
        }
    }

    /// `<tag>…</tag>`.
    pub fn element(&mut self, tag: &str, members: impl FnOnce(&mut Self)) {
        self.write(Event::Start(BytesStart::new(tag)));
        members(self);
        self.write(Event::End(BytesEnd::new(tag)));
    }

    /// `<tag><item>…</item>…</tag>`; `<tag></tag>` for an empty list, which clients read as such (E9).
    pub fn list<T>(
        &mut self,
        tag: &str,
        items: impl IntoIterator<Item = T>,
        mut members: impl FnMut(&mut Self, T),
    ) {
        self.element(tag, |xml| {
            for item in items {
                xml.element("item", |xml| members(xml, item));
            }
        });
    }

    /// A list of plain texts: `<tag><item>value</item>…</tag>`.
    pub fn texts(&mut self, tag: &str, values: impl IntoIterator<Item = impl Display>) {
        self.element(tag, |xml| {
            for value in values {
                xml.text("item", value);
            }
        });
    }

    /// `<tagSet>`.
    pub fn tags(&mut self, tags: &Tags) {
        self.list("tagSet", tags, |xml, (key, value)| {
            xml.text("key", key);
            xml.text("value", value);
        });
    }

    /// What was written.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.writer.into_inner()
    }

    /// Writing into memory does not fail.
    fn write(&mut self, event: Event<'_>) {
        let written = self.writer.write_event(event);
        debug_assert!(written.is_ok(), "{written:?}");
    }
}

/// `2024-01-02T03:04:05.000Z` (E11).
pub(crate) fn timestamp(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_has_three_digits_of_a_second() {
        let time: Timestamp = "2024-01-02T03:04:05.067899Z".parse().unwrap();
        assert_eq!(timestamp(time), "2024-01-02T03:04:05.067Z");
        assert_eq!(timestamp(Timestamp::UNIX_EPOCH), "1970-01-01T00:00:00.000Z");
    }
}

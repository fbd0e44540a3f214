//! A sitemap, an index or a feed in XML: one pass, with a stack no deeper than `MAX_DEPTH`.

use std::time::{Duration, Instant};

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use url::Url;

use super::entities::{Entities, is_reference};
use super::entry::{Found, SitemapEntry};
use super::{MAX_TEXT, not_a_sitemap};
use crate::error::{Error, ErrorKind};

/// Elements inside one another: sitemaps have four, with images and videos seven.
const MAX_DEPTH: usize = 64;

/// Events between two looks at the clock.
const BETWEEN_LOOKS: usize = 1024;

/// `text` is the whole document, for its lines; `start` is what is left of it without white space before.
pub(super) fn read(text: &str, start: &str, found: &mut Found, time: Duration) -> Result<(), Error> {
    refuse_html(start)?;
    let before = text.len() - start.len();
    let mut reader = Reader::from_str(start);
    reader.config_mut().allow_dangling_amp = true; // `?a=1&b=2`, as people write it
    let mut walk = Walk::new(found);
    let mut first_unresolved = None;
    let started = Instant::now();
    for events in 1_usize.. {
        let event = reader.read_event();
        let line = |at: u64| line(text, before.saturating_add(usize::try_from(at).unwrap_or(usize::MAX)));
        if events.is_multiple_of(BETWEEN_LOOKS) && started.elapsed() > time {
            return Err(located(line(reader.buffer_position()), &too_long(time)));
        }
        let taken = match event {
            Ok(Event::Eof) => {
                if let Some((line, name)) = first_unresolved {
                    walk.found.fault(unresolved(line, name, walk.left_out));
                }
                return walk.end(line(start.len() as u64));
            }
            Ok(event) => walk.take(event),
            Err(error) => return Err(at(line(reader.error_position()), error)),
        };
        if first_unresolved.is_none() {
            first_unresolved = walk.unresolved.take().map(|name| (line(reader.buffer_position()), name));
        }
        if let Err(error) = taken {
            return Err(if error.kind() == ErrorKind::Parse {
                error
            } else {
                located(line(reader.buffer_position()), &error)
            });
        }
    }
    Ok(())
}

fn too_long(time: Duration) -> Error {
    Error::new(
        ErrorKind::TooLarge,
        format!("the sitemap is too large to read: past the bound of {time:?} of time"),
    )
}

fn refuse_html(start: &str) -> Result<(), Error> {
    let is = |name: &str| start.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name));
    if is("<!doctype html") || is("<html") { Err(html()) } else { Ok(()) }
}

fn html() -> Error {
    not_a_sitemap("it is an HTML page")
        .hinted("the server may answer so for what it does not have; `gather links` takes links from pages")
}

fn at(line: usize, fact: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Parse, format!("line {line}: {fact}"))
}

/// What is said of entries whose URL is not known.
fn unresolved(line: usize, name: String, left_out: usize) -> Error {
    let entries = match left_out {
        0 | 1 => "its entry is left out".to_owned(),
        more => format!("its entry is left out (and {} more)", more - 1),
    };
    let name: String = name.chars().take(60).collect();
    at(line, format_args!("the entity `&{name};` is not known, and {entries}")).hinted(
        "it counts if the document declares it in its DOCTYPE, with at most 64 KiB of text; nothing else is read for it",
    )
}

fn located(line: usize, error: &Error) -> Error {
    let located = Error::new(error.kind(), format!("line {line}: {}", error.message()));
    match error.hint() {
        Some(hint) => located.hinted(hint),
        None => located,
    }
}

fn line(text: &str, at: usize) -> usize {
    let before = text.as_bytes().get(..at).unwrap_or(text.as_bytes());
    memchr::memchr_iter(b'\n', before).count() + 1
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// `urlset` and `sitemapindex`: their children are told by their own names.
    Sitemap,
    /// RSS, in which items may stand at several depths.
    Rss,
    Atom,
}

struct Walk<'a> {
    found: &'a mut Found,
    depth: usize,
    shape: Shape,
    seen_root: bool,
    item: Option<Item>,
    /// What URLs are relative to by `xml:base`, each with the depth of the element that says so; innermost last.
    bases: Vec<(usize, Url)>,
    entities: Entities,
    /// An entity of an entry that is not known.
    unresolved: Option<String>,
    /// Entries that are left out for theirs.
    left_out: usize,
}

/// The entry that is being read.
struct Item {
    is_sitemap: bool,
    depth: usize,
    entry: SitemapEntry,
    /// The `guid` of RSS, which is the page where no `link` is.
    guid: Option<String>,
    /// The value that is being read, and of which field.
    field: Option<(Field, String)>,
    is_too_long: bool,
    /// An entity in it that is not known.
    unresolved: Option<String>,
}

#[derive(Clone, Copy)]
enum Field {
    Url,
    Guid,
    Lastmod,
    Changefreq,
    Priority,
}

impl<'a> Walk<'a> {
    fn new(found: &'a mut Found) -> Self {
        Self {
            found,
            depth: 0,
            shape: Shape::Sitemap,
            seen_root: false,
            item: None,
            bases: Vec::new(),
            entities: Entities::default(),
            unresolved: None,
            left_out: 0,
        }
    }

    fn take(&mut self, event: Event<'_>) -> Result<(), Error> {
        match event {
            Event::Start(start) => self.open(&start),
            Event::Empty(start) => {
                self.open(&start)?;
                self.close()
            }
            Event::End(_) => self.close(),
            Event::Text(text) => self.text(&String::from_utf8_lossy(&text)),
            Event::CData(text) => self.text(&String::from_utf8_lossy(&text)),
            Event::GeneralRef(name) => {
                self.reference(&String::from_utf8_lossy(&name));
                Ok(())
            }
            Event::DocType(doctype) => {
                self.entities.declare(&String::from_utf8_lossy(&doctype));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn open(&mut self, start: &BytesStart<'_>) -> Result<(), Error> {
        let name = start.local_name();
        let name = String::from_utf8_lossy(name.as_ref());
        if self.depth == 0 {
            self.root(&name)?;
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Error::new(
                ErrorKind::TooLarge,
                format!("more than {MAX_DEPTH} elements inside one another"),
            ));
        }
        self.note_base(start)?;
        let base = self.bases.last().map(|(_, base)| base);
        match &mut self.item {
            None => self.item = self.begun(&name),
            Some(item) if self.depth == item.depth + 1 => {
                let opened = item.open(self.shape, &name, start, base, &mut self.entities);
                item.unresolved = item.unresolved.take().or(opened.err());
            }
            Some(_) => {}
        }
        Ok(())
    }

    /// [XML Base](https://www.w3.org/TR/xmlbase/), which Atom has (RFC 4287, section 2): relative to the one around it.
    fn note_base(&mut self, start: &BytesStart<'_>) -> Result<(), Error> {
        if self.shape == Shape::Sitemap {
            return Ok(());
        }
        let written = attribute(start, b"xml:base", &mut self.entities);
        let written = written.map_err(|name| {
            Error::new(ErrorKind::Parse, format!("the entity `&{name};` in an `xml:base` is not known"))
        })?;
        let Some(written) = written.filter(|base| base.len() <= MAX_TEXT) else { return Ok(()) };
        let around = self.bases.last().map(|(_, base)| base).or(self.found.base());
        if let Ok(base) = Url::options().base_url(around).parse(written.trim()) {
            self.bases.push((self.depth, base));
        }
        Ok(())
    }

    fn root(&mut self, name: &str) -> Result<(), Error> {
        self.seen_root = true;
        self.shape = match name.to_ascii_lowercase().as_str() {
            "urlset" | "sitemapindex" => Shape::Sitemap,
            "rss" | "rdf" => Shape::Rss,
            "feed" => Shape::Atom,
            "html" => return Err(html()),
            _ => {
                let name: String = name.chars().take(60).collect();
                return Err(not_a_sitemap(format_args!("its root is <{name}>"))
                    .hinted("the root of a sitemap is urlset or sitemapindex, of a feed rss or feed"));
            }
        };
        Ok(())
    }

    fn begun(&self, name: &str) -> Option<Item> {
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted);
        let is_item = match self.shape {
            Shape::Sitemap => self.depth == 2 && (is("url") || is("sitemap")),
            Shape::Rss => (2..=3).contains(&self.depth) && is("item"),
            Shape::Atom => self.depth == 2 && is("entry"),
        };
        let entry = SitemapEntry::default();
        is_item.then(|| Item {
            is_sitemap: is("sitemap"),
            depth: self.depth,
            entry,
            guid: None,
            field: None,
            is_too_long: false,
            unresolved: None,
        })
    }

    fn text(&mut self, text: &str) -> Result<(), Error> {
        match &mut self.item {
            Some(item) if item.depth + 1 == self.depth => item.text(text),
            _ => {}
        }
        Ok(())
    }

    /// One that is none stands as it is written.
    fn reference(&mut self, name: &str) {
        let depth = self.depth;
        let Some(item) = self.item.as_mut().filter(|item| item.depth + 1 == depth && item.field.is_some())
        else {
            return;
        };
        match self.entities.referred(name) {
            Some(text) => item.text(&text),
            None if is_reference(name) => drop(item.unresolved.get_or_insert_with(|| name.to_owned())),
            None => item.text(&format!("&{name};")),
        }
    }

    fn close(&mut self) -> Result<(), Error> {
        let depth = self.depth;
        self.depth = depth.saturating_sub(1);
        let closed = match self.item.take() {
            Some(item) if item.depth == depth => self.finish(item),
            Some(mut item) => {
                if depth == item.depth + 1 {
                    item.close(self.bases.last().map(|(_, base)| base));
                }
                self.item = Some(item);
                Ok(())
            }
            None => Ok(()),
        };
        self.bases.pop_if(|(of, _)| *of == depth);
        closed
    }

    fn finish(&mut self, mut item: Item) -> Result<(), Error> {
        if let Some(name) = item.unresolved {
            self.left_out += 1;
            self.unresolved.get_or_insert(name);
            return Ok(());
        }
        if let Some(guid) = item.guid.take().filter(|_| item.entry.url.is_empty()) {
            item.entry.url = guid;
        }
        if item.is_too_long {
            self.found.skip_too_long()
        } else {
            self.found.add(item.entry, item.is_sitemap)
        }
    }

    /// At the end of the document everything has to be closed.
    fn end(&self, line: usize) -> Result<(), Error> {
        match (self.depth, self.seen_root) {
            (0, true) => Ok(()),
            (0, false) => Err(not_a_sitemap("there is no element in it")),
            (open, _) => {
                Err(at(line, format_args!("the document ends inside of an element ({open} are open)")))
            }
        }
    }
}

impl Item {
    /// Or else the name of an entity that is not known.
    fn open(
        &mut self,
        shape: Shape,
        name: &str,
        start: &BytesStart<'_>,
        base: Option<&Url>,
        entities: &mut Entities,
    ) -> Result<(), String> {
        if matches!(shape, Shape::Atom) && name.eq_ignore_ascii_case("link") {
            return self.link(start, base, entities);
        }
        let field = field(shape, name);
        if matches!(field, Some(Field::Guid)) {
            // A guid is a URL unless it says that it is none.
            let says = attribute(start, b"isPermaLink", entities)?;
            if says.is_some_and(|is| is.trim().eq_ignore_ascii_case("false")) {
                self.field = None;
                return Ok(());
            }
        }
        self.field = field.map(|field| (field, String::new()));
        Ok(())
    }

    /// Atom's link: the page itself is `alternate`, which is what a link is that does not say (RFC 4287, 4.2.7.2).
    fn link(
        &mut self,
        start: &BytesStart<'_>,
        base: Option<&Url>,
        entities: &mut Entities,
    ) -> Result<(), String> {
        let rel = attribute(start, b"rel", entities)?;
        if rel.is_some_and(|rel| !rel.trim().eq_ignore_ascii_case("alternate")) {
            return Ok(());
        }
        if let Some(href) = attribute(start, b"href", entities)? {
            self.is_too_long |= href.len() > MAX_TEXT;
            self.set(Field::Url, &href, base);
        }
        Ok(())
    }

    fn text(&mut self, text: &str) {
        let Some((_, value)) = &mut self.field else { return };
        let text = if value.is_empty() { text.trim_start() } else { text };
        if value.len() + text.trim_end().len() > MAX_TEXT {
            self.is_too_long = true;
            self.field = None;
            return;
        }
        value.push_str(text.get(..MAX_TEXT).unwrap_or(text));
    }

    fn close(&mut self, base: Option<&Url>) {
        if let Some((field, value)) = self.field.take() {
            self.set(field, &value, base);
        }
    }

    /// The first value of a field that is not empty stays.
    fn set(&mut self, field: Field, value: &str, base: Option<&Url>) {
        let value = value.trim();
        let resolved = || match base.map(|base| base.join(value)) {
            Some(Ok(url)) if !value.is_empty() => url.into(),
            _ => value.to_owned(),
        };
        let entry = &mut self.entry;
        let place = match field {
            Field::Url if entry.url.is_empty() => {
                entry.url = resolved();
                return;
            }
            Field::Url => return,
            Field::Guid => {
                self.guid.get_or_insert_with(resolved);
                return;
            }
            Field::Lastmod => &mut entry.lastmod,
            Field::Changefreq => &mut entry.changefreq,
            Field::Priority => &mut entry.priority,
        };
        if place.is_none() && !value.is_empty() {
            *place = Some(value.to_owned());
        }
    }
}

/// The value of an attribute, by its whole name; or else the name of an entity in it that is not known.
fn attribute(
    start: &BytesStart<'_>,
    wanted: &[u8],
    entities: &mut Entities,
) -> Result<Option<String>, String> {
    let mut attributes = start.attributes();
    let found = attributes.with_checks(false).flatten().find(|attribute| attribute.key.as_ref() == wanted);
    found.map(|found| entities.resolved(&String::from_utf8_lossy(&found.value))).transpose()
}

fn field(shape: Shape, name: &str) -> Option<Field> {
    match (shape, name.to_ascii_lowercase().as_str()) {
        (Shape::Sitemap, "loc") | (Shape::Rss, "link") => Some(Field::Url),
        (Shape::Rss, "guid") => Some(Field::Guid),
        (Shape::Sitemap, "lastmod") | (Shape::Rss, "pubdate" | "date") | (Shape::Atom, "updated") => {
            Some(Field::Lastmod)
        }
        (Shape::Sitemap, "changefreq") => Some(Field::Changefreq),
        (Shape::Sitemap, "priority") => Some(Field::Priority),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_ends_with_its_time_and_keeps_what_came() {
        let text = format!("<urlset>{}</urlset>", "<url><loc>http://h/a</loc></url>\n".repeat(1000));
        let mut found = Found::new(None);
        let error = read(&text, &text, &mut found, Duration::ZERO).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        assert!(error.message().contains("past the bound of 0ns of time"), "{error}");
        assert!(!found.into_sitemap().entries.is_empty());
    }
}

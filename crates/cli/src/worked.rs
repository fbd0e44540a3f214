//! What became of an input. Data.

use gather_fetch::Room;
use gather_records::{Failure, Record};
use gather_scraper::Stats;

use crate::input::By;

/// What an input gave, or a part of it.
#[derive(Default)]
pub(crate) struct Part {
    pub(crate) records: Vec<Record>,
    /// How well the fields were filled, where there are fields.
    pub(crate) stats: Option<Stats>,
    /// Records that were dropped, each as the failure that `--errors` names.
    pub(crate) dropped: Vec<Failure>,
    /// What to tell the user although it is no failure.
    pub(crate) warnings: Vec<String>,
}

impl Part {
    /// Says in its failures which page led to the input, if one did: a list of them is no list of what the user named.
    pub(crate) fn led_to_by(&mut self, by: &By) {
        self.dropped.iter_mut().for_each(|failure| say_source(failure, by));
    }
}

fn say_source(failure: &mut Failure, by: &By) {
    if let Some(page) = led_to(by) {
        failure.source.get_or_insert_with(|| page.to_owned());
    }
}

/// What led to an input that the user did not name; of a sitemap's URLs it is not known where that stood.
pub(crate) fn led_to(by: &By) -> Option<&str> {
    match by {
        By::Page(page) if page.is_empty() => Some("sitemap"),
        By::Page(page) => Some(page),
        By::User | By::List => None,
    }
}

/// What became of one input.
pub(crate) struct Worked {
    pub(crate) part: Part,
    pub(crate) end: End,
    /// What large bodies hold of the memory budget, until the records are written.
    pub(crate) room: Option<Room>,
}

/// How one input ended.
pub(crate) enum End {
    /// Done; how many bytes were read for it.
    Ok { bytes: u64 },
    /// It could not be done, or we would not.
    Failed(Box<Failure>),
    /// Left out on purpose, and why.
    Skipped(String),
}

impl Worked {
    fn ended(records: Vec<Record>, end: End) -> Self {
        Self { part: Part { records, ..Part::default() }, end, room: None }
    }

    pub(crate) fn ok(records: Vec<Record>, bytes: u64) -> Self {
        Self::ended(records, End::Ok { bytes })
    }

    pub(crate) fn failed(failure: Failure) -> Self {
        Self::ended(Vec::new(), End::Failed(Box::new(failure)))
    }

    pub(crate) fn skipped(why: impl Into<String>) -> Self {
        Self::ended(Vec::new(), End::Skipped(why.into()))
    }

    pub(crate) fn led_to_by(mut self, by: &By) -> Self {
        self.part.led_to_by(by);
        if let End::Failed(failure) = &mut self.end {
            say_source(failure, by);
        }
        self
    }
}

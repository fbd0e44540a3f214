//! Zones: offsets from UTC, and the names of the IANA database, which is built in.

use std::sync::LazyLock;

use jiff::civil;
use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};

/// Not the system's: the same page and recipe give the same record everywhere.
static NAMES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// The zone of an IANA name, in any case.
pub(super) fn named(name: &str) -> Option<TimeZone> {
    NAMES.get(name).ok()
}

/// All names, for who typed one wrong.
pub(crate) fn names() -> Vec<String> {
    NAMES.available().map(|name| name.as_str().to_owned()).collect()
}

pub(super) fn fixed(minutes: i32) -> Option<TimeZone> {
    Offset::from_seconds(minutes * 60).ok().map(TimeZone::fixed)
}

/// As RFC 5545 has it: of a time that there is twice the first one, and for one that there is not the offset before the gap.
pub(super) fn offset_at(zone: &TimeZone, moment: civil::DateTime) -> Option<Offset> {
    use jiff::tz::AmbiguousOffset::{Fold, Gap, Unambiguous};
    Some(match zone.to_ambiguous_timestamp(moment).offset() {
        Unambiguous { offset } => offset,
        Gap { before, .. } | Fold { before, .. } => before,
    })
}

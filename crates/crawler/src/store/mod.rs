//! Where a crawl keeps what it knows: the seam, and SQLite behind it.

#[cfg(feature = "sqlite")]
mod batch;
#[cfg(feature = "sqlite")]
mod fault;
#[cfg(feature = "sqlite")]
mod known;
#[cfg(feature = "sqlite")]
mod lease;
#[cfg(feature = "sqlite")]
mod schema;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(test)]
#[cfg(feature = "sqlite")]
mod tests;
#[cfg(feature = "sqlite")]
mod troubles;
#[cfg(feature = "sqlite")]
mod verify;
#[cfg(feature = "sqlite")]
mod worker;

use std::path::PathBuf;

use async_trait::async_trait;

use crate::error::Error;
use crate::model::{
    Bounds, Change, Counts, Ends, HostCounts, Leased, Plan, Rate, RobotsFile, Room, State, Stored, Trouble,
};

#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStore;

/// The note of the round that is on its way, or was the last one.
pub(crate) const ROUND: &str = "round";

/// What an engine asks of a store. Each method is one transaction: it has happened whole, or not at all, also when the
/// process is killed or the future is dropped.
#[async_trait]
pub trait Store: Send {
    /// Begins a crawl, or goes on with the one that is in the store.
    ///
    /// # Errors
    /// Kind `InvalidInput` if the store holds another crawl: other seeds, another recipe or scope.
    async fn begin(&mut self, plan: &Plan, seeds: &[crate::model::Found]) -> Result<(), Error>;

    /// Gives the leases of workers that are no more to everybody. Returns how many there were.
    async fn reclaim(&mut self, now: i64) -> Result<u64, Error>;

    /// Takes URLs that may be fetched now, by the clocks of their hosts; `most` pages in all, if there is a limit.
    async fn lease(&mut self, room: Room, most: Option<u64>) -> Result<Leased, Error>;

    /// Stores what became of leases: state, records, links and the host's clock of each page, all of them at once. Doing
    /// it again changes nothing.
    async fn commit(&mut self, ends: &Ends, bounds: Bounds) -> Result<(), Error>;

    /// The robots.txt of a host, if its page was leased.
    async fn robots(&mut self, host: &str) -> Result<Option<RobotsFile>, Error>;

    /// Begins a new round in which all pages are fetched again, if the last one is over. Returns its number; the first
    /// crawl is round 0.
    async fn begin_round(&mut self) -> Result<i64, Error>;

    /// What changed after this number, so much at most.
    async fn changes_after(&mut self, number: i64, most: u32) -> Result<Vec<Change>, Error>;

    /// How often records were taken away: an output that grew before that is to be written anew.
    async fn removals(&mut self) -> Result<u64, Error>;

    /// Gives back what this worker has leased.
    async fn release(&mut self) -> Result<(), Error>;

    /// The records behind this number, in order, so many at most.
    async fn records_after(&mut self, number: i64, most: u32) -> Result<Vec<Stored>, Error>;

    /// The number of the last record; 0 without one.
    async fn last_record(&mut self) -> Result<i64, Error>;

    /// How many records there are.
    async fn record_count(&mut self) -> Result<u64, Error>;

    /// Whether no URL waits or is leased, at a cost that does not grow with the store.
    async fn is_finished(&mut self) -> Result<bool, Error>;

    /// How many URLs are in each state.
    async fn counts(&mut self) -> Result<Counts, Error>;

    /// The same of the seeds alone.
    async fn seed_counts(&mut self) -> Result<Counts, Error>;

    /// The seeds that failed or were refused, they or what they lead to by redirects.
    async fn seed_troubles(&mut self) -> Result<Vec<Trouble>, Error>;

    /// What else failed or was refused, and the records that were dropped, behind this place, so many at most.
    async fn troubles(&mut self, after: (i64, i64), most: u32) -> Result<Vec<Trouble>, Error>;

    /// How many URLs failed, were refused or left out, or were done without records, by state and kind.
    async fn by_kind(&mut self) -> Result<Vec<(State, String, u64)>, Error>;

    /// How fast the crawl is, by what its workers did up to now.
    async fn rate(&mut self, now: i64) -> Result<Rate, Error>;

    /// The hosts, those with most URLs first, so many at most.
    async fn hosts(&mut self, most: u32) -> Result<Vec<HostCounts>, Error>;

    /// A value kept beside the crawl, such as how far an output got.
    async fn note(&mut self, name: &str) -> Result<Option<String>, Error>;

    /// Keeps such a value.
    async fn keep_note(&mut self, name: &str, value: &str) -> Result<(), Error>;

    /// The files that it is in, which no output may take the place of; none, if it is in no files of this machine.
    fn files(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    /// What is wrong with the store, each as a sentence; empty if all holds.
    async fn verify(&mut self) -> Result<Vec<String>, Error>;

    /// Closes it, so that all of it is in its place. Dropped instead, it loses nothing, and is tidied up the next time.
    async fn close(self: Box<Self>) -> Result<(), Error>;
}

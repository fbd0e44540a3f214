//! What is left of pages when a run is stopped: those of the folder that is at its turn, and of the inputs after it.

use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use futures::stream::{self, Stream, StreamExt};
use gather_core::timeout;
use gather_file_reader::{File, Files, ReadError, Reader};

use crate::drive::Rest;
use crate::input::{Given, Inputs, is_stdin, is_url};
use crate::session::{Session, Stop};

/// The input that is at its turn, and of which there may be more.
#[derive(Clone, Default)]
pub(super) struct Open(Arc<Mutex<Turn>>);

#[derive(Default)]
enum Turn {
    #[default]
    Nobody,
    Files(Files),
    /// One page, which is not there yet.
    Page,
}

impl Open {
    /// Files whose turn it is, from now to their end.
    pub(super) fn begin(&self, files: Files) -> impl Stream<Item = Result<File, ReadError>> + use<> {
        *self.turn() = Turn::Files(files);
        let open = self.clone();
        stream::poll_fn(move |cx| match &mut *open.turn() {
            Turn::Files(files) => files.poll_next_unpin(cx),
            _ => Poll::Ready(None),
        })
    }

    /// One page that is waited for.
    pub(super) async fn until<T>(self, page: impl Future<Output = T>) -> T {
        *self.turn() = Turn::Page;
        let page = page.await;
        *self.turn() = Turn::Nobody;
        page
    }

    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Turn {
        std::mem::take(&mut *self.turn())
    }
}

impl Turn {
    async fn count_rest(&mut self) {
        if let Turn::Files(files) = self {
            files.count_rest().await;
        }
    }

    fn pending(&self) -> u64 {
        match self {
            Turn::Nobody => 0,
            Turn::Files(files) => files.pending(),
            Turn::Page => 1,
        }
    }
}

/// Counts what is left of pages.
pub(super) struct Left<'a> {
    inputs: &'a Inputs,
    reader: Reader,
    open: Open,
}

impl<'a> Left<'a> {
    pub(super) fn new(inputs: &'a Inputs, reader: Reader, open: Open) -> Self {
        Self { inputs, reader, open }
    }

    /// The pages of the inputs that are left: of each what it holds, or one as long as that is not known.
    async fn count_inputs(&self, count: &mut u64) {
        while let Some(given) = self.inputs.next_left().await {
            *count += 1;
            if let Some(path) = path_of(given) {
                *count = *count - 1 + self.reader.read([path]).count_rest().await;
            }
        }
    }
}

impl Rest for Left<'_> {
    /// Folders are walked to their ends, as far as the grace allows.
    async fn count(&self, session: &mut Session) -> u64 {
        let (mut turn, mut inputs) = (self.open.take(), 0);
        if matches!(session.stopped(), Some(Stop::Signal(_))) {
            let walk = async {
                turn.count_rest().await;
                self.count_inputs(&mut inputs).await;
            };
            if timeout(session.grace, walk).await.is_err() {
                session.report.warn("not all folders were walked: pending counts what was found");
            }
        }
        turn.pending() + inputs + self.inputs.count_rest().await
    }
}

/// The path of an input that may be a folder.
fn path_of(given: Given) -> Option<PathBuf> {
    let name = given.ok()?.name;
    let is_other = is_stdin(&name) || name.to_str().is_some_and(is_url);
    (!is_other).then(|| PathBuf::from(name))
}

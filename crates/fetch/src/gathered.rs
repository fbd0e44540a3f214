//! The pieces of a body, put together: a single one is not copied, and many never stand in memory twice over.

use bytes::Bytes;

/// How much is added at a time to what grows to an unknown size: it is not copied as it grows.
const BLOCK: usize = 256 << 10;

/// How much is reserved for a body on its word alone; more than this must have come first.
const TRUSTED: usize = 256 << 10;

/// What has come of a body so far.
#[derive(Default)]
pub(crate) struct Gathered {
    /// The first piece, as long as it is the only one: it is not copied.
    only: Bytes,
    blocks: Option<Blocks>,
}

impl Gathered {
    /// How much memory it takes once so many bytes are added, of which `rest` are said to follow.
    pub(crate) fn cost(&self, bytes: usize, rest: usize) -> usize {
        match &self.blocks {
            Some(blocks) => blocks.cost(bytes, rest),
            None if self.only.is_empty() => bytes,
            None => self.only.len() + bytes + rest.min(TRUSTED),
        }
    }

    /// Adds a piece; `rest` is how much is said to follow it.
    pub(crate) fn add(&mut self, piece: Bytes, rest: usize) {
        if self.only.is_empty() && self.blocks.is_none() {
            self.only = piece;
            return;
        }
        self.blocks(piece.len() + rest.min(TRUSTED)).push(&piece, rest);
    }

    /// How much memory it takes once there is [space](Self::space) for some of the `rest` that is said to come.
    pub(crate) fn cost_of_space(&self, rest: usize) -> usize {
        match &self.blocks {
            Some(blocks) => blocks.cost_of_space(rest),
            None => self.only.len() + rest.min(TRUSTED),
        }
    }

    /// A buffer with space for some of the `rest` that is said to come, to be added to it.
    pub(crate) fn space(&mut self, rest: usize) -> &mut Vec<u8> {
        self.blocks(rest.min(TRUSTED)).space(1, rest.saturating_sub(1))
    }

    /// The blocks, with room for so many bytes if they are new.
    fn blocks(&mut self, room: usize) -> &mut Blocks {
        let only = std::mem::take(&mut self.only);
        self.blocks.get_or_insert_with(|| {
            let mut blocks = Blocks::with_capacity(only.len() + room);
            blocks.push(&only, 0);
            blocks
        })
    }

    pub(crate) fn finish(self) -> Bytes {
        self.blocks.map_or(self.only, Blocks::finish)
    }
}

/// Bytes that grow by blocks.
#[derive(Default)]
pub(crate) struct Blocks {
    full: Vec<Vec<u8>>,
    last: Vec<u8>,
}

impl Blocks {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self { full: Vec::new(), last: Vec::with_capacity(bytes) }
    }

    fn len(&self) -> usize {
        self.full.iter().map(Vec::len).sum::<usize>() + self.last.len()
    }

    /// How much memory it takes once so many bytes are added, of which `rest` are said to follow: what is reserved for
    /// them, and of what is in blocks twice as much, for in the end it is put together.
    pub(crate) fn cost(&self, bytes: usize, rest: usize) -> usize {
        match self.place_for(bytes, rest) {
            Place::InLast if self.full.is_empty() => self.last.capacity(),
            Place::ForAll => self.last.len() + bytes + rest,
            Place::InLast | Place::InNext => 2 * (self.len() + bytes),
        }
    }

    /// How much memory it takes once there is space for some of `rest`, and that is used.
    fn cost_of_space(&self, rest: usize) -> usize {
        match self.place_for(1, rest.saturating_sub(1)) {
            Place::InLast if self.full.is_empty() => self.last.capacity(),
            Place::ForAll => self.last.len() + rest,
            Place::InLast | Place::InNext => 2 * (self.len() + rest.min(BLOCK)),
        }
    }

    /// Adds bytes, and `rest` are said to follow: then there is room for all of them in one piece.
    pub(crate) fn push(&mut self, bytes: &[u8], rest: usize) {
        self.space(bytes.len(), rest).extend_from_slice(bytes);
    }

    /// A buffer with space for so many bytes.
    fn space(&mut self, bytes: usize, rest: usize) -> &mut Vec<u8> {
        match self.place_for(bytes, rest) {
            Place::InLast => {}
            Place::ForAll => self.last.reserve_exact(bytes + rest),
            Place::InNext => {
                let next = Vec::with_capacity(BLOCK.max(bytes));
                self.full.push(std::mem::replace(&mut self.last, next));
            }
        }
        &mut self.last
    }

    fn place_for(&self, bytes: usize, rest: usize) -> Place {
        if bytes <= self.last.capacity() - self.last.len() {
            Place::InLast
        } else if self.full.is_empty() && rest >= self.last.len() {
            Place::ForAll
        } else {
            Place::InNext
        }
    }

    /// All in one piece; the blocks are given back one by one meanwhile.
    pub(crate) fn finish(mut self) -> Bytes {
        if self.full.is_empty() {
            return self.last.into();
        }
        let mut all = Vec::with_capacity(self.len());
        self.full.push(std::mem::take(&mut self.last));
        for block in self.full {
            all.extend_from_slice(&block);
        }
        all.into()
    }
}

/// Where more bytes go.
enum Place {
    InLast,
    /// In place of the only block comes one that has room for all that are said to follow, if they are many: what is
    /// moved again and again must grow each time.
    ForAll,
    InNext,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    impl Gathered {
        /// How much memory it takes, and will take when it is put together.
        fn takes(&self) -> usize {
            match &self.blocks {
                None => self.only.len(),
                Some(blocks) if blocks.full.is_empty() => blocks.last.capacity(),
                Some(blocks) => 2 * blocks.len(),
            }
        }
    }

    proptest! {
        #[test]
        fn the_pieces_come_out_in_their_order_whatever_was_promised(sizes in proptest::collection::vec(0..700_000_usize, 0..8), promises in any::<bool>()) {
            let pieces: Vec<Vec<u8>> = sizes.iter().zip(0..).map(|(size, byte)| vec![byte; *size]).collect();
            let mut all = Gathered::default();
            let mut rest: usize = sizes.iter().sum();
            for piece in &pieces {
                rest -= piece.len();
                let rest = if promises { rest } else { 0 };
                let cost = all.cost(piece.len(), rest);
                all.add(piece.clone().into(), rest);
                prop_assert!(all.takes() <= cost);
            }
            prop_assert!(all.finish() == pieces.concat());
        }
    }

    proptest! {
        #[test]
        fn what_is_read_into_its_space_comes_out_in_order_and_costs_what_was_said(first in 0..100_000_usize, reads in proptest::collection::vec(1..300_000_usize, 0..12)) {
            let mut rest: usize = reads.iter().sum();
            let (mut all, mut expected) = (Gathered::default(), vec![1; first]);
            all.add(vec![1; first].into(), rest);
            while rest > 0 {
                let cost = all.cost_of_space(rest);
                let space = all.space(rest);
                let read = (space.capacity() - space.len()).min(rest).min(reads[0]);
                prop_assert!(read > 0);
                space.extend(std::iter::repeat_n(rest as u8, read));
                expected.extend(std::iter::repeat_n(rest as u8, read));
                prop_assert!(all.takes() <= cost);
                rest -= read;
            }
            prop_assert!(all.finish() == expected);
        }
    }

    #[test]
    fn a_body_that_is_declared_is_moved_once_and_one_that_is_not_never() {
        let piece = Bytes::from(vec![7; 64 << 10]);
        let (mut declared, mut grows) = (Gathered::default(), Gathered::default());
        for n in 1..=256_usize {
            declared.add(piece.clone(), (256 - n) * piece.len());
            grows.add(piece.clone(), 0);
        }
        let declared = declared.blocks.unwrap();
        assert!(declared.full.is_empty() && declared.last.capacity() < (17 << 20));
        let grows = grows.blocks.unwrap();
        assert!(
            grows.full.iter().all(|block| block.capacity() <= 2 * BLOCK),
            "no block is copied to a larger one"
        );
    }
}

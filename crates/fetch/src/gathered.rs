//! The pieces of a body, put together: a single one is not copied, and many never stand in memory twice over.

use bytes::Bytes;

/// How much is added at a time to what grows to an unknown size: it is not copied as it grows.
const BLOCK: usize = 1 << 20;

/// How much is reserved for a body on its word alone; more than this must have come first.
const TRUSTED: usize = 1 << 20;

/// What has come of a body so far.
#[derive(Default)]
pub(crate) enum Gathered {
    #[default]
    Nothing,
    One(Bytes),
    Many(Blocks),
}

impl Gathered {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::One(one) => one.len(),
            Self::Many(blocks) => blocks.len(),
        }
    }

    /// Adds a piece; `rest` is how much is said to follow it.
    pub(crate) fn add(&mut self, piece: Bytes, rest: usize) {
        match self {
            Self::Nothing => *self = Self::One(piece),
            Self::Many(blocks) => blocks.push(&piece, rest),
            Self::One(one) => {
                let mut blocks = Blocks::with_capacity(one.len() + piece.len() + rest.min(TRUSTED));
                blocks.push(one, 0);
                blocks.push(&piece, rest);
                *self = Self::Many(blocks);
            }
        }
    }

    pub(crate) fn finish(self) -> Bytes {
        match self {
            Self::Nothing => Bytes::new(),
            Self::One(one) => one,
            Self::Many(blocks) => blocks.finish(),
        }
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

    pub(crate) fn len(&self) -> usize {
        self.full.iter().map(Vec::len).sum::<usize>() + self.last.len()
    }

    /// Adds bytes, of which `rest` are said to follow: then there is room for all of them in one piece.
    pub(crate) fn push(&mut self, bytes: &[u8], rest: usize) {
        let room = self.last.capacity() - self.last.len();
        if bytes.len() <= room {
            return self.last.extend_from_slice(bytes);
        }
        if rest > 0 && self.full.is_empty() {
            self.last.reserve_exact(bytes.len() + rest);
        } else if self.last.len() >= BLOCK {
            let next = Vec::with_capacity(BLOCK.max(bytes.len()));
            self.full.push(std::mem::replace(&mut self.last, next));
        }
        self.last.extend_from_slice(bytes);
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_pieces_come_out_in_their_order_whatever_was_promised(sizes in proptest::collection::vec(0..700_000_usize, 0..8), promises in any::<bool>()) {
            let pieces: Vec<Vec<u8>> = sizes.iter().zip(0..).map(|(size, byte)| vec![byte; *size]).collect();
            let mut all = Gathered::default();
            let mut rest: usize = sizes.iter().sum();
            for piece in &pieces {
                rest -= piece.len();
                all.add(piece.clone().into(), if promises { rest } else { 0 });
            }
            prop_assert_eq!(all.len(), sizes.iter().sum::<usize>());
            prop_assert!(all.finish() == pieces.concat());
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
        let Gathered::Many(declared) = declared else { panic!("there were many") };
        assert!(declared.full.is_empty() && declared.last.capacity() < (17 << 20));
        let Gathered::Many(grows) = grows else { panic!("there were many") };
        assert!(
            grows.full.iter().all(|block| block.capacity() <= 2 * BLOCK),
            "no block is copied to a larger one"
        );
    }
}

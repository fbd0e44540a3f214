//! The pieces of a body, put together: a single one is not copied, and many never stand in memory twice over.

use bytes::Bytes;

/// How much is added at a time to what grows to an unknown size: it is not copied as it grows.
const BLOCK: usize = 256 << 10;

/// How much is reserved for a body on its word alone; more than this must have come first.
const TRUSTED: usize = 256 << 10;

/// What has come of a body so far.
#[derive(Default)]
pub(crate) enum Gathered {
    #[default]
    Nothing,
    One(Bytes),
    Many(Blocks),
}

impl Gathered {
    /// How much memory it takes once so many bytes are added, of which `rest` are said to follow.
    pub(crate) fn cost(&self, bytes: usize, rest: usize) -> usize {
        match self {
            Self::Nothing => bytes,
            Self::One(one) => one.len() + bytes + rest.min(TRUSTED),
            Self::Many(blocks) => blocks.cost(bytes, rest),
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

    /// Adds bytes, and `rest` are said to follow: then there is room for all of them in one piece.
    pub(crate) fn push(&mut self, bytes: &[u8], rest: usize) {
        match self.place_for(bytes.len(), rest) {
            Place::InLast => {}
            Place::ForAll => self.last.reserve_exact(bytes.len() + rest),
            Place::InNext => {
                let next = Vec::with_capacity(BLOCK.max(bytes.len()));
                self.full.push(std::mem::replace(&mut self.last, next));
            }
        }
        self.last.extend_from_slice(bytes);
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
            match self {
                Self::Nothing => 0,
                Self::One(one) => one.len(),
                Self::Many(blocks) if blocks.full.is_empty() => blocks.last.capacity(),
                Self::Many(blocks) => 2 * blocks.len(),
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

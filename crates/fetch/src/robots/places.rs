//! Which places of a path a pattern with wildcards can come to.
//!
//! The pattern is read once, from left to right, and all places that it may have come to are kept at once, as a set of bits.
//! So it costs a step for each of its octets and each 64 octets of the path, whatever is in them: there is nothing to come
//! back to, and no pattern that is worse than others.

/// Where each character stands in a path, and which places a pattern has come to: sets of bits, one for each place.
#[derive(Debug)]
pub(super) struct Places {
    /// For each ASCII character that occurs, its set in `sets`.
    of: [Option<u8>; 128],
    sets: Vec<Vec<u64>>,
    /// The place behind the path.
    end: usize,
    come_to: Vec<u64>,
}

impl Places {
    pub(super) fn of(path: &str) -> Self {
        let words = path.len() / 64 + 1;
        let mut places = Self { of: [None; 128], sets: Vec::new(), end: path.len(), come_to: vec![0; words] };
        for (at, byte) in path.bytes().enumerate() {
            let Some(of) = places.of.get_mut(usize::from(byte)) else { continue };
            let set = *of.get_or_insert_with(|| {
                places.sets.push(vec![0; words]);
                u8::try_from(places.sets.len() - 1).unwrap_or_default() // at most 128 characters are ASCII
            });
            if let Some(word) = places.sets.get_mut(usize::from(set)).and_then(|set| set.get_mut(at / 64)) {
                *word |= 1 << (at % 64);
            }
        }
        places
    }

    /// Whether what follows the first wildcard of a pattern matches, where that wildcard begins at `start`.
    pub(super) fn reach(&mut self, start: usize, rest: &str, is_anchored: bool) -> bool {
        self.come_to.fill(0);
        self.come_to_all_from(start);
        let mut was_wildcard = true;
        for byte in rest.bytes() {
            let is_wildcard = byte == b'*';
            let goes_on = match (is_wildcard, was_wildcard) {
                (true, true) => true,
                (true, false) => self.step_over_anything(),
                (false, _) => self.step_over(byte),
            };
            if !goes_on {
                return false;
            }
            was_wildcard = is_wildcard;
        }
        !is_anchored || self.come_to.get(self.end / 64).is_some_and(|word| word >> (self.end % 64) & 1 == 1)
    }

    /// From each place that was come to, one on, if this character stands there. Tells whether any is left.
    fn step_over(&mut self, byte: u8) -> bool {
        let set = self.of.get(usize::from(byte)).copied().flatten();
        let Some(set) = set.and_then(|set| self.sets.get(usize::from(set))) else { return false };
        let (mut carry, mut any) = (0, 0);
        for (word, there) in self.come_to.iter_mut().zip(set) {
            let stands = *word & there;
            *word = stands << 1 | carry;
            carry = stands >> 63;
            any |= *word;
        }
        any != 0
    }

    /// From the first place that was come to, to it and all behind it.
    fn step_over_anything(&mut self) -> bool {
        let first = self.come_to.iter().position(|word| *word != 0);
        let Some((at, word)) = first.and_then(|at| Some((at, self.come_to.get(at)?))) else { return false };
        self.come_to_all_from(at * 64 + word.trailing_zeros() as usize);
        true
    }

    fn come_to_all_from(&mut self, place: usize) {
        if let Some((first, behind)) = self.come_to.get_mut(place / 64..).and_then(<[u64]>::split_first_mut) {
            *first |= u64::MAX << (place % 64);
            behind.fill(u64::MAX);
        }
    }
}

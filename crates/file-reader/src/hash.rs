//! Hashes of what is read, taken on the way.

#[cfg(feature = "hash")]
use std::fmt;

/// Which hash is taken of a file's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    not(feature = "hash"),
    allow(dead_code, unreachable_pub, reason = "without the feature none is asked for")
)]
#[non_exhaustive]
pub enum HashKind {
    /// BLAKE3, 256 bits: the fastest.
    Blake3,
    /// SHA-256 (FIPS 180-4).
    Sha256,
}

#[cfg(feature = "hash")]
impl HashKind {
    /// The name: `blake3`, `sha256`.
    pub const fn as_str(self) -> &'static str {
        match self {
            HashKind::Blake3 => "blake3",
            HashKind::Sha256 => "sha256",
        }
    }
}

#[cfg(feature = "hash")]
impl fmt::Display for HashKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(feature = "hash")]
pub(crate) use taken::Hasher;

#[cfg(not(feature = "hash"))]
pub(crate) use never::Hasher;

#[cfg(feature = "hash")]
mod taken {
    use std::fmt::Write;

    use sha2::Digest;

    use super::HashKind;

    /// A hash in the making.
    pub(crate) enum Hasher {
        Blake3(Box<blake3::Hasher>),
        Sha256(sha2::Sha256),
    }

    impl Hasher {
        pub(crate) fn new(kind: HashKind) -> Self {
            match kind {
                HashKind::Blake3 => Hasher::Blake3(Box::default()),
                HashKind::Sha256 => Hasher::Sha256(sha2::Sha256::new()),
            }
        }

        pub(crate) fn update(&mut self, bytes: &[u8]) {
            match self {
                Hasher::Blake3(hasher) => {
                    hasher.update(bytes);
                }
                Hasher::Sha256(hasher) => hasher.update(bytes),
            }
        }

        /// The hash in lower-case hexadecimal digits.
        pub(crate) fn finish(self) -> String {
            match self {
                Hasher::Blake3(hasher) => hasher.finalize().to_hex().to_string(),
                Hasher::Sha256(hasher) => hex(&hasher.finalize()),
            }
        }

        /// The hash of bytes that are there already.
        pub(crate) fn of(kind: HashKind, bytes: &[u8]) -> String {
            match kind {
                HashKind::Blake3 => blake3::hash(bytes).to_hex().to_string(),
                HashKind::Sha256 => hex(&sha2::Sha256::digest(bytes)),
            }
        }
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn the_hashes_are_those_of_the_standards_in_one_piece_and_in_several() {
            for (kind, expected) in [
                (HashKind::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
                (HashKind::Blake3, "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"),
            ] {
                let mut hasher = Hasher::new(kind);
                hasher.update(b"a");
                hasher.update(b"bc");
                assert_eq!(hasher.finish(), expected);
                assert_eq!(Hasher::of(kind, b"abc"), expected);
            }
        }
    }
}

#[cfg(not(feature = "hash"))]
mod never {
    use super::HashKind;

    /// Without the feature no hash is asked for, so none is made.
    pub(crate) struct Hasher;

    impl Hasher {
        pub(crate) fn new(_: HashKind) -> Self {
            Self
        }

        pub(crate) fn update(&mut self, _: &[u8]) {}

        pub(crate) fn finish(self) -> String {
            String::new()
        }

        pub(crate) fn of(_: HashKind, _: &[u8]) -> String {
            String::new()
        }
    }
}

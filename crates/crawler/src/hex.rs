//! Digests as texts.

/// The first 128 bits of a digest, as 32 hexadecimal digits.
pub(crate) fn half(digest: &[u8]) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let halves = digest.iter().take(16).flat_map(|byte| [byte >> 4, byte & 15]);
    halves.filter_map(|half| DIGITS.get(usize::from(half))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_is_two_digits() {
        assert_eq!(half(&[0x00, 0x0f, 0xa0, 0xff]), "000fa0ff");
        assert_eq!(half(&[0x5a; 32]), "5a".repeat(16));
    }
}

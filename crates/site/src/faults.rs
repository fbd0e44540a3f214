//! Which requests fail on purpose. The same seed, and the same order per URL, fail the same requests.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// So many different URLs are counted (16 MB); with one more, counting begins anew for all of them.
const COUNTED: usize = 1_000_000;

/// Decides by a hash of the seed, the URL and how often that URL was asked for: not by a sequence of random
/// numbers, which would depend on the order in which concurrent requests arrive.
#[derive(Debug)]
pub(crate) struct Faults {
    rate: f64,
    seed: u64,
    asked: Mutex<HashMap<u64, u32>>,
}

impl Faults {
    pub(crate) fn new(rate: f64, seed: u64) -> Self {
        Self { rate, seed, asked: Mutex::new(HashMap::new()) }
    }

    /// Whether the request that now asks for `url` (path and query) fails.
    pub(crate) fn strike(&self, url: &str) -> bool {
        if self.rate <= 0.0 {
            return false;
        }
        let url = hash(self.seed, url.as_bytes());
        fraction(hash(url, &self.count(url).to_le_bytes())) < self.rate
    }

    fn count(&self, url: u64) -> u32 {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.len() >= COUNTED && !asked.contains_key(&url) {
            asked.clear();
        }
        let count = asked.entry(url).or_default();
        *count = count.saturating_add(1);
        *count
    }
}

/// FNV-1a, finished as in MurmurHash3. Ours, because the standard library's may change between releases.
pub(crate) fn hash(seed: u64, bytes: &[u8]) -> u64 {
    let start = seed ^ 0xcbf2_9ce4_8422_2325;
    let sum = bytes.iter().fold(start, |sum, &byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let sum = (sum ^ (sum >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let sum = (sum ^ (sum >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    sum ^ (sum >> 33)
}

/// From 0 up to, but without, 1.
pub(crate) fn fraction(hash: u64) -> f64 {
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strikes(rate: f64, seed: u64, urls: usize, times: usize) -> Vec<bool> {
        let faults = Faults::new(rate, seed);
        (0..urls).flat_map(|url| vec![format!("/{url}.html"); times]).map(|url| faults.strike(&url)).collect()
    }

    #[test]
    fn the_same_seed_strikes_the_same_requests() {
        assert_eq!(strikes(0.3, 7, 200, 3), strikes(0.3, 7, 200, 3));
        assert_ne!(strikes(0.3, 7, 200, 3), strikes(0.3, 8, 200, 3));
    }

    #[test]
    fn the_order_between_urls_does_not_matter() {
        let (one, other) = (Faults::new(0.5, 1), Faults::new(0.5, 1));
        let forward: Vec<_> = (0..100).map(|n| one.strike(&n.to_string())).collect();
        let mut backward: Vec<_> = (0..100).rev().map(|n| other.strike(&n.to_string())).collect();
        backward.reverse();
        assert_eq!(forward, backward);
    }

    #[test]
    fn nothing_and_everything_are_exact() {
        assert!(strikes(0.0, 1, 100, 2).iter().all(|struck| !struck));
        assert!(strikes(1.0, 1, 100, 2).iter().all(|struck| *struck));
    }

    #[test]
    fn about_the_rate_is_struck_and_a_retry_can_succeed() {
        let first: Vec<_> = strikes(0.2, 42, 10_000, 1);
        let share = first.iter().filter(|struck| **struck).count();
        assert!((1_800..2_200).contains(&share), "{share}");
        let both =
            strikes(0.2, 42, 10_000, 2).chunks(2).filter(|pair| pair.iter().all(|struck| *struck)).count();
        assert!((300..500).contains(&both), "{both}");
    }
}

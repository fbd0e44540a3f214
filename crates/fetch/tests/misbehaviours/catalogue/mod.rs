//! What servers do that they should not, as data: one file for each family.

mod addresses;
mod chunks;
mod decoding;
pub(crate) mod encode;
mod heads;
mod interim;
mod keep_alive;
mod lengths;
mod redirects;
mod row;
mod stalls;
mod tls;

pub(crate) use row::{Certificate, Place, Row, SHORT, Want};

/// Every row.
pub(crate) fn all() -> Vec<Row> {
    let families = [
        lengths::rows(),
        chunks::rows(),
        heads::rows(),
        interim::rows(),
        keep_alive::rows(),
        decoding::rows(),
        redirects::rows(),
        addresses::rows(),
        stalls::rows(),
        tls::rows(),
    ];
    families.into_iter().flatten().collect()
}

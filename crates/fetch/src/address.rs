//! Which addresses are of the public net. Pure: it knows numbers, not sockets.
//!
//! The ranges are those of the IANA special-purpose address registries (RFC 6890 and successors). A form that carries
//! an IPv4 address inside an IPv6 one is judged by the address inside.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AddressClass {
    /// Anybody's: the public net.
    Public,
    /// This machine.
    Loopback,
    /// A private network (RFC 1918, RFC 4193, site-local).
    Private,
    /// This link (RFC 3927, RFC 4291).
    LinkLocal,
    /// Where clouds tell a machine its credentials.
    Metadata,
    /// Shared by a carrier's customers (RFC 6598).
    Shared,
    /// No address at all: `0.0.0.0/8` and `::`, which many systems take for this machine.
    Unspecified,
    /// Many machines.
    Multicast,
    /// For documentation, benchmarks, tunnels, or nothing yet.
    Reserved,
}

impl AddressClass {
    pub(crate) fn is_public(self) -> bool {
        self == AddressClass::Public
    }
}

impl fmt::Display for AddressClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AddressClass::Public => "public",
            AddressClass::Loopback => "loopback",
            AddressClass::Private => "private",
            AddressClass::LinkLocal => "link-local",
            AddressClass::Metadata => "cloud metadata",
            AddressClass::Shared => "carrier-grade NAT",
            AddressClass::Unspecified => "unspecified",
            AddressClass::Multicast => "multicast",
            AddressClass::Reserved => "reserved",
        })
    }
}

/// What this address is for.
pub(crate) fn classify(address: IpAddr) -> AddressClass {
    match address {
        IpAddr::V4(v4) => classify_v4(v4),
        IpAddr::V6(v6) => classify_v6(v6),
    }
}

fn classify_v4(v4: Ipv4Addr) -> AddressClass {
    match v4.octets() {
        [169, 254, 169, 254] | [100, 100, 100, 200] | [192, 0, 0, 192] | [168, 63, 129, 16] => {
            AddressClass::Metadata
        }
        [0, ..] => AddressClass::Unspecified,
        [127, ..] => AddressClass::Loopback,
        [10, ..] | [192, 168, ..] => AddressClass::Private,
        [172, b, ..] if b & 0xf0 == 16 => AddressClass::Private,
        [100, b, ..] if b & 0xc0 == 64 => AddressClass::Shared,
        [169, 254, ..] => AddressClass::LinkLocal,
        [192, 0, 0, _] | [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] | [192, 88, 99, _] => {
            AddressClass::Reserved
        }
        [198, 18 | 19, ..] => AddressClass::Reserved,
        [224..=239, ..] => AddressClass::Multicast,
        [240..=255, ..] => AddressClass::Reserved,
        _ => AddressClass::Public,
    }
}

fn classify_v6(v6: Ipv6Addr) -> AddressClass {
    if let Some(v4) = embedded_v4(v6) {
        return classify_v4(v4);
    }
    match v6.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => AddressClass::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => AddressClass::Loopback,
        [0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254] | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254] => {
            AddressClass::Metadata
        }
        [0x64, 0xff9b, 1, ..] => AddressClass::Private,
        [0x100, 0, 0, ..]
        | [0x2001, 0..=0x1ff, ..]
        | [0x2001, 0xdb8, ..]
        | [0x3fff, 0..=0xfff, ..]
        | [0x5f00, ..] => AddressClass::Reserved,
        [first, ..] if first & 0xfe00 == 0xfc00 => AddressClass::Private,
        [first, ..] if first & 0xffc0 == 0xfe80 => AddressClass::LinkLocal,
        [first, ..] if first & 0xffc0 == 0xfec0 => AddressClass::Private,
        [first, ..] if first & 0xff00 == 0xff00 => AddressClass::Multicast,
        [first, ..] if first & 0xe000 == 0x2000 => AddressClass::Public,
        _ => AddressClass::Reserved,
    }
}

/// The IPv4 address inside: mapped and translated (RFC 4291, RFC 2765), compatible, NAT64 (RFC 6052), 6to4 (RFC 3056).
fn embedded_v4(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let from = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match v6.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0xffff | 0, a, b] | [0, 0, 0, 0, 0xffff, 0, a, b] => Some(from(a, b)),
        [0x64, 0xff9b, 0, 0, 0, 0, a, b] => Some(from(a, b)),
        [0x2002, a, b, ..] => Some(from(a, b)),
        _ => None,
    }
}

/// Whether a URL says by itself that it is of this machine or network: `localhost`, or an address that is not public.
pub(crate) fn is_private_host(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(v4)) => !classify(v4.into()).is_public(),
        Some(url::Host::Ipv6(v6)) => !classify(v6.into()).is_public(),
        Some(host) => is_loopback_host(&host),
        None => false,
    }
}

/// Whether a URL's host is this machine by its very name, so that no limit of the public net applies to it.
pub(crate) fn is_loopback_host<S: AsRef<str>>(host: &url::Host<S>) -> bool {
    match host {
        url::Host::Domain(name) => {
            let name = name.as_ref();
            let name = name.strip_suffix('.').unwrap_or(name);
            name == "localhost" || name.ends_with(".localhost")
        }
        url::Host::Ipv4(v4) => v4.is_loopback(),
        url::Host::Ipv6(v6) => v6.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_special_range_is_known_at_both_of_its_ends() {
        let table = [
            ("0.0.0.0", AddressClass::Unspecified),
            ("0.255.255.255", AddressClass::Unspecified),
            ("1.1.1.1", AddressClass::Public),
            ("9.255.255.255", AddressClass::Public),
            ("10.0.0.0", AddressClass::Private),
            ("10.255.255.255", AddressClass::Private),
            ("11.0.0.0", AddressClass::Public),
            ("100.63.255.255", AddressClass::Public),
            ("100.64.0.0", AddressClass::Shared),
            ("100.127.255.255", AddressClass::Shared),
            ("100.128.0.0", AddressClass::Public),
            ("100.100.100.200", AddressClass::Metadata),
            ("127.0.0.1", AddressClass::Loopback),
            ("127.255.255.255", AddressClass::Loopback),
            ("169.254.0.1", AddressClass::LinkLocal),
            ("169.254.169.254", AddressClass::Metadata),
            ("172.15.255.255", AddressClass::Public),
            ("172.16.0.0", AddressClass::Private),
            ("172.31.255.255", AddressClass::Private),
            ("172.32.0.0", AddressClass::Public),
            ("192.0.2.1", AddressClass::Reserved),
            ("192.168.0.1", AddressClass::Private),
            ("198.18.0.1", AddressClass::Reserved),
            ("198.20.0.0", AddressClass::Public),
            ("224.0.0.1", AddressClass::Multicast),
            ("239.255.255.255", AddressClass::Multicast),
            ("240.0.0.1", AddressClass::Reserved),
            ("255.255.255.255", AddressClass::Reserved),
            ("::", AddressClass::Unspecified),
            ("::1", AddressClass::Loopback),
            ("::7f00:1", AddressClass::Loopback),
            ("::ffff:127.0.0.1", AddressClass::Loopback),
            ("::ffff:8.8.8.8", AddressClass::Public),
            ("::ffff:0:10.0.0.1", AddressClass::Private),
            ("64:ff9b::10.0.0.1", AddressClass::Private),
            ("64:ff9b::8.8.8.8", AddressClass::Public),
            ("64:ff9b:1::1", AddressClass::Private),
            ("2002:7f00:1::", AddressClass::Loopback),
            ("2001::1", AddressClass::Reserved),
            ("2001:db8::1", AddressClass::Reserved),
            ("2001:4860:4860::8888", AddressClass::Public),
            ("2606:4700::1111", AddressClass::Public),
            ("fc00::1", AddressClass::Private),
            ("fdff::1", AddressClass::Private),
            ("fd00:ec2::254", AddressClass::Metadata),
            ("fe80::1", AddressClass::LinkLocal),
            ("febf::1", AddressClass::LinkLocal),
            ("fec0::1", AddressClass::Private),
            ("ff02::1", AddressClass::Multicast),
        ];
        for (address, class) in table {
            assert_eq!(classify(address.parse().unwrap()), class, "{address}");
        }
    }

    proptest! {
        #[test]
        fn no_wrapping_in_ipv6_makes_an_address_more_public(bits: u32) {
            let v4 = Ipv4Addr::from(bits);
            let [a, b] = [(bits >> 16) as u16, bits as u16];
            let forms = [
                v4.to_ipv6_mapped(),
                Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, a, b),
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, a, b),
                Ipv6Addr::new(0x2002, a, b, 0, 0, 0, 0, 1),
            ];
            for form in forms {
                prop_assert_eq!(classify(IpAddr::V6(form)), classify(IpAddr::V4(v4)));
            }
        }

        #[test]
        fn what_the_standard_library_calls_private_is_not_public(bits: u32) {
            let v4 = Ipv4Addr::from(bits);
            if v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_multicast()
                || v4.is_unspecified() || v4.is_documentation() || v4.is_broadcast()
            {
                prop_assert!(!classify(IpAddr::V4(v4)).is_public());
            }
        }
    }

    #[test]
    fn localhost_has_its_names() {
        for host in [
            "http://localhost/",
            "http://LOCALHOST./",
            "http://a.localhost/",
            "http://127.9.9.9/",
            "http://[::1]/",
        ] {
            assert!(is_loopback_host(&url::Url::parse(host).unwrap().host().unwrap()), "{host}");
        }
        assert!(!is_loopback_host(&url::Url::parse("http://localhost.example/").unwrap().host().unwrap()));
    }
}

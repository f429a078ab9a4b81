//! Addresses that no provider's name may lead to: a gateway with credentials must not be sent to its own cloud's
//! metadata service by whoever controls a DNS record.
//!
//! Invariant: what is judged is the address that would be connected to, after IPv4-in-IPv6 forms are undone.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where an origin's connections may lead.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Reach {
    /// Not to link-local, metadata, multicast and unspecified addresses.
    Guarded,
    /// Anywhere: `allow_link_local`.
    Anywhere,
    /// To addresses of the public Internet alone: a stranger names the place.
    Public,
}

impl Reach {
    /// Why this address may not be connected to, if it may not.
    pub fn refusal(self, address: IpAddr) -> Option<&'static str> {
        match self {
            Reach::Anywhere => None,
            Reach::Guarded => match plain(address) {
                IpAddr::V4(v4) => refusal_v4(v4),
                IpAddr::V6(v6) => refusal_v6(v6),
            },
            Reach::Public => match address {
                IpAddr::V4(v4) => refusal_v4(v4).or_else(|| private_v4(v4)),
                IpAddr::V6(v6) => refusal_v6(v6).or_else(|| private_v6(v6)),
            },
        }
    }
}

/// Networks that are not of the public Internet. Source: IANA's registry of special-purpose addresses (RFC 6890).
fn private_v4(address: Ipv4Addr) -> Option<&'static str> {
    /// Network, bits, and what it is.
    const NETWORKS: [([u8; 4], u32, &str); 12] = [
        ([10, 0, 0, 0], 8, "a private address"),
        ([100, 64, 0, 0], 10, "an address of a carrier's own network"),
        ([127, 0, 0, 0], 8, "a loopback address"),
        ([172, 16, 0, 0], 12, "a private address"),
        ([192, 0, 0, 0], 24, "a reserved address"),
        ([192, 0, 2, 0], 24, "an address for examples"),
        ([192, 88, 99, 0], 24, "a relay of 6to4"),
        ([192, 168, 0, 0], 16, "a private address"),
        ([198, 18, 0, 0], 15, "an address for measurements"),
        ([198, 51, 100, 0], 24, "an address for examples"),
        ([203, 0, 113, 0], 24, "an address for examples"),
        ([240, 0, 0, 0], 4, "a reserved address"),
    ];
    let bits = address.to_bits();
    let holds = |network: [u8; 4], length: u32| (bits ^ u32::from_be_bytes(network)) >> (32 - length) == 0;
    NETWORKS.iter().find(|(network, length, _)| holds(*network, *length)).map(|(.., what)| *what)
}

/// What is given out to networks lies below `2000::/3`; there, too, are forms that hold an IPv4 address, and others that
/// lead nowhere. IPv4 addresses inside of IPv6 ones are refused in every form: those that are public can be had as
/// what they are.
fn private_v6(address: Ipv6Addr) -> Option<&'static str> {
    match address.segments() {
        [0..=0x1fff | 0x4000.., ..] => Some("an address that is not of the public Internet"),
        // Teredo, benchmarks, ORCHID and their like.
        [0x2001, 0..=0x1ff, ..] => Some("a reserved address"),
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Some("an address for examples"),
        [0x2002, ..] => Some("an address of 6to4"),
        _ => None,
    }
}

/// The IPv4 address inside `::ffff:a.b.c.d` and inside NAT64's `64:ff9b::a.b.c.d` (RFC 6052).
fn plain(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address.to_canonical() else { return address.to_canonical() };
    match v6.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            Ipv4Addr::new(a, b, c, d).into()
        }
        _ => v6.into(),
    }
}

fn refusal_v4(address: Ipv4Addr) -> Option<&'static str> {
    /// Alibaba Cloud's metadata service.
    const ALIBABA: Ipv4Addr = Ipv4Addr::new(100, 100, 100, 200);
    match address {
        ALIBABA => Some("a metadata address"),
        a if a.is_link_local() => Some("a link-local address"),
        a if a.octets()[0] == 0 => Some("an unspecified address"),
        a if a.is_multicast() || a.is_broadcast() => Some("a multicast address"),
        _ => None,
    }
}

fn refusal_v6(address: Ipv6Addr) -> Option<&'static str> {
    /// Amazon EC2's metadata service.
    const EC2: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    match address {
        EC2 => Some("a metadata address"),
        a if a.is_unicast_link_local() => Some("a link-local address"),
        a if a.is_unspecified() => Some("an unspecified address"),
        a if a.is_multicast() => Some("a multicast address"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guarded origins never lead to link-local, metadata, multicast or unspecified addresses, in any spelling.
    #[test]
    fn guarded_addresses() {
        let refused = [
            "169.254.169.254",
            "169.254.0.1",
            "0.0.0.0",
            "0.1.2.3",
            "100.100.100.200",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "fe80::1",
            "febf::1",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:169.254.169.254",
            "64:ff9b::169.254.169.254",
        ];
        for text in refused {
            let address: IpAddr = text.parse().expect("an address");
            assert!(Reach::Guarded.refusal(address).is_some(), "{text}");
            assert_eq!(Reach::Anywhere.refusal(address), None, "{text}");
        }
    }

    /// Where strangers name the place, only addresses of the public Internet are reached, and none that hides another.
    #[test]
    fn public_addresses() {
        let refused = [
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "127.0.0.1",
            "127.255.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.127.255.255",
            "100.100.100.200",
            "0.0.0.0",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "239.1.2.3",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:8.8.8.8",
            "::ffff:127.0.0.1",
            "::7f00:1",
            "64:ff9b::8.8.8.8",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:20::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "2002:808:808::1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ];
        for text in refused {
            assert!(Reach::Public.refusal(text.parse().expect("an address")).is_some(), "{text}");
        }
        for text in [
            "8.8.8.8",
            "93.184.216.34",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.17.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "2606:4700::1",
            "2001:4860::8888",
            "2a00::1",
            "3ffe::1",
        ] {
            assert_eq!(Reach::Public.refusal(text.parse().expect("an address")), None, "{text}");
        }
    }

    /// Public, private and loopback addresses are reachable: providers may be next door.
    #[test]
    fn ordinary_addresses() {
        for text in ["127.0.0.1", "10.0.0.7", "100.64.0.1", "93.184.216.34", "::1", "fd00::1", "2606:4700::1"]
        {
            assert_eq!(Reach::Guarded.refusal(text.parse().expect("an address")), None, "{text}");
        }
    }
}

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
        }
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

    /// Public, private and loopback addresses are reachable: providers may be next door.
    #[test]
    fn ordinary_addresses() {
        for text in ["127.0.0.1", "10.0.0.7", "100.64.0.1", "93.184.216.34", "::1", "fd00::1", "2606:4700::1"]
        {
            assert_eq!(Reach::Guarded.refusal(text.parse().expect("an address")), None, "{text}");
        }
    }
}

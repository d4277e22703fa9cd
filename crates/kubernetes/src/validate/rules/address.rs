//! IP addresses and CIDR blocks as the API server parses them, which accepts leading zeros.

use std::net::IpAddr;

/// Parses an IP address.
pub(super) fn address(text: &str) -> Option<IpAddr> {
    let without_zeros = || {
        // An IPv6 address may end in an IPv4 address.
        let (start, last) = text.split_at(text.rfind(':').map_or(0, |colon| colon + 1));
        let parts = last.split('.').map(|part| match part.trim_start_matches('0') {
            "" if !part.is_empty() => "0",
            digits => digits,
        });
        format!("{start}{}", parts.collect::<Vec<_>>().join("."))
    };
    text.parse().or_else(|_| without_zeros().parse()).ok()
}

/// Parses an address in CIDR notation.
pub(super) fn network(text: &str) -> Option<(IpAddr, u8)> {
    let (address, length) = text.split_once('/')?;
    let length = Some(length).filter(|length| length.chars().all(|c| c.is_ascii_digit()))?.parse().ok()?;
    let address = self::address(address)?;
    (length <= if address.is_ipv4() { 32 } else { 128 }).then_some((address, length))
}

/// Whether a network is a strict subset of another.
pub(super) fn inside(inner: (IpAddr, u8), outer: (IpAddr, u8)) -> bool {
    outer.1 < inner.1 && masked(inner.0, outer.1) == masked(outer.0, outer.1)
}

/// The network prefix of an address, with its address family so that IPv4 and IPv6 never compare equal.
fn masked(address: IpAddr, length: u8) -> (bool, u128) {
    let (bits, width) = match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()), 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    };
    let rest = u32::from(width - length.min(width));
    (address.is_ipv4(), if rest >= 128 { 0 } else { bits >> rest })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leading_zeros_are_accepted() {
        for text in ["10.0.0.1", "010.000.0.01", "0.0.0.0", "fd00::1", "::ffff:1.2.3.4", "::ffff:010.2.3.4"] {
            assert!(address(text).is_some(), "{text}");
        }
        for text in ["", "10.0.0", "10.0.0.256", " 10.0.0.1", "10..0.1", "0", "web.example.com"] {
            assert!(address(text).is_none(), "{text}");
        }
        for text in ["10.0.0.0/8", "10.0.0.1/08", "::/0"] {
            assert!(network(text).is_some(), "{text}");
        }
        for text in ["10.0.0.0", "10.0.0.0/+8", "10.0.0.0/33", "::/129", "10.0.0.0/"] {
            assert!(network(text).is_none(), "{text}");
        }
    }
}

//! Networks that a key may come from.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A network of IPv4 (RFC 4632) or IPv6 (RFC 4291, section 2.3): `192.0.2.0/24`, `2001:db8::/32`; one address without a prefix stands for
/// itself alone.
///
/// An IPv6 address that stands for one of IPv4 (`::ffff:192.0.2.7`; RFC 4291, section 2.5.5.2) is taken for that one, in a network and in an
/// address that is looked for: a listener for both families sees callers by IPv4 in this form.
///
/// ```
/// use platform_auth::AddressRange;
///
/// let office: AddressRange = "192.0.2.0/24".parse()?;
/// assert!(office.contains("192.0.2.7".parse()?));
/// assert!(office.contains("::ffff:192.0.2.7".parse()?));
/// assert!(!office.contains("192.0.3.7".parse()?));
/// assert!("192.0.2.7/24".parse::<AddressRange>().is_err(), "it is written with its first address");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AddressRange {
    family: Family,
    /// The first address: every bit after the prefix is zero.
    first: u128,
    /// Of an address of 128 bits. IPv4 stands in the last 32 of them.
    prefix_bits: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Family {
    V4,
    V6,
}

/// A text is not a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a network is its first address and the length of its prefix, such as 192.0.2.0/24 or 2001:db8::/32")]
pub struct InvalidAddressRange;

impl AddressRange {
    /// Is the address in it?
    pub fn contains(self, address: IpAddr) -> bool {
        let (family, bits) = bits(address);
        family == self.family && bits & mask(self.prefix_bits) == self.first
    }
}

/// The canonical address, whose family may be another, and its bits.
fn bits(address: IpAddr) -> (Family, u128) {
    match address.to_canonical() {
        IpAddr::V4(address) => (Family::V4, u128::from(address.to_bits())),
        IpAddr::V6(address) => (Family::V6, address.to_bits()),
    }
}

fn mask(prefix_bits: u8) -> u128 {
    let after = 128_u32.saturating_sub(prefix_bits.into());
    u128::MAX.checked_shl(after).unwrap_or(0)
}

impl FromStr for AddressRange {
    type Err = InvalidAddressRange;

    fn from_str(text: &str) -> Result<Self, InvalidAddressRange> {
        // The longest address and its prefix.
        if text.len() > 49 {
            return Err(InvalidAddressRange);
        }
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| InvalidAddressRange)?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let length = match length {
            Some(length) => prefix_length(length).filter(|length| *length <= width),
            None => Some(width),
        };
        let length = length.ok_or(InvalidAddressRange)?;
        let (family, first) = bits(address);
        // Counted from the front of all 128 bits.
        let prefix_bits = length + (128 - width);
        // A network of IPv6 that holds all of IPv4 and more is none of IPv4.
        if family == Family::V4 && prefix_bits < 96 {
            return Err(InvalidAddressRange);
        }
        match first & mask(prefix_bits) == first {
            true => Ok(Self {
                family,
                first,
                prefix_bits,
            }),
            false => Err(InvalidAddressRange),
        }
    }
}

/// Digits alone, without zeros in front, which some read as octal.
fn prefix_length(text: &str) -> Option<u8> {
    let is_canonical =
        text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_canonical)
}

/// As it is stored and shown.
impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.family {
            Family::V4 => {
                let first = Ipv4Addr::from_bits(u32::try_from(self.first).unwrap_or_default());
                write!(f, "{first}/{}", self.prefix_bits.saturating_sub(96))
            }
            Family::V6 => write!(f, "{}/{}", Ipv6Addr::from_bits(self.first), self.prefix_bits),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn range(text: &str) -> AddressRange {
        text.parse().unwrap()
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_holds_its_first_and_last_address_and_not_the_next() {
        for (network, inside, outside) in [
            (
                "192.0.2.0/24",
                ["192.0.2.0", "192.0.2.255"],
                ["192.0.1.255", "192.0.3.0"],
            ),
            (
                "192.0.2.7",
                ["192.0.2.7", "192.0.2.7"],
                ["192.0.2.6", "192.0.2.8"],
            ),
            (
                "2001:db8::/32",
                ["2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"],
                ["2001:db7:ffff::", "2001:db9::"],
            ),
            (
                "2001:db8::1",
                ["2001:db8::1", "2001:db8::1"],
                ["2001:db8::", "2001:db8::2"],
            ),
        ] {
            for text in inside {
                assert!(range(network).contains(address(text)), "{text} in {network}");
            }
            for text in outside {
                assert!(!range(network).contains(address(text)), "{text} not in {network}");
            }
        }
    }

    #[test]
    fn all_of_one_family_is_nothing_of_the_other() {
        assert!(range("0.0.0.0/0").contains(address("255.255.255.255")));
        assert!(!range("0.0.0.0/0").contains(address("::1")));
        assert!(range("::/0").contains(address("ffff::")));
        assert!(!range("::/0").contains(address("192.0.2.7")));
        assert!(!range("::/0").contains(address("::ffff:192.0.2.7")));
        // Not the same as the mapped form: an address of IPv6 whose first 96 bits are zero.
        assert!(!range("192.0.2.7").contains(address("::192.0.2.7")));
    }

    #[test]
    fn an_address_of_ipv4_in_the_form_of_ipv6_is_that_address() {
        assert!(range("192.0.2.0/24").contains(address("::ffff:192.0.2.7")));
        assert_eq!(range("::ffff:192.0.2.0/120"), range("192.0.2.0/24"));
        assert_eq!(range("::ffff:192.0.2.7"), range("192.0.2.7/32"));
        assert!("::ffff:0.0.0.0/95".parse::<AddressRange>().is_err());
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in [
            "",
            "/",
            "/8",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/-1",
            "10.0.0.0/+8",
            "10.0.0.0/08",
            "10.0.0.0/ 8",
            "10.0.0.0/8/8",
            "10.0.0.1/8",
            "10.0.0/8",
            "010.0.0.0/8",
            "2001:db8::/129",
            "2001:db8::1/64",
            "fe80::1%eth0",
            "[::1]",
            "localhost",
            "10.0.0.0/255.0.0.0",
            " 10.0.0.0/8",
        ] {
            assert_eq!(text.parse::<AddressRange>(), Err(InvalidAddressRange), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_network_is_read_back_as_it_is_shown(bits in any::<u128>(), is_v4 in any::<bool>(), length in 0_u8..=128) {
            let (text, width) = match is_v4 {
                true => (Ipv4Addr::from_bits(bits as u32).to_string(), 32),
                false => (Ipv6Addr::from_bits(bits).to_string(), 128),
            };
            let length = length.min(width);
            if let Ok(read) = format!("{text}/{length}").parse::<AddressRange>() {
                prop_assert_eq!(read.to_string().parse(), Ok(read));
                prop_assert!(read.contains(address(&text)));
            }
        }

        #[test]
        fn reading_any_text_never_panics(text in any::<String>()) {
            let _ = text.parse::<AddressRange>();
        }
    }
}

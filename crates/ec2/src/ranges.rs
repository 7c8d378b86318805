//! Address ranges of VPCs and subnets: how they are read, which may be, and what their associations are called.
//!
//! EC2 gives the association of a range with a VPC or subnet an id of its own. Here that id is made of what it associates, so it
//! needs no record, and the same range of the same VPC always has the same one.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use secgroup_model::{ErrorCode, Family, ModelError, parse_cidr};

/// What the ids of associations with a VPC start with.
pub const VPC_ASSOCIATION: &str = "vpc-cidr-assoc-";
/// What the ids of associations with a subnet start with.
pub const SUBNET_ASSOCIATION: &str = "subnet-cidr-assoc-";

/// Where no IPv4 range may lie: "this network", loopback, link-local, multicast.
const NO_VPC_V4: [&str; 4] = ["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"];
/// Where no IPv6 range may lie: everything below 2000::/3, and link-local, multicast, and the services of the VPC itself (C17).
const NO_VPC_V6: [&str; 4] = ["::/3", "fe80::/10", "ff00::/8", "fd00:ec2::/32"];

/// The IPv4 range that `text` stands for, without host bits: EC2 clears them.
///
/// # Errors
/// `InvalidParameterValue` for what is none.
pub(crate) fn parse_v4(text: &str, parameter: &str) -> Result<Ipv4Net, ModelError> {
    match parse_cidr(text, Family::V4) {
        Ok((IpNet::V4(range), _)) => Ok(range),
        _ => Err(no_range(text, parameter)),
    }
}

/// The IPv6 range that `text` stands for, without host bits.
///
/// # Errors
/// `InvalidParameterValue` for what is none.
pub(crate) fn parse_v6(text: &str, parameter: &str) -> Result<Ipv6Net, ModelError> {
    match parse_cidr(text, Family::V6) {
        Ok((IpNet::V6(range), _)) => Ok(range),
        _ => Err(no_range(text, parameter)),
    }
}

fn no_range(text: &str, parameter: &str) -> ModelError {
    ModelError::value(format!(
        "Value ({text}) for parameter {parameter} is invalid. This is not a valid CIDR block."
    ))
}

/// Checks that a VPC may have `range`.
///
/// # Errors
/// `InvalidVpc.Range`: an IPv4 range has 16 to 28 bits, an IPv6 one 44 to 60 in steps of 4.
pub(crate) fn check_vpc_range(range: IpNet) -> Result<(), ModelError> {
    let (fits, excluded, expected) = match range {
        IpNet::V4(range) => (
            (16..=28).contains(&range.prefix_len()),
            NO_VPC_V4.as_slice(),
            "an IPv4 range of a VPC is a /16 to a /28",
        ),
        IpNet::V6(range) => (
            (44..=60).contains(&range.prefix_len()) && range.prefix_len() % 4 == 0,
            NO_VPC_V6.as_slice(),
            "an IPv6 range of a VPC is a /44, /48, /52, /56 or /60",
        ),
    };
    let excluded = excluded
        .iter()
        .filter_map(|text| text.parse::<IpNet>().ok())
        .find(|excluded| overlap(range, *excluded));
    let help = match excluded {
        Some(excluded) => format!("no VPC may have addresses of {excluded}"),
        None if !fits => expected.to_owned(),
        None => return Ok(()),
    };
    Err(invalid_vpc_range(range).with_help(help))
}

pub(crate) fn invalid_vpc_range(range: IpNet) -> ModelError {
    ModelError::new(
        ErrorCode::InvalidVpcRange,
        format!("The CIDR '{range}' is invalid."),
    )
}

/// Whether two ranges have an address in common; ranges of different families never have.
pub(crate) fn overlap(one: impl Into<IpNet>, other: impl Into<IpNet>) -> bool {
    let (one, other) = (one.into(), other.into());
    one.contains(&other) || other.contains(&one)
}

/// The id of the association of `range` with the VPC or subnet `owner`; `kind` is [`VPC_ASSOCIATION`] or
/// [`SUBNET_ASSOCIATION`]. Its digits are made of both (FNV-1a), in the form of those that EC2 issues.
#[must_use]
pub fn association_id(kind: &str, owner: &str, range: impl std::fmt::Display) -> String {
    let text = format!("{owner} {range}");
    let digits = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{kind}0{digits:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_bits_are_cleared() {
        let range = parse_v4("100.68.0.18/18", "cidrBlock").unwrap();
        assert_eq!(range.to_string(), "100.68.0.0/18");
        let error = parse_v4("2001:db8::/32", "cidrBlock").unwrap_err();
        assert_eq!(
            error.message,
            "Value (2001:db8::/32) for parameter cidrBlock is invalid. This is not a valid CIDR block."
        );
        assert!(parse_v6("10.0.0.0/8", "ipv6CidrBlock").is_err());
    }

    #[test]
    fn a_vpc_is_neither_too_large_nor_too_small_nor_somewhere_special() {
        let check = |text: &str| check_vpc_range(text.parse().unwrap());
        for good in [
            "10.0.0.0/16",
            "192.168.0.0/28",
            "2001:db8::/56",
            "fd12::/44",
        ] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in [
            "10.0.0.0/15",
            "10.0.0.0/29",
            "127.0.0.0/16",
            "169.254.0.0/24",
            "240.0.0.0/16",
            "2001:db8::/57",
            "2001:db8::/40",
            "fe80::/56",
            "fd00:ec2::/56",
            "::/48",
        ] {
            assert_eq!(
                check(bad).unwrap_err().code,
                ErrorCode::InvalidVpcRange,
                "{bad}"
            );
        }
    }

    #[test]
    fn associations_of_different_ranges_and_owners_differ() {
        let id = |owner: &str, range: &str| association_id(VPC_ASSOCIATION, owner, range);
        let one = id("vpc-00000000000000001", "10.0.0.0/16");
        assert_eq!(one.len(), VPC_ASSOCIATION.len() + 17);
        assert_ne!(one, id("vpc-00000000000000001", "10.1.0.0/16"));
        assert_ne!(one, id("vpc-0123456789abcdef0", "10.0.0.0/16"));
    }
}

//! At which interface, and which way, a packet is to be explained (semantics C1).

use std::net::IpAddr;

use secgroup_model::{Inventory, NetworkInterface};
use secgroup_packet::{AddressPair, Direction};

/// Most interfaces that an error lists.
const LISTED: usize = 10;

/// Why nothing can be explained.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExplainError {
    /// No such interface.
    #[error("no interface has the id or address '{name}'; {}", remedy(.known))]
    UnknownInterface {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The interface has neither address.
    #[error(
        "neither {src} nor {dst} is an address of {interface}; say which way the packet crosses \
         it with --direction ingress or --direction egress"
    )]
    WhichWay {
        /// The interface.
        interface: String,
        /// The packet's source.
        src: IpAddr,
        /// Its destination.
        dst: IpAddr,
    },
    /// The packet crosses no known interface.
    #[error(
        "a packet from {src} to {dst} crosses no known interface; name one with --interface, or \
         give one with --attach GROUP=ADDRESS"
    )]
    CrossesNothing {
        /// Its source.
        src: IpAddr,
        /// Its destination.
        dst: IpAddr,
    },
}

fn remedy(known: &[String]) -> String {
    match known.len() {
        0 => "the policy has none: give one with --attach GROUP=ADDRESS".to_owned(),
        n if n > LISTED => format!(
            "there are: {} and {} more",
            known[..LISTED].join(", "),
            n - LISTED
        ),
        _ => format!("there are: {}", known.join(", ")),
    }
}

/// Where a packet between `addresses` is explained: at the interface of this id or address (of
/// several where they share one), or at every one that it crosses; in `direction`, or the way that
/// its addresses say. What leaves comes before what arrives (C11).
///
/// # Errors
/// Where there is no such interface, the packet is neither from nor to it and no direction is
/// given, or none is named and the packet crosses none.
pub fn places<'a>(
    inventory: &'a Inventory,
    name: Option<&str>,
    direction: Option<Direction>,
    addresses: AddressPair,
) -> Result<Vec<(&'a NetworkInterface, Direction)>, ExplainError> {
    let (src, dst) = (addresses.src(), addresses.dst());
    let Some(name) = name else {
        let all: Vec<_> = inventory.interfaces.values().collect();
        let crossed = crossed(&all, direction, addresses);
        return if crossed.is_empty() {
            Err(ExplainError::CrossesNothing { src, dst })
        } else {
            Ok(crossed)
        };
    };
    let named = named(inventory, name)?;
    // Whoever says both is believed: a forwarder's packets are not its own.
    if let Some(direction) = direction {
        return Ok(named.into_iter().map(|at| (at, direction)).collect());
    }
    let crossed = crossed(&named, None, addresses);
    if crossed.is_empty() {
        Err(ExplainError::WhichWay {
            interface: name.to_owned(),
            src,
            dst,
        })
    } else {
        Ok(crossed)
    }
}

fn named<'a>(
    inventory: &'a Inventory,
    name: &str,
) -> Result<Vec<&'a NetworkInterface>, ExplainError> {
    if let Some(interface) = inventory.interfaces.get(name) {
        return Ok(vec![interface]);
    }
    let address: Option<IpAddr> = name.parse().ok();
    let found: Vec<_> = inventory
        .interfaces
        .values()
        .filter(|interface| address.is_some_and(|address| interface.has_address(address)))
        .collect();
    if !found.is_empty() {
        return Ok(found);
    }
    Err(ExplainError::UnknownInterface {
        name: name.to_owned(),
        known: inventory
            .interfaces
            .keys()
            .map(ToString::to_string)
            .collect(),
    })
}

/// Those of `interfaces` that have the source or the destination, and the way they are crossed.
fn crossed<'a>(
    interfaces: &[&'a NetworkInterface],
    wanted: Option<Direction>,
    addresses: AddressPair,
) -> Vec<(&'a NetworkInterface, Direction)> {
    let ends = [
        (addresses.src(), Direction::Egress),
        (addresses.dst(), Direction::Ingress),
    ];
    let mut places = Vec::new();
    for (address, direction) in ends {
        if wanted.is_none_or(|wanted| wanted == direction) {
            let at = interfaces.iter().filter(|at| at.has_address(address));
            places.extend(at.map(|at| (*at, direction)));
        }
    }
    places
}

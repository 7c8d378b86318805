//! The link layer: where does the IP packet start, if there is one?

use secgroup_model::Family;

use super::{Fault, Layer, LinkKind, byte, number16};

/// EtherTypes of IPv4 and IPv6.
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86DD;
/// EtherTypes behind which a 4-byte VLAN tag stands: 802.1Q, 802.1ad, and its early form.
const TAGS: [u16; 3] = [0x8100, 0x88A8, 0x9100];
/// How many tags are looked through.
const MOST_TAGS: usize = 8;
/// Address families of BSD systems (tcpdump.org/linktypes.html): IPv4 everywhere; IPv6 on NetBSD,
/// OpenBSD and BSD/OS, on FreeBSD, on Darwin.
const AF_INET: u32 = 2;
const AF_INET6: [u32; 3] = [24, 28, 30];

/// The family and the layer of the IP packet; `None` where there is none.
pub(super) fn network_layer(
    link: LinkKind,
    frame: Layer<'_>,
) -> Result<Option<(Family, Layer<'_>)>, Fault> {
    match link {
        LinkKind::Ethernet => {
            let header = frame.header(14, "the frame ends inside its Ethernet header")?;
            behind_ethertype(number16(header, 12), frame.behind(14))
        }
        LinkKind::LinuxSll => {
            let header = frame.header(16, "the frame ends inside its cooked header")?;
            behind_ethertype(number16(header, 14), frame.behind(16))
        }
        LinkKind::LinuxSll2 => {
            let header = frame.header(20, "the frame ends inside its cooked header")?;
            behind_ethertype(number16(header, 0), frame.behind(20))
        }
        LinkKind::RawIp => {
            let header = frame.header(1, "the frame is empty")?;
            match byte(header, 0) >> 4 {
                4 => Ok(Some((Family::V4, frame))),
                6 => Ok(Some((Family::V6, frame))),
                _ => Err("the version is neither 4 nor 6"),
            }
        }
        LinkKind::Ipv4 => Ok(Some((Family::V4, frame))),
        LinkKind::Ipv6 => Ok(Some((Family::V6, frame))),
        LinkKind::Null | LinkKind::Loop => {
            let header = frame.header(4, "the frame ends inside its loopback header")?;
            let number = super::number32(header, 0);
            let family = family_of(number).or_else(|| {
                // The capturing host's byte order is not on record: the numbers are small, so a
                // number of one order is never one of the other.
                (link == LinkKind::Null)
                    .then(|| family_of(number.swap_bytes()))
                    .flatten()
            });
            Ok(family.map(|family| (family, frame.behind(4))))
        }
    }
}

/// The family that an address-family number stands for.
fn family_of(number: u32) -> Option<Family> {
    match number {
        AF_INET => Some(Family::V4),
        number if AF_INET6.contains(&number) => Some(Family::V6),
        _ => None,
    }
}

/// Looks through VLAN tags. A ninth tag is an EtherType like any other: not IP.
fn behind_ethertype(
    mut ethertype: u16,
    mut layer: Layer<'_>,
) -> Result<Option<(Family, Layer<'_>)>, Fault> {
    for _ in 0..MOST_TAGS {
        if TAGS.contains(&ethertype) {
            let tag = layer.header(4, "the frame ends inside a VLAN tag")?;
            ethertype = number16(tag, 2);
            layer = layer.behind(4);
        }
    }
    Ok(match ethertype {
        IPV4 => Some((Family::V4, layer)),
        IPV6 => Some((Family::V6, layer)),
        _ => None,
    })
}

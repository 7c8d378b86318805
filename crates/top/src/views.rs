//! What there is to look at: each view is a table, made anew of every sample.

mod denials;
mod flows;
mod overview;
mod rules;

use std::net::{IpAddr, SocketAddr};

use secgroup_packet::Direction;

pub(crate) use self::flows::{Cut, cut, order_of};
pub(crate) use self::overview::verdict_lines;
use crate::meter::Meter;
use crate::sample::Sample;
use crate::table::{Column, Row, Sorting};

/// A view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    Overview,
    Flows,
    Denials,
    Rules,
}

impl View {
    /// All of them, in the order of their keys.
    pub(crate) const ALL: [Self; 4] = [Self::Overview, Self::Flows, Self::Denials, Self::Rules];

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Flows => "Flows",
            Self::Denials => "Denials",
            Self::Rules => "Rules",
        }
    }

    pub(crate) const fn columns(self) -> &'static [Column] {
        match self {
            Self::Overview => overview::COLUMNS,
            Self::Flows => flows::COLUMNS,
            Self::Denials => denials::COLUMNS,
            Self::Rules => rules::COLUMNS,
        }
    }

    /// How it is sorted until somebody says otherwise.
    pub(crate) const fn sorting(self) -> Sorting {
        match self {
            Self::Overview => overview::SORTING,
            Self::Flows => flows::SORTING,
            Self::Denials => denials::SORTING,
            Self::Rules => rules::SORTING,
        }
    }

    /// Its rows, in no order.
    pub(crate) fn rows(self, sample: &Sample, meter: &Meter) -> Vec<Row> {
        match self {
            Self::Overview => overview::rows(sample, meter),
            Self::Flows => flows::rows(sample),
            Self::Denials => denials::rows(sample),
            Self::Rules => rules::rows(sample, meter),
        }
    }

    /// What is said where there are no rows.
    pub(crate) const fn nothing(self) -> &'static str {
        match self {
            Self::Overview => "no interface is attached",
            Self::Flows => "nothing passes, and no connection is tracked",
            Self::Denials => "nothing was denied lately",
            Self::Rules => "no rule is attached to an interface here",
        }
    }
}

/// `in` and `out`, as seen from the interface.
const fn way(direction: Direction) -> &'static str {
    match direction {
        Direction::Ingress => "in",
        Direction::Egress => "out",
    }
}

/// An address, with its port where there is one.
fn end(address: IpAddr, port: Option<u16>) -> String {
    match port {
        Some(port) => SocketAddr::new(address, port).to_string(),
        None => address.to_string(),
    }
}

#[cfg(test)]
mod tests;

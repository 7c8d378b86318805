//! How cost grows: the same measurements at several sizes.

use serde::Serialize;

use crate::machine::available_bytes;
use crate::report::LeftOut;
use crate::rounds::Rounds;
use crate::run::Course;
use crate::workload::flows::Draw;
use crate::workload::policy::lowered;
use crate::{Error, Figure, Plan, connections, rules};

/// Sizes of the table of connections.
const FLOWS: [u32; 9] = [
    1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000,
];

/// Sizes of rule sets, and of groups.
const RULES: [u32; 11] = [
    1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000,
];

/// Cost by open connections.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FlowsSweep {
    /// The exponent of the Zipf draws.
    pub zipf: f64,
    /// By size, ascending.
    pub points: Vec<FlowsPoint>,
    /// Sizes for which there was not enough memory.
    pub left_out: Vec<LeftOut>,
}

/// A packet of an open connection, with so many of them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct FlowsPoint {
    /// Open connections.
    pub flows: u32,
    /// Flows drawn evenly.
    pub uniform: Figure,
    /// Flows drawn by Zipf's law.
    pub zipf: Figure,
}

/// What depends on rules, with so many of them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RulesPoint {
    /// Rules.
    pub rules: u32,
    /// Asking whether one admits a packet.
    pub matching: Figure,
    /// A packet that none admits.
    pub denied: Figure,
    /// A packet that opens a connection.
    pub new: Figure,
    /// Compiling them.
    pub compile: Figure,
    /// A change of one of them, until it is in force.
    pub update: Figure,
    /// Bytes of a compiled rule.
    pub bytes_each: f64,
}

/// What depends on the members of a group, with so many of them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MembersPoint {
    /// Members.
    pub members: u32,
    /// Asking whether a rule admits a packet; every other one is a member's.
    pub matching: Figure,
    /// A packet that no rule admits, whose sender is not a member.
    pub denied: Figure,
    /// A packet that opens a connection.
    pub new: Figure,
    /// A member that leaves or joins, until that is in force.
    pub change: Figure,
}

/// How many steps of the way the sweeps of a plan are.
pub(crate) fn steps(sweep: crate::Sweep) -> u32 {
    let sizes = match sweep {
        crate::Sweep::Flows => FLOWS.len(),
        crate::Sweep::Rules | crate::Sweep::Members => RULES.len(),
    };
    u32::try_from(sizes).unwrap_or(u32::MAX)
}

/// By open connections, as far as memory goes.
pub(crate) fn flows(course: &mut Course<'_>, rounds: Rounds) -> Result<FlowsSweep, Error> {
    let zipf = match course.plan.draw {
        Draw::Zipf(exponent) => exponent,
        Draw::Uniform => 0.99,
    };
    let (mut points, mut left_out) = (Vec::new(), Vec::new());
    let inventory = course.verified(course.plan)?;
    let (_, snapshot) = lowered(&inventory);
    for flows in FLOWS {
        course.step("sweep over flows");
        let needed_bytes = connections::needed_bytes(flows, course.plan.size);
        let available = available_bytes().unwrap_or(u64::MAX);
        if needed_bytes > available {
            left_out.push(LeftOut {
                size: flows,
                needed_bytes,
                available_bytes: available,
            });
            continue;
        }
        let plan = Plan {
            flows,
            ..course.plan.clone()
        };
        let draws = [Draw::Uniform, Draw::Zipf(zipf)];
        let figures = connections::established(&plan, &snapshot, &draws, rounds)?;
        if let [uniform, zipf] = figures[..] {
            points.push(FlowsPoint {
                flows,
                uniform,
                zipf,
            });
        }
    }
    Ok(FlowsSweep {
        zipf,
        points,
        left_out,
    })
}

/// By rules.
pub(crate) fn rules(course: &mut Course<'_>, rounds: Rounds) -> Result<Vec<RulesPoint>, Error> {
    let mut points = Vec::with_capacity(RULES.len());
    for count in RULES {
        course.step("sweep over rules");
        let plan = Plan {
            rules: count,
            ..course.plan.clone()
        };
        let inventory = course.verified(&plan)?;
        let (_, snapshot) = lowered(&inventory);
        let of_rules = rules::measure(&plan, &inventory, rounds);
        points.push(RulesPoint {
            rules: count,
            matching: of_rules.matching,
            denied: connections::denied(&plan, &snapshot, rounds)?,
            new: connections::new(plan.flows, &snapshot, rounds, plan.burst as usize)?,
            compile: of_rules.compile,
            update: of_rules.update,
            bytes_each: of_rules.bytes_each,
        });
    }
    Ok(points)
}

/// By members of a group.
pub(crate) fn members(course: &mut Course<'_>, rounds: Rounds) -> Result<Vec<MembersPoint>, Error> {
    let mut points = Vec::with_capacity(RULES.len());
    for members in RULES {
        course.step("sweep over members");
        let plan = Plan {
            members,
            ..course.plan.clone()
        };
        let inventory = course.verified(&plan)?;
        let (_, snapshot) = lowered(&inventory);
        points.push(MembersPoint {
            members,
            matching: rules::matching(&plan, &snapshot, rounds),
            denied: connections::denied(&plan, &snapshot, rounds)?,
            new: connections::new(plan.flows, &snapshot, rounds, plan.burst as usize)?,
            change: rules::member_change(&inventory, rounds),
        });
    }
    Ok(points)
}

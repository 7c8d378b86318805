//! The first pass: what each rule admitted, and what was denied to whom ([`Usage`]).

use std::collections::BTreeSet;

use secgroup_analysis::Admitted;
use secgroup_model::{GroupId, Inventory, SecurityGroup};
use secgroup_packet::Timestamp;

use crate::audit::Audit;
use crate::audit::narrowing::RuleKey;
use crate::lockstep::{Read, read};
use crate::report::Volume;
use crate::run::{Position, ReplayError};
use crate::session::{Burst, Session};
use crate::survey::{Survey, Surveyor};
use crate::usage::Usage;

/// What the first pass saw.
pub(crate) struct Observed {
    pub(crate) session: Session,
    pub(crate) read: Read,
    pub(crate) survey: Survey,
    pub(crate) usage: Usage,
}

/// Replays the captures once, and takes down what is seen.
pub(super) fn observe(
    plan: &Audit<'_>,
    progress: &mut dyn FnMut(Position),
) -> Result<Observed, ReplayError> {
    let mut session = Session::new(plan.settings.clone(), plan.policy, Timestamp::ZERO)?;
    let mut surveyor = Surveyor::new();
    surveyor.configure(&session, plan.policy);
    let mut started = false;
    let read = read(&plan.captures, progress, |batch| {
        if let (false, Some(first)) = (started, batch.get(0)) {
            session.start_at(first.time);
            started = true;
        }
        let mut burst = Burst::default();
        let mut records = batch.iter().peekable();
        while let Some(next) = records.peek() {
            let until = surveyor.until(&mut session, next.time);
            let part = std::iter::from_fn(|| {
                records.next_if(|record| until.is_none_or(|until| record.time < until))
            });
            session.judge(part, &mut burst);
            surveyor.take(&burst);
        }
    });
    let (survey, usage) = surveyor.finish(&mut session);
    Ok(Observed {
        session,
        read,
        survey,
        usage,
    })
}

impl Observed {
    /// What a rule admitted; `None` for nothing.
    pub(crate) fn admitted(&self, (group, spec): &RuleKey) -> Option<&Admitted> {
        let number = self.session.registry().rule_number(group, spec)?;
        self.usage.admitted(number)
    }

    /// Packets that a rule admitted, and those of connections that it admitted.
    pub(crate) fn hits(&self, (group, spec): &RuleKey) -> Volume {
        let number = self.session.registry().rule_number(group, spec);
        number.map_or_else(Volume::default, |number| {
            self.session.tally().of_rule(number).into()
        })
    }
}

/// The groups that some interface has.
pub(super) fn attached_groups(policy: &Inventory) -> impl Iterator<Item = &SecurityGroup> {
    let attached: BTreeSet<&GroupId> = policy
        .interfaces
        .values()
        .flat_map(|interface| &interface.groups)
        .collect();
    attached.into_iter().filter_map(|id| policy.groups.get(id))
}

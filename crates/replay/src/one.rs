//! A replay by one worker: one thread reads, judges and counts, in bursts that stay in the first-level cache.

use secgroup_io::{Batch, Capture, CaptureError, Record};
use secgroup_model::VpcId;
use secgroup_packet::Timestamp;

use crate::annotate::Annotator;
use crate::captures::Ended;
use crate::flow_log::FlowLog;
use crate::output::Outputs;
use crate::policies::Schedule;
use crate::report::CaptureReport;
use crate::run::{Found, Input, Position, ReplayError};
use crate::session::{Burst, Session};
use crate::summary::Summary;
use crate::survey::Surveyor;
use crate::workers::Choice;

/// Replays the captures one after the other as one stream.
pub(crate) fn run(
    input: &Input,
    outputs: &mut Outputs,
    progress: &mut dyn FnMut(Position),
) -> Result<Found, ReplayError> {
    let session = Session::new(input.settings.clone(), &input.policy, Timestamp::ZERO)?;
    let mut replay = Replay {
        session,
        schedule: Schedule::new(&input.changes),
        summary: Summary::new(input.policy.clone(), &input.changes),
        outputs,
        flow_log: input.flow_log.clone().map(FlowLog::new),
        annotator: input
            .annotate
            .as_deref()
            .map(Annotator::create)
            .transpose()?,
        surveyor: input.survey.then(Surveyor::new),
        vpc: input.settings.vpc.as_ref(),
    };
    let mut captures = Vec::with_capacity(input.captures.len());
    let mut bytes_before = 0;
    for path in &input.captures {
        let ended = match Capture::open(path) {
            Ok(mut capture) => {
                if input.captures.len() > 1 {
                    replay.outputs.of_capture(capture.name());
                }
                let error = replay.capture(&mut capture, &mut |packets, capture| {
                    let bytes = bytes_before + capture.bytes_read();
                    progress(Position { packets, bytes });
                })?;
                bytes_before += capture.bytes_read();
                Ended::read(&capture, error.as_ref())
            }
            Err(error) => Ended::unread(path, &error),
        };
        captures.push(replay.end(ended));
    }
    let Replay {
        mut session,
        summary,
        flow_log,
        annotator,
        surveyor,
        ..
    } = replay;
    annotator.map(Annotator::finish).transpose()?;
    let flow_log = flow_log.map(|log| log.finish(&session)).transpose()?;
    let survey = surveyor.map(|surveyor| Box::new(surveyor.finish(&mut session).0));
    Ok(Found {
        summary,
        captures,
        registry: session.registry().clone(),
        tally: session.tally().clone(),
        tracked: session.datapath().connections().count() as u64,
        flow_log,
        survey,
        choice: Choice::default(),
    })
}

/// A replay under way.
struct Replay<'i> {
    session: Session,
    schedule: Schedule,
    summary: Summary,
    outputs: &'i mut Outputs,
    flow_log: Option<FlowLog>,
    annotator: Option<Annotator>,
    surveyor: Option<Surveyor>,
    vpc: Option<&'i VpcId>,
}

impl Replay<'_> {
    /// One capture to its end. What it ended with, where that was not its end, is returned as a value: the rest goes on.
    fn capture(
        &mut self,
        capture: &mut Capture,
        told: &mut dyn FnMut(u64, &Capture),
    ) -> Result<Option<CaptureError>, ReplayError> {
        let mut buffers = Burst::default();
        let mut batches = 0_u32;
        // The state that an annotation tells is that behind its packet.
        let most = if self.annotator.is_some() { 1 } else { BURST };
        loop {
            let mut burst = buffers.recycle();
            match capture.next_batch(most) {
                Ok(Some(batch)) => self.batch(batch, &mut burst)?,
                Ok(None) => return Ok(None),
                Err(error) => return Ok(Some(error)),
            }
            buffers = burst.recycle();
            batches = batches.wrapping_add(1);
            if batches.is_multiple_of(TELL_EVERY) {
                told(self.summary.packets(), capture);
            }
        }
    }

    /// One batch, cut where the policy changes, and where connections are to be counted for a survey.
    fn batch<'a>(&mut self, batch: Batch<'a>, burst: &mut Burst<'a>) -> Result<(), ReplayError> {
        let mut records = batch.iter().peekable();
        while let Some(next) = records.peek() {
            self.begin(next)?;
            let mut until = self.schedule.next_due();
            if let Some(surveyor) = &mut self.surveyor {
                let counted = surveyor.until(&mut self.session, next.time);
                until = until.into_iter().chain(counted).min();
            }
            let in_force = |record: &Record<'_>| until.is_none_or(|until| record.time < until);
            let part = std::iter::from_fn(|| records.next_if(in_force));
            self.session.judge(part, burst);
            if let Some(flow_log) = &mut self.flow_log {
                flow_log.take(&self.session, burst);
            }
            if let Some(annotator) = &mut self.annotator {
                annotator.take(&self.session, burst)?;
            }
            if let Some(surveyor) = &mut self.surveyor {
                surveyor.take(burst);
            }
            self.summary.take(&self.session, burst, self.outputs)?;
        }
        Ok(())
    }

    /// Starts the clock with the first packet, and makes the changes that are due at `next`.
    fn begin(&mut self, next: &Record<'_>) -> Result<(), ReplayError> {
        if self.schedule.begin(next.time) {
            self.session.start_at(next.time);
            self.summary.begin(next.time);
            self.configure(next.time)?;
        }
        while let Some((due, index, change)) = self.schedule.take_due(next.time) {
            // When it was due, not when the next packet happens to come: windows of grace begin there.
            self.session.change(&change.policy, due)?;
            let first = self.summary.packets() + 1;
            self.summary.changed(index, change.policy, first);
            self.configure(due)?;
        }
        Ok(())
    }

    /// From `at` on, flow log and survey have the interfaces of the policy that came into force last.
    fn configure(&mut self, at: Timestamp) -> Result<(), ReplayError> {
        if let Some(surveyor) = &mut self.surveyor {
            surveyor.configure(&self.session, self.summary.policy());
        }
        if let Some(flow_log) = &mut self.flow_log {
            let policy = self.summary.policy();
            flow_log.configure(&self.session, policy, self.vpc, at)?;
        }
        Ok(())
    }

    fn end(&mut self, ended: Ended) -> CaptureReport {
        self.summary.warn(ended.warnings.into_iter());
        ended.report
    }
}

/// Packets in one burst: what they take in memory stays in the first-level cache.
const BURST: usize = 128;

/// Progress is told when so many bursts are through.
const TELL_EVERY: u32 = 128;

//! The client's end of the control socket.

use std::io::{self, ErrorKind};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secgroup_analysis::Explained;

use super::line::{LineError, Lines, line_of};
use crate::protocol::{
    Answer, DeleteRequest, DenialPage, DenialsRequest, ErrorBody, ExplainRequest, FlowEvent,
    FlowPage, FlowQuery, FlowsRequest, FollowRequest, Question, ReloadOutcome, Request, Response,
    RulePage, RulesRequest, StatusDocument, TrafficPage, TrafficRequest,
};

/// Bytes that an answer may have: more than [`MAX_PAGE`](crate::protocol::MAX_PAGE) flows need.
const LONGEST: usize = 128 << 20;

/// How long the daemon may take to answer: a reload of large files takes a while.
const ANSWER: Duration = Duration::from_secs(60);

/// How long it may take to take a request.
const REQUEST: Duration = Duration::from_secs(10);

/// A connection to the daemon.
#[derive(Debug)]
pub struct Client {
    lines: Lines,
}

/// Why the daemon did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens.
    #[error(
        "secgroup is not running: nobody answers on {}; start it with 'secgroup run --config FILE' or 'systemctl start secgroup', or say --socket PATH", .0.display()
    )]
    NotRunning(PathBuf),
    /// The socket is not ours to use.
    #[error("no permission for {}: run this as root, or as the user that secgroup runs as", .0.display())]
    NotPermitted(PathBuf),
    /// It was refused, or it failed.
    #[error(transparent)]
    Refused(#[from] ErrorBody),
    /// The daemon went away.
    #[error("secgroup ended the connection")]
    Closed,
    /// It does not answer.
    #[error("secgroup does not answer; 'journalctl -u secgroup' may say why")]
    NoAnswer,
    /// What listens is not a secgroup that this program understands.
    #[error("cannot understand the answer: {0}")]
    NotUnderstood(String),
    /// The connection broke.
    #[error("the control socket failed: {0}")]
    Io(#[from] io::Error),
}

impl From<LineError> for ClientError {
    fn from(error: LineError) -> Self {
        match error {
            LineError::TooSlow { .. } => Self::NoAnswer,
            LineError::TooLong(_) => Self::NotUnderstood(error.to_string()),
            LineError::Io(error) => Self::Io(error),
        }
    }
}

impl Client {
    /// Connects to the daemon whose socket is at `path`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn connect(path: &Path) -> Result<Self, ClientError> {
        let stream = UnixStream::connect(path).map_err(|error| match error.kind() {
            ErrorKind::NotFound | ErrorKind::ConnectionRefused => {
                ClientError::NotRunning(path.to_owned())
            }
            ErrorKind::PermissionDenied => ClientError::NotPermitted(path.to_owned()),
            _ => ClientError::Io(error),
        })?;
        let lines = Lines::new(stream);
        Ok(Self { lines })
    }

    /// How the daemon is.
    ///
    /// # Errors
    /// [`ClientError`], here and below.
    pub fn status(&mut self) -> Result<StatusDocument, ClientError> {
        match self.ask(Request::Status)? {
            Response::Status(status) => Ok(*status),
            other => Err(unexpected(&other)),
        }
    }

    /// Tracked connections.
    pub fn flows(&mut self, request: FlowsRequest) -> Result<FlowPage, ClientError> {
        match self.ask(Request::Flows(request))? {
            Response::Flows(page) => Ok(page),
            other => Err(unexpected(&other)),
        }
    }

    /// What passes now, flow by flow.
    pub fn traffic(&mut self, request: TrafficRequest) -> Result<TrafficPage, ClientError> {
        match self.ask(Request::Traffic(request))? {
            Response::Traffic(page) => Ok(page),
            other => Err(unexpected(&other)),
        }
    }

    /// What was denied lately, flow by flow.
    pub fn denials(&mut self, request: DenialsRequest) -> Result<DenialPage, ClientError> {
        match self.ask(Request::Denials(request))? {
            Response::Denials(page) => Ok(page),
            other => Err(unexpected(&other)),
        }
    }

    /// The rules in force, and what passed by each.
    pub fn rules(&mut self, request: RulesRequest) -> Result<RulePage, ClientError> {
        match self.ask(Request::Rules(request))? {
            Response::Rules(page) => Ok(page),
            other => Err(unexpected(&other)),
        }
    }

    /// What would become of a packet now, and why.
    pub fn explain(&mut self, request: ExplainRequest) -> Result<Explained, ClientError> {
        match self.ask(Request::Explain(request))? {
            Response::Explained(explained) => Ok(*explained),
            other => Err(unexpected(&other)),
        }
    }

    /// Connections as they open and close.
    pub fn follow(mut self, filter: FlowQuery) -> Result<Events, ClientError> {
        match self.ask(Request::Follow(FollowRequest { filter }))? {
            Response::Following(_) => Ok(Events { client: self }),
            other => Err(unexpected(&other)),
        }
    }

    /// Forgets connections; how many.
    pub fn delete(&mut self, request: DeleteRequest) -> Result<u64, ClientError> {
        match self.ask(Request::Delete(request))? {
            Response::Deleted(count) => Ok(count),
            other => Err(unexpected(&other)),
        }
    }

    /// Reads the policy again.
    pub fn reload(&mut self) -> Result<ReloadOutcome, ClientError> {
        match self.ask(Request::Reload)? {
            Response::Reload(outcome) => Ok(outcome),
            other => Err(unexpected(&other)),
        }
    }

    /// Ends the daemon, with `handover` for another to take over, and waits until it is gone, but no
    /// longer than `patience`; whether it is.
    pub fn stop(mut self, handover: bool, patience: Duration) -> Result<bool, ClientError> {
        let request = if handover {
            Request::Handover
        } else {
            Request::Stop
        };
        match self.ask(request)? {
            Response::Stopping(_) => {}
            other => return Err(unexpected(&other)),
        }
        // It says nothing more; the end of the connection is the end of the daemon.
        let end = self.lines.read(LONGEST, Some(patience));
        Ok(!matches!(end, Err(LineError::TooSlow { .. })))
    }

    fn ask(&mut self, request: Request) -> Result<Response, ClientError> {
        let question = line_of(&Question::new(request))?;
        // A daemon that turns us away does not listen, but says why.
        let asked = self.lines.write(&question, REQUEST);
        match self.answer(Some(ANSWER)) {
            Err(ClientError::Closed | ClientError::Io(_)) if asked.is_err() => {
                Err(asked.map_or_else(Into::into, |()| ClientError::Closed))
            }
            answer => answer,
        }
    }

    fn answer(&mut self, within: Option<Duration>) -> Result<Response, ClientError> {
        let line = self
            .lines
            .read(LONGEST, within)?
            .ok_or(ClientError::Closed)?;
        let answer: Answer = serde_json::from_slice(&line)
            .map_err(|error| ClientError::NotUnderstood(error.to_string()))?;
        match answer.response {
            Response::Error(error) => Err(error.into()),
            response => Ok(response),
        }
    }
}

fn unexpected(response: &Response) -> ClientError {
    let said = serde_json::to_string(response).unwrap_or_default();
    let said: String = said.chars().take(80).collect();
    ClientError::NotUnderstood(format!("{said} answers another request"))
}

/// Events until the daemon ends or cuts us off.
#[derive(Debug)]
pub struct Events {
    client: Client,
}

impl Iterator for Events {
    type Item = Result<FlowEvent, ClientError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.client.answer(None) {
            Ok(Response::Event(event)) => Some(Ok(event)),
            Ok(other) => Some(Err(unexpected(&other))),
            Err(ClientError::Closed) => None,
            Err(error) => Some(Err(error)),
        }
    }
}

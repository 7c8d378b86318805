//! What one client asks, and what it is told.

use std::io::Read;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, bounded, select};
use secgroup_analysis::Flow;

use super::Operate;
use super::line::{LineError, Lines, line_of};
use crate::protocol::{
    Answer, DeleteRequest, ErrorCode, ExplainRequest, FlowQuery, FlowsRequest, MAX_OVER_SECONDS,
    MAX_PAGE, MAX_TRAFFIC, Question, Request, Response, RulesRequest, TrafficRequest, VERSION,
};

/// Bytes that a request may have: the longest filter has some hundreds.
const LONGEST: usize = 64 * 1024;

/// How long a client may say nothing, or take to say it.
const SILENCE: Duration = Duration::from_secs(60);

/// How long it may take to take an answer.
const TAKING: Duration = Duration::from_secs(10);

/// Answers a client until it goes, says something that cannot be read, or takes too long.
pub(super) fn serve(stream: UnixStream, operate: &dyn Operate) {
    let mut client = Lines::new(stream);
    // Whoever ended it: there is nobody left to tell.
    while let Ok(true) = turn(&mut client, operate) {}
    // The descriptor alone is not the last of this connection: others are kept to cut it off.
    let _ = client.stream().shutdown(Shutdown::Both);
}

/// One request and its answer; whether there may be another.
fn turn(client: &mut Lines, operate: &dyn Operate) -> Result<bool, LineError> {
    let line = match client.read(LONGEST, Some(SILENCE)) {
        Ok(Some(line)) => line,
        Ok(None) | Err(LineError::TooSlow { begun: false }) => return Ok(false),
        Err(error @ LineError::TooLong(_)) => return end(client, ErrorCode::TooLong, &error),
        Err(error @ LineError::TooSlow { .. }) => return end(client, ErrorCode::TooSlow, &error),
        Err(error) => return Err(error),
    };
    if line.iter().all(u8::is_ascii_whitespace) {
        return Ok(true);
    }
    match understand(&line) {
        Ok(Request::Follow(request)) => {
            follow(client, operate, &request.filter)?;
            return Ok(false);
        }
        Ok(request) => say(client, carry_out(request, operate))?,
        Err(response) => say(client, *response)?,
    }
    Ok(true)
}

/// Says why nothing more is heard from this client.
fn end(client: &mut Lines, code: ErrorCode, error: &LineError) -> Result<bool, LineError> {
    say(client, Response::error(code, error.to_string())).map(|()| false)
}

fn say(client: &mut Lines, response: Response) -> Result<(), LineError> {
    client.write(&line_of(&Answer::new(response))?, TAKING)
}

/// The request of a line, or what is wrong with it.
fn understand(line: &[u8]) -> Result<Request, Box<Response>> {
    let bad = |message: String| Box::new(Response::error(ErrorCode::BadRequest, message));
    let question: Question =
        serde_json::from_slice(line).map_err(|error| bad(format!("not a request: {error}")))?;
    if question.version != VERSION {
        let asked = question.version;
        let message = format!(
            "version {asked} was asked for, and this daemon speaks version {VERSION}; use the 'secgroup' that it was installed with"
        );
        return Err(Box::new(Response::error(ErrorCode::Version, message)));
    }
    check(question.request)
}

/// The request, unless it contradicts itself or asks for too much.
pub(crate) fn check(request: Request) -> Result<Request, Box<Response>> {
    let bad = |message: String| Box::new(Response::error(ErrorCode::BadRequest, message));
    match &request {
        Request::Delete(DeleteRequest { filter, all }) if *all != filter.is_empty() => Err(bad(
            "delete takes either a filter that says something or \"all\": true".to_owned(),
        )),
        Request::Flows(FlowsRequest { limit, .. }) if *limit > MAX_PAGE => {
            Err(bad(format!("the limit is {MAX_PAGE} flows at most")))
        }
        Request::Rules(RulesRequest { limit }) if *limit > MAX_PAGE => {
            Err(bad(format!("the limit is {MAX_PAGE} rules at most")))
        }
        Request::Traffic(TrafficRequest { limit, .. }) if *limit > MAX_TRAFFIC => {
            Err(bad(format!("the limit is {MAX_TRAFFIC} flows at most")))
        }
        Request::Traffic(TrafficRequest { over_seconds, .. })
            if *over_seconds > MAX_OVER_SECONDS =>
        {
            Err(bad(format!(
                "rates are taken over {MAX_OVER_SECONDS} seconds at most"
            )))
        }
        Request::Explain(ExplainRequest { flow, .. }) => match flow.parse::<Flow>() {
            Ok(_) => Ok(request),
            Err(error) => Err(bad(error.to_string())),
        },
        _ => Ok(request),
    }
}

/// Does what is asked, and says what came of it.
pub(crate) fn carry_out(request: Request, operate: &dyn Operate) -> Response {
    let failed = |message| Response::error(ErrorCode::Failed, message);
    match request {
        Request::Status => Response::Status(Box::new(operate.status())),
        Request::Flows(request) => operate.flows(&request).map_or_else(failed, Response::Flows),
        Request::Traffic(request) => operate
            .traffic(&request)
            .map_or_else(failed, Response::Traffic),
        Request::Denials(request) => Response::Denials(operate.denials(&request)),
        Request::Rules(request) => Response::Rules(operate.rules(&request)),
        Request::Explain(request) => operate
            .explain(&request)
            .map_or_else(failed, |explained| Response::Explained(Box::new(explained))),
        Request::Delete(request) => operate
            .delete(&request.filter)
            .map_or_else(failed, Response::Deleted),
        Request::Reload => Response::Reload(operate.reload()),
        Request::Stop => stop(operate, false),
        Request::Handover => stop(operate, true),
        Request::Follow(_) => failed("following is no request with one answer".to_owned()),
    }
}

fn stop(operate: &dyn Operate, handover: bool) -> Response {
    match operate.stop(handover) {
        Ok(()) => Response::Stopping(true),
        Err(message) => Response::error(ErrorCode::Failed, message),
    }
}

/// Tells events until the client goes, or does not keep up.
fn follow(client: &mut Lines, operate: &dyn Operate, filter: &FlowQuery) -> Result<(), LineError> {
    let following = operate.follow(filter);
    say(client, Response::Following(true))?;
    let gone = notice_departure(client.stream())?;
    loop {
        select! {
            recv(following.events()) -> event => match event {
                Ok(event) => say(client, Response::Event(event))?,
                Err(_) => {
                    let message = "connections open and close faster than they were read; follow with a narrower filter";
                    return say(client, Response::error(ErrorCode::TooSlow, message));
                }
            },
            recv(gone) -> _ => return Ok(()),
        }
    }
}

/// A channel that is cut when the client ends its side of the connection. What it says meanwhile is
/// not listened to.
fn notice_departure(stream: &UnixStream) -> Result<Receiver<()>, LineError> {
    let (present, gone) = bounded(0);
    let mut stream = stream.try_clone()?;
    stream.set_read_timeout(None)?;
    thread::Builder::new()
        .name("control follower".to_owned())
        .spawn(move || {
            let mut ignored = [0; 64];
            while matches!(stream.read(&mut ignored), Ok(count) if count > 0) {}
            // Whoever closed only its writing end does not want to hear either; and a session that
            // waits for it to take an event need not wait longer.
            let _ = stream.shutdown(Shutdown::Both);
            drop::<crossbeam_channel::Sender<()>>(present);
        })?;
    Ok(gone)
}

//! What stands in the essay is what is read and written.

use serde_json::{Value, json};

use super::*;

fn request(text: &str) -> Result<Request, String> {
    serde_json::from_str::<Question>(text)
        .map(|question| question.request)
        .map_err(|error| error.to_string())
}

#[test]
fn requests_are_read_as_documented() {
    assert_eq!(request(r#"{"request":"status"}"#), Ok(Request::Status));
    assert_eq!(
        request(r#"{"version":1,"request":"handover"}"#),
        Ok(Request::Handover)
    );
    let Ok(Request::Flows(flows)) = request(
        r#"{"request":{"flows":{"filter":{"port":443,"protocol":6,"address":"10.0.1.10"},"limit":10}}}"#,
    ) else {
        panic!("a request for flows");
    };
    assert_eq!((flows.limit, flows.count_only), (10, false));
    assert_eq!(flows.filter.port, Some(443));
    assert_eq!(
        flows.filter.address.map(|range| range.to_string()),
        Some("10.0.1.10/32".to_owned())
    );
    let Ok(Request::Flows(flows)) = request(r#"{"request":{"flows":{}}}"#) else {
        panic!("a request for flows");
    };
    assert_eq!(flows, FlowsRequest::default());
}

#[test]
fn what_is_mistyped_is_refused_not_ignored() {
    let cases = [
        (
            r#"{"request":{"delete":{"filter":{"prot":22}}}}"#,
            "unknown field `prot`",
        ),
        (r#"{"request":"restart"}"#, "unknown variant `restart`"),
        (
            r#"{"request":{"flows":{"filter":{"state":"open"}}}}"#,
            "unknown variant `open`",
        ),
        (
            r#"{"request":{"flows":{"filter":{"protocol":"tpc"}}}}"#,
            "'tpc' is no protocol",
        ),
        (
            r#"{"request":{"flows":{"filter":{"address":"10.0.0/8"}}}}"#,
            "'10.0.0/8' is neither",
        ),
        (
            r#"{"request":{"flows":{"filter":{"port":65536}}}}"#,
            "65536",
        ),
        (r#"{"request":"status","reqest":1}"#, "unknown field"),
    ];
    for (text, expected) in cases {
        let error = request(text).unwrap_err();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn every_request_survives_the_wire() {
    let filter = FlowQuery {
        interface: Some("web".to_owned()),
        address: Some("2001:db8::/64".parse().unwrap()),
        port: Some(22),
        protocol: Some(secgroup_packet::Protocol(47)),
        state: Some(FlowState::FinWait),
    };
    let all = [
        Request::Status,
        Request::Flows(FlowsRequest {
            filter: filter.clone(),
            limit: 5,
            count_only: true,
        }),
        Request::Traffic(TrafficRequest {
            limit: 3,
            by: TrafficOrder::Packets,
            over_seconds: 2,
        }),
        Request::Denials(DenialsRequest { limit: 4 }),
        Request::Rules(RulesRequest { limit: 5 }),
        Request::Follow(FollowRequest::default()),
        Request::Delete(DeleteRequest { filter, all: false }),
        Request::Reload,
        Request::Stop,
        Request::Handover,
    ];
    for wanted in all {
        let line = serde_json::to_string(&Question::new(wanted.clone())).unwrap();
        assert_eq!(request(&line), Ok(wanted), "{line}");
    }
}

#[test]
fn answers_say_their_version_and_what_they_are() {
    let said = |response| serde_json::to_value(Answer::new(response)).unwrap();
    assert_eq!(
        said(Response::Deleted(3)),
        json!({"version": 1, "deleted": 3})
    );
    assert_eq!(
        said(Response::error(ErrorCode::BadRequest, "no")),
        json!({"version": 1, "error": {"code": "bad-request", "message": "no"}})
    );
    let refused = ReloadOutcome::Refused {
        generation: 7,
        errors: vec!["web.yaml:3: bad".to_owned()],
    };
    assert_eq!(
        said(Response::Reload(refused)),
        json!({"version": 1, "reload": {"outcome": "refused", "generation": 7, "errors": ["web.yaml:3: bad"]}})
    );
}

#[test]
fn a_client_reads_what_a_newer_daemon_adds() {
    let line = json!({"version": 1, "took": 3, "error": {"code": "on-fire", "message": "hot", "more": true}});
    let answer: Answer = serde_json::from_value(line).unwrap();
    let expected = Response::error(ErrorCode::Unknown, "hot");
    assert_eq!(answer.response, expected);
}

#[test]
fn states_have_one_name_everywhere() {
    for state in FlowState::ALL {
        assert_eq!(
            serde_json::to_value(state).unwrap(),
            Value::from(state.as_str())
        );
        assert_eq!(state.as_str().parse(), Ok(state));
    }
}

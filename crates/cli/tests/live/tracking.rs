//! Connections that are not TCP: scenarios 32 to 37 and 70.

use secgroup_testkit::frame;
use serde_json::json;

use crate::support::{
    ANY, I, Lab, O, Policy, Setup, all, everything, live, protocol, udp, until_drop,
};

live! {
    /// Scenarios 32 and 33: packets one way never make a stream, and have the shorter time.
    fn udp_becomes_a_stream_by_answers() {
        let setup = Setup {
            tracking: "timeouts.udp_seconds = 1\ntimeouts.udp_stream_seconds = 100",
            ..Setup::stations(Policy::of_aws())
        };
        let lab = Lab::new(&setup);
        let act = |_: &str| lab.daemon().has_connections(1);
        lab.wire().trace_with(lab.daemon(), "
            +0 10.0.0.10:1 > 203.0.113.10:53 udp | pass new
            +0 203.0.113.10:53 > 10.0.0.10:1 udp | pass established
            +0 10.0.0.10:1 > 203.0.113.10:53 udp | pass established
            +0 203.0.113.10:53 > 10.0.0.10:1 udp | pass established
            +0 10.0.0.10:2 > 203.0.113.10:53 udp | pass new
            +0 10.0.0.10:2 > 203.0.113.10:53 udp | pass established
            +0 10.0.0.10:2 > 203.0.113.10:53 udp | pass established
            +0 ! all but the stream run out      |
            +0 203.0.113.10:53 > 10.0.0.10:2 udp | drop no-rule
            +0 203.0.113.10:53 > 10.0.0.10:1 udp | pass established
        ", &[], act);
    }

    /// Scenario 33: an idle flow runs out although another is busy; both families.
    fn an_idle_flow_runs_out_beside_a_busy_one() {
        let setup = Setup {
            tracking: "timeouts.udp_seconds = 1",
            ..Setup::stations(Policy::of_aws())
        };
        let lab = Lab::new(&setup);
        let mut wire = lab.wire();
        wire.trace(lab.daemon(), "
            +0 10.0.0.10:1 > 203.0.113.10:53 udp               | pass new
            +0 10.0.0.10:2 > 203.0.113.10:53 udp               | pass new
            +0 [2001:db8::10]:2 > [2001:db8:1::10]:53 udp      | pass new
        ");
        let busy = frame::udp(&format!("{I}:1"), &format!("{O}:53"), b"");
        secgroup_testkit::wait::until("the idle flows to run out", || {
            assert_eq!(wire.egress(std::slice::from_ref(&busy)).len(), 1);
            (lab.daemon().connections() == 1).then_some(())
        });
        wire.trace(lab.daemon(), "
            +0 203.0.113.10:53 > 10.0.0.10:2 udp               | drop no-rule
            +0 [2001:db8:1::10]:53 > [2001:db8::10]:2 udp      | drop no-rule
            +0 203.0.113.10:53 > 10.0.0.10:1 udp               | pass established
        ");
    }

    /// Scenario 34: the deliberate cut.
    fn a_deleted_flow_is_judged_again() {
        let lab = Lab::new(&Setup::stations(Policy::of_aws()));
        let act = |words: &str| {
            let request = match words {
                "one is deleted" => json!({"delete": {"filter": {"port": 1}}}),
                _ => json!({"delete": {"all": true}}),
            };
            assert_eq!(lab.daemon().ask(&request)["deleted"], 1);
        };
        lab.wire().trace_with(lab.daemon(), "
            +0 10.0.0.10:1 > 203.0.113.10:53 udp | pass new
            +0 10.0.0.10:2 > 203.0.113.10:53 udp | pass new
            +0 ! one is deleted                  |
            +0 203.0.113.10:53 > 10.0.0.10:1 udp | drop no-rule
            +0 203.0.113.10:53 > 10.0.0.10:2 udp | pass established
            +0 ! all are deleted                 |
            +0 203.0.113.10:53 > 10.0.0.10:2 udp | drop no-rule
            +0 10.0.0.10:1 > 203.0.113.10:53 udp | pass new
        ", &[], act);
    }

    /// Scenario 35: other protocols by their addresses and number (D5).
    fn other_protocols_answer_for_a_while() {
        let setup = Setup {
            tracking: "timeouts.other_seconds = 1",
            ..Setup::stations(Policy::of_aws())
        };
        let lab = Lab::new(&setup);
        let act = |_: &str| lab.daemon().has_connections(0);
        for number in [112_u8, 47, 50, 132, 2] {
            let table = "
                +0 10.0.0.10 > 203.0.113.10 proto NUMBER len 16 | pass new
                +0 203.0.113.10 > 10.0.0.10 proto NUMBER len 16 | pass established
                +0 203.0.113.10 > 10.0.0.10 proto 113 len 16    | drop no-rule
                +0 203.0.113.11 > 10.0.0.10 proto NUMBER len 16 | drop no-rule
            ";
            lab.wire().trace(lab.daemon(), &table.replace("NUMBER", &number.to_string()));
        }
        lab.wire().trace_with(lab.daemon(), "
            +0 ! they run out                               |
            +0 203.0.113.10 > 10.0.0.10 proto 112 len 16    | drop no-rule
        ", &[], act);
    }

    /// Scenario 36: two associations that begin at once.
    fn sctp_goes_by_its_number() {
        let rules = [protocol(132, ANY)];
        let lab = Lab::new(&Setup::stations(Policy::new(&rules, &rules)));
        lab.wire().trace(lab.daemon(), "
            +0 10.0.0.10 > 203.0.113.10 proto 132 len 32    | pass new
            +0 203.0.113.10 > 10.0.0.10 proto 132 len 32    | pass established
            +0 203.0.113.11 > 10.0.0.10 proto 132 len 32    | pass new
            +0 203.0.113.10 > 10.0.0.10 proto 131 len 32    | drop no-rule
        ");
    }

    /// Scenario 37: many first packets of one flow.
    fn one_flow_is_one_connection() {
        let lab = Lab::new(&Setup::stations(Policy::new(&[udp(53, "203.0.113.0/24")], &[])));
        let mut wire = lab.wire();
        let burst = vec![frame::udp(&format!("{O}:1"), &format!("{I}:53"), b"x"); 128];
        assert_eq!(wire.ingress(&burst).len(), 128);
        assert_eq!(lab.daemon().connections(), 1);
        assert_eq!(lab.daemon().packets("I", "ingress", "new"), 1);
    }

    /// Scenario 70.
    fn an_allowance_is_an_allowance() {
        let setup = Setup {
            tracking: "allowance = 2",
            ..Setup::stations(Policy::of_aws())
        };
        let lab = Lab::new(&setup);
        let act = |_: &str| {
            let answer = lab.daemon().ask(&json!({"delete": {"filter": {"port": 1}}}));
            assert_eq!(answer["deleted"], 1);
        };
        lab.wire().trace_with(lab.daemon(), "
            +0 10.0.0.10:1 > 203.0.113.10:53 udp | pass new
            +0 10.0.0.10:2 > 203.0.113.10:53 udp | pass new
            +0 10.0.0.10:3 > 203.0.113.10:53 udp | drop table-full
            +0 10.0.0.10:2 > 203.0.113.10:53 udp | pass established
            +0 ! one is deleted                  |
            +0 10.0.0.10:3 > 203.0.113.10:53 udp | pass new
            +0 10.0.0.10:1 > 203.0.113.10:53 udp | drop table-full
        ", &[], act);
        let status = lab.daemon().status();
        assert_eq!(status["interfaces"][0]["allowance"], 2, "{status:#}");
        assert_eq!(status["workers"][0]["table_full"], 2, "{status:#}");
    }

    /// Scenario 47: a handshake that is slower than the time for it, and one that is not.
    fn a_late_answer_is_none() {
        let setup = Setup {
            tracking: "timeouts.tcp_syn_sent_seconds = 1",
            ..Setup::stations(Policy::of_aws())
        };
        let lab = Lab::new(&setup);
        let act = |_: &str| lab.daemon().has_connections(1);
        lab.wire().trace_with(lab.daemon(), "
            +0 10.0.0.10:1 > 203.0.113.10:80 tcp S  | pass new
            +0 10.0.0.10:2 > 203.0.113.10:80 tcp S  | pass new
            +0 203.0.113.10:80 > 10.0.0.10:2 tcp SA | pass established
            +0 ! the first runs out                 |
            +0 203.0.113.10:80 > 10.0.0.10:1 tcp SA | drop no-rule
            +0 10.0.0.10:2 > 203.0.113.10:80 tcp A  | pass established
        ", &[], act);
    }

    /// Scenario 45: a connection that both ends closed stays for its last packets, and then is gone.
    fn a_closed_connection_runs_out() {
        let setup = Setup {
            tracking: "timeouts.tcp_time_wait_seconds = 1",
            ..Setup::stations(Policy::of_aws())
        };
        let lab = Lab::new(&setup);
        let act = |_: &str| lab.daemon().has_connections(0);
        lab.wire().trace_with(lab.daemon(), "
            +0 10.0.0.10:1 > 203.0.113.10:80 tcp S            | pass new
            +0 203.0.113.10:80 > 10.0.0.10:1 tcp SA           | pass established
            +0 10.0.0.10:1 > 203.0.113.10:80 tcp A            | pass established
            +0 10.0.0.10:1 > 203.0.113.10:80 tcp PA \"GET /\" | pass established
            +0 203.0.113.10:80 > 10.0.0.10:1 tcp PA len 1000  | pass established
            +0 10.0.0.10:1 > 203.0.113.10:80 tcp FA           | pass established
            +0 203.0.113.10:80 > 10.0.0.10:1 tcp A            | pass established
            +0 203.0.113.10:80 > 10.0.0.10:1 tcp FA           | pass established
            +0 10.0.0.10:1 > 203.0.113.10:80 tcp A            | pass established
            +0 203.0.113.10:80 > 10.0.0.10:1 tcp FA           | pass established
            +0 ! it runs out                                  |
            +0 203.0.113.10:80 > 10.0.0.10:1 tcp A            | drop no-rule
            +0 10.0.0.10:1 > 203.0.113.10:80 tcp A            | drop invalid-state
        ", &[], act);
    }

    /// Scenario 46 and D40: the same ports again are a new connection, if a rule still allows it.
    fn a_tuple_that_is_used_again_is_judged_again() {
        let lab = Lab::new(&Setup::stations(Policy::new(&[], &[all("203.0.113.0/24")])));
        let act = |_: &str| lab.policy(&Policy::new(&[], &[]));
        lab.wire().trace_with(lab.daemon(), "
            +0 10.0.0.10:1 > 203.0.113.10:80 tcp S  | pass new
            +0 203.0.113.10:80 > 10.0.0.10:1 tcp RA | pass established
            +0 10.0.0.10:1 > 203.0.113.10:80 tcp S  | pass new
            +0 203.0.113.10:80 > 10.0.0.10:1 tcp SA | pass established
            +0 10.0.0.10:1 > 203.0.113.10:80 tcp A  | pass established
            +0 10.0.0.10:1 > 203.0.113.10:80 tcp R  | pass established
            +0 ! the rule is revoked                |
            +0 10.0.0.10:1 > 203.0.113.10:80 tcp S  | drop no-rule
        ", &[], act);
    }

    /// Scenario 51: one who knocks for ever is judged again when the time of his first SYN is over.
    fn a_syn_cannot_pin_its_entry() {
        let setup = Setup {
            tracking: "timeouts.tcp_syn_sent_seconds = 1",
            ..Setup::stations(Policy::new(&[], &everything()))
        };
        let lab = Lab::new(&setup);
        let mut wire = lab.wire();
        let knock = frame::tcp(&format!("{I}:1"), &format!("{O}:80"), "S", b"");
        assert_eq!(wire.egress(std::slice::from_ref(&knock)).len(), 1);
        lab.policy(&Policy::new(&[], &[]));
        until_drop(&mut wire, &knock);
        assert!(lab.daemon().packets("I", "egress", "no-rule") > 0);
    }
}

//! ICMP errors and what they are about: scenarios 22 to 30.

use secgroup_testkit::frame::{self, quote, quote_bytes};

use crate::support::{ANY, I, Lab, O, Policy, Setup, icmp, live};

live! {
    /// Scenarios 22 and 23, in both families.
    fn an_error_about_a_tracked_flow_is_related() {
        let lab = Lab::new(&Setup::stations(Policy::of_aws()));
        let never_sent = |from: &str| quote(&frame::udp(&format!("{I}:5000"), &format!("{O}:9"), b"x"), 3, 3, from);
        let frames = [("stray", never_sent(O)), ("stray-router", never_sent("198.51.100.1"))];
        lab.wire().trace_with(lab.daemon(), "
            +0 10.0.0.10:4000 > 203.0.113.10:9 udp               | pass new
            +0 203.0.113.10 > 10.0.0.10 icmp 3/3 quotes 1        | pass related
            +0 198.51.100.1 > 10.0.0.10 icmp 11/0 quotes 1       | pass related
            +0 frame stray                                       | drop no-rule
            +0 frame stray-router                                | drop no-rule
            +0 [2001:db8::10]:4000 > [2001:db8:1::10]:9 udp      | pass new
            +0 2001:db8:1::10 > 2001:db8::10 icmp6 1/4 quotes 6  | pass related
            +0 2001:db8:2::1 > 2001:db8::10 icmp6 3/0 quotes 6   | pass related
        ", &frames, |_| {});
    }

    /// Scenario 24.
    fn an_error_may_be_about_either_half() {
        let lab = Lab::new(&Setup::stations(Policy::of_aws()));
        lab.wire().trace(lab.daemon(), "
            +0 10.0.0.10:4000 > 203.0.113.10:9 udp          | pass new
            +0 203.0.113.10:9 > 10.0.0.10:4000 udp          | pass established
            +0 203.0.113.10 > 10.0.0.10 icmp 3/1 quotes 1   | pass related
            +0 203.0.113.10 > 10.0.0.10 icmp 3/1 quotes 1   | pass related
            +0 10.0.0.10 > 203.0.113.10 icmp 3/3 quotes 2   | pass related
        ");
    }

    /// Scenarios 25 and 26.
    fn an_error_must_fit_what_it_quotes() {
        let lab = Lab::new(&Setup::stations(Policy::new(&[], &[icmp(8, 0, ANY)])));
        let request = frame::ping(I, O, 7, 1);
        let quoted = frame::ip(&request);
        // An echo reply that carries a live packet is an echo reply.
        let reply = frame::icmp(O, I, 0, 0, [0, 9, 0, 1], quoted);
        // An error to the instance about a packet of somebody else, with the same identifier.
        let foreign = quote(&frame::ping("10.0.0.11", O, 7, 1), 3, 1, O);
        let misdirected = quote_bytes(frame::ip(&frame::ping("10.0.0.11", O, 7, 1)), 3, 1, O, I);
        let reversed = quote_bytes(frame::ip(&frame::pong(O, I, 7, 1)), 3, 1, O, I);
        let frames = [("reply", reply), ("foreign", foreign), ("misdirected", misdirected), ("reversed", reversed)];
        lab.wire().trace_with(lab.daemon(), "
            +0 10.0.0.10 > 203.0.113.10 ping id 7 seq 1     | pass new
            +0 frame reply                                  | drop no-rule
            +0 frame foreign                                | drop spoofed
            +0 frame misdirected                            | drop no-rule
            +0 frame reversed                               | drop no-rule
            +0 203.0.113.10 > 10.0.0.10 icmp 3/1 quotes 1   | pass related
        ", &frames, |_| {});
    }

    /// Scenario 27: path MTU discovery, for UDP, TCP and echo, with IP options as well.
    fn too_big_comes_back() {
        let lab = Lab::new(&Setup::stations(Policy::of_aws()));
        let optioned = frame::with_ipv4_options(frame::udp(&format!("{I}:4001"), &format!("{O}:9"), &[0; 1400]), &[7, 7, 4, 0, 0, 0, 0]);
        let about = quote(&optioned, 3, 4, "198.51.100.1");
        lab.wire().trace_with(lab.daemon(), "
            +0 10.0.0.10 > 203.0.113.10 ping id 1 seq 1 len 1300     | pass new
            +0 198.51.100.1 > 10.0.0.10 icmp 3/4 quotes 1            | pass related
            +0 10.0.0.10:4000 > 203.0.113.10:443 tcp S               | pass new
            +0 198.51.100.1 > 10.0.0.10 icmp 3/4 quotes 3            | pass related
            +0 frame optioned                                        | pass new
            +0 frame about                                           | pass related
            +0 2001:db8::10 > 2001:db8:1::10 ping id 1 seq 1 len 1400 | pass new
            +0 2001:db8:2::1 > 2001:db8::10 icmp6 2/0 quotes 7       | pass related
        ", &[("optioned", optioned), ("about", about)], |_| {});
        assert_eq!(lab.daemon().packets("I", "ingress", "malformed"), 0);
    }

    /// Scenario 28: a redirect is no error about a flow, and needs a rule.
    fn a_redirect_needs_a_rule() {
        let lab = Lab::new(&Setup::stations(Policy::of_aws()));
        lab.wire().trace(lab.daemon(), "
            +0 10.0.0.10:4000 > 203.0.113.10:33434 udp ttl 1 | pass new
            +0 198.51.100.1 > 10.0.0.10 icmp 11/0 quotes 1   | pass related
            +0 198.51.100.1 > 10.0.0.10 icmp 5/1 quotes 1    | drop no-rule
        ");
    }

    /// Scenario 29.
    fn a_quote_that_is_cut_short_is_malformed() {
        let lab = Lab::new(&Setup::stations(Policy::of_aws()));
        let sent = frame::udp(&format!("{I}:4000"), &format!("{O}:9"), b"data");
        let quoted = frame::ip(&sent);
        let mut long_header = quoted.to_vec();
        long_header[0] = 0x4f; // 60 bytes of header, which are not there
        let frames = [
            ("sent", sent.clone()),
            ("header", quote_bytes(&long_header, 3, 3, O, I)),
            ("short", quote_bytes(&quoted[..24], 3, 3, O, I)),
            ("nothing", quote_bytes(&[], 3, 3, O, I)),
            ("whole", quote_bytes(quoted, 3, 3, O, I)),
        ];
        lab.wire().trace_with(lab.daemon(), "
            +0 frame sent    | pass new
            +0 frame header  | drop malformed
            +0 frame short   | drop malformed
            +0 frame nothing | drop malformed
            +0 frame whole   | pass related
        ", &frames, |_| {});
    }

    /// Scenario 30.
    fn exchanges_are_told_apart() {
        let lab = Lab::new(&Setup::stations(Policy::new(&[icmp(8, -1, ANY)], &[])));
        let nested = quote(&quote(&frame::pong(I, O, 5, 1), 3, 3, "198.51.100.1"), 3, 3, "198.51.100.2");
        lab.wire().trace_with(lab.daemon(), "
            +0 203.0.113.10 > 10.0.0.10 ping id 5 seq 1 | pass new
            +0 203.0.113.11 > 10.0.0.10 ping id 5 seq 1 | pass new
            +0 10.0.0.10 > 203.0.113.11 pong id 5 seq 1 | pass established
            +0 10.0.0.10 > 203.0.113.10 pong id 5 seq 1 | pass established
            +0 10.0.0.10 > 203.0.113.10 pong id 6 seq 1 | drop no-rule
            +0 10.0.0.10 > 203.0.113.12 pong id 5 seq 1 | drop no-rule
            +0 frame nested                             | drop spoofed
        ", &[("nested", nested)], |_| {});
    }
}

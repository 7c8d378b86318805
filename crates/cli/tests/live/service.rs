//! What a service manager is told (sd_notify).

use crate::support::{Lab, O, Policy, Setup, live, pings};

live! {
    /// Ready is said without waiting for a device: what is there is enforced, and what is missing is closed and named.
    fn a_service_manager_is_told_what_is_missing() {
        let setup = Setup { second: true, ..Setup::hosts(Policy::open()) };
        let mut lab = Lab::prepare(&setup);
        lab.firewall.ip("link del ja0");
        lab.start();
        let missing = "1 of 2 interfaces attached, waiting for ja0; policy generation 1";
        lab.daemon_mut().shows(missing);
        pings(&lab.instance, "", O);

        let second = lab.second.as_ref().unwrap().name().to_owned();
        lab.firewall.ip_batch(&format!(
            "link add ja0 type veth peer name eth0 netns {second}
             link set ja0 up
            "
        ));
        lab.daemon_mut().shows("2 interfaces attached; policy generation 1");

        lab.edit_config(|text| text.replace("watch = false", "watch = false\naudit = true"));
        lab.daemon().reload();
        lab.daemon_mut().shows("2 interfaces attached; policy generation 2, only counting");

        lab.firewall.ip("link del ib0");
        let lost = "1 of 2 interfaces attached, waiting for ib0; policy generation 2, only counting";
        lab.daemon_mut().shows(lost);
    }
}

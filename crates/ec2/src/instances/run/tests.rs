//! A launch takes as many looks as there are interfaces and instances, and not their product.

use jiff::Timestamp;
use secgroup_model::AccountId;

use super::*;
use crate::instances::default_subnet;
use crate::interfaces::work;
use crate::{Site, State, invariants, vpcs};

/// Launches `count` instances with an interface each; how much was looked at.
fn launch(state: &mut State, count: u32, seed: &mut u64) -> u64 {
    let account = AccountId::new("123456789012");
    let site = Site::new("us-east-1", vec![account.clone()]);
    let caller = Caller {
        account: account.clone(),
        key: "AKIA".into(),
        may_write: true,
    };
    let mut random = || {
        *seed += 1;
        seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    };
    let mut edit = Edit::new(state, &site, Timestamp::UNIX_EPOCH, &mut random);
    if edit.inventory().vpcs.is_empty() {
        vpcs::create_default_vpc(&mut edit, &account);
    }
    let subnet = default_subnet(edit.state(), &site, &caller, None).unwrap();
    let request = CreateInterface::new(subnet.clone());
    let launch = Launch {
        min: count,
        max: count,
        image: "ami-1".to_owned(),
        instance_type: "t3.micro".to_owned(),
        key_name: None,
        interfaces: vec![LaunchInterface {
            device_index: PRIMARY,
            source: InterfaceSource::New(request),
            delete_on_termination: true,
        }],
        tags: Tags::new(),
    };
    let before = work::so_far();
    let launched = run(&mut edit, &caller, &launch).unwrap();
    assert_eq!(launched.len(), count as usize);
    let looks = work::so_far() - before;
    drop(edit.commit());
    looks
}

#[test]
fn work_grows_with_what_there_is_and_what_is_launched_not_with_both() {
    let (mut state, mut seed) = (State::default(), 0);
    let mut there = 0;
    for count in [LAUNCH_MAX, LAUNCH_MAX, LAUNCH_MAX, LAUNCH_MAX, 1] {
        let looks = launch(&mut state, count, &mut seed);
        // Number, MAC addresses, attachments, addresses, and the search that steps over all of these; one more each for what is launched,
        // and some addresses that are reserved.
        let bound = 5 * there + 2 * u64::from(count) + 10;
        assert!(looks <= bound, "{looks} looks at {there} and {count} more");
        assert!(looks >= there, "looks are counted");
        there += u64::from(count);
    }
    assert_eq!(state.inventory.interfaces.len(), 2001);
    assert_eq!(invariants::check(&state), [""; 0]);
}

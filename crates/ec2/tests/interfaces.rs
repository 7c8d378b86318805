//! Random calls on interfaces and instances: whatever is called, the state stays sound, and what fails changes nothing (A37).

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use jiff::Timestamp;
use secgroup_ec2::instances::{self, InstanceChange, InterfaceSource, Launch, LaunchInterface};
use secgroup_ec2::interfaces::{self, CreateInterface, InterfaceChange, Share, Unassign};
use secgroup_ec2::{Caller, Edit, Site, State, invariants, vpcs};
use secgroup_model::{
    AccountId, AttachmentId, Family, GroupId, InstanceId, ModelError, NetworkInterfaceId,
    SecurityGroup, Subnet, SubnetId,
};

const ACCOUNTS: [&str; 2] = ["123456789012", "210987654321"];
const SEEDS: u64 = 40;
const CALLS: u64 = 250;
/// Wide enough for a few interfaces and small enough to be full soon.
const RANGE: &str = "172.31.0.0/26";
const IPV6_RANGE: &str = "2001:db8::/56";
const IPV6_SUBNET: &str = "2001:db8::/64";

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn small(&mut self, bound: u64) -> u32 {
        u32::try_from(self.below(bound)).unwrap()
    }

    fn one_of<T: Clone>(&mut self, items: &[T]) -> T {
        items[usize::try_from(self.below(items.len() as u64)).unwrap()].clone()
    }
}

/// Two accounts, small subnets, and ids to call with: those that there are, and one that there is not.
struct World {
    state: State,
    site: Site,
    now: Timestamp,
    random: Random,
}

impl World {
    fn new(seed: u64) -> Self {
        let accounts = ACCOUNTS.map(AccountId::new).to_vec();
        let mut world = Self {
            state: State::default(),
            site: Site::new("us-east-1", accounts.clone()),
            now: Timestamp::from_second(1_735_689_600).unwrap(),
            random: Random(seed),
        };
        for account in &accounts {
            world
                .call(|edit, _| drop_ok(Ok(vpcs::create_default_vpc(edit, account))))
                .unwrap();
        }
        let vpcs: Vec<_> = world.state.inventory.vpcs.values().cloned().collect();
        for (number, vpc) in (0..6).zip(vpcs.iter().cycle()) {
            let id = GroupId::from_random(number);
            let vpc_id = Some(vpc.id.clone());
            let group =
                SecurityGroup::new(id, &format!("group {number}"), vpc.owner.clone(), vpc_id);
            world.state.inventory.groups.insert(group.id.clone(), group);
        }
        for vpc in world.state.inventory.vpcs.values_mut() {
            vpc.ipv6_cidrs = vec![IPV6_RANGE.parse().unwrap()];
        }
        for subnet in world.state.inventory.subnets.values_mut() {
            narrow(subnet);
        }
        world
    }

    fn call(
        &mut self,
        call: impl FnOnce(&mut Edit<'_>, &Caller) -> Result<(), ModelError>,
    ) -> Result<(), ModelError> {
        let caller = Caller {
            account: AccountId::new(ACCOUNTS[usize::from(self.random.below(8) == 0)]),
            key: "AKIDEXAMPLE".into(),
            may_write: true,
        };
        let mut ids = Random(self.random.next());
        let mut bits = || ids.next();
        let mut edit = Edit::new(&mut self.state, &self.site, self.now, &mut bits);
        call(&mut edit, &caller)?;
        drop(edit.commit());
        Ok(())
    }

    /// One of `known`; `none`, or if there is nothing else, now and then.
    fn pick<T: Clone>(&mut self, known: &[T], none: T) -> T {
        if known.is_empty() || self.random.below(12) == 0 {
            none
        } else {
            self.random.one_of(known)
        }
    }

    /// Mostly the small one of the first account.
    fn subnet(&mut self) -> SubnetId {
        let subnets = self.state.inventory.subnets.values();
        let small = subnets.filter(|subnet| subnet.ipv6_cidr.is_some());
        let small: Vec<_> = small.map(|subnet| subnet.id.clone()).collect();
        let owner = Some(AccountId::new(ACCOUNTS[0]));
        let own = small
            .iter()
            .filter(|id| self.state.owner_of_subnet(id) == owner.as_ref());
        let own: Vec<_> = own.cloned().collect();
        let all: Vec<_> = self.state.inventory.subnets.keys().cloned().collect();
        let any = self.random.one_of(&all);
        self.pick(&own, any)
    }

    /// Mostly of the first account's VPC.
    fn groups(&mut self) -> Vec<GroupId> {
        let groups = self.state.inventory.groups.values();
        let own = groups.filter(|group| group.owner.as_str() == ACCOUNTS[0]);
        let own: Vec<_> = own.map(|group| group.id.clone()).collect();
        let all: Vec<_> = self.state.inventory.groups.keys().cloned().collect();
        let count = self.random.below(4);
        let other = self.random.one_of(&all);
        (0..count).map(|_| self.pick(&own, other.clone())).collect()
    }

    fn interface(&mut self) -> NetworkInterfaceId {
        let ids: Vec<_> = self.state.inventory.interfaces.keys().cloned().collect();
        self.pick(&ids, NetworkInterfaceId::new("eni-none"))
    }

    fn instance(&mut self) -> InstanceId {
        let ids: Vec<_> = self.state.instances.keys().cloned().collect();
        self.pick(&ids, InstanceId::new("i-none"))
    }

    fn attachment(&mut self) -> AttachmentId {
        let known = self.state.attachments.values().map(|it| it.id.clone());
        let ids: Vec<_> = known.collect();
        self.pick(&ids, AttachmentId::new("eni-attach-none"))
    }

    /// In one of the subnets, reserved ones and its neighbours included.
    fn address(&mut self) -> Ipv4Addr {
        Ipv4Addr::new(172, 31, 0, u8::try_from(self.random.below(70)).unwrap())
    }

    fn share(&mut self, family: Family) -> Share {
        let count = self.random.small(4);
        let block = self.random.below(4) * 16;
        match (self.random.below(9), family) {
            (0, Family::V4) => Share::Addresses(vec![self.address().into(), self.address().into()]),
            (0, Family::V6) => {
                Share::Addresses(vec![format!("2001:db8::{count}").parse().unwrap()])
            }
            (1, _) => Share::AnyAddresses(count),
            (2, Family::V4) => {
                Share::Prefixes(vec![format!("172.31.0.{block}/28").parse().unwrap()])
            }
            (2, Family::V6) => {
                Share::Prefixes(vec![format!("2001:db8:0:0:{count}::/80").parse().unwrap()])
            }
            (3, _) => Share::AnyPrefixes(count),
            _ => Share::Nothing,
        }
    }

    fn new_interface(&mut self) -> CreateInterface {
        let mut request = CreateInterface::new(self.subnet());
        request.groups = self.groups();
        request.primary = (self.random.below(5) == 0).then(|| self.address());
        request.ipv4 = self.share(Family::V4);
        request.ipv6 = self.share(Family::V6);
        request
    }

    fn launch(&mut self) -> Launch {
        let count = 1 + self.random.small(2);
        let interfaces = (0..count).map(|place| LaunchInterface {
            device_index: if self.random.below(8) == 0 { 0 } else { place },
            source: if self.random.below(6) == 0 {
                InterfaceSource::Existing(self.interface())
            } else {
                InterfaceSource::New(self.new_interface())
            },
            delete_on_termination: self.random.below(2) == 0,
        });
        let interfaces = interfaces.collect();
        let min = self.random.small(3);
        Launch {
            min,
            max: min + self.random.small(2) * self.random.small(6),
            image: "ami-1".to_owned(),
            instance_type: "t3.micro".to_owned(),
            key_name: None,
            interfaces,
            tags: BTreeMap::new(),
        }
    }

    /// Makes a random call and says which.
    fn step(&mut self) -> (&'static str, Result<(), ModelError>) {
        match self.random.below(14) {
            0 => {
                let request = self.new_interface();
                (
                    "create",
                    self.call(|edit, caller| drop_ok(interfaces::create(edit, caller, request))),
                )
            }
            1 => {
                let id = self.interface();
                (
                    "delete",
                    self.call(|edit, caller| interfaces::delete(edit, caller, &id)),
                )
            }
            2 => {
                let (id, instance, index) =
                    (self.interface(), self.instance(), self.random.small(40));
                (
                    "attach",
                    self.call(|edit, caller| {
                        drop_ok(interfaces::attach(edit, caller, &id, &instance, index))
                    }),
                )
            }
            3 => {
                let id = self.attachment();
                (
                    "detach",
                    self.call(|edit, caller| interfaces::detach(edit, caller, &id)),
                )
            }
            4 | 5 => {
                let family = self.random.one_of(&Family::BOTH);
                let (id, share) = (self.interface(), self.share(family));
                let reassign = self.random.below(2) == 0;
                (
                    "assign",
                    self.call(|edit, caller| {
                        drop_ok(interfaces::assign(
                            edit, caller, &id, family, &share, reassign,
                        ))
                    }),
                )
            }
            6 => self.unassign(),
            7 => {
                let (id, groups) = (self.interface(), self.groups());
                let change = InterfaceChange::Groups(groups);
                (
                    "modify",
                    self.call(|edit, caller| interfaces::modify(edit, caller, &id, change)),
                )
            }
            8 => {
                let (id, other) = (self.interface(), self.attachment());
                let own = self.state.attachments.get(&id).map(|it| it.id.clone());
                let attachment = own.unwrap_or(other);
                let delete = self.random.below(2) == 0;
                let change = InterfaceChange::DeleteOnTermination { attachment, delete };
                (
                    "keep",
                    self.call(|edit, caller| interfaces::modify(edit, caller, &id, change)),
                )
            }
            9 | 10 => {
                let launch = self.launch();
                (
                    "run",
                    self.call(|edit, caller| drop_ok(instances::run(edit, caller, &launch))),
                )
            }
            11 => {
                let ids = [self.instance(), self.instance()];
                (
                    "terminate",
                    self.call(|edit, caller| drop_ok(instances::terminate(edit, caller, &ids))),
                )
            }
            12 => {
                let (ids, stop) = ([self.instance()], self.random.below(2) == 0);
                (
                    "stop or start",
                    self.call(|edit, caller| {
                        let act = if stop {
                            instances::stop
                        } else {
                            instances::start
                        };
                        drop_ok(act(edit, caller, &ids))
                    }),
                )
            }
            _ => {
                let (id, groups) = (self.instance(), self.groups());
                let change = InstanceChange::Groups(groups);
                (
                    "modify instance",
                    self.call(|edit, caller| instances::modify(edit, caller, &id, change)),
                )
            }
        }
    }

    /// Mostly of what an interface has.
    fn unassign(&mut self) -> (&'static str, Result<(), ModelError>) {
        let id = self.interface();
        let known = self.state.inventory.interfaces.get(&id);
        let mut addresses = known
            .map(|known| known.addresses.clone())
            .unwrap_or_default();
        let prefixes = known
            .map(|known| known.prefixes.clone())
            .unwrap_or_default();
        addresses.push(self.address().into());
        let addresses = vec![self.random.one_of(&addresses)];
        let request = Unassign {
            addresses,
            prefixes,
        };
        (
            "unassign",
            self.call(|edit, caller| interfaces::unassign(edit, caller, &id, &request)),
        )
    }
}

fn narrow(subnet: &mut Subnet) {
    // One of each VPC is enough, and is all that the others do not overlap with.
    let first = subnet.availability_zone.as_deref() == Some("us-east-1a");
    if first {
        subnet.cidr = Some(RANGE.parse().unwrap());
        subnet.ipv6_cidr = Some(IPV6_SUBNET.parse().unwrap());
    }
}

fn drop_ok<T>(result: Result<T, ModelError>) -> Result<(), ModelError> {
    result.map(drop)
}

#[test]
fn whatever_is_called_the_state_stays_sound() {
    let mut outcomes: BTreeMap<(&str, bool), u64> = BTreeMap::new();
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        for call in 0..CALLS {
            let before = world.state.clone();
            let (name, result) = world.step();
            *outcomes.entry((name, result.is_ok())).or_default() += 1;
            let what = || format!("seed {seed}, call {call}, {name}: {result:?}");
            if result.is_err() {
                assert!(world.state == before, "{}: changed the state", what());
            }
            assert_eq!(invariants::check(&world.state), [""; 0], "{}", what());
        }
    }
    println!("{outcomes:#?}");
    // Each is called often enough to show something, and in both ways.
    let names: Vec<_> = outcomes.keys().map(|(name, _)| *name).collect();
    for name in names {
        for success in [true, false] {
            let count = outcomes.get(&(name, success)).copied().unwrap_or_default();
            assert!(count >= 20, "{name}: {count} times success = {success}");
        }
    }
}

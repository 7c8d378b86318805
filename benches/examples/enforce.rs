//! How long after a call of the EC2 API every worker goes by it (goal M6): the endpoint with workers behind it, without HTTP between.
//!
//! ```text
//! enforce [WORKERS [GROUPS [MEMBERS]]]        1, 100 and 2000 where nothing is said
//! ```
//!
//! Each row is one kind of call, made again and again: the whole call (parameters, operation, XML), the store where there is one, lowering of what
//! was touched, and the publication, which every worker has acknowledged when the call ends. `in force` is the last two alone. Times are in
//! microseconds; workers are idle, asleep in their poll. What HTTP and signatures add is in `benches/endpoint.rs`.

use std::error::Error;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use secgroup_api::Params;
use secgroup_control::{Defaults, Lowering, Touched};
use secgroup_ec2::{Caller, Changes, Site, State};
use secgroup_endpoint::{Enforce, Service, Settle, Storage};
use secgroup_model::{AccountId, NetworkInterface, SecurityGroup};
use secgroup_runtime::{Runtime, RuntimeSettings};

/// Calls of each kind.
const CALLS: usize = 1000;
const ACCOUNT: &str = "123456789012";

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args().skip(1).collect();
    let number = |place: usize, default| match words.get(place) {
        Some(word) => word.parse().map_err(|_| format!("'{word}' is no number")),
        None => Ok(default),
    };
    let done = (|| -> Result<(), Box<dyn Error>> {
        let workers = u16::try_from(number(0, 1)?)?;
        measure(workers, number(1, 100)?, number(2, 2000)?)
    })();
    if let Err(error) = done {
        eprintln!("enforce: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn measure(workers: u16, groups: usize, members: usize) -> Result<(), Box<dyn Error>> {
    println!("{workers} workers, {groups} groups of 10 rules, {members} members\n");
    println!(
        "| call | store | whole p50 | p99 | in force p50 | p99 | max |\n|---|---|---|---|---|---|---|"
    );
    let folder = tempfile::tempdir()?;
    for (store, storage) in [
        ("memory", Storage::Memory),
        ("disk", Storage::open(&folder.path().join("endpoint.redb"))?),
    ] {
        let bench = Bench::new(storage, workers)?;
        let ids = bench.groups(groups)?;
        let first = ids.first().ok_or("no groups")?;
        let rule = |call: usize| {
            let (verb, port) = (["Authorize", "Revoke"][call % 2], 1000 + call / 2);
            format!(
                "Action={verb}SecurityGroupIngress&GroupId={first}&IpPermissions.1.IpProtocol=tcp&IpPermissions.1.FromPort={port}&IpPermissions.1.ToPort={port}&IpPermissions.1.IpRanges.1.CidrIp=10.0.0.0/8"
            )
        };
        bench.row("a rule, and back", store, rule)?;
        let eni = bench.interface(first)?;
        let other = ids.last().ok_or("no groups")?;
        let member = |call: usize| {
            let group = [other, first][call % 2];
            format!(
                "Action=ModifyNetworkInterfaceAttribute&NetworkInterfaceId={eni}&SecurityGroupId.1={group}"
            )
        };
        bench.row("a member, and back", store, member)?;
        if store == "memory" {
            bench.many(first, members)?;
        }
    }
    Ok(())
}

/// An endpoint with workers behind it.
struct Bench {
    service: Service,
    took: Arc<Mutex<Vec<Duration>>>,
    caller: Caller,
}

/// Lowers what was touched, and publishes it.
struct Workers {
    lowering: Mutex<Lowering>,
    runtime: Runtime,
    took: Arc<Mutex<Vec<Duration>>>,
}

impl Enforce for Workers {
    fn enforce(&self, state: &State, changes: &Changes) -> Settle {
        let begun = Instant::now();
        let touched = Touched {
            groups: changes.keys::<SecurityGroup>(),
            interfaces: changes.keys::<NetworkInterface>(),
        };
        let mut lowering = self.lowering.lock().unwrap_or_else(PoisonError::into_inner);
        let snapshot = lowering.update(&state.inventory, &touched);
        self.runtime.publish(Arc::new(snapshot));
        let mut took = self.took.lock().unwrap_or_else(PoisonError::into_inner);
        took.push(begun.elapsed());
        None
    }
}

impl Bench {
    fn new(storage: Storage, workers: u16) -> Result<Self, Box<dyn Error>> {
        let took = Arc::default();
        let mut lowering = Lowering::new(Defaults::default());
        let account = AccountId::new(ACCOUNT);
        let mut site = Site::new("us-east-1", vec![account.clone()]);
        site.quotas.rules_per_group = 1000;
        let service = Service::open(storage, site)?;
        let snapshot = service.read(|state| lowering.lower(&state.inventory));
        let settings = RuntimeSettings {
            workers,
            handoff: 1024,
            ..RuntimeSettings::default()
        };
        let runtime = Runtime::start(settings, Arc::new(snapshot))?;
        let workers = Workers {
            lowering: Mutex::new(lowering),
            runtime,
            took: Arc::clone(&took),
        };
        Ok(Self {
            service: service.enforced_by(Box::new(workers)),
            took,
            caller: Caller {
                account,
                key: "AKIDEXAMPLE".into(),
                may_write: true,
            },
        })
    }

    /// Makes a call, which must succeed; its answer.
    fn call(&self, form: &str) -> Result<String, Box<dyn Error>> {
        let params = Params::parse(form.as_bytes()).map_err(|error| error.message)?;
        let answer = self
            .service
            .call(&self.caller, &params, secgroup_api::Service::Ec2, "id");
        let text = String::from_utf8(answer.body)?;
        if answer.status == 200 {
            Ok(text)
        } else {
            Err(format!("{form}: {text}").into())
        }
    }

    /// Groups of ten rules; their ids.
    fn groups(&self, count: usize) -> Result<Vec<String>, Box<dyn Error>> {
        let group = |number: usize| {
            let made = self.call(&format!(
                "Action=CreateSecurityGroup&GroupName=g{number}&GroupDescription=g"
            ))?;
            let id = member(&made, "groupId")?;
            let rules: String = (1..=10)
                .map(|rule| format!("&IpPermissions.{rule}.IpProtocol=tcp&IpPermissions.{rule}.FromPort={rule}&IpPermissions.{rule}.ToPort={rule}&IpPermissions.{rule}.IpRanges.1.CidrIp=10.{rule}.0.0/16"))
                .collect();
            self.call(&format!(
                "Action=AuthorizeSecurityGroupIngress&GroupId={id}{rules}"
            ))?;
            Ok(id)
        };
        (0..count).map(group).collect()
    }

    /// An interface of a group.
    fn interface(&self, group: &str) -> Result<String, Box<dyn Error>> {
        let subnets = self.call("Action=DescribeSubnets")?;
        let subnet = member(&subnets, "subnetId")?;
        let made = self.call(&format!(
            "Action=CreateNetworkInterface&SubnetId={subnet}&SecurityGroupId.1={group}"
        ))?;
        member(&made, "networkInterfaceId")
    }

    /// The same kind of call again and again.
    fn row(
        &self,
        what: &str,
        store: &str,
        form: impl Fn(usize) -> String,
    ) -> Result<(), Box<dyn Error>> {
        self.forget();
        let mut whole = Vec::with_capacity(CALLS);
        for call in 0..CALLS {
            let form = form(call);
            let begun = Instant::now();
            self.call(&form)?;
            whole.push(begun.elapsed());
        }
        let mut force = self.forget();
        let [whole, force] = [&mut whole, &mut force].map(|all| {
            all.sort_unstable();
            let at = |share: usize| all[(all.len() * share / 100).min(all.len() - 1)].as_micros();
            [at(50), at(99), at(100)]
        });
        println!(
            "| {what} | {store} | {} | {} | {} | {} | {} |",
            whole[0], whole[1], force[0], force[1], force[2]
        );
        Ok(())
    }

    /// Many members in one call: how long until all are in.
    fn many(&self, group: &str, members: usize) -> Result<(), Box<dyn Error>> {
        self.forget();
        let begun = Instant::now();
        // A call launches 500 at most.
        for first in (0..members).step_by(500) {
            let count = (members - first).min(500);
            self.call(&format!(
                "Action=RunInstances&ImageId=ami-1&MinCount={count}&MaxCount={count}&SecurityGroupId.1={group}"
            ))?;
        }
        let whole = begun.elapsed().as_micros();
        let force = self.forget().iter().sum::<Duration>().as_micros();
        println!("| {members} members at once | memory | {whole} | | {force} | | |");
        Ok(())
    }

    fn forget(&self) -> Vec<Duration> {
        std::mem::take(&mut self.took.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The text of the first element of this name.
fn member(xml: &str, tag: &str) -> Result<String, Box<dyn Error>> {
    let (_, rest) = xml
        .split_once(&format!("<{tag}>"))
        .ok_or_else(|| xml.to_owned())?;
    let (text, _) = rest.split_once('<').ok_or_else(|| xml.to_owned())?;
    Ok(text.to_owned())
}

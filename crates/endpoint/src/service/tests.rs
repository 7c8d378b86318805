use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use secgroup_model::{AccountId, SecurityGroup};

use super::*;
use crate::{Access, AccessKey};

const ACCOUNT: &str = "123456789012";

fn site() -> Site {
    Site::new("us-east-1", vec![AccountId::new(ACCOUNT)])
}

fn caller(access: Access) -> Caller {
    AccessKey {
        id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
        secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
        session_token: None,
        account: ACCOUNT.to_owned(),
        access,
    }
    .caller()
}

/// Notes which groups it was told of, and how many there were then.
#[derive(Default)]
struct Notes(Mutex<Vec<(usize, usize)>>);

impl Enforce for Arc<Notes> {
    fn enforce(&self, state: &State, changes: &Changes) -> Settle {
        let told = changes.keys::<SecurityGroup>().len();
        let mut notes = self.0.lock().unwrap();
        notes.push((told, state.inventory.groups.len()));
        None
    }
}

struct Bench {
    service: Service,
    notes: Arc<Notes>,
}

impl Bench {
    fn new(storage: Storage) -> Self {
        let notes = Arc::new(Notes::default());
        let service = Service::open(storage, site()).unwrap();
        let service = service.enforced_by(Box::new(Arc::clone(&notes)));
        Self { service, notes }
    }

    fn call(&self, form: &str, access: Access) -> Answer {
        let params = Params::parse(form.as_bytes()).unwrap();
        self.service
            .call(&caller(access), &params, Spelling::Ec2, "id")
    }

    fn create(&self, name: &str) -> Answer {
        let form = format!("Action=CreateSecurityGroup&GroupName={name}&GroupDescription=d");
        self.call(&form, Access::Full)
    }

    fn groups(&self) -> usize {
        self.service.read(|state| state.inventory.groups.len())
    }

    fn enforced(&self) -> Vec<(usize, usize)> {
        self.notes.0.lock().unwrap().clone()
    }
}

#[test]
fn changes_are_enforced_one_by_one_and_nothing_else_is() {
    let bench = Bench::new(Storage::Memory);
    assert_eq!(bench.create("a").status, 200);
    assert_eq!(bench.create("b").status, 200);
    assert_eq!(bench.create("a").status, 400);
    assert_eq!(bench.call("Action=DescribeVpcs", Access::Full).status, 200);
    let dry = "Action=CreateSecurityGroup&GroupName=c&GroupDescription=d&DryRun=true";
    assert_eq!(bench.call(dry, Access::Full).status, 412);
    let read_only = "Action=CreateSecurityGroup&GroupName=c&GroupDescription=d";
    assert_eq!(bench.call(read_only, Access::ReadOnly).status, 403);
    assert_eq!(bench.enforced(), [(1, 2), (1, 3)]);
    let counts = bench.service.counters().read();
    let counted: Vec<_> = counts.iter().map(|c| (c.action, c.code, c.calls)).collect();
    let expected = [
        ("CreateSecurityGroup", "DryRunOperation", 1),
        ("CreateSecurityGroup", "InvalidGroup.Duplicate", 1),
        ("CreateSecurityGroup", "UnauthorizedOperation", 1),
        ("CreateSecurityGroup", "ok", 2),
        ("DescribeVpcs", "ok", 1),
    ];
    assert_eq!(counted, expected);
}

#[test]
fn what_the_store_cannot_write_did_not_happen() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.redb");
    let bench = Bench::new(Storage::open(&path).unwrap());
    let before = bench.service.read(State::clone);
    // A description that no gate lets through: the store would not read it again, and so does not write it.
    let error = bench
        .service
        .edit(|edit| {
            let id = edit.inventory().groups.keys().next().unwrap().clone();
            let group = edit.get_mut::<SecurityGroup>(&id).unwrap();
            group.rules[0].description = Some("\u{7}".to_owned());
            Ok(())
        })
        .unwrap_err();
    assert!(matches!(error, ServiceError::Store(_)), "{error}");
    assert!(bench.service.read(State::clone) == before);
    assert_eq!(bench.enforced(), []);
    assert_eq!(as_answered(error).code(), "Unavailable");
    // It goes on, and what comes next is kept.
    assert_eq!(bench.create("a").status, 200);
    let after = bench.service.read(State::clone);
    drop(bench);
    let again = Service::open(Storage::open(&path).unwrap(), site()).unwrap();
    assert!(again.read(State::clone) == after);
}

#[test]
fn a_panic_leaves_the_state_as_it_was() {
    let bench = Bench::new(Storage::Memory);
    let before = bench.service.read(State::clone);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        bench.service.edit(|edit| -> Result<(), ModelError> {
            let id = edit.inventory().groups.keys().next().unwrap().clone();
            edit.remove::<SecurityGroup>(&id);
            panic!("in the middle of it")
        })
    }));
    assert!(panicked.is_err());
    assert!(bench.service.read(State::clone) == before);
    assert_eq!(bench.create("a").status, 200);
    assert_eq!(bench.enforced(), [(1, 2)]);
}

#[test]
fn another_state_takes_the_place_as_one_change() {
    let bench = Bench::new(Storage::Memory);
    let before = bench.service.read(State::clone);
    for name in ["a", "b"] {
        assert_eq!(bench.create(name).status, 200);
    }
    bench.service.replace(&before).unwrap();
    assert!(bench.service.read(State::clone) == before);
    assert_eq!(bench.enforced(), [(1, 2), (1, 3), (2, 1)]);
    // What is as it was is no change.
    bench.service.replace(&before).unwrap();
    assert_eq!(bench.enforced().len(), 3);
}

#[test]
fn a_default_vpc_is_made_for_who_has_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.redb");
    let first = Service::open(Storage::open(&path).unwrap(), site()).unwrap();
    let vpcs = first.read(|state| state.inventory.vpcs.clone());
    assert_eq!(vpcs.len(), 1);
    drop(first);
    let mut site = site();
    site.accounts.push(AccountId::new("210987654321"));
    let second = Service::open(Storage::open(&path).unwrap(), site).unwrap();
    second.read(|state| {
        assert_eq!(state.inventory.vpcs.len(), 2);
        assert!(vpcs.keys().all(|id| state.inventory.vpcs.contains_key(id)));
        assert_eq!(state.inventory.subnets.len(), 6);
        assert_eq!(state.inventory.groups.len(), 2);
    });
}

#[test]
fn a_store_is_copied_while_it_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::new(Storage::open(&folder.path().join("state.redb")).unwrap());
    assert_eq!(bench.create("a").status, 200);
    let copy = folder.path().join("copy.redb");
    bench.service.backup(&copy).unwrap();
    assert_eq!(bench.create("b").status, 200);
    let copied = Service::open(Storage::open(&copy).unwrap(), site()).unwrap();
    assert_eq!(copied.read(|state| state.inventory.groups.len()), 2);
    assert_eq!(bench.groups(), 3);
    let nothing = Bench::new(Storage::Memory).service.backup(&copy);
    assert!(matches!(nothing, Err(ServiceError::NoStore)));
}

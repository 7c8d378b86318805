//! A test bench: a state with a default VPC, and calls by form whose answers are read with an XML parser.

use jiff::Timestamp;
use quick_xml::Reader;
use quick_xml::events::Event;
use secgroup_ec2::{Caller, Changes, Edit, Site, State, invariants, vpcs};
use secgroup_model::{AccountId, ModelError};

use crate::{Action, Answer, Params, Read, Write, action, dispatch_read, dispatch_write};

/// The account that calls.
pub(crate) const ACCOUNT: &str = "123456789012";
/// Another one, which has keys too.
pub(crate) const OTHER_ACCOUNT: &str = "210987654321";

/// A state, and who calls.
pub(crate) struct Bench {
    pub(crate) state: State,
    pub(crate) site: Site,
    pub(crate) caller: Caller,
    pub(crate) now: Timestamp,
    seed: u64,
}

impl Bench {
    /// A Region in which both accounts have a default VPC.
    pub(crate) fn new() -> Self {
        let accounts = [ACCOUNT, OTHER_ACCOUNT].map(AccountId::new).to_vec();
        let mut bench = Self {
            state: State::default(),
            site: Site::new("us-east-1", accounts.clone()),
            caller: caller(ACCOUNT),
            now: Timestamp::from_second(1_735_689_600).unwrap(),
            seed: 0,
        };
        for account in &accounts {
            bench.edit(|edit| drop(vpcs::create_default_vpc(edit, account)));
        }
        bench
    }

    /// From now on this account calls.
    pub(crate) fn log_in(&mut self, account: &str) {
        self.caller = caller(account);
    }

    /// Changes the state without a call.
    pub(crate) fn edit(&mut self, change: impl FnOnce(&mut Edit<'_>)) -> Changes {
        let seed = &mut self.seed;
        let mut random = || {
            *seed += 1;
            *seed
        };
        let mut edit = Edit::new(&mut self.state, &self.site, self.now, &mut random);
        change(&mut edit);
        edit.commit()
    }

    /// Makes a call: `Action=…&…`, percent-encoded as a client would.
    pub(crate) fn call(&mut self, form: &str) -> Result<Element, ModelError> {
        let params = Params::parse(form.as_bytes())?;
        let name = params.text("Action").unwrap().to_owned();
        let members = match action(&name).unwrap_or_else(|| panic!("no action {name}")) {
            Action::Read(act) => dispatch_read(
                act,
                &Read {
                    state: &self.state,
                    site: &self.site,
                    caller: &self.caller,
                    params: &params,
                    now: self.now,
                },
            )?,
            Action::Write(act) => {
                let seed = &mut self.seed;
                let mut random = || {
                    *seed += 1;
                    *seed
                };
                let mut edit = Edit::new(&mut self.state, &self.site, self.now, &mut random);
                let answer = dispatch_write(
                    act,
                    &mut Write {
                        edit: &mut edit,
                        caller: &self.caller,
                        params: &params,
                    },
                )?;
                drop(edit.commit());
                let faults = invariants::check(&self.state);
                assert_eq!(faults, [""; 0], "{form}\nleft an unsound state");
                answer
            }
        };
        let answer = crate::success_answer(&name, None, "id", members);
        Ok(Element::parse(&answer))
    }

    /// The same, which must succeed.
    pub(crate) fn ok(&mut self, form: &str) -> Element {
        self.call(form).unwrap_or_else(|error| {
            panic!("{form}\n{}: {}", error.code(), error.message);
        })
    }

    /// The same, which must fail: code and message. The state must be what it was.
    pub(crate) fn fails(&mut self, form: &str) -> (&'static str, String) {
        let before = self.state.clone();
        let error = match self.call(form) {
            Ok(answer) => panic!("{form}\nsucceeded: {answer:?}"),
            Err(error) => error,
        };
        assert!(self.state == before, "{form}\nfailed and changed the state");
        (error.code(), error.message)
    }

    /// The default VPC of the account that calls.
    pub(crate) fn vpc(&self) -> String {
        let mut vpcs = self.state.inventory.vpcs.values();
        let vpc = vpcs.find(|vpc| vpc.is_default && vpc.owner == self.caller.account);
        vpc.unwrap().id.to_string()
    }

    /// A subnet of it.
    pub(crate) fn subnet(&self) -> String {
        let (vpc, mut subnets) = (self.vpc(), self.state.inventory.subnets.values());
        let subnet = subnets.find(|subnet| subnet.vpc.as_str() == vpc);
        subnet.unwrap().id.to_string()
    }
}

fn caller(account: &str) -> Caller {
    Caller {
        account: AccountId::new(account),
        key: "AKIDEXAMPLE".into(),
        may_write: true,
    }
}

/// An element of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) children: Vec<Self>,
}

impl Element {
    fn parse(answer: &Answer) -> Self {
        let text = std::str::from_utf8(&answer.body).unwrap();
        let mut reader = Reader::from_str(text);
        let mut open = vec![Self::default()];
        loop {
            match reader.read_event().unwrap() {
                Event::Start(start) => open.push(Self {
                    name: start.name().as_ref().to_owned(),
                    ..Self::default()
                }),
                Event::Text(text) => {
                    open.last_mut().unwrap().text += &text;
                }
                Event::GeneralRef(reference) => {
                    let text = match quick_xml::escape::resolve_predefined_entity(&reference) {
                        Some(text) => text.to_owned(),
                        None => reference.resolve_char_ref().unwrap().unwrap().to_string(),
                    };
                    open.last_mut().unwrap().text += &text;
                }
                Event::End(_) => {
                    let element = open.pop().unwrap();
                    open.last_mut().unwrap().children.push(element);
                }
                Event::Eof => break,
                _ => {}
            }
        }
        open.remove(0).children.remove(0)
    }

    /// The element at a path such as `groups/item/groupId`: the first of each name.
    pub(crate) fn at(&self, path: &str) -> Option<&Self> {
        path.split('/').try_fold(self, |element, name| {
            element.children.iter().find(|child| child.name == name)
        })
    }

    /// The text of the element at a path, which must be there.
    pub(crate) fn text(&self, path: &str) -> &str {
        let element = self.at(path);
        &element
            .unwrap_or_else(|| panic!("no {path} in {self:#?}"))
            .text
    }

    /// The items of the list at a path, which must be there.
    pub(crate) fn items(&self, path: &str) -> &[Self] {
        let list = self.at(path);
        &list
            .unwrap_or_else(|| panic!("no {path} in {self:#?}"))
            .children
    }

    /// The text of one member of each item of a list.
    pub(crate) fn texts(&self, list: &str, member: &str) -> Vec<&str> {
        let items = self.items(list).iter();
        items.map(|item| item.text(member)).collect()
    }
}

//! Policies as CloudFormation has them, written by tests in a line or two.

use std::fmt::Write as _;

use super::{I, I6, J, J6};

/// Everybody.
pub(crate) const ANY: &str = "0.0.0.0/0";
pub(crate) const ANY6: &str = "::/0";

/// A rule; its peer is a range, `group:NAME` or `list:NAME`.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    protocol: String,
    from: i32,
    to: i32,
    peer: String,
    description: String,
}

impl Rule {
    fn new(protocol: &str, (from, to): (i32, i32), peer: &str) -> Self {
        Self {
            protocol: protocol.to_string(),
            from,
            to,
            peer: peer.to_owned(),
            description: String::new(),
        }
    }

    pub(crate) fn described(self, description: &str) -> Self {
        Self {
            description: description.to_owned(),
            ..self
        }
    }

    /// For the ports up to this one.
    pub(crate) fn to(self, port: u16) -> Self {
        Self {
            to: port.into(),
            ..self
        }
    }

    /// In flow style, as an item of the list `SecurityGroup{direction}`.
    fn yaml(&self, direction: &str) -> String {
        let Self {
            protocol,
            from,
            to,
            description,
            ..
        } = self;
        let other = if direction == "Ingress" {
            "Source"
        } else {
            "Destination"
        };
        let peer = match self.peer.split_once(':') {
            Some(("group", name)) => format!("{other}SecurityGroupId: !Ref {name}"),
            Some(("list", name)) => format!("{other}PrefixListId: !Ref {name}"),
            Some(_) => format!("CidrIpv6: \"{}\"", self.peer),
            None => format!("CidrIp: {}", self.peer),
        };
        let description = match description.as_str() {
            "" => String::new(),
            text => format!(", Description: {text:?}"),
        };
        format!(
            "{{IpProtocol: \"{protocol}\", FromPort: {from}, ToPort: {to}, {peer}{description}}}"
        )
    }
}

pub(crate) fn tcp(port: u16, peer: &str) -> Rule {
    Rule::new("tcp", (port.into(), port.into()), peer)
}

pub(crate) fn udp(port: u16, peer: &str) -> Rule {
    Rule::new("udp", (port.into(), port.into()), peer)
}

/// ICMP of a type and code, -1 for any.
pub(crate) fn icmp(kind: i32, code: i32, peer: &str) -> Rule {
    Rule::new("icmp", (kind, code), peer)
}

/// ICMPv6 of a type and code, -1 for any.
pub(crate) fn icmp6(kind: i32, code: i32, peer: &str) -> Rule {
    Rule::new("icmpv6", (kind, code), peer)
}

/// A protocol by its number.
pub(crate) fn protocol(number: u8, peer: &str) -> Rule {
    Rule::new(&number.to_string(), (-1, -1), peer)
}

/// Every protocol.
pub(crate) fn all(peer: &str) -> Rule {
    Rule::new("-1", (-1, -1), peer)
}

/// Both families, everybody, everything.
pub(crate) fn everything() -> Vec<Rule> {
    vec![all(ANY), all(ANY6)]
}

/// Ping of both families, from or to everybody.
pub(crate) fn ping() -> Vec<Rule> {
    vec![icmp(8, -1, ANY), icmp6(128, -1, ANY6)]
}

/// A template.
#[derive(Debug, Clone, Default)]
pub(crate) struct Policy(String);

impl Policy {
    /// One group with these rules at the instance; and the second instance, with a group that allows everything.
    pub(crate) fn new(ingress: &[Rule], egress: &[Rule]) -> Self {
        Self::default()
            .group("Group", ingress, egress)
            .group("Open", &everything(), &everything())
            .instance(&["Group"])
            .second(&["Open"])
    }

    /// What AWS gives to a group without rules: nothing in, everything out.
    pub(crate) fn of_aws() -> Self {
        Self::new(&[], &everything())
    }

    /// Everything, both ways.
    pub(crate) fn open() -> Self {
        Self::new(&everything(), &everything())
    }

    pub(crate) fn group(mut self, name: &str, ingress: &[Rule], egress: &[Rule]) -> Self {
        let list = |rules: &[Rule], direction: &str| {
            let items: Vec<_> = rules.iter().map(|rule| rule.yaml(direction)).collect();
            items.join(",\n        ")
        };
        // A template without egress rules means all of them; one that matches nothing means none.
        let nothing = [all("127.0.0.1/32")];
        let egress = if egress.is_empty() { &nothing } else { egress };
        self.add(format_args!(
            "  {name}:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: The group of a test
      VpcId: vpc-0123456789abcdef0
      SecurityGroupIngress: [
        {}]
      SecurityGroupEgress: [
        {}]",
            list(ingress, "Ingress"),
            list(egress, "Egress")
        ));
        self
    }

    pub(crate) fn list(mut self, name: &str, ranges: &[&str]) -> Self {
        let entries: Vec<_> = ranges
            .iter()
            .map(|range| format!("{{Cidr: {range}}}"))
            .collect();
        self.add(format_args!(
            "  {name}:
    Type: AWS::EC2::PrefixList
    Properties:
      PrefixListName: {name}
      AddressFamily: IPv4
      MaxEntries: 10
      Entries: [{}]",
            entries.join(", ")
        ));
        self
    }

    /// The instance, in these groups.
    pub(crate) fn instance(self, groups: &[&str]) -> Self {
        self.interface("I", (I, I6), groups)
    }

    /// The second instance, in these groups.
    pub(crate) fn second(self, groups: &[&str]) -> Self {
        self.interface("J", (J, J6), groups)
    }

    pub(crate) fn interface(mut self, name: &str, (v4, v6): (&str, &str), groups: &[&str]) -> Self {
        let groups: Vec<_> = groups.iter().map(|group| format!("!Ref {group}")).collect();
        self.add(format_args!(
            "  {name}:
    Type: AWS::EC2::NetworkInterface
    Properties:
      SubnetId: subnet-0123456789abcdef0
      PrivateIpAddress: {v4}
      Ipv6Addresses: [{{Ipv6Address: \"{v6}\"}}]
      GroupSet: [{}]",
            groups.join(", ")
        ));
        self
    }

    fn add(&mut self, resource: std::fmt::Arguments<'_>) {
        writeln!(self.0, "{resource}").expect("a String takes all that is written");
    }

    /// The file.
    pub(crate) fn yaml(&self) -> String {
        format!("Resources:\n{}", self.0)
    }
}

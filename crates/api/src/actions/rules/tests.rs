//! Rules through the API: one module for each thing that is done with them.

mod authorize;
mod describe;
mod descriptions;
mod flat;
mod modify;
mod references;
mod revoke;

use crate::testing::{Bench, Element};

/// One rule with one range.
const WEB: &str = "IpPermissions.1.IpProtocol=tcp&IpPermissions.1.FromPort=443&IpPermissions.1.ToPort=443\
                   &IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0/0";

fn authorize(bench: &mut Bench, side: &str, group: &str, parameters: &str) -> Element {
    bench.ok(&format!(
        "Action=AuthorizeSecurityGroup{side}&GroupId={group}&{parameters}"
    ))
}

/// The ids of the rules that this adds.
fn ids(answer: &Element) -> Vec<String> {
    let ids = answer.texts("securityGroupRuleSet", "securityGroupRuleId");
    ids.into_iter().map(str::to_owned).collect()
}

fn described(bench: &mut Bench, group: &str) -> Element {
    let answer = bench.ok(&format!("Action=DescribeSecurityGroups&GroupId.1={group}"));
    answer.items("securityGroupInfo")[0].clone()
}

/// The rules of a group in one direction, each as protocol, ports, peer and description.
fn rules(bench: &mut Bench, group: &str, is_egress: bool) -> Vec<String> {
    let answer = bench.ok(&format!(
        "Action=DescribeSecurityGroupRules&Filter.1.Name=group-id&Filter.1.Value.1={group}"
    ));
    let side = is_egress.to_string();
    let items = answer.items("securityGroupRuleSet").iter();
    let mut rules: Vec<_> = items
        .filter(|rule| rule.text("isEgress") == side)
        .map(line)
        .collect();
    rules.sort();
    rules
}

fn line(rule: &Element) -> String {
    let peers = [
        "cidrIpv4",
        "cidrIpv6",
        "prefixListId",
        "referencedGroupInfo/groupId",
    ];
    let peer = peers.iter().find_map(|path| rule.at(path));
    let mut line = format!(
        "{} {}-{} {}",
        rule.text("ipProtocol"),
        rule.text("fromPort"),
        rule.text("toPort"),
        peer.unwrap().text
    );
    if let Some(description) = rule.at("description") {
        line += &format!(" ({})", description.text);
    }
    line
}

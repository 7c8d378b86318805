//! VPCs (E50).

use std::borrow::Cow;

use secgroup_model::{Tags, Vpc, VpcId};

use super::{Action, Table};
use crate::{Filterable, Filters, Page, Read, Xml};
use secgroup_ec2::vpcs::known_vpc;
use secgroup_model::ModelError;

pub(super) const ACTIONS: Table = &[("DescribeVpcs", Action::Read(describe))];

/// What `DescribeVpcs` can be filtered by (E25).
const FILTERS: &[&str] = &["cidr", "is-default", "state", "vpc-id", "owner-id", "tag"];

impl Filterable for Vpc {
    fn values<'a>(&'a self, filter: &str) -> Vec<Cow<'a, str>> {
        match filter {
            "cidr" => vec![
                self.cidrs
                    .first()
                    .map(ToString::to_string)
                    .unwrap_or_default()
                    .into(),
            ],
            "is-default" => vec![self.is_default.to_string().into()],
            "state" => vec!["available".into()],
            "vpc-id" => vec![self.id.as_str().into()],
            "owner-id" => vec![self.owner.as_str().into()],
            _ => Vec::new(),
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(&self.tags)
    }
}

fn describe(call: &Read<'_>) -> Result<Xml, ModelError> {
    let ids = call.params.ids("VpcId", VpcId::parse)?;
    let filters = Filters::read(call.params, FILTERS)?;
    let page = Page::read(call.params, 5..=1000, Some("VpcId"))?;
    for id in &ids {
        known_vpc(call.state, call.caller, id)?; // E26: one that is not known fails the whole.
    }
    let vpcs = call.state.inventory.vpcs.values().filter(|vpc| {
        vpc.owner == call.caller.account
            && (ids.is_empty() || ids.contains(&vpc.id))
            && filters.matches(*vpc)
    });
    let mut xml = Xml::new();
    page.write(&mut xml, "vpcSet", vpcs, |vpc| vpc.id.to_string(), vpc);
    Ok(xml)
}

/// One VPC.
fn vpc(xml: &mut Xml, vpc: &Vpc) {
    xml.text("vpcId", &vpc.id);
    xml.text("ownerId", &vpc.owner);
    xml.text("state", "available");
    xml.optional("cidrBlock", vpc.cidrs.first());
    xml.list("cidrBlockAssociationSet", &vpc.cidrs, |xml, cidr| {
        xml.text(
            "associationId",
            association_id("vpc-cidr-assoc-", &vpc.id, cidr),
        );
        xml.text("cidrBlock", cidr);
        xml.element("cidrBlockState", |xml| xml.text("state", "associated"));
    });
    xml.list(
        "ipv6CidrBlockAssociationSet",
        &vpc.ipv6_cidrs,
        |xml, cidr| {
            xml.text(
                "associationId",
                association_id("vpc-cidr-assoc-", &vpc.id, cidr),
            );
            xml.text("ipv6CidrBlock", cidr);
            xml.element("ipv6CidrBlockState", |xml| xml.text("state", "associated"));
        },
    );
    xml.text("dhcpOptionsId", "default");
    xml.text("instanceTenancy", "default");
    xml.text("isDefault", vpc.is_default);
    xml.tags(&vpc.tags);
}

/// The id of the association of a range, which is made of what it associates: it needs no record of its own.
fn association_id(prefix: &str, owner: &VpcId, range: impl std::fmt::Display) -> String {
    let digits = owner.as_str().trim_start_matches(VpcId::PREFIX);
    let mark: u32 = range.to_string().bytes().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    let head: String = digits.chars().take(9).collect();
    format!("{prefix}{head}{mark:08x}")
}

#[cfg(test)]
mod tests {
    use crate::testing::Bench;

    #[test]
    fn every_account_sees_its_own() {
        let mut bench = Bench::new();
        let answer = bench.ok("Action=DescribeVpcs");
        assert_eq!(answer.texts("vpcSet", "vpcId"), [bench.vpc()]);
        assert_eq!(answer.text("vpcSet/item/isDefault"), "true");
        assert_eq!(answer.text("vpcSet/item/cidrBlock"), "172.31.0.0/16");
    }

    #[test]
    fn one_that_is_not_known_fails_the_whole() {
        let mut bench = Bench::new();
        let own = bench.vpc();
        bench.log_in(crate::testing::OTHER_ACCOUNT);
        let (code, message) = bench.fails(&format!("Action=DescribeVpcs&VpcId.1={own}"));
        assert_eq!(code, "InvalidVpcID.NotFound");
        assert_eq!(message, format!("The vpc ID '{own}' does not exist"));
    }

    #[test]
    fn a_dry_run_says_what_would_have_been() {
        let mut bench = Bench::new();
        let (code, _) = bench.fails("Action=DescribeVpcs&DryRun=true");
        assert_eq!(code, "DryRunOperation");
    }
}

//! What the user says beside the files.

use std::collections::BTreeMap;

/// Values for what a template leaves open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// `--parameter NAME=VALUE`: parameters of templates. A value that only a running stack knows
    /// can be given under the name by which the template asks for it: `NatAddress`,
    /// `Vpc.Ipv6CidrBlocks`.
    pub parameters: BTreeMap<String, String>,
    /// `--import-value NAME=VALUE`: what `Fn::ImportValue` finds.
    pub import_values: BTreeMap<String, String>,
    /// `AWS::Region`.
    pub region: String,
    /// `AWS::AccountId`: the owner of what templates make.
    pub account: String,
    /// `AWS::StackName`; without it, a stack has the name of its template's file.
    pub stack_name: Option<String>,
    /// What the files refer to and do not describe is known to whoever takes the inventory: they are
    /// deployed to an endpoint, which has it. There is nothing to warn of then.
    pub rest_is_known: bool,
}

impl Default for Options {
    /// No values; `us-east-1`, and the account that AWS uses in its documentation.
    fn default() -> Self {
        Self {
            parameters: BTreeMap::new(),
            import_values: BTreeMap::new(),
            region: "us-east-1".to_owned(),
            account: "123456789012".to_owned(),
            stack_name: None,
            rest_is_known: false,
        }
    }
}

impl Options {
    /// `AWS::Partition`.
    pub(crate) fn partition(&self) -> &'static str {
        match self.region.as_str() {
            region if region.starts_with("cn-") => "aws-cn",
            region if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        }
    }

    /// `AWS::URLSuffix`.
    pub(crate) fn url_suffix(&self) -> &'static str {
        if self.region.starts_with("cn-") {
            "amazonaws.com.cn"
        } else {
            "amazonaws.com"
        }
    }
}

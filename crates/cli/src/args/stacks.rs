//! What is typed about stacks.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::StateArgs;
use super::key_value;

/// Deploy a CloudFormation template to the EC2 endpoint of this host, as one stack, all or nothing.
///
/// What changes is shown first. Resources that the stack made before are changed in place where
/// they can be, and replaced where not; what the template no longer has is removed; what was
/// changed or deleted by API calls meanwhile is brought back. Quotas and checks of the API hold.
/// What it says is in force at once where an endpoint runs; its state is changed where none does.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  secgroup deploy --template web.yaml
  secgroup deploy --template web.yaml --stack web --parameter OfficeCidr=198.51.100.0/24 --yes
  secgroup deploy --template web.yaml --dry-run --json

Exit codes: 0 done, or nothing to do; 1 refused, and nothing was changed; 2 bad usage or input, or
no state of an endpoint; 3 with --dry-run: there are changes to apply.")]
pub(crate) struct Deploy {
    /// Template, YAML or JSON; several make one stack.
    #[arg(
        long = "template",
        short = 't',
        value_name = "FILE",
        num_args = 1,
        required = true,
        value_hint = ValueHint::FilePath
    )]
    pub(crate) templates: Vec<PathBuf>,

    /// Name of the stack: letters, digits and hyphens, a letter first; by default, that of the
    /// template's file.
    #[arg(long, value_name = "NAME")]
    pub(crate) stack: Option<String>,

    /// Value of a template parameter; may be given several times.
    #[arg(long = "parameter", value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) parameters: Vec<(String, String)>,

    /// Value of an export that a template imports (Fn::ImportValue); may be given several times.
    #[arg(long = "import-value", value_name = "NAME=VALUE", value_parser = key_value)]
    pub(crate) import_values: Vec<(String, String)>,

    #[command(flatten)]
    pub(crate) applying: ApplyArgs,
}

/// Delete a stack with everything that it made.
///
/// What goes is shown first. If something outside of the stack still uses a part of it, nothing is
/// deleted, and it is said what that is.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  secgroup delete-stack web
  secgroup delete-stack web --yes

Exit codes: 0 done; 1 refused, and nothing was changed; 2 bad usage, or no state of an endpoint; 3
with --dry-run: there is something to delete.")]
pub(crate) struct DeleteStack {
    /// Name of the stack.
    #[arg(value_name = "NAME")]
    pub(crate) stack: String,

    #[command(flatten)]
    pub(crate) applying: ApplyArgs,
}

/// List the stacks of the EC2 endpoint of this host, and what they made.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  secgroup stacks
  secgroup stacks --json

Exit codes: 0 done; 2 bad usage, or no state of an endpoint.")]
pub(crate) struct Stacks {
    #[command(flatten)]
    pub(crate) state: StateArgs,

    /// Print one JSON document.
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
}

/// How changes are applied.
#[derive(Debug, Clone, Args)]
pub(crate) struct ApplyArgs {
    #[command(flatten)]
    pub(crate) state: StateArgs,

    /// Account whose stack it is; the endpoint's default account, if nothing is said.
    #[arg(long, value_name = "ACCOUNT")]
    pub(crate) account: Option<String>,

    /// Region that AWS::Region stands for, where no endpoint runs that has one.
    #[arg(long, value_name = "REGION", default_value = "us-east-1")]
    pub(crate) region: String,

    /// Apply without asking.
    #[arg(long, short = 'y')]
    pub(crate) yes: bool,

    /// Only show what would change.
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,

    /// Print one JSON document.
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
}

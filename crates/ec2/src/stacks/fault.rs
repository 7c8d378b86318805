//! What is wrong with a resource of a template.

use std::fmt;

use secgroup_model::{ModelError, Origin};

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The logical id of the resource at fault; `None` where it is the stack.
    pub resource: Option<String>,
    /// Where the template says it, if it does.
    pub place: Option<Origin>,
    /// What EC2 says.
    pub error: ModelError,
}

impl Fault {
    /// A fault of no resource.
    #[must_use]
    pub const fn of_stack(error: ModelError) -> Self {
        Self {
            resource: None,
            place: None,
            error,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(resource) = &self.resource {
            write!(f, "{resource}: ")?;
        }
        write!(f, "{}: {}", self.error.code(), self.error)
    }
}

//! The one action of STS that clients of EC2 ask for: who am I? (E62)

use secgroup_model::ModelError;

use super::{Action, Table};
use crate::{Read, Xml};

pub(super) const ACTIONS: Table = &[("GetCallerIdentity", Action::Read(identity))];

/// A key is a user of its account: there are no other identities here.
fn identity(call: &Read<'_>) -> Result<Xml, ModelError> {
    let (account, key) = (&call.caller.account, &call.caller.key);
    let mut xml = Xml::new();
    xml.text("Arn", format!("arn:aws:iam::{account}:user/{key}"));
    xml.text("UserId", key);
    xml.text("Account", account);
    Ok(xml)
}

#[cfg(test)]
mod tests {
    use crate::testing::{ACCOUNT, Bench};
    use crate::{Service, Xml};

    #[test]
    fn a_key_is_a_user_of_its_account() {
        let answer = Bench::new().ok("Action=GetCallerIdentity&Version=2011-06-15");
        assert_eq!(answer.text("Account"), ACCOUNT);
        assert_eq!(answer.text("UserId"), "AKIDEXAMPLE");
        assert_eq!(
            answer.text("Arn"),
            "arn:aws:iam::123456789012:user/AKIDEXAMPLE"
        );
    }

    #[test]
    fn the_answer_is_wrapped_as_sts_wraps_it() {
        let mut members = Xml::new();
        members.text("Account", ACCOUNT);
        let answer = Service::Sts.success("GetCallerIdentity", None, "id-1", members);
        assert_eq!(
            String::from_utf8(answer.body).unwrap(),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
             <GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
             <GetCallerIdentityResult><Account>123456789012</Account></GetCallerIdentityResult>\
             <ResponseMetadata><RequestId>id-1</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
        );
    }
}

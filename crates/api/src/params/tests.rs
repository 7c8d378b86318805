use super::*;

fn params(form: &str) -> Params {
    Params::parse(form.as_bytes()).unwrap()
}

#[test]
fn lists_are_in_the_order_of_their_numbers_whatever_gaps_they_have() {
    let params = params("GroupId.10=c&GroupId.2=b&GroupId.1=a");
    assert_eq!(params.texts("GroupId"), ["a", "b", "c"]);
    assert_eq!(params.check_all_read(), Ok(()));
}

#[test]
fn structures_in_lists_are_read_by_name() {
    let params = params(
        "IpPermissions.1.IpProtocol=tcp&IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0%2F0&IpPermissions.1.IpRanges.1.Description=Public+HTTPS",
    );
    let permission = params.items("IpPermissions").next().unwrap();
    assert_eq!(permission.text("IpProtocol"), Some("tcp"));
    let range = permission.items("IpRanges").next().unwrap();
    assert_eq!(range.text("CidrIp"), Some("0.0.0.0/0"));
    assert_eq!(range.text("Description"), Some("Public HTTPS"));
}

#[test]
fn what_nobody_read_is_unknown() {
    let params = params("Action=X&Version=2016-11-15&DryRun=false&Item=1");
    let error = params.check_all_read().unwrap_err();
    assert_eq!(error.code(), "UnknownParameter");
    assert_eq!(error.message, "The parameter Item is not recognized");
}

#[test]
fn characters_that_xml_cannot_carry_are_refused() {
    let error = Params::parse(b"GroupName=a%00b").unwrap_err();
    assert_eq!(error.code(), "InvalidParameterValue");
    assert!(error.message.contains("U+0000"), "{}", error.message);
}

#[test]
fn too_deep_names_are_refused() {
    let name = ["A"; 100].join(".");
    let error = Params::parse(format!("{name}=1").as_bytes()).unwrap_err();
    assert_eq!(error.code(), "UnknownParameter");
}

#[test]
fn tags_must_be_for_what_is_created() {
    let params = params(
        "TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=a&TagSpecification.1.Tag.1.Value=b",
    );
    let error = params.tag_specifications("security-group").unwrap_err();
    assert_eq!(
        error.message,
        "'instance' is not a valid taggable resource type for this operation."
    );
    assert_eq!(params.tag_specifications("instance").unwrap()["a"], "b");
}

#[test]
fn a_client_token_belongs_to_the_parameters_beside_it() {
    let token = |form: &str| {
        let params = Params::parse(form.as_bytes()).unwrap();
        params.client_token("CreateThing").unwrap()
    };
    assert_eq!(token("A=1"), None);
    assert_eq!(token("ClientToken=&A=1"), None);
    let known = token("ClientToken=t&A=1&B.1.C=2");
    assert!(known.is_some());
    let same = "B.1.C=2&A=1&ClientToken=t&DryRun=false&Version=2016-11-15&Action=CreateThing";
    assert_eq!(token(same), known);
    for other in [
        "A=1&B.1.C=3",
        "A=1&B.2.C=2",
        "A=1",
        "A=1&B.1.C=2&D=",
        "A=1B.1.C&C=2",
    ] {
        assert_ne!(token(&format!("ClientToken=t&{other}")), known, "{other}");
    }
}

#[test]
fn what_is_ignored_counts_as_read_and_what_is_refused_fails() {
    let params = params("A.1.B=x&A.2.C.D=y&E=true&F=false&G.H=z");
    params.ignore(&["A", "Z"]);
    assert_eq!(params.refuse(&["F", "Z"]), Ok(()));
    for name in ["E", "G"] {
        let error = params.refuse(&[name]).unwrap_err();
        assert_eq!(error.code, ErrorCode::UnsupportedOperation, "{name}");
    }
    let error = params.check_all_read().unwrap_err();
    assert_eq!(error.message, "The parameter G.H is not recognized");
}

#[test]
fn only_plain_numbers_are_numbers_of_a_list() {
    for number in ["01", "+1", "-1", "1x", "", "18446744073709551616"] {
        let params = Params::new([
            ("GroupId.1".to_owned(), "a".to_owned()),
            (format!("GroupId.{number}"), "b".to_owned()),
        ])
        .unwrap();
        assert_eq!(params.texts("GroupId"), ["a"], "{number}");
        let error = params.check_all_read().unwrap_err();
        assert_eq!(error.code, ErrorCode::UnknownParameter, "{number}");
        assert!(error.message.contains(number), "{}", error.message);
    }
}

#[test]
fn values_have_a_greatest_length() {
    let of = |name: &str, length: usize| Params::new([(name.to_owned(), "x".repeat(length))]);
    for name in ["ImageId", "Filter.1.Value.1", "NotUserData"] {
        assert!(of(name, 4096).is_ok(), "{name}");
        let error = of(name, 4097).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidParameterValue);
        let expected =
            format!("The value of the parameter {name} is too long: 4097 bytes, of at most 4096");
        assert_eq!(error.message, expected);
    }
    // 16 KiB in base64.
    for name in ["UserData", "UserData.Value"] {
        assert!(of(name, 21_848).is_ok(), "{name}");
        assert!(of(name, 1 << 20).is_err(), "{name}");
    }
}

//! CloudFormation templates: values that are not known, references, conditions (F10), and words
//! that are none.

use secgroup_import::{Options, Severity, load_texts};

use crate::formation::{group, ingress};
use crate::support::{errors, load, rules, said, stack, template};

#[test]
fn f10_unresolved_values_are_errors_where_they_matter() {
    let text = |rule: &str, more: &str| {
        let parameters = "Parameters: {Range: {Type: String}, Vpc: {Type: 'AWS::EC2::VPC::Id'}}";
        format!(
            "{parameters}\n{}",
            template(&format!("{}\n{more}", ingress(rule)))
        )
    };
    let rule = "IpProtocol: tcp, FromPort: 1, ToPort: 2, CidrIp: !Ref Range";
    let import = load(&[("t.yaml", &text(rule, ""))]);
    let error = &import.diagnostics[0];
    assert_eq!(error.severity, Severity::Error);
    assert!(
        error
            .message
            .contains("parameter `Range`, which has no default"),
        "{error:?}"
    );
    assert_eq!(error.help, ["give it a value: `--parameter Range=VALUE`"]);
    assert_eq!(error.labels[0].location.line, 1);

    let rule = "IpProtocol: -1, SourceSecurityGroupId: !ImportValue net-Web";
    let import = load(&[("t.yaml", &text(rule, ""))]);
    assert_eq!(
        import.diagnostics[0].help,
        ["give it a value: `--import-value net-Web=VALUE`"]
    );
    let mut options = Options::default();
    options
        .import_values
        .insert("net-Web".into(), "sg-9".into());
    let import = load_texts(&[("t.yaml", &text(rule, ""))], &options);
    assert_eq!(
        rules(&import, "G")[0],
        "G.SecurityGroupIngress[0]: all traffic from sg-9"
    );

    // Elsewhere a warning, once.
    let rule = "IpProtocol: -1, CidrIp: 10.0.0.0/8";
    let more = "A:
  Type: AWS::EC2::SecurityGroup
  Properties: {GroupDescription: !Sub 'x ${Range}', VpcId: !Ref Vpc}
B: {Type: 'AWS::EC2::SecurityGroup', Properties: {GroupDescription: y, VpcId: !Ref Vpc}}";
    let import = load(&[("t.yaml", &text(rule, more))]);
    assert_eq!(errors(&import), [""; 0]);
    assert_eq!(said(&import, Severity::Warning).len(), 2);
    assert_eq!(import.inventory.groups["A"].description, "x {Range}");
    assert_eq!(
        import.inventory.groups["A"].vpc,
        import.inventory.groups["B"].vpc
    );
}

#[test]
fn f10_what_only_a_running_stack_knows() {
    let address = "\nNat: {Type: 'AWS::EC2::EIP'}";
    let rule = format!(
        "{}{address}",
        ingress("IpProtocol: -1, CidrIp: !Sub '${Nat}/32'")
    );
    let import = stack(&rule);
    assert!(errors(&import)[0].contains("`Nat` (AWS::EC2::EIP), which only a running stack knows"));
    let mut options = Options::default();
    options
        .parameters
        .insert("Nat".into(), "203.0.113.5".into());
    let import = load_texts(&[("t.yaml", &template(&rule))], &options);
    assert_eq!(import.diagnostics, []);
    assert_eq!(
        rules(&import, "G")[0],
        "G.SecurityGroupIngress[0]: all traffic from 203.0.113.5/32"
    );
    // A group that another type of resource makes: its name stands for it.
    let balancer = "\nLb: {Type: 'AWS::ElasticLoadBalancing::LoadBalancer'}";
    let peer = "SourceSecurityGroupOwnerId: !GetAtt Lb.SourceSecurityGroup.OwnerAlias, \
                SourceSecurityGroupName: !GetAtt Lb.SourceSecurityGroup.GroupName";
    let import = stack(&format!(
        "{}{balancer}",
        ingress(&format!("IpProtocol: -1, {peer}"))
    ));
    assert_eq!(errors(&import), [""; 0]);
    let expected = "G.SecurityGroupIngress[0]: all traffic from Lb.SourceSecurityGroup.GroupName";
    assert_eq!(rules(&import, "G")[0], expected);
}

#[test]
fn f10_references_must_be_of_the_right_type() {
    let vpc = "\nV: {Type: 'AWS::EC2::VPC', Properties: {CidrBlock: 10.0.0.0/16}}";
    let rule = |peer: &str| {
        stack(&format!(
            "{}{vpc}",
            ingress(&format!("IpProtocol: -1, {peer}"))
        ))
    };
    let errors_of = errors(&rule("SourceSecurityGroupId: !Ref V"));
    assert!(errors_of[0].contains("`V` is not a security group, but of type `AWS::EC2::VPC`"));
    // But every VPC has a default group (B8).
    let import = rule("SourceSecurityGroupId: !GetAtt V.DefaultSecurityGroup");
    assert_eq!(import.diagnostics, []);
    assert_eq!(
        rules(&import, "V.DefaultSecurityGroup"),
        [
            "V.DefaultSecurityGroup.Default[0]: all traffic from V.DefaultSecurityGroup",
            "V.DefaultSecurityGroup.Default[1]: all traffic to 0.0.0.0/0",
        ]
    );
    let import = rule("CidrIp: !GetAtt V.CidrBlock");
    assert_eq!(
        rules(&import, "G")[0],
        "G.SecurityGroupIngress[0]: all traffic from 10.0.0.0/16"
    );
}

#[test]
fn f10_conditions_decide_what_exists() {
    let text = |environment: &str| {
        format!(
            "Parameters: {{Env: {{Type: String, Default: {environment}}}}}
Conditions: {{Prod: !Equals [!Ref Env, prod]}}
Resources:
  G:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: d
      SecurityGroupIngress: !If [Prod, [{{IpProtocol: -1, CidrIp: 10.0.0.0/8}}], !Ref AWS::NoValue]
  H:
    Type: AWS::EC2::SecurityGroup
    Condition: Prod
    Properties: {{GroupDescription: d}}
  R:
    Type: AWS::EC2::SecurityGroupIngress
    Properties: {{GroupId: !Ref G, IpProtocol: -1, SourceSecurityGroupId: !Ref H}}
"
        )
    };
    let import = load(&[("t.yaml", &text("prod"))]);
    assert_eq!(import.diagnostics, []);
    assert_eq!(rules(&import, "G").len(), 4);
    let import = load(&[("t.yaml", &text("test"))]);
    assert_eq!(errors(&import), ["15:74 `H` does not exist here"]);
    assert_eq!(
        import.diagnostics[0].labels[0].text,
        "this condition does not hold"
    );
    assert!(!import.inventory.groups.contains_key("H"));
    let undecided = text("x").replace(", Default: x", "");
    let errors = errors(&load(&[("t.yaml", &undecided)]));
    assert!(
        errors
            .iter()
            .any(|e| e.contains("whether security group `H` exists")),
        "{errors:?}"
    );
    assert!(
        errors
            .iter()
            .any(|e| e.contains("`G` depends on parameter `Env`")),
        "{errors:?}"
    );
}

#[test]
fn unknown_words_are_warned_of() {
    let text = "G:
  Type: AWS::EC2::SecurityGroup
  DependOn: X
  Properties:
    GroupDescription: d
    VpcID: vpc-1
    SecurityGroupIngress: [{IpProtocol: -1, CidrIP: 10.0.0.0/8}]
I: {Type: AWS::EC2::SecurityGroups}";
    let import = stack(text);
    let help: Vec<_> = import
        .diagnostics
        .iter()
        .flat_map(|d| d.help.clone())
        .collect();
    for meant in [
        "`DependsOn`",
        "`VpcId`",
        "`CidrIp`",
        "`AWS::EC2::SecurityGroup`",
    ] {
        assert!(
            help.contains(&format!("did you mean {meant}?")),
            "{meant}: {help:?}"
        );
    }
}

#[test]
fn types_are_checked() {
    for (properties, message) in [
        (
            "SecurityGroupIngress: {IpProtocol: -1}",
            "`SecurityGroupIngress` must be a list, not a mapping",
        ),
        (
            "SecurityGroupIngress: [text]",
            "`SecurityGroupIngress[0]` must be a mapping, not text",
        ),
        (
            "SecurityGroupIngress: text",
            "`SecurityGroupIngress` must be a list, not text",
        ),
        ("GroupName: [a]", "`GroupName` must be a string, not a list"),
        ("GroupName: null", "`GroupName` is null"),
        (
            "SecurityGroupIngress: [{IpProtocol: -1, CidrIp: {a: b}}]",
            "`CidrIp` must be a string, not a mapping",
        ),
    ] {
        let errors = errors(&stack(&group(properties)));
        assert!(
            errors.iter().any(|e| e.contains(message)),
            "{properties}: {errors:?}"
        );
    }
}

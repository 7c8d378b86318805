//! Every intrinsic function (F10), in its long and its short form, in YAML and in JSON.

use super::*;
use crate::diagnostic::{Diagnostic, Sink};
use crate::options::Options;
use crate::source::Sources;
use crate::template::Template;

/// What surrounds the expressions.
const AROUND: &str = "
Parameters:
  Name: {Type: String, Default: web}
  Open: {Type: String}
  Count: {Type: Number, Default: 2}
  Ports: {Type: CommaDelimitedList, Default: '80, 443,8080'}
  Groups: {Type: 'List<AWS::EC2::SecurityGroup::Id>'}
  Image: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /aws/image}
  Empty: {Type: CommaDelimitedList, Default: ''}
Mappings:
  Ranges:
    us-east-1: {office: 192.0.2.0/24, list: [a, b]}
    eu-west-1: {office: 198.51.100.0/24}
Conditions:
  Yes: !Equals [!Ref Name, web]
  No: {'Fn::Equals': [{Ref: Name}, db]}
  Number: !Equals [2, !Ref Count]
  Both: !And [!Condition Yes, {Condition: Number}]
  Either: {'Fn::Or': [{Condition: No}, !Not [!Condition No]]}
  Neither: !Not [!Or [!Condition Yes, !Condition No]]
  Undecided: !Equals [!Ref Open, x]
  Decided: !Or [!Condition Undecided, !Condition Yes]
  Refuted: !And [!Condition Undecided, !Condition No]
  Circular: !Not [!Condition Circular]
  Misspelt: !Not [!Condition Yess]
Resources:
  Vpc: {Type: 'AWS::EC2::VPC', Properties: {CidrBlock: !Sub '10.${Count}.0.0/16'}}
  Web: {Type: 'AWS::EC2::SecurityGroup', Properties: {GroupDescription: x, VpcId: !Ref Vpc}}
  Server: {Type: 'AWS::EC2::Instance', Properties: {PrivateIpAddress: 10.0.0.7}}
  Address: {Type: 'AWS::EC2::EIP'}
  Loop: {Type: 'AWS::EC2::VPC', Properties: {CidrBlock: !GetAtt Loop.CidrBlock}}
";

/// What an expression comes to among [`AROUND`], and what is said about it.
fn eval(expression: &str) -> (Value, Vec<Diagnostic>) {
    eval_with(expression, &Options::default())
}

fn eval_with(expression: &str, options: &Options) -> (Value, Vec<Diagnostic>) {
    let mut sources = Sources::default();
    let around = sources.add("stack.yaml", AROUND);
    let expression = sources.add("expression", expression);
    let sink = Sink::new(&sources);
    let root = crate::node::parse(around, &sink).unwrap();
    let node = crate::node::parse(expression, &sink).unwrap();
    let template = Template::new(0, "stack", &root, &sink);
    let (exports, used) = (Exports::new(), std::cell::RefCell::default());
    let context = Context {
        options,
        sink: &sink,
        exports: &exports,
        used: &used,
    };
    let value = Evaluator::new(&context, &template).eval(&node);
    (value, sink.finish())
}

/// A value as a short text: lists in brackets, references in angles, unknowns with a question mark.
fn show(value: &Value) -> String {
    match &value.kind {
        ValueKind::Text(text) => text.to_string(),
        ValueKind::List(items) => {
            format!(
                "[{}]",
                items.iter().map(show).collect::<Vec<_>>().join(", ")
            )
        }
        ValueKind::Map(fields) => {
            let field = |field: &Field| format!("{}: {}", field.key, show(&field.value));
            format!(
                "{{{}}}",
                fields.iter().map(field).collect::<Vec<_>>().join(", ")
            )
        }
        ValueKind::Resource(reference) => format!("<{}>", reference.written()),
        ValueKind::Unresolved(unresolved) => format!("?{}", unresolved.placeholder),
        ValueKind::Null => "null".to_owned(),
        ValueKind::NoValue => "nothing".to_owned(),
        ValueKind::Invalid => "wrong".to_owned(),
    }
}

#[track_caller]
fn comes_to(expressions: &[&str], expected: &str) {
    for expression in expressions {
        let (value, diagnostics) = eval(expression);
        assert_eq!(show(&value), expected, "{expression}");
        assert_eq!(diagnostics, [], "{expression}");
    }
}

#[track_caller]
fn is_wrong(expression: &str, message: &str) {
    let (value, diagnostics) = eval(expression);
    assert_eq!(show(&value), "wrong", "{expression}");
    let messages: Vec<_> = diagnostics.iter().map(|d| d.message.as_str()).collect();
    assert!(
        messages.iter().any(|found| found.contains(message)),
        "{expression}: {messages:?}"
    );
}

#[test]
fn ref_of_parameters() {
    comes_to(&["!Ref Name", "Ref: Name", r#"{"Ref": "Name"}"#], "web");
    comes_to(&["!Ref Ports"], "[80, 443, 8080]");
    comes_to(&["!Ref Empty"], "[]");
    comes_to(&["!Ref Open", r#"{"Ref": "Open"}"#], "?{Open}");
    comes_to(&["!Ref Groups"], "?{Groups}");
    comes_to(&["!Ref Image"], "?{Image}");
}

#[test]
fn given_values_go_before_defaults() {
    let mut options = Options::default();
    for (name, value) in [
        ("Name", "db"),
        ("Groups", "sg-1, sg-2"),
        ("Image", "ami-1"),
        ("Address", "203.0.113.9"),
    ] {
        options.parameters.insert(name.to_owned(), value.to_owned());
    }
    for (expression, expected) in [
        ("!Ref Name", "db"),
        ("!Ref Groups", "[sg-1, sg-2]"),
        ("!Ref Image", "ami-1"),
        ("!If [No, a, b]", "a"),
        ("!Sub '${Address}/32'", "203.0.113.9/32"),
    ] {
        assert_eq!(
            show(&eval_with(expression, &options).0),
            expected,
            "{expression}"
        );
    }
}

#[test]
fn ref_of_pseudo_parameters() {
    comes_to(
        &["!Ref AWS::Region", r#"{"Ref": "AWS::Region"}"#],
        "us-east-1",
    );
    comes_to(&["!Ref AWS::AccountId"], "123456789012");
    comes_to(&["!Ref AWS::StackName"], "stack");
    comes_to(&["!Ref AWS::Partition"], "aws");
    comes_to(&["!Ref AWS::URLSuffix"], "amazonaws.com");
    comes_to(&["!Ref AWS::NotificationARNs"], "[]");
    comes_to(&["!Ref AWS::NoValue"], "nothing");
    comes_to(
        &["!Ref AWS::StackId"],
        "arn:aws:cloudformation:us-east-1:123456789012:stack/stack/\
         00000000-0000-0000-0000-000000000000",
    );
    is_wrong(
        "!Ref AWS::Regio",
        "there is no pseudo parameter `AWS::Regio`",
    );
    let china = Options {
        region: "cn-north-1".to_owned(),
        account: "000000000001".to_owned(),
        stack_name: Some("prod".to_owned()),
        ..Options::default()
    };
    let text = "!Sub '${AWS::Partition} ${AWS::URLSuffix} ${AWS::AccountId} ${AWS::StackName}'";
    let (value, _) = eval_with(text, &china);
    assert_eq!(show(&value), "aws-cn amazonaws.com.cn 000000000001 prod");
}

#[test]
fn ref_of_resources_and_of_nothing() {
    comes_to(&["!Ref Web", "Ref: Web"], "<Web>");
    is_wrong("!Ref Wep", "`Wep` is neither a parameter nor a resource");
    is_wrong("!Ref [Web]", "`Ref` names a parameter or a resource");
    let (_, diagnostics) = eval("!Ref Servr");
    assert_eq!(diagnostics[0].help, ["did you mean `Server`?"]);
}

#[test]
fn get_att() {
    for expression in [
        "!GetAtt Web.GroupId",
        "!GetAtt [Web, GroupId]",
        "Fn::GetAtt: [Web, GroupId]",
    ] {
        comes_to(&[expression], "<Web.GroupId>");
    }
    comes_to(
        &[
            r#"{"Fn::GetAtt": ["Web", "GroupId"]}"#,
            "Fn::GetAtt: Web.GroupId",
        ],
        "<Web.GroupId>",
    );
    comes_to(
        &["!GetAtt Vpc.CidrBlock", "Fn::GetAtt: [Vpc, CidrBlock]"],
        "10.2.0.0/16",
    );
    comes_to(&["!GetAtt Server.PrivateIp"], "10.0.0.7");
    comes_to(&["!GetAtt Web.VpcId"], "<Vpc>");
    comes_to(&["!GetAtt Address.AllocationId"], "<Address.AllocationId>");
    is_wrong("!GetAtt Wob.GroupId", "there is no resource `Wob`");
    is_wrong("!GetAtt Web", "takes a resource and an attribute");
    is_wrong("!GetAtt Loop.CidrBlock", "depends on itself");
}

#[test]
fn sub() {
    comes_to(
        &[
            "!Sub '${Name}-sg'",
            "Fn::Sub: '${Name}-sg'",
            r#"{"Fn::Sub": "${Name}-sg"}"#,
            "!Sub ['${N}-sg', {N: !Ref Name}]",
            "Fn::Sub: ['${N}-sg', {N: {Ref: Name}}]",
        ],
        "web-sg",
    );
    comes_to(
        &["!Sub '${!Name} $Name ${AWS::Region} {x}'"],
        "${Name} $Name us-east-1 {x}",
    );
    comes_to(&["!Sub '${Vpc.CidrBlock}'"], "10.2.0.0/16");
    comes_to(&["!Sub '${Web}'"], "<Web>");
    comes_to(&["!Sub '${Web.GroupId}'"], "<Web.GroupId>");
    comes_to(&["!Sub '${Address}/32'"], "?Address/32");
    comes_to(&["!Sub '${Open}/32'"], "?{Open}/32");
    comes_to(&["!Sub plain"], "plain");
    is_wrong("!Sub '${Nam}'", "`Nam` is neither");
    is_wrong("!Sub '${a b}x'", "names no parameter or resource");
    is_wrong("!Sub [a, b, c]", "`Fn::Sub` takes text");
    is_wrong("!Sub '${Ports} x'", "text expected, found a list");
}

#[test]
fn sub_points_at_the_variable() {
    let (_, diagnostics) = eval("!Sub 'a ${Name} ${Nope} b'");
    let location = diagnostics[0].location.as_ref().unwrap();
    assert_eq!((location.column, location.end - location.start), (17, 7));
}

#[test]
fn join() {
    comes_to(
        &[
            "!Join ['/', [!Ref Name, a, '']]",
            "Fn::Join: ['/', [{Ref: Name}, a, '']]",
            r#"{"Fn::Join": ["/", [{"Ref": "Name"}, "a", ""]]}"#,
        ],
        "web/a/",
    );
    comes_to(&["!Join [',', !Ref Ports]"], "80,443,8080");
    comes_to(&["!Join ['', [a, !Ref AWS::NoValue, b]]"], "ab");
    comes_to(&["!Join ['-', [a, !Ref Open]]"], "?a-{Open}");
    comes_to(&["!Join ['-', !Ref Groups]"], "?{Groups}");
    is_wrong("!Join [a]", "`Fn::Join` takes");
    is_wrong(
        "!Join ['', x]",
        "`Fn::Join` expects a list here, found text",
    );
}

#[test]
fn split_and_select() {
    comes_to(
        &["!Split ['.', a.b.c]", r#"{"Fn::Split": [".", "a.b.c"]}"#],
        "[a, b, c]",
    );
    comes_to(
        &[
            "!Select [1, !Split ['.', a.b.c]]",
            "Fn::Select: ['1', [a, b]]",
        ],
        "b",
    );
    comes_to(&["!Select [!Ref Count, !Ref Ports]"], "8080");
    comes_to(&["!Select [0, !Ref Groups]"], "?{Groups}");
    comes_to(&["!Split [',', !Ref Open]"], "?{Open}");
    is_wrong("!Select [3, [a, b, c]]", "asks for item 3 of a list of 3");
    is_wrong("!Select [-1, [a]]", "takes a number from 0");
    is_wrong("!Split ['', a]", "`Fn::Split` takes");
}

#[test]
fn conditions() {
    for (condition, expected) in [
        ("Yes", "a"),
        ("No", "b"),
        ("Number", "a"),
        ("Both", "a"),
        ("Either", "a"),
        ("Neither", "b"),
        // What is not known does not matter where the rest decides.
        ("Decided", "a"),
        ("Refuted", "b"),
    ] {
        comes_to(&[&format!("!If [{condition}, a, b]")], expected);
        comes_to(
            &[&format!(r#"{{"Fn::If": ["{condition}", "a", "b"]}}"#)],
            expected,
        );
    }
    comes_to(&["!If [Undecided, a, b]"], "?{Open}");
    comes_to(&["!If [No, a, !Ref AWS::NoValue]"], "nothing");
    // Only the branch that is taken is looked at.
    comes_to(&["!If [Yes, a, !Ref Nonsense]"], "a");
    is_wrong(
        "!If [Circular, a, b]",
        "condition `Circular` depends on itself",
    );
    is_wrong("!If [Misspelt, a, b]", "there is no condition `Yess`");
    is_wrong("!If [Nope, a, b]", "there is no condition `Nope`");
    is_wrong("!If [Yes, a]", "`Fn::If` takes");
    is_wrong("!Equals [a, b]", "can only stand in a condition");
}

#[test]
fn find_in_map() {
    comes_to(
        &[
            "!FindInMap [Ranges, !Ref AWS::Region, office]",
            r#"{"Fn::FindInMap": ["Ranges", {"Ref": "AWS::Region"}, "office"]}"#,
        ],
        "192.0.2.0/24",
    );
    comes_to(&["!FindInMap [Ranges, us-east-1, list]"], "[a, b]");
    comes_to(
        &["!FindInMap [Ranges, nowhere, office, {DefaultValue: x}]"],
        "x",
    );
    comes_to(&["!FindInMap [Ranges, !Ref Open, office]"], "?{Open}");
    is_wrong(
        "!FindInMap [Ranges, us-east-1, ofice]",
        "there is no second key `ofice`",
    );
    is_wrong(
        "!FindInMap [Rages, us-east-1, office]",
        "there is no mapping `Rages`",
    );
}

#[test]
fn import_value() {
    let long = r#"{"Fn::ImportValue": {"Fn::Sub": "${Name}-SG"}}"#;
    let expressions = [
        "!ImportValue web-SG",
        "Fn::ImportValue: !Sub '${Name}-SG'",
        long,
    ];
    comes_to(&expressions, "?{web-SG}");
    // A short form that is given a long one.
    comes_to(&["!ImportValue\n  Fn::Sub: ${Name}-SG\n"], "?{web-SG}");
    let mut options = Options::default();
    options
        .import_values
        .insert("web-SG".to_owned(), "sg-1".to_owned());
    for expression in expressions {
        assert_eq!(show(&eval_with(expression, &options).0), "sg-1");
    }
}

#[test]
fn cidr() {
    let expected = "[10.2.0.0/24, 10.2.1.0/24, 10.2.2.0/24]";
    comes_to(
        &[
            "!Cidr [!GetAtt Vpc.CidrBlock, 3, 8]",
            "Fn::Cidr: [10.2.0.0/16, '3', '8']",
            r#"{"Fn::Cidr": ["10.2.0.0/16", 3, 8]}"#,
        ],
        expected,
    );
    comes_to(
        &["!Select [1, !Cidr ['2001:db8::/56', 2, 64]]"],
        "2001:db8:0:1::/64",
    );
    is_wrong(
        "!Cidr [10.0.0.0/24, 2, 8]",
        "does not hold 2 ranges with 8 host bits",
    );
    is_wrong("!Cidr [10.0.0.0/8, 257, 8]", "does not hold 257 ranges");
    is_wrong("!Cidr [10.0.0.0/8, 2, 33]", "does not hold");
    is_wrong("!Cidr [ten, 2, 8]", "`ten` is not an address range");
    is_wrong("!Cidr [10.0.0.0/8]", "`Fn::Cidr` takes");
}

#[test]
fn get_azs() {
    for expression in [
        "!GetAZs ''",
        "!GetAZs {Ref: AWS::Region}",
        "Fn::GetAZs: !Ref AWS::Region",
    ] {
        let (value, diagnostics) = eval(expression);
        assert_eq!(diagnostics, []);
        assert!(
            show(&value).starts_with("[us-east-1a, us-east-1b, "),
            "{expression}"
        );
    }
    comes_to(&["!Select [1, !GetAZs eu-west-1]"], "eu-west-1b");
}

#[test]
fn base64_and_length() {
    comes_to(
        &[
            "!Base64 web",
            r#"{"Fn::Base64": "web"}"#,
            "!Base64 {Ref: Name}",
        ],
        "web",
    );
    comes_to(&["!Length [a, b]"], "2");
    comes_to(&["Fn::Length: !Ref Ports"], "3");
}

#[test]
fn what_only_cloudformation_can_do() {
    for expression in [
        "Fn::Transform: {Name: AWS::Include}",
        "!Transform {Name: Macro}",
        "Fn::ToJsonString: {a: b}",
        "{'Fn::ForEach::Loop': [x, [a], {}], b: c}",
    ] {
        is_wrong(expression, "is worked out by CloudFormation itself");
    }
    is_wrong("!Rf Name", "there is no function `Rf`");
    is_wrong("Fn::Joined: []", "there is no function `Fn::Joined`");
    is_wrong("{Ref: Name, Fn::Sub: x}", "must be the only key");
}

#[test]
fn dynamic_references_are_not_values() {
    comes_to(
        &["'{{resolve:ssm:range}}'", "!Sub '{{resolve:ssm:${Name}}}'"],
        "?{resolve}",
    );
}

#[test]
fn values_that_explode_are_given_up() {
    // Each level is twenty times the one below.
    let mut text = format!("a0: &a0 !Sub '{}'\n", "x".repeat(1000));
    for level in 1..5 {
        let below = level - 1;
        let aliases = vec![format!("*a{below}"); 20].join(", ");
        text.push_str(&format!("a{level}: &a{level} !Join ['', [{aliases}]]\n"));
    }
    let (_, diagnostics) = eval(&text);
    assert!(
        diagnostics
            .iter()
            .any(|d| d.message.contains("beyond all bounds")),
        "{diagnostics:?}"
    );
}

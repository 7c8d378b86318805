//! The format of a flow log (G1 to G3): which fields a record has, in which order.

use secgroup_model::{ErrorCode, ModelError};

/// What a flow log has whose creator did not say (G1).
pub const DEFAULT_FORMAT: &str = "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} ${bytes} ${start} ${end} ${action} ${log-status}";

/// Every field, with the version that brought it (G3), which is what the field `version` tells of a format (G2).
pub const FIELDS: [(&str, u8); 42] = [
    ("version", 2),
    ("account-id", 2),
    ("interface-id", 2),
    ("srcaddr", 2),
    ("dstaddr", 2),
    ("srcport", 2),
    ("dstport", 2),
    ("protocol", 2),
    ("packets", 2),
    ("bytes", 2),
    ("start", 2),
    ("end", 2),
    ("action", 2),
    ("log-status", 2),
    ("vpc-id", 3),
    ("subnet-id", 3),
    ("instance-id", 3),
    ("tcp-flags", 3),
    ("type", 3),
    ("pkt-srcaddr", 3),
    ("pkt-dstaddr", 3),
    ("region", 4),
    ("az-id", 4),
    ("sublocation-type", 4),
    ("sublocation-id", 4),
    ("pkt-src-aws-service", 5),
    ("pkt-dst-aws-service", 5),
    ("flow-direction", 5),
    ("traffic-path", 5),
    ("ecs-cluster-arn", 7),
    ("ecs-cluster-name", 7),
    ("ecs-container-instance-arn", 7),
    ("ecs-container-instance-id", 7),
    ("ecs-container-id", 7),
    ("ecs-second-container-id", 7),
    ("ecs-service-name", 7),
    ("ecs-task-definition-arn", 7),
    ("ecs-task-arn", 7),
    ("ecs-task-id", 7),
    ("reject-reason", 8),
    ("resource-id", 9),
    ("encryption-status", 10),
];

/// Fields that AWS does not have; a format has them only if it names them. They are of no version.
///
/// The rule that admitted the traffic, the group that the rule is of, why it was accepted or rejected, and whether its connection is tracked.
pub const EXTRA_FIELDS: [&str; 4] = ["rule-id", "group-id", "reason", "tracking"];

/// A format is at most this long: all fields several times over.
const BYTES_MAX: usize = 4096;

/// The fields of a format such as `${srcaddr} ${dstaddr}`, in its order.
///
/// # Errors
/// `InvalidParameter` for a format without fields, with unknown ones, or with something else than fields and spaces.
pub fn parse(format: &str) -> Result<Vec<&'static str>, ModelError> {
    if format.len() > BYTES_MAX {
        return Err(invalid("The log format is too long".to_owned()));
    }
    let mut fields = Vec::new();
    let mut unknown = Vec::new();
    for part in format.split(' ').filter(|part| !part.is_empty()) {
        let name = part
            .strip_prefix("${")
            .and_then(|rest| rest.strip_suffix('}'));
        let Some(name) = name else {
            return Err(invalid(format!(
                "The log format contains '{part}', which is no field"
            ))
            .with_help("write fields as ${srcaddr}, with spaces between them"));
        };
        let mut known = FIELDS.iter().map(|(known, _)| known).chain(&EXTRA_FIELDS);
        match known.find(|known| **known == name) {
            Some(known) => fields.push(*known),
            None => unknown.push(name),
        }
    }
    if !unknown.is_empty() {
        return Err(invalid(format!(
            "Unknown fields provided: {}",
            unknown.join(", ")
        )));
    }
    if fields.is_empty() {
        return Err(invalid(
            "The log format must include at least one field".to_owned(),
        ));
    }
    Ok(fields)
}

fn invalid(message: String) -> ModelError {
    ModelError::new(ErrorCode::InvalidParameter, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_format_is_that_of_the_documents() {
        let fields = parse(DEFAULT_FORMAT).unwrap();
        let version_2: Vec<_> = FIELDS.iter().filter(|(_, v)| *v == 2).collect();
        assert_eq!(fields.len(), 14); // G1
        assert!(fields.iter().eq(version_2.iter().map(|(name, _)| name)));
    }

    #[test]
    fn fields_come_in_the_order_in_which_they_were_asked_for() {
        let fields = parse("${dstaddr}  ${srcaddr} ${reject-reason}").unwrap();
        assert_eq!(fields, ["dstaddr", "srcaddr", "reject-reason"]);
    }

    #[test]
    fn anything_else_is_refused() {
        for (format, message) in [
            ("", "The log format must include at least one field"),
            (
                "${srcaddr} ${nose} ${ear}",
                "Unknown fields provided: nose, ear",
            ),
            (
                "srcaddr",
                "The log format contains 'srcaddr', which is no field",
            ),
            (
                "${srcaddr}${dstaddr}",
                "Unknown fields provided: srcaddr}${dstaddr",
            ),
        ] {
            let error = parse(format).unwrap_err();
            assert_eq!(
                (error.code(), error.message.as_str()),
                ("InvalidParameter", message)
            );
        }
        assert!(parse(&"${srcaddr} ".repeat(1000)).is_err());
    }
}

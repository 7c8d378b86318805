//! Where a flow log is delivered to: what goes together (E51, G22 to G24).

use secgroup_model::{ErrorCode, ModelError};

use super::{FlowLogDestination, FlowLogFileFormat, FlowLogFiles};

/// No folder may have this name: EC2 makes it itself (G22).
const RESERVED_FOLDER: &str = "AWSLogs";
/// The characters that the name of a log group may have beside letters and digits.
const GROUP_MARKS: &str = "_-/.#";
/// The name of a log group is at most this long.
const GROUP_CHARS_MAX: usize = 512;

/// What a request says of the destination, as typed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RawDestination {
    /// `LogDestinationType`: a log group where it is not given.
    pub kind: Option<String>,
    /// `LogDestination`.
    pub arn: Option<String>,
    /// `LogGroupName`.
    pub log_group: Option<String>,
    /// `DeliverLogsPermissionArn`.
    pub permission: Option<String>,
    /// `DeliverCrossAccountRole`.
    pub cross_account_role: Option<String>,
    /// `DestinationOptions.FileFormat`.
    pub file_format: Option<String>,
    /// `DestinationOptions.HiveCompatiblePartitions`.
    pub hive: Option<bool>,
    /// `DestinationOptions.PerHourPartition`.
    pub per_hour: Option<bool>,
}

impl RawDestination {
    /// Checks that all of it goes together, and answers with the kind and, for files, how they are written.
    ///
    /// # Errors
    /// `InvalidParameterValue` for a kind or file format that is none, `InvalidParameter` for what is missing, does not belong to the kind,
    /// or is no ARN of it.
    pub(super) fn parse(&self) -> Result<(FlowLogDestination, Option<FlowLogFiles>), ModelError> {
        let kind = match &self.kind {
            None => FlowLogDestination::CloudWatchLogs,
            Some(text) => text
                .parse()
                .map_err(|error: ModelError| in_parameter("LogDestinationType", &error))?,
        };
        if kind == FlowLogDestination::CloudWatchLogs {
            self.check_log_group(kind)?;
        } else {
            self.check_elsewhere(kind)?;
        }
        let files = self.files(kind)?;
        Ok((kind, files))
    }

    /// One of a name and an ARN, and a role that may write there.
    fn check_log_group(&self, kind: FlowLogDestination) -> Result<(), ModelError> {
        match (&self.log_group, &self.arn) {
            (None, None) => return Err(empty("LogGroupName", kind)),
            (Some(_), Some(_)) => {
                return Err(invalid(
                    "Please only provide LogGroupName or only provide LogDestination.".to_owned(),
                ));
            }
            (Some(name), None) => check_group_name(name)?,
            (None, Some(arn)) => check_arn(arn, kind, "arn:aws", ":logs:", ":log-group:")?,
        }
        match &self.permission {
            None => Err(empty("DeliverLogsPermissionArn", kind)),
            Some(_) => Ok(()),
        }
    }

    fn check_elsewhere(&self, kind: FlowLogDestination) -> Result<(), ModelError> {
        if self.log_group.is_some() {
            return Err(invalid(
                "LogDestination type must be cloud-watch-logs if LogGroupName is provided."
                    .to_owned(),
            ));
        }
        let arn = self
            .arn
            .as_ref()
            .ok_or_else(|| empty("LogDestination", kind))?;
        if kind == FlowLogDestination::Firehose {
            return check_arn(arn, kind, "arn:aws", ":firehose:", ":deliverystream/")
                .or_else(|_| check_arn(arn, kind, "arn:aws", ":firehose:", ":deliverystream:"));
        }
        check_arn(arn, kind, "arn:aws", ":s3:", "::")?;
        if arn.split('/').any(|folder| folder == RESERVED_FOLDER) {
            return Err(invalid(format!(
                "LogDestination: {RESERVED_FOLDER} is a reserved term and cannot be used as a subfolder name"
            )));
        }
        Ok(())
    }

    fn files(&self, kind: FlowLogDestination) -> Result<Option<FlowLogFiles>, ModelError> {
        let given = self.file_format.is_some() || self.hive.is_some() || self.per_hour.is_some();
        if kind != FlowLogDestination::S3 {
            return if given {
                Err(invalid(
                    "DestinationOptions can only be provided if LogDestinationType is s3."
                        .to_owned(),
                ))
            } else {
                Ok(None)
            };
        }
        let format = match &self.file_format {
            None => FlowLogFileFormat::PlainText,
            Some(text) => text
                .parse()
                .map_err(|error: ModelError| in_parameter("FileFormat", &error))?,
        };
        Ok(Some(FlowLogFiles {
            format,
            hive: self.hive.unwrap_or(false),
            per_hour: self.per_hour.unwrap_or(false),
        }))
    }
}

fn check_group_name(name: &str) -> Result<(), ModelError> {
    let is_good = |c: char| c.is_ascii_alphanumeric() || GROUP_MARKS.contains(c);
    if !name.is_empty() && name.len() <= GROUP_CHARS_MAX && name.chars().all(is_good) {
        return Ok(());
    }
    Err(
        invalid(format!("LogGroupName '{name}' is invalid.")).with_help(format!(
            "a name has 1 to {GROUP_CHARS_MAX} letters, digits and {GROUP_MARKS}"
        )),
    )
}

/// An ARN begins with its partition, names the service, and has something behind the mark of what it is of.
fn check_arn(
    arn: &str,
    kind: FlowLogDestination,
    partition: &str,
    service: &str,
    mark: &str,
) -> Result<(), ModelError> {
    let named = arn
        .strip_prefix(partition)
        .and_then(|rest| rest.split_once(service))
        .filter(|(partition, _)| !partition.contains(':'))
        .and_then(|(_, rest)| rest.split_once(mark.trim_start_matches(':')))
        .is_some_and(|(_, name)| !name.is_empty());
    if named && arn.len() <= 1024 {
        return Ok(());
    }
    Err(invalid(format!(
        "LogDestination '{arn}' is no ARN of a destination of type {kind}."
    )))
}

fn empty(parameter: &str, kind: FlowLogDestination) -> ModelError {
    invalid(format!(
        "{parameter} can't be empty if LogDestinationType is {kind}."
    ))
}

/// The same fault, with the name of the parameter that has it.
pub(super) fn in_parameter(parameter: &str, error: &ModelError) -> ModelError {
    ModelError::value(format!(
        "Invalid value for parameter {parameter}: {}",
        error.message
    ))
}

pub(super) fn invalid(message: String) -> ModelError {
    ModelError::new(ErrorCode::InvalidParameter, message)
}

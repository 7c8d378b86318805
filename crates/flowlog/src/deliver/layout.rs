//! Names of files and folders, as a flow log has them in its bucket (G22):
//!
//! ```text
//! AWSLogs/123456789012/vpcflowlogs/us-east-1/2026/11/21/[14/]
//!     123456789012_vpcflowlogs_us-east-1_fl-0123456789abcdef0_20261121T1405Z_1a2b3c4d.log.gz
//! AWSLogs/aws-account-id=123456789012/aws-service=vpcflowlogs/aws-region=us-east-1/year=2026/month=11/day=21/[hour=14/]...
//! ```
//!
//! The time is that at which the period of the file begins, so a file lies in the partition of the windows that it has.
//! Files that are not finished are in `.unfinished`, in the same folder, and under their own names already: what a crash leaves there is told by its log's id, and removed when
//! that log begins again.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::unfinished::Unfinished;
use super::{DeliveryError, Encoding, Folder, cannot_write};
use crate::log::LogSettings;

/// The folder of files that are not finished.
const UNFINISHED: &str = ".unfinished";

/// How folders are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Layout {
    /// As Hive finds partitions: `year=2026` instead of `2026`.
    pub hive: bool,
    /// A folder for each hour.
    pub per_hour: bool,
}

/// Names files of one log.
#[derive(Debug)]
pub(super) struct Naming {
    id: String,
    account: String,
    region: String,
    /// Makes names differ between runs; 0 for names that are the same whenever the same is written.
    seed: u64,
    /// Files so far.
    files: u64,
}

impl Naming {
    pub(super) fn new(settings: &LogSettings, seed: u64) -> Self {
        Self {
            id: as_name(&settings.id),
            account: as_name(&settings.account),
            region: as_name(&settings.region),
            seed,
            files: 0,
        }
    }

    /// Makes the next file, of the period that begins at second `period`.
    pub(super) fn create(
        &mut self,
        folder: &Folder,
        encoding: Encoding,
        period: u64,
    ) -> Result<(Unfinished, File), DeliveryError> {
        self.files += 1;
        let mut hash = DefaultHasher::new();
        (&self.id, period, self.seed, self.files).hash(&mut hash);
        let time = at(period).strftime("%Y%m%dT%H%MZ");
        let name = format!(
            "{}_vpcflowlogs_{}_{}_{time}_{:08x}.{}",
            self.account,
            self.region,
            self.id,
            hash.finish() >> 32,
            encoding.extension()
        );
        let staging = folder.root.join(UNFINISHED);
        fs::create_dir_all(&staging).map_err(|source| cannot_write(&staging, source))?;
        let path = folder
            .root
            .join(self.folder(folder.layout, period))
            .join(&name);
        Unfinished::create(path, staging.join(name))
    }

    fn folder(&self, layout: Layout, period: u64) -> PathBuf {
        let (account, region) = (&self.account, &self.region);
        let text = if layout.hive {
            let hour = if layout.per_hour { "/hour=%H" } else { "" };
            let time = format!("year=%Y/month=%m/day=%d{hour}");
            let time = at(period).strftime(&time).to_string();
            format!(
                "AWSLogs/aws-account-id={account}/aws-service=vpcflowlogs/aws-region={region}/{time}"
            )
        } else {
            let hour = if layout.per_hour { "/%H" } else { "" };
            let time = format!("%Y/%m/%d{hour}");
            let time = at(period).strftime(&time).to_string();
            format!("AWSLogs/{account}/vpcflowlogs/{region}/{time}")
        };
        PathBuf::from(text)
    }

    /// Removes what a run that was killed left behind of this log.
    pub(super) fn clear_unfinished(&self, root: &Path) {
        if self.seed == 0 {
            return; // Several may write here at once, and none of them was killed in the middle of a service.
        }
        let Ok(entries) = fs::read_dir(root.join(UNFINISHED)) else {
            return; // Nothing was left.
        };
        let ours = format!("_{}_", self.id);
        for entry in entries.flatten() {
            if entry.file_name().to_string_lossy().contains(&ours) {
                // One that stays is in nobody's way.
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

fn at(second: u64) -> Timestamp {
    let second = i64::try_from(second).unwrap_or(i64::MAX);
    Timestamp::from_second(second).unwrap_or(Timestamp::MAX)
}

/// What may stand in a name: no separator, and nothing that means another folder.
fn as_name(text: &str) -> String {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let name: String = text
        .chars()
        .map(|c| if good(c) { c } else { '-' })
        .collect();
    if name.is_empty() {
        "-".to_owned()
    } else {
        name
    }
}

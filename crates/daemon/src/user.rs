//! Whom `--user NAME|UID[:GROUP]` means, as the databases of users and groups have it.
//!
//! As for `chown`, a name that consists of digits is looked up as a name first. The user's own groups come along, as they do when it
//! logs in. Numbers that the databases do not know are good where nothing has to be looked up: a user with a group beside it.

use std::ffi::CString;

use nix::unistd::{Gid, Group, Uid, User, getgrouplist};
use secgroup_io::live::identity::Identity;

/// A user that a program can be started as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its ids.
    pub identity: Identity,
    /// What the environment of its programs says, where the database knows it: `HOME`, `USER`, `LOGNAME`, `SHELL`.
    pub environment: Vec<(&'static str, String)>,
}

/// Why there is no such account, in one line.
#[derive(Debug, thiserror::Error)]
pub enum NoAccount {
    /// Not known.
    #[error("--user: there is no user '{}'; 'getent passwd' lists those that there are", .0.escape_debug())]
    User(String),
    /// Not known.
    #[error("--user: there is no group '{}'; 'getent group' lists those that there are", .0.escape_debug())]
    Group(String),
    /// A number alone.
    #[error(
        "--user: no user has the number {0}, so its group is not known; name one: --user {0}:GROUP"
    )]
    NoGroup(u32),
    /// It would be an id that stands for none.
    #[error("--user: {0} stands for no user and no group")]
    Reserved(u32),
    /// The database does not answer.
    #[error("--user: '{name}' cannot be looked up: {error}")]
    Database {
        /// What was looked up.
        name: String,
        /// What the system said.
        error: nix::Error,
    },
}

impl Account {
    /// Looks up `NAME|UID[:GROUP|GID]`.
    ///
    /// # Errors
    /// [`NoAccount`].
    pub fn find(text: &str) -> Result<Self, NoAccount> {
        let (user, group) = match text.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (text, None),
        };
        let (uid, known) = user_of(user)?;
        let gid = match (group, &known) {
            (Some(group), _) => group_of(group)?,
            (None, Some(known)) => known.gid.as_raw(),
            (None, None) => return Err(NoAccount::NoGroup(uid)),
        };
        if let Some(reserved) = [uid, gid].into_iter().find(|id| *id == u32::MAX) {
            return Err(NoAccount::Reserved(reserved));
        }
        let groups = known.as_ref().map(|known| groups_of(known, gid));
        Ok(Self {
            identity: Identity {
                uid,
                gid,
                groups: groups.transpose()?.unwrap_or_else(|| vec![gid]),
            },
            environment: known.map(environment_of).unwrap_or_default(),
        })
    }
}

fn user_of(name: &str) -> Result<(u32, Option<User>), NoAccount> {
    let failed = |error| database(name, error);
    if let Some(user) = User::from_name(name).map_err(failed)? {
        return Ok((user.uid.as_raw(), Some(user)));
    }
    let uid = number(name).ok_or_else(|| NoAccount::User(name.to_owned()))?;
    let known = User::from_uid(Uid::from_raw(uid)).map_err(failed)?;
    Ok((uid, known))
}

fn group_of(name: &str) -> Result<u32, NoAccount> {
    let known = Group::from_name(name).map_err(|error| database(name, error))?;
    known
        .map(|group| group.gid.as_raw())
        .or_else(|| number(name))
        .ok_or_else(|| NoAccount::Group(name.to_owned()))
}

/// A number in digits: `+0` is none, and neither is a name that cannot be one of a user.
fn number(name: &str) -> Option<u32> {
    let digits = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
    name.parse().ok().filter(|_| digits)
}

fn groups_of(user: &User, gid: u32) -> Result<Vec<u32>, NoAccount> {
    let name = CString::new(user.name.as_str()).map_err(|_| NoAccount::User(user.name.clone()))?;
    let groups =
        getgrouplist(&name, Gid::from_raw(gid)).map_err(|error| database(&user.name, error))?;
    Ok(groups.into_iter().map(Gid::as_raw).collect())
}

fn environment_of(user: User) -> Vec<(&'static str, String)> {
    let path = |path: std::path::PathBuf| path.to_string_lossy().into_owned();
    vec![
        ("HOME", path(user.dir)),
        ("SHELL", path(user.shell)),
        ("LOGNAME", user.name.clone()),
        ("USER", user.name),
    ]
}

fn database(name: &str, error: nix::Error) -> NoAccount {
    NoAccount::Database {
        name: name.to_owned(),
        error,
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// What `id` says of a user.
    fn id(option: &str, user: &str) -> Vec<u32> {
        let output = Command::new("id").args([option, user]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let mut ids: Vec<_> = text
            .split_whitespace()
            .map(|id| id.parse().unwrap())
            .collect();
        ids.sort_unstable();
        ids
    }

    #[test]
    fn a_user_is_who_id_says() {
        for name in ["root", "daemon", "nobody", "0", "1"] {
            let Identity {
                uid,
                gid,
                mut groups,
            } = Account::find(name).unwrap().identity;
            groups.sort_unstable();
            assert_eq!(vec![uid], id("-u", name), "{name}");
            assert_eq!(vec![gid], id("-g", name), "{name}");
            assert_eq!(groups, id("-G", name), "{name}");
        }
        let root = Account::find("root").unwrap();
        assert!(root.environment.contains(&("HOME", "/root".to_owned())));
    }

    #[test]
    fn another_group_is_named_or_numbered() {
        let daemon = Account::find("nobody:daemon").unwrap().identity;
        assert_eq!(vec![daemon.gid], id("-g", "daemon"));
        assert!(daemon.groups.contains(&daemon.gid));
        let unknown = Account::find("3999999001:3999999002").unwrap();
        let expected = Identity {
            uid: 3_999_999_001,
            gid: 3_999_999_002,
            groups: vec![3_999_999_002],
        };
        assert_eq!(
            (unknown.identity, unknown.environment),
            (expected, Vec::new())
        );
    }

    #[test]
    fn whoever_is_not_there_is_refused_with_what_to_do() {
        for (text, said) in [
            ("", "there is no user ''"),
            ("no such user", "there is no user 'no such user'"),
            (":daemon", "there is no user ''"),
            ("+0", "there is no user '+0'"),
            ("-1", "there is no user '-1'"),
            ("a\0b", "there is no user 'a\\0b'"),
            ("99999999999", "there is no user '99999999999'"),
            ("nobody:", "there is no group ''"),
            ("nobody:no-such-group", "getent group"),
            ("nobody:daemon:daemon", "there is no group 'daemon:daemon'"),
            ("3999999001", "--user 3999999001:GROUP"),
            ("4294967295:1", "stands for no user"),
            ("nobody:4294967295", "stands for no user"),
        ] {
            let error = Account::find(text).unwrap_err().to_string();
            assert!(error.contains(said), "{text:?}: {error}");
        }
    }
}

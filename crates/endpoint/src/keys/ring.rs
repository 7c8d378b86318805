//! Which keys a server goes by: those of a file that somebody chose, or some that are made at the first start.
//!
//! | asked for | file is there | file is not there |
//! |---|---|---|
//! | a file that says who may call | it is read, and never written | an error |
//! | keys in the state folder | it is read; accounts without a key get one | it is made |
//! | nothing kept | | keys that end with the process |
//! | a file that says who may look | it is read, and never written | it is made, with one key that is read-only |

use std::path::{Path, PathBuf};

use secgroup_model::AccountId;

use super::{AccessKey, Keys, KeysError};
use crate::folder::StateFolder;
use crate::random::Random;

/// The keys that a server goes by, and where they come from.
#[derive(Debug, Clone, Default)]
pub struct Keyring {
    /// All of them.
    pub keys: Keys,
    /// Those that were made just now, whose secrets nobody knows yet.
    pub new: Keys,
    /// The file that they stand in; `None` where they are kept nowhere.
    pub file: Option<PathBuf>,
    /// Whose they are, each once: the accounts that were asked for, then others that have keys.
    pub accounts: Vec<AccountId>,
    /// Whether somebody chose the file.
    pub is_chosen: bool,
}

impl Keyring {
    /// Those who may call: the keys of `file` where one was chosen. Otherwise each of `accounts` has one, kept in `folder` if there is one.
    ///
    /// # Errors
    /// The file cannot be read or written, or is no file of keys that are closed to others; or nothing random is to be had.
    pub fn of_callers(
        file: Option<&Path>,
        folder: Option<&StateFolder>,
        accounts: &[AccountId],
    ) -> Result<Self, KeysError> {
        let ((keys, new), path) = match (file, folder) {
            (Some(path), _) => ((Keys::read(path)?, Keys::default()), Some(path.to_owned())),
            (None, Some(folder)) => {
                let path = folder.keys();
                (Keys::keep(&path, accounts, &Random::new()?)?, Some(path))
            }
            (None, None) => {
                let keys = Keys::generate(accounts, &Random::new()?);
                ((keys.clone(), keys), None)
            }
        };
        let mut all = accounts.to_vec();
        let others = keys.accounts().into_iter();
        all.extend(others.filter(|account| !accounts.contains(account)));
        Ok(Self {
            keys,
            new,
            file: path,
            accounts: all,
            is_chosen: file.is_some(),
        })
    }

    /// Those of `account` who may look: the keys of `file`, which is made with one that is read-only where it is not there, as is its folder. It is an absolute path.
    ///
    /// # Errors
    /// As [`of_callers`](Self::of_callers).
    pub fn of_readers(file: &Path, account: &AccountId) -> Result<Self, KeysError> {
        let (keys, new) = match Keys::read(file) {
            Err(error) if error.is_absent() => {
                let key = AccessKey::generate(account, &Random::new()?).read_only();
                let keys = Keys::from_iter([key]);
                // One that others can change is no place for it.
                if let Some(folder) = file.parent() {
                    StateFolder::open(folder)?;
                }
                keys.write(file)?;
                (keys.clone(), keys)
            }
            read => (read?, Keys::default()),
        };
        Ok(Self {
            keys,
            new,
            file: Some(file.to_owned()),
            accounts: vec![account.clone()],
            is_chosen: true,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts() -> [AccountId; 2] {
        ["210987654321", "123456789012"].map(AccountId::new)
    }

    #[test]
    fn a_file_that_was_chosen_is_not_made_up() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::open(folder.path()).unwrap();
        let file = folder.path().join("chosen.toml");
        let missing = Keyring::of_callers(Some(&file), Some(&state), &accounts());
        assert!(missing.unwrap_err().is_absent());
        assert!(!file.exists() && !state.keys().exists());

        let one = Keys::generate(&accounts()[1..], &Random::new().unwrap());
        one.write(&file).unwrap();
        let ring = Keyring::of_callers(Some(&file), Some(&state), &[]).unwrap();
        assert_eq!((&ring.keys, &ring.accounts[..]), (&one, &accounts()[1..]));
        assert!(ring.is_chosen && ring.new.is_empty());
        assert_eq!(ring.file, Some(file.clone()));
        // An account that is asked for comes first, and gets no key in a file of somebody else.
        let ring = Keyring::of_callers(Some(&file), None, &accounts()).unwrap();
        assert_eq!((&ring.keys, &ring.accounts[..]), (&one, &accounts()[..]));
    }

    #[test]
    fn without_one_each_account_has_a_key_which_is_kept_if_there_is_a_place() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::open(folder.path()).unwrap();
        let first = Keyring::of_callers(None, Some(&state), &accounts()).unwrap();
        assert_eq!(
            (first.new.clone(), first.is_chosen),
            (first.keys.clone(), false)
        );
        assert_eq!(first.accounts, accounts());
        assert_eq!(first.file, Some(state.keys()));
        let again = Keyring::of_callers(None, Some(&state), &accounts()[1..]).unwrap();
        assert_eq!(again.keys, first.keys);
        assert!(again.new.is_empty());
        let (other, known) = (accounts()[0].clone(), accounts()[1].clone());
        assert_eq!(again.accounts, [known, other]);

        let nowhere = Keyring::of_callers(None, None, &accounts()).unwrap();
        assert_eq!(nowhere.new.iter().count(), 2);
        assert_eq!((nowhere.keys, nowhere.file), (nowhere.new, None));
    }

    #[test]
    fn those_who_look_get_a_key_that_may_only_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state/readers.toml");
        let account = &accounts()[0];
        let first = Keyring::of_readers(&file, account).unwrap();
        let keys: Vec<_> = first.keys.iter().map(AccessKey::caller).collect();
        let [caller] = &keys[..] else {
            panic!("{keys:?}")
        };
        assert_eq!((&caller.account, caller.may_write), (account, false));
        assert_eq!(first.new, first.keys);
        let again = Keyring::of_readers(&file, &accounts()[1]).unwrap();
        assert_eq!(again.keys, first.keys, "it is there, and so it is chosen");
        assert!(again.new.is_empty());
        assert_eq!(again.keys.of_account(account), first.keys);
        assert!(again.keys.of_account(&accounts()[1]).is_empty());
    }

    #[test]
    fn no_key_is_made_where_others_could_put_theirs() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let everybody = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(folder.path(), everybody).unwrap();
        let file = folder.path().join("readers.toml");
        let refused = Keyring::of_readers(&file, &accounts()[0]).unwrap_err();
        assert!(refused.to_string().contains("chmod go-w"), "{refused}");
        assert!(!file.exists());
    }
}

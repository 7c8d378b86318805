//! Access keys: who may call, for which account, and whether to change anything.
//!
//! Keys stand in a file that its owner alone may read, or are made on the first start. Secrets are shown by nothing here: not by `Debug`, not in
//! errors, not in logs.

mod file;
mod ring;

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use secgroup_api::{Claim, Credentials, HttpRequest};
use secgroup_ec2::Caller;
use secgroup_model::{AccountId, ErrorCode, ModelError};

pub use self::file::KeysError;
pub use self::ring::Keyring;
use crate::random::Random;

/// Ids of keys are this long at most.
const ID_MAX: usize = 128;
/// And at least: shorter ones are refused by clients.
const ID_MIN: usize = 16;
/// Secrets shorter than this could be guessed.
const SECRET_MIN: usize = 16;
/// What ids are made of (base 32), behind `AKIA`.
const ID_LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// What secrets are made of: 40 of them are 238 bits.
const SECRET_LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Everything.
    #[default]
    Full,
    /// Only look: what would change something is `UnauthorizedOperation`.
    ReadOnly,
}

/// An access key.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessKey {
    /// Its id, such as `AKIA…`: 16 to 128 letters, digits and `_`.
    pub id: String,
    /// Its secret, at least 16 printable ASCII characters. Whoever has it can sign.
    pub secret: String,
    /// The session token that requests must bring, where the key has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_token: Option<String>,
    /// The account that it belongs to: 12 digits.
    pub account: String,
    /// What it may do.
    #[serde(default)]
    pub access: Access,
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKey")
            .field("id", &self.id)
            .field("account", &self.account)
            .field("access", &self.access)
            .finish_non_exhaustive()
    }
}

impl AccessKey {
    /// A new one that may do everything: an id of 20 characters, a secret of 40.
    #[must_use]
    pub fn generate(account: &AccountId, random: &Random) -> Self {
        Self {
            id: format!("AKIA{}", random.text(16, ID_LETTERS)),
            secret: random.text(40, SECRET_LETTERS),
            session_token: None,
            account: account.as_str().to_owned(),
            access: Access::Full,
        }
    }

    /// The same key, which may only look.
    #[must_use]
    pub fn read_only(self) -> Self {
        Self {
            access: Access::ReadOnly,
            ..self
        }
    }

    /// What it signs with.
    #[must_use]
    pub fn credentials(&self) -> Credentials<'_> {
        Credentials {
            secret: &self.secret,
            session_token: self.session_token.as_deref(),
        }
    }

    /// Who calls with it.
    #[must_use]
    pub fn caller(&self) -> Caller {
        Caller {
            account: AccountId::new(&self.account),
            key: self.id.as_str().into(),
            may_write: self.access == Access::Full,
        }
    }

    /// What is wrong with it, without its secret.
    fn fault(&self) -> Option<&'static str> {
        let is_printable = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if !(ID_MIN..=ID_MAX).contains(&self.id.len()) || !self.id.bytes().all(is_word) {
            Some("its id is not 16 to 128 letters, digits and '_'")
        } else if self.secret.len() < SECRET_MIN || !is_printable(&self.secret) {
            Some("its secret is not at least 16 printable ASCII characters without spaces")
        } else if self
            .session_token
            .as_deref()
            .is_some_and(|t| t.is_empty() || !is_printable(t))
        {
            Some("its session token is empty, or not of printable ASCII characters without spaces")
        } else if !AccountId::new(&self.account).is_well_formed() {
            Some("its account is not 12 digits")
        } else {
            None
        }
    }
}

/// The keys that there are, by id.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Keys(BTreeMap<String, AccessKey>);

impl Keys {
    /// One new key for each account.
    #[must_use]
    pub fn generate(accounts: &[AccountId], random: &Random) -> Self {
        let keys = accounts.iter();
        keys.map(|account| AccessKey::generate(account, random))
            .collect()
    }

    /// The key of this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&AccessKey> {
        self.0.get(id)
    }

    /// The key that signed `request`, of which `claim` is what it says of itself.
    ///
    /// # Errors
    /// Those of [`Claim::verify`]: a key that is not known and a signature that is wrong get one answer.
    pub(crate) fn signer(
        &self,
        claim: &Claim,
        request: &HttpRequest<'_>,
        now: Timestamp,
    ) -> Result<&AccessKey, ModelError> {
        let key = self.get(&claim.key_id);
        claim.verify(request, key.map(AccessKey::credentials), now)?;
        // A key that is not known was refused by `verify`.
        key.ok_or_else(|| {
            ModelError::new(ErrorCode::InternalError, "An internal error has occurred")
        })
    }

    /// Those of one account.
    #[must_use]
    pub fn of_account(&self, account: &AccountId) -> Self {
        let keys = self.iter().filter(|key| key.account == account.as_str());
        keys.cloned().collect()
    }

    /// All of them, in order of ids.
    pub fn iter(&self) -> impl Iterator<Item = &AccessKey> {
        self.0.values()
    }

    /// The accounts that have keys, each once, in order.
    #[must_use]
    pub fn accounts(&self) -> Vec<AccountId> {
        let mut accounts: Vec<_> = self
            .iter()
            .map(|key| AccountId::new(&key.account))
            .collect();
        accounts.sort();
        accounts.dedup();
        accounts
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn add(&mut self, key: AccessKey) {
        self.0.insert(key.id.clone(), key);
    }
}

impl FromIterator<AccessKey> for Keys {
    fn from_iter<I: IntoIterator<Item = AccessKey>>(keys: I) -> Self {
        let keys = keys.into_iter();
        Self(keys.map(|key| (key.id.clone(), key)).collect())
    }
}

#[cfg(test)]
mod tests;

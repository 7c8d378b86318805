//! Who may look at the live page: the keys that it asks for, opened before anything listens.

use std::sync::Arc;

use secgroup_endpoint::{Gate, Keyring, Keys};
use secgroup_model::AccountId;
use tracing::info;

use crate::config::{Config, Viewers};

/// What asks for keys in front of the live page; nothing where there is no page, or one that everybody on this host may see. `of_api` are the keys of the
/// endpoint, if there is one.
///
/// Only keys of the account whose interfaces these are will do: another account of the endpoint must not see what is none of its own.
///
/// # Errors
/// In one line, what is wrong with the file of keys.
pub(super) fn gate(config: &Config, of_api: Option<&Keys>) -> Result<Option<Arc<Gate>>, String> {
    let Some(page) = &config.page else {
        return Ok(None);
    };
    let account = AccountId::new(&config.policy.options.account);
    let (keys, place) = match &page.viewers {
        Viewers::ThisHost => return Ok(None),
        Viewers::KeysOfApi => (of_api.cloned().unwrap_or_default(), "[api]".to_owned()),
        Viewers::KeysIn(file) => {
            let keyring = Keyring::of_readers(file, &account);
            let keyring = keyring.map_err(|error| error.to_string())?;
            tell_of_new(&keyring);
            (keyring.keys, file.display().to_string())
        }
    };
    let keys = keys.of_account(&account);
    if keys.is_empty() {
        return Err(format!(
            "nobody could look at the live page: no access key of {place} is one of account {account}"
        ));
    }
    Ok(Some(Arc::new(Gate::new(keys))))
}

/// Says where new keys are. Their secrets are for the file alone.
pub(super) fn tell_of_new(keyring: &Keyring) {
    if let Some(file) = keyring.file.as_ref().filter(|_| !keyring.new.is_empty()) {
        info!("access keys were made: {}", file.display());
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// What a configuration with this text and a state folder of its own leads to.
    fn gate_of(text: &str, of_api: Option<&Keys>) -> Result<Option<Arc<Gate>>, String> {
        let config = Config::parse(text, Path::new("/etc/secgroup/secgroup.toml"), 1);
        let (config, _) = config.accept(false).unwrap_or_else(|said| panic!("{said}"));
        gate(&config, of_api)
    }

    fn keys(account: &str) -> Keys {
        let random = secgroup_endpoint::Random::new().unwrap();
        Keys::generate(&[AccountId::new(account)], &random)
    }

    const OPEN: &str = "[page]\nlisten = \"192.0.2.1:9274\"";

    #[test]
    fn there_is_a_gate_where_keys_are_asked_for() {
        assert!(gate_of("policy = [\"a.yaml\"]", None).unwrap().is_none());
        let here = "policy = [\"a.yaml\"]\n[page]";
        assert!(gate_of(here, None).unwrap().is_none());
        let managed = format!("[api]\n{OPEN}");
        let ours = keys("123456789012");
        assert!(gate_of(&managed, Some(&ours)).unwrap().is_some());
    }

    #[test]
    fn another_account_of_the_endpoint_does_not_look() {
        let managed = format!("[api]\n{OPEN}");
        let refused = gate_of(&managed, Some(&keys("210987654321"))).unwrap_err();
        assert_eq!(
            refused,
            "nobody could look at the live page: no access key of [api] is one of account 123456789012"
        );
        let theirs = format!("account = \"210987654321\"\n{managed}");
        let keys = keys("210987654321");
        assert!(gate_of(&theirs, Some(&keys)).unwrap().is_some());
    }

    #[test]
    fn a_file_of_keys_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("page-keys.toml");
        let text = format!(
            "policy = [\"a.yaml\"]\n{OPEN}\nkeys = \"{}\"",
            file.display()
        );
        assert!(gate_of(&text, None).unwrap().is_some());
        let made = std::fs::read_to_string(&file).unwrap();
        assert!(made.contains("access = \"read-only\""), "{made}");
        assert!(gate_of(&text, None).unwrap().is_some());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), made);
        let other = format!("account = \"210987654321\"\n{text}");
        assert!(
            gate_of(&other, None)
                .unwrap_err()
                .contains(".toml is one of account 210987654321")
        );
        std::fs::write(&file, "no keys").unwrap();
        assert!(
            gate_of(&text, None)
                .unwrap_err()
                .contains("is no file of access keys")
        );
    }
}

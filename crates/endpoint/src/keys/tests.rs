use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;

const FILE: &str = r#"
[[key]]
id = "AKIAIOSFODNN7EXAMPLE"
secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
account = "123456789012"

[[key]]
id = "ASIAIOSFODNN7EXAMPLE"
secret = "another/secret/that/nobody/knows"
session_token = "FwoGZXIvYXdzEXAMPLE//session+token=="
account = "210987654321"
access = "read-only"
"#;

fn written(text: &str, mode: u32) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.toml");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    (folder, path)
}

fn refused(text: &str) -> String {
    let (_folder, path) = written(text, 0o600);
    Keys::read(&path).unwrap_err().to_string()
}

#[test]
fn a_file_says_who_may_call() {
    let (_folder, path) = written(FILE, 0o600);
    let keys = Keys::read(&path).unwrap();
    let accounts: Vec<_> = keys.accounts().iter().map(ToString::to_string).collect();
    assert_eq!(accounts, ["123456789012", "210987654321"]);
    let key = keys.get("ASIAIOSFODNN7EXAMPLE").unwrap();
    assert!(!key.caller().may_write);
    assert_eq!(
        key.credentials().session_token,
        Some("FwoGZXIvYXdzEXAMPLE//session+token==")
    );
    let full = keys.get("AKIAIOSFODNN7EXAMPLE").unwrap();
    assert!(full.caller().may_write);
    assert_eq!(full.credentials().session_token, None);
    assert_eq!(keys.get("AKIA"), None);
}

#[test]
fn a_file_that_others_may_read_is_refused_with_what_to_do() {
    for mode in [0o640, 0o604, 0o620, 0o666] {
        let (_folder, path) = written(FILE, mode);
        let said = Keys::read(&path).unwrap_err().to_string();
        assert!(
            said.contains(&format!("(mode {mode:04o}): chmod 600 ")),
            "{said}"
        );
    }
}

#[test]
fn faults_are_told_without_secrets() {
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    for (from, to, expected) in [
        (
            "AKIAIOSFODNN7EXAMPLE",
            "AKIA",
            "key 1: its id is not 16 to 128 letters",
        ),
        (
            "AKIAIOSFODNN7EXAMPLE",
            "ASIAIOSFODNN7EXAMPLE",
            "key 2: the id ASIAIOSFODNN7EXAMPLE is there twice",
        ),
        (secret, "short", "key 1: its secret is not at least 16"),
        (
            "210987654321",
            "21098765432",
            "key 2: its account is not 12 digits",
        ),
        ("read-only", "admin", "line 12: unknown variant"),
        (
            "\"FwoGZXIvYXdzEXAMPLE//session+token==\"",
            "\"\"",
            "key 2: its session token is empty",
        ),
        ("access =", "acces =", "line 12: unknown field"),
        ("\"wJalrXUt", "wJalrXUt", "line 4: "),
    ] {
        assert!(FILE.contains(from));
        let said = refused(&FILE.replace(from, to));
        assert!(said.contains(expected), "{said}");
        assert!(
            !said.contains("wJalr") && !said.contains("nobody"),
            "{said}"
        );
        assert!(!said.contains('\n'), "{said}");
    }
    assert!(refused("").contains("it has no [[key]]"));
    assert!(refused(&" ".repeat(1 << 21)).contains("longer than"));
    let missing = Keys::read(Path::new("/nonexistent/keys.toml")).unwrap_err();
    assert!(
        missing
            .to_string()
            .contains("cannot read the keys in /nonexistent/keys.toml")
    );
}

#[test]
fn secrets_are_not_shown() {
    let (_folder, path) = written(FILE, 0o600);
    let shown = format!("{:?}", Keys::read(&path).unwrap());
    assert!(shown.contains("AKIAIOSFODNN7EXAMPLE"));
    assert!(
        !shown.contains("wJalr") && !shown.contains("session+token"),
        "{shown}"
    );
}

#[test]
fn what_is_made_is_kept() {
    let (folder, random) = (tempfile::tempdir().unwrap(), Random::new().unwrap());
    let path = folder.path().join("keys.toml");
    let accounts = ["123456789012", "210987654321"].map(AccountId::new);
    let (first, new) = Keys::keep(&path, &accounts[..1], &random).unwrap();
    assert_eq!(first, new);
    let key = first.iter().next().unwrap();
    assert_eq!((key.id.len(), key.secret.len()), (20, 40));
    assert!(
        key.id.starts_with("AKIA") && key.fault().is_none(),
        "{key:?}"
    );
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);

    let (again, new) = Keys::keep(&path, &accounts[..1], &random).unwrap();
    assert_eq!(again, first);
    assert!(new.is_empty());

    let (both, new) = Keys::keep(&path, &accounts, &random).unwrap();
    assert_eq!(new.accounts(), accounts[1..]);
    assert_eq!(both.get(&key.id), Some(key));
    assert_eq!(Keys::read(&path).unwrap(), both);
}

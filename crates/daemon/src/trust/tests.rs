//! Against a file system that is made up, for every owner and mode; and against the real one.

use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

const US: u32 = 1000;
const STRANGER: u32 = 1001;

/// Files, folders and links by path.
#[derive(Default)]
struct Tree(BTreeMap<PathBuf, Seen>);

impl Tree {
    /// `/`, `/etc` and `/tmp` as they are on any host.
    fn new() -> Self {
        Self::default()
            .with("/", Kind::Folder, ROOT, 0o755)
            .with("/etc", Kind::Folder, ROOT, 0o755)
            .with("/tmp", Kind::Folder, ROOT, 0o1777)
    }

    fn with(mut self, path: &str, kind: Kind, owner: u32, mode: u32) -> Self {
        self.0.insert(path.into(), Seen { kind, owner, mode });
        self
    }

    fn file(self, path: &str, owner: u32, mode: u32) -> Self {
        self.with(path, Kind::File, owner, mode)
    }

    fn folder(self, path: &str, owner: u32, mode: u32) -> Self {
        self.with(path, Kind::Folder, owner, mode)
    }

    fn link(self, path: &str, target: &str, owner: u32) -> Self {
        self.with(path, Kind::Link(target.into()), owner, 0o777)
    }

    /// What is wrong with a file, as a person reads it; empty for nothing.
    fn verdict(&self, path: &str) -> String {
        let look = |path: &Path| {
            let missing = || io::Error::from(io::ErrorKind::NotFound);
            self.0.get(path).cloned().ok_or_else(missing)
        };
        match walk(Path::new(path), US, &look) {
            Ok(()) => String::new(),
            Err(distrust) => distrust.to_string(),
        }
    }
}

#[test]
fn files_of_root_and_of_ours_are_believed_and_those_of_others_are_not() {
    for (owner, mode, said) in [
        (ROOT, 0o644, ""),
        (US, 0o600, ""),
        (US, 0o400, ""),
        (
            STRANGER,
            0o644,
            "file /etc/web.yaml belongs to user 1001, who could change what is allowed: chown root /etc/web.yaml",
        ),
        (
            US,
            0o664,
            "file /etc/web.yaml can be written by others (mode 0664), who could change what is allowed: chmod go-w /etc/web.yaml",
        ),
        (
            ROOT,
            0o646,
            "file /etc/web.yaml can be written by others (mode 0646), who could change what is allowed: chmod go-w /etc/web.yaml",
        ),
    ] {
        let tree = Tree::new().file("/etc/web.yaml", owner, mode);
        assert_eq!(tree.verdict("/etc/web.yaml"), said, "{owner} {mode:o}");
    }
}

#[test]
fn a_folder_that_others_may_write_is_trusted_only_if_it_is_sticky() {
    for (mode, owner, said) in [
        (0o1777, ROOT, ""),
        (0o755, US, ""),
        (
            0o775,
            ROOT,
            "folder /etc/policy can be written by others (mode 0775), who could change which file is found there: chmod go-w /etc/policy",
        ),
        (
            0o755,
            STRANGER,
            "folder /etc/policy belongs to user 1001, who could change which file is found there: chown root /etc/policy",
        ),
        (
            0o1777,
            STRANGER,
            "folder /etc/policy belongs to user 1001, who could change which file is found there: chown root /etc/policy",
        ),
    ] {
        let tree = Tree::new().folder("/etc/policy", owner, mode).file(
            "/etc/policy/web.yaml",
            ROOT,
            0o644,
        );
        assert_eq!(
            tree.verdict("/etc/policy/web.yaml"),
            said,
            "{owner} {mode:o}"
        );
    }
}

#[test]
fn links_are_followed_and_each_step_of_where_they_lead_is_judged() {
    let tree = Tree::new()
        .folder("/srv", ROOT, 0o755)
        .folder("/srv/open", ROOT, 0o777)
        .folder("/srv/v1", ROOT, 0o755)
        .file("/srv/open/web.yaml", ROOT, 0o644)
        .file("/srv/v1/web.yaml", ROOT, 0o644)
        .link("/etc/good.yaml", "/srv/v1/web.yaml", ROOT)
        .link("/etc/bad.yaml", "../srv/open/web.yaml", ROOT)
        .link("/srv/data", "v1", ROOT)
        .link("/etc/up.yaml", "/srv/data/../v1/web.yaml", US)
        .link("/tmp/theirs.yaml", "/srv/v1/web.yaml", STRANGER)
        .link("/etc/round", "round", ROOT);
    assert_eq!(tree.verdict("/etc/good.yaml"), "");
    assert_eq!(tree.verdict("/srv/data/web.yaml"), "");
    assert_eq!(tree.verdict("/etc/up.yaml"), "");
    assert!(
        tree.verdict("/etc/bad.yaml")
            .starts_with("folder /srv/open can be written by others")
    );
    assert_eq!(
        tree.verdict("/tmp/theirs.yaml"),
        "link /tmp/theirs.yaml belongs to user 1001, who could change which file it leads to: chown -h root /tmp/theirs.yaml"
    );
    assert!(
        tree.verdict("/etc/round")
            .contains("more than 40 symbolic links")
    );
}

#[test]
fn what_is_no_file_or_not_there_is_said() {
    let tree = Tree::new()
        .with("/tmp/pipe", Kind::Other, US, 0o600)
        .file("/etc/a", ROOT, 0o644);
    assert_eq!(
        tree.verdict("/tmp/pipe"),
        "/tmp/pipe is not a file; write its contents to one"
    );
    assert_eq!(
        tree.verdict("/etc"),
        "/etc is not a file; write its contents to one"
    );
    assert_eq!(
        tree.verdict("/"),
        "/ is not a file; write its contents to one"
    );
    assert!(
        tree.verdict("/etc/none")
            .starts_with("cannot look at /etc/none: ")
    );
    assert!(
        tree.verdict("/etc/a/b")
            .starts_with("cannot look at /etc/a/b: ")
    );
}

#[test]
fn the_command_that_repairs_it_can_be_pasted() {
    let tree = Tree::new().file("/etc/it's mine.yaml", ROOT, 0o666);
    assert!(
        tree.verdict("/etc/it's mine.yaml")
            .ends_with(r"chmod go-w '/etc/it'\''s mine.yaml'")
    );
}

#[test]
fn real_files_are_judged_by_their_real_modes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("web.yaml");
    fs::write(&file, "Resources: {}").unwrap();
    let mode =
        |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    mode(&file, 0o644);
    check(&file).unwrap();
    mode(&file, 0o666);
    assert!(matches!(check(&file), Err(Distrust::Writable { mode, .. }) if mode & 0o777 == 0o666));
    mode(&file, 0o600);
    mode(folder.path(), 0o777);
    assert!(matches!(
        check(&file),
        Err(Distrust::Writable { what: "folder", .. })
    ));
    mode(folder.path(), 0o1777);
    check(&file).unwrap();
    let link = folder.path().join("link.yaml");
    symlink("web.yaml", &link).unwrap();
    check(&link).unwrap();
    mode(&file, 0o620);
    assert!(
        matches!(check(&link), Err(Distrust::Writable { path, .. }) if path.ends_with("web.yaml"))
    );
}

#[test]
fn the_way_is_the_one_that_the_kernel_goes() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for name in ["a", "b", "b/c"] {
        fs::create_dir(at.join(name)).unwrap();
    }
    fs::write(at.join("b/web.yaml"), "").unwrap();
    symlink("../b/c", at.join("a/jump")).unwrap();
    let path = at.join("a/jump/../web.yaml");
    assert!(path.exists(), "the kernel finds b/web.yaml");
    check(&path).unwrap();
    fs::set_permissions(at.join("b/c"), fs::Permissions::from_mode(0o777)).unwrap();
    assert!(check(&path).is_err(), "b/c lies on the way");
}

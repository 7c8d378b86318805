//! With real files, changed in the ways that files are changed in.

use std::os::unix::fs::symlink;

use super::*;

/// How long a change may take to be told; only a test that fails waits so long.
const DEADLINE: Duration = Duration::from_secs(20);

/// How long nothing has to be told for there to be nothing: several times what a change takes.
const SILENCE: Duration = Duration::from_millis(1000);

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn folder(&self, name: &str) {
        fs::create_dir(self.path(name)).unwrap();
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    fn link(&self, name: &str, target: &str) {
        symlink(target, self.path(name)).unwrap();
    }

    fn watch(&self, names: &[&str]) -> PolicyWatch {
        let files: Vec<_> = names.iter().map(|name| self.path(name)).collect();
        PolicyWatch::start(&files).unwrap()
    }
}

fn expect(watch: &PolicyWatch, what: &str) {
    watch
        .changed()
        .recv_timeout(DEADLINE)
        .unwrap_or_else(|_| panic!("not told: {what}"));
}

fn expect_nothing(watch: &PolicyWatch, what: &str) {
    assert!(
        watch.changed().recv_timeout(SILENCE).is_err(),
        "told of {what}"
    );
}

#[test]
fn a_file_that_is_written_or_replaced_or_vanishes_or_comes_back_is_told() {
    let folder = Folder::new();
    folder.write("web.yaml", "1");
    let watch = folder.watch(&["web.yaml"]);
    folder.write("web.yaml", "22");
    expect(&watch, "written");
    folder.write(".web.yaml.swp", "333");
    folder.rename(".web.yaml.swp", "web.yaml");
    expect(&watch, "renamed over, as editors do");
    fs::remove_file(folder.path("web.yaml")).unwrap();
    expect(&watch, "removed");
    folder.write("web.yaml", "4444");
    expect(&watch, "there again");
    folder.write("web.yaml", "55555");
    expect(&watch, "and written again");
}

#[test]
fn what_happens_beside_a_file_is_not_told() {
    let folder = Folder::new();
    folder.write("web.yaml", "1");
    let watch = folder.watch(&["web.yaml"]);
    folder.write("other.yaml", "2");
    fs::remove_file(folder.path("other.yaml")).unwrap();
    assert_eq!(fs::read_to_string(folder.path("web.yaml")).unwrap(), "1");
    expect_nothing(&watch, "another file, or a reader");
}

#[test]
fn several_writes_in_a_row_are_one_change() {
    let folder = Folder::new();
    folder.write("a.yaml", "0");
    folder.write("b.yaml", "0");
    let watch = folder.watch(&["a.yaml", "b.yaml"]);
    for round in 1..20 {
        folder.write("a.yaml", &"x".repeat(round));
        folder.write("b.yaml", &"x".repeat(round));
    }
    expect(&watch, "written");
    expect_nothing(&watch, "the same change again");
}

#[test]
fn a_link_two_folders_up_that_is_swapped_is_told_as_kubernetes_does_it() {
    let folder = Folder::new();
    folder.folder("..2026_01");
    folder.write("..2026_01/web.yaml", "1");
    folder.link("..data", "..2026_01");
    folder.link("web.yaml", "..data/web.yaml");
    let watch = folder.watch(&["web.yaml"]);
    for (version, old) in [("..2026_02", "..2026_01"), ("..2026_03", "..2026_02")] {
        folder.folder(version);
        folder.write(&format!("{version}/web.yaml"), version);
        folder.link("..data_tmp", version);
        folder.rename("..data_tmp", "..data");
        fs::remove_dir_all(folder.path(old)).unwrap();
        expect(&watch, version);
    }
    folder.write("..2026_03/web.yaml", "written where the link leads");
    expect(&watch, "written where the link leads");
}

#[test]
fn a_folder_that_is_moved_away_and_another_moved_in_is_told() {
    let folder = Folder::new();
    folder.folder("policy");
    folder.write("policy/web.yaml", "1");
    let watch = folder.watch(&["policy/web.yaml"]);
    folder.rename("policy", "policy.old");
    expect(&watch, "moved away");
    folder.write("policy.old/web.yaml", "2");
    expect_nothing(&watch, "a folder that lies on no way any more");
    folder.folder("policy.new");
    folder.write("policy.new/web.yaml", "3");
    folder.rename("policy.new", "policy");
    expect(&watch, "moved in");
    folder.write("policy/web.yaml", "44");
    expect(&watch, "written in the folder that was moved in");
}

#[test]
fn a_file_of_which_not_even_the_folder_is_there_is_told_when_it_comes() {
    let folder = Folder::new();
    let watch = folder.watch(&["some/day/web.yaml"]);
    fs::create_dir_all(folder.path("some/day")).unwrap();
    folder.write("some/day/web.yaml", "1");
    expect(&watch, "there");
}

#[test]
fn a_watch_that_is_dropped_ends_and_its_channel_closes() {
    let folder = Folder::new();
    folder.write("web.yaml", "1");
    let watch = folder.watch(&["web.yaml"]);
    let changed = watch.changed().clone();
    drop(watch);
    assert_eq!(changed.recv(), Err(crossbeam_channel::RecvError));
}

#[test]
fn links_that_lead_to_each_other_have_an_end() {
    let folder = Folder::new();
    folder.link("a", "b");
    folder.link("b", "a");
    let watch = folder.watch(&["a/web.yaml"]);
    folder.rename("a", "c");
    folder.folder("a");
    folder.write("a/web.yaml", "1");
    expect(&watch, "there in the end");
}

//! A terminal that a test types on and reads: tmux, with a server of its own that nobody else uses.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use secgroup_testkit::wait;

/// Whether there is no tmux, which is said. Where `SECGROUP_REQUIRE_NETNS` is set, as in continuous integration, that is a failure.
pub(crate) fn lacks_tmux(test: &str) -> bool {
    let found = Command::new("tmux").arg("-V").stdin(Stdio::null()).output();
    let Err(error) = found else { return false };
    assert!(
        std::env::var_os("SECGROUP_REQUIRE_NETNS").is_none(),
        "{test}: tmux is required here, but {error}"
    );
    eprintln!("skipped {test}: no tmux ({error}); scripts/install-test-tools installs it");
    true
}

/// A terminal with a shell in it; both go when it is dropped.
#[derive(Debug)]
pub(crate) struct Tmux {
    socket: PathBuf,
}

impl Tmux {
    /// One of this size; its server's socket is in `folder`.
    #[track_caller]
    pub(crate) fn open(folder: &Path, width: u16, height: u16) -> Self {
        let socket = folder.join("tmux.sock");
        let tmux = Self { socket };
        let (width, height) = (width.to_string(), height.to_string());
        let size = ["-x", &width, "-y", &height];
        let shell = "PS1='$ ' TERM=screen-256color LC_ALL=C.UTF-8 sh";
        // Of the server's own configuration, nothing.
        tmux.run(
            &[
                &["-f", "/dev/null", "-u", "new-session", "-d"],
                &size[..],
                &[shell],
            ]
            .concat(),
        );
        tmux.shows("$");
        tmux
    }

    /// Types keys, by the names that tmux gives them.
    #[track_caller]
    pub(crate) fn keys(&self, keys: &[&str]) {
        self.run(&[&["send-keys"], keys].concat());
    }

    /// Types text as it is.
    #[track_caller]
    pub(crate) fn types(&self, text: &str) {
        self.run(&["send-keys", "-l", text]);
    }

    /// Types a command, and Enter.
    #[track_caller]
    pub(crate) fn command(&self, line: &str) {
        self.types(line);
        self.keys(&["Enter"]);
    }

    /// Changes its size.
    #[track_caller]
    pub(crate) fn resize(&self, width: u16, height: u16) {
        let (width, height) = (width.to_string(), height.to_string());
        self.run(&["resize-window", "-x", &width, "-y", &height]);
    }

    /// What is on it.
    #[track_caller]
    pub(crate) fn screen(&self) -> String {
        let output = self.run(&["capture-pane", "-p"]);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Waits until `text` is on it.
    #[track_caller]
    pub(crate) fn shows(&self, text: &str) {
        self.wait(text, |screen| screen.contains(text));
    }

    /// Waits until a line has all these words; gives it.
    #[track_caller]
    pub(crate) fn line(&self, words: &[&str]) -> String {
        let has = |line: &&str| words.iter().all(|word| line.contains(word));
        let screen = self.wait(&words.join(" "), |screen| {
            screen.lines().any(|line| has(&line))
        });
        screen.lines().find(has).expect("it was there").to_owned()
    }

    /// Waits until it is as it should be; gives what is on it.
    #[track_caller]
    pub(crate) fn wait(&self, what: &str, is_so: impl Fn(&str) -> bool) -> String {
        let found = wait::maybe(wait::PATIENCE, || {
            let screen = self.screen();
            is_so(&screen).then_some(screen)
        });
        found.unwrap_or_else(|| panic!("'{what}' is not on the screen:\n{}", self.screen()))
    }

    #[track_caller]
    fn run(&self, arguments: &[&str]) -> Output {
        let output = self.tmux(arguments).output().expect("each test asks first");
        assert!(output.status.success(), "tmux {arguments:?}: {output:?}");
        output
    }

    fn tmux(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("tmux");
        command.arg("-S").arg(&self.socket).args(arguments);
        // A test may itself run in one.
        command.env_remove("TMUX").stdin(Stdio::null());
        command
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        // It ends its shell, and what runs in it.
        let _ = self.tmux(&["kill-server"]).output();
    }
}

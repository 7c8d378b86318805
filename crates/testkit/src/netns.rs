//! Hosts made of network namespaces: real devices, real packets, nothing outside of what a test made.
//!
//! A [`Namespace`] is one host; [`veth`] is a cable between two. Names carry the id of the process, so that tests which run
//! side by side do not meet; a namespace goes when it is dropped, and takes its devices with it, and those of a test that was killed are
//! cleared away by the next one that runs.
//!
//! Making them needs `CAP_NET_ADMIN` and `CAP_SYS_ADMIN`: [`permitted`] says whether this process may, and why not.

use std::fmt;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fd::AsFd;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Programs that the tests between namespaces use; `scripts/install-test-tools` installs them.
const PROGRAMS: [&str; 14] = [
    "ip",
    "sysctl",
    "ping",
    "python3",
    "ethtool",
    "nft",
    "iptables-legacy",
    "iperf3",
    "dnsmasq",
    "dig",
    "curl",
    "openssl",
    "nc",
    "traceroute",
];

/// What every namespace's name begins with.
const PREFIX: &str = "sgt";

/// Whether network namespaces can be made here, and what tests do in them is installed; otherwise why not, in one line.
///
/// # Errors
/// The reason.
pub fn permitted() -> Result<(), String> {
    static PERMITTED: OnceLock<Result<(), String>> = OnceLock::new();
    PERMITTED
        .get_or_init(|| {
            if let Some(missing) = PROGRAMS.iter().find(|program| !is_installed(program)) {
                return Err(format!(
                    "'{missing}' is not installed; scripts/install-test-tools installs what these tests use"
                ));
            }
            clear_leftovers();
            let name = unique("probe");
            ip(&["netns", "add", &name])?;
            ip(&["netns", "del", &name])
        })
        .clone()
}

/// Ends a test early where namespaces cannot be made, and prints why. To be used as
/// `if netns::skip("name of the test") { return; }`. Where the variable `SECGROUP_REQUIRE_NETNS` is
/// set, as in continuous integration, being unable is a failure instead.
///
/// # Panics
/// Where namespaces are required and cannot be made.
#[must_use]
pub fn skip(test: &str) -> bool {
    let Err(why) = permitted() else { return false };
    assert!(
        std::env::var_os("SECGROUP_REQUIRE_NETNS").is_none(),
        "{test}: network namespaces are required here, but {why}"
    );
    eprintln!("skipped {test}: {why}");
    true
}

/// One host.
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// A new host with nothing but its loopback device, which is up.
    ///
    /// # Panics
    /// Where it cannot be made; ask [`permitted`] first.
    #[must_use]
    pub fn new(label: &str) -> Self {
        let name = unique(label);
        run("ip", &["netns", "add", &name]);
        let host = Self { name };
        host.ip("link set lo up");
        host
    }

    /// Its name, for `ip -n NAME` and `ip netns exec NAME`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file that stands for it.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        PathBuf::from("/run/netns").join(&self.name)
    }

    /// Runs `ip` in it with the words of `arguments`; what it printed.
    ///
    /// # Panics
    /// Where `ip` fails.
    pub fn ip(&self, arguments: &str) -> String {
        let mut words = vec!["-n", self.name.as_str()];
        words.extend(arguments.split_whitespace());
        run("ip", &words)
    }

    /// Runs `ip` once for several lines, each the words of one call of it: faster than one by one.
    ///
    /// # Panics
    /// Where one of them fails.
    #[track_caller]
    pub fn ip_batch(&self, lines: &str) {
        let mut ip = Command::new("ip")
            .args(["-n", &self.name, "-batch", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("permitted() was asked");
        let mut stdin = ip.stdin.take().expect("it is a pipe");
        stdin.write_all(lines.as_bytes()).expect("ip reads it all");
        drop(stdin);
        let output = ip.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "ip: {}in\n{lines}", said);
    }

    /// Writes a setting of the kernel that belongs to this host: `net.ipv4.ip_forward`.
    ///
    /// # Panics
    /// Where there is no such setting, or the value is refused.
    #[track_caller]
    pub fn sysctl(&self, name: &str, value: &str) {
        let path = format!("/proc/sys/{}", name.replace('.', "/"));
        self.enter(|| std::fs::write(&path, value))
            .unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    /// Lets the kernel say nothing by itself on devices that are added from now on: no IPv6, which would announce itself.
    ///
    /// # Panics
    /// Where the kernel has no such setting.
    #[track_caller]
    pub fn quiet(&self) {
        self.sysctl("net.ipv6.conf.default.disable_ipv6", "1");
    }

    /// A command that runs in it, with nothing to read.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, program]);
        command.stdin(Stdio::null());
        command
    }

    /// Runs a shell command line in it and waits for it.
    ///
    /// # Panics
    /// Where there is no shell.
    #[must_use]
    pub fn sh(&self, line: &str) -> Output {
        self.command("sh")
            .args(["-c", line])
            .output()
            .unwrap_or_else(|error| panic!("sh -c '{line}': {error}"))
    }

    /// Runs `work` on a thread of its own that is inside this namespace: sockets and devices that it
    /// opens belong here, and stay usable everywhere.
    ///
    /// # Panics
    /// Where the namespace cannot be entered, or `work` panics.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let inside = scope.spawn(|| {
                let file = std::fs::File::open(self.path()).expect("the namespace has a file");
                move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
                    .expect("permitted() was asked");
                work()
            });
            match inside.join() {
                Ok(value) => value,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // Nothing is left to do where it is gone already.
        let _ = ip(&["netns", "del", &self.name]);
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// A cable: device `a` of one host to device `b` of another, both up.
///
/// # Panics
/// Where it cannot be made.
pub fn veth((host_a, a): (&Namespace, &str), (host_b, b): (&Namespace, &str)) {
    host_a.ip(&format!(
        "link add {a} type veth peer name {b} netns {}",
        host_b.name
    ));
    host_a.ip(&format!("link set {a} up"));
    host_b.ip(&format!("link set {b} up"));
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders
        .into_iter()
        .any(|folder: PathBuf| folder.join(program).is_file())
}

/// A name that no other namespace has: `sgt-PID-NUMBER-LABEL`.
fn unique(label: &str) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!("{PREFIX}-{}-{number}-{label}", std::process::id())
}

/// Deletes the namespaces of tests whose process is no more.
fn clear_leftovers() {
    let Ok(entries) = std::fs::read_dir("/run/netns") else {
        return; // There never was one.
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let mut words = name.split('-');
        let (prefix, pid) = (words.next(), words.next());
        if let (Some(PREFIX), Some(pid)) = (prefix, pid)
            && !PathBuf::from("/proc").join(pid).exists()
        {
            // Another test may be clearing it, too.
            let _ = ip(&["netns", "del", &name]);
        }
    }
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("ip")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("'ip' cannot be run ({error}); install iproute2"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!(
        "'ip {}' failed: {}",
        arguments.join(" "),
        said.trim()
    ))
}

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(
        output.status.success(),
        "{program} {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_hosts_reach_each_other_and_leave_nothing_behind() {
        if skip("two_hosts_reach_each_other_and_leave_nothing_behind") {
            return;
        }
        let (a, b) = (Namespace::new("a"), Namespace::new("b"));
        veth((&a, "eth0"), (&b, "eth0"));
        a.ip("addr add 192.0.2.1/24 dev eth0");
        b.ip("addr add 192.0.2.2/24 dev eth0");
        let listener = b.enter(|| std::net::TcpListener::bind("192.0.2.2:80").unwrap());
        a.enter(|| std::net::TcpStream::connect("192.0.2.2:80").unwrap());
        assert!(listener.accept().is_ok());
        let path = a.path();
        drop((a, b));
        assert!(!path.exists());
    }
}

//! How the daemon tells the service manager what it is doing: the protocol of `sd_notify(3)`, which is lines of text in a datagram.
//!
//! Where the daemon was not started as a service, `NOTIFY_SOCKET` is not set and nothing is said.

use std::cell::RefCell;
use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The service manager, where there is one.
#[derive(Debug)]
pub struct ServiceManager {
    peer: Option<(UnixDatagram, SocketAddr)>,
    /// What it shows of us.
    shown: RefCell<String>,
    watchdog: Option<Duration>,
}

impl ServiceManager {
    /// The one that started this process, as the environment says: `NOTIFY_SOCKET`, `WATCHDOG_USEC`, `WATCHDOG_PID`.
    ///
    /// # Errors
    /// Where it names a socket that cannot be spoken to.
    pub fn from_environment() -> io::Result<Self> {
        let watchdog = watchdog(
            env::var("WATCHDOG_USEC").ok().as_deref(),
            env::var("WATCHDOG_PID").ok().as_deref(),
            std::process::id(),
        );
        Self::new(env::var_os("NOTIFY_SOCKET").as_deref(), watchdog)
    }

    fn new(address: Option<&OsStr>, watchdog: Option<Duration>) -> io::Result<Self> {
        let peer = match address.filter(|address| !address.is_empty()) {
            None => None,
            Some(address) => {
                let socket = UnixDatagram::unbound()?;
                // A service manager that does not read must not hold us up.
                socket.set_nonblocking(true)?;
                Some((socket, socket_address(address)?))
            }
        };
        let watchdog = watchdog.filter(|_| peer.is_some());
        Ok(Self {
            peer,
            shown: RefCell::default(),
            watchdog,
        })
    }

    /// How often [`alive`](Self::alive) is to be said: half of what the unit allows; `None` where it does not ask for it.
    #[must_use]
    pub fn alive_every(&self) -> Option<Duration> {
        self.watchdog.map(|within| within / 2)
    }

    /// From now on no packet passes unjudged: every interface is enforced, or closed until its device is there, of which `status` tells. Also
    /// said when a reload is over.
    pub fn ready(&self, status: &str) {
        let status = one_line(status);
        self.tell(&format!("READY=1\nSTATUS={status}\n"));
        self.shown.replace(status);
    }

    /// The policy is being read again; [`ready`](Self::ready) ends it, whatever came of it.
    pub fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let micros = now.tv_sec * 1_000_000 + now.tv_nsec / 1_000;
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={micros}\n"));
    }

    /// The daemon is about to end.
    pub fn stopping(&self) {
        self.tell("STOPPING=1\n");
    }

    /// What `systemctl status` shows; said where it is not what is shown already, and asked for only where somebody listens.
    pub fn status(&self, status: impl FnOnce() -> String) {
        if self.peer.is_none() {
            return;
        }
        let status = one_line(&status());
        if *self.shown.borrow() != status {
            self.tell(&format!("STATUS={status}\n"));
            self.shown.replace(status);
        }
    }

    /// The daemon is well: said by whoever has checked that workers answer.
    pub fn alive(&self) {
        self.tell("WATCHDOG=1\n");
    }

    fn tell(&self, state: &str) {
        let Some((socket, address)) = &self.peer else {
            return;
        };
        if let Err(error) = socket.send_to_addr(state.as_bytes(), address) {
            tracing::warn!(%error, "cannot tell the service manager: {}", one_line(state));
        }
    }
}

/// A path, or `@` and a name in the abstract namespace.
fn socket_address(address: &OsStr) -> io::Result<SocketAddr> {
    match address.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        [b'/', ..] => SocketAddr::from_pathname(address),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!(
                "NOTIFY_SOCKET is '{}', which is neither a path nor an abstract name",
                address.display()
            ),
        )),
    }
}

/// Within which time the watchdog wants to hear from us; where it is somebody else whom it watches, never.
fn watchdog(micros: Option<&str>, pid: Option<&str>, own: u32) -> Option<Duration> {
    let is_ours = pid.is_none_or(|pid| pid.parse() == Ok(own));
    let micros = micros?.parse().ok().filter(|micros| *micros > 0)?;
    is_ours.then_some(Duration::from_micros(micros))
}

/// Line breaks would begin another assignment.
fn one_line(text: &str) -> String {
    text.trim_end().replace('\n', "; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hear(socket: &UnixDatagram) -> String {
        let mut buffer = [0; 512];
        let length = socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    fn speaks(manager: &UnixDatagram, address: &OsStr) {
        let service = ServiceManager::new(Some(address), None).unwrap();
        service.ready("2 interfaces\nREADY=0");
        assert_eq!(hear(manager), "READY=1\nSTATUS=2 interfaces; READY=0\n");
        service.reloading();
        let said = hear(manager);
        let micros = said
            .strip_prefix("RELOADING=1\nMONOTONIC_USEC=")
            .and_then(|rest| rest.trim_end().parse::<u64>().ok());
        assert!(micros.is_some_and(|micros| micros > 0), "{said}");
        service.alive();
        // What is shown already is not said again.
        for status in ["2 interfaces\nREADY=0", "1 of 2", "1 of 2"] {
            service.status(|| status.to_owned());
        }
        service.stopping();
        let rest = [(); 3].map(|()| hear(manager));
        assert_eq!(rest, ["WATCHDOG=1\n", "STATUS=1 of 2\n", "STOPPING=1\n"]);
    }

    #[test]
    fn it_speaks_over_a_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        speaks(&manager, path.as_os_str());
    }

    #[test]
    fn it_speaks_over_an_abstract_name() {
        let name = format!("secgroup-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let manager = UnixDatagram::bind_addr(&address).unwrap();
        speaks(&manager, OsStr::new(&format!("@{name}")));
    }

    #[test]
    fn without_a_manager_nothing_is_said() {
        for address in [None, Some(OsStr::new(""))] {
            let service = ServiceManager::new(address, Some(Duration::from_secs(1))).unwrap();
            service.ready("");
            service.status(|| panic!("nobody listens"));
            assert_eq!(service.alive_every(), None);
        }
        assert!(ServiceManager::new(Some(OsStr::new("vsock:2:1")), None).is_err());
        // A manager that is gone is a warning, not an end.
        let gone = ServiceManager::new(Some(OsStr::new("/nonexistent/notify")), None).unwrap();
        gone.stopping();
    }

    #[test]
    fn the_watchdog_is_fed_by_whom_it_watches() {
        let half_a_minute = Some(Duration::from_secs(30));
        assert_eq!(watchdog(Some("30000000"), None, 7), half_a_minute);
        assert_eq!(watchdog(Some("30000000"), Some("7"), 7), half_a_minute);
        for (micros, pid) in [
            (Some("30000000"), Some("8")),
            (Some("0"), None),
            (Some("soon"), None),
            (None, Some("7")),
        ] {
            assert_eq!(watchdog(micros, pid, 7), None, "{micros:?} {pid:?}");
        }
    }
}

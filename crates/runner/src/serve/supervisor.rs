//! Whoever started the daemon, if it wants to hear of it: systemd, or another that knows its protocol (`sd_notify(3)`).
//! Elsewhere nobody is told, and nothing fails.

use std::env;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use tokio::time::Interval;

/// Who is told.
pub(super) struct Supervisor {
    socket: Option<UnixDatagram>,
    /// When it wants to hear next that the daemon lives.
    lives: Option<Interval>,
}

impl Supervisor {
    /// Finds it in the environment.
    pub(super) fn find() -> Supervisor {
        let socket = env::var_os("NOTIFY_SOCKET").and_then(|address| connect(&address));
        // Twice in the time that it allows, as its manual asks.
        let every = env::var("WATCHDOG_USEC").ok();
        let every = every.and_then(|allowed| allowed.parse().ok());
        let every = every.map(|allowed| Duration::from_micros(allowed) / 2);
        let every = every.filter(|every| socket.is_some() && !every.is_zero());
        Supervisor {
            socket,
            lives: every.map(tokio::time::interval),
        }
    }

    /// Deliveries are taken, and runs started.
    pub(super) fn ready(&self, status: &str) {
        self.tell(&format!("READY=1\nSTATUS={status}"));
    }

    /// Nothing new is taken on.
    pub(super) fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=stops: runs have their grace");
    }

    /// Waits until it wants to hear that the daemon lives: for ever, if it never does.
    pub(super) async fn asks(&mut self) {
        match &mut self.lives {
            Some(lives) => drop(lives.tick().await),
            None => std::future::pending().await,
        }
    }

    /// The daemon lives.
    pub(super) fn lives(&self) {
        self.tell("WATCHDOG=1");
    }

    fn tell(&self, state: &str) {
        if let Some(socket) = &self.socket {
            let _ = socket.send(state.as_bytes());
        }
    }
}

/// A path, or a name of Linux that is no file, which begins with `@`.
fn connect(address: &std::ffi::OsStr) -> Option<UnixDatagram> {
    let socket = UnixDatagram::unbound().ok()?;
    // One that does not read must not hold the daemon up.
    socket.set_nonblocking(true).ok()?;
    #[cfg(target_os = "linux")]
    if let Some(name) = address.as_encoded_bytes().strip_prefix(b"@") {
        use std::os::linux::net::SocketAddrExt;
        use std::os::unix::net::SocketAddr;
        socket
            .connect_addr(&SocketAddr::from_abstract_name(name).ok()?)
            .ok()?;
        return Some(socket);
    }
    socket.connect(address).ok()?;
    Some(socket)
}

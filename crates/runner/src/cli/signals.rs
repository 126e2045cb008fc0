//! Being told to stop: Ctrl-C, and SIGTERM where there is one.

use crate::exit::Exit;

/// Listens from its making on.
pub(super) struct Signals {
    #[cfg(unix)]
    terminate: Option<tokio::signal::unix::Signal>,
}

impl Signals {
    pub(super) fn listen() -> Signals {
        Signals {
            #[cfg(unix)]
            terminate: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
                .ok(),
        }
    }

    /// The exit code of the next signal.
    pub(super) async fn next(&mut self) -> Exit {
        #[cfg(unix)]
        if let Some(terminate) = &mut self.terminate {
            return tokio::select! {
                _ = tokio::signal::ctrl_c() => Exit::Stopped,
                _ = terminate.recv() => Exit::Terminated,
            };
        }
        let _ = tokio::signal::ctrl_c().await;
        Exit::Stopped
    }
}

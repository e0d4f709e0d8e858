//! A server's process.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take to begin. They take a second at most.
const PATIENCE: Duration = Duration::from_secs(30);

/// A process that ends when this is dropped.
pub(crate) struct Running {
    process: Child,
    /// The signal on which it ends at once and tidies up; without one it is killed.
    signal: Option<&'static str>,
}

impl Running {
    /// Starts it.
    pub(crate) fn start(command: &mut Command) -> Result<Self, String> {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command.stdin(Stdio::null()).spawn();
        child
            .map(|process| Self { process, signal: None })
            .map_err(|error| format!("{name} did not start: {error}"))
    }

    /// To be ended by this signal.
    pub(crate) fn ended_by(mut self, signal: &'static str) -> Self {
        self.signal = Some(signal);
        self
    }

    /// Waits until the server greets on this port with a line that begins so.
    pub(crate) fn greets(&mut self, port: u16, greeting: &str) -> Result<(), String> {
        self.is_up(|| greets(port, greeting)).map_err(|why| format!("port {port}: {why}"))
    }

    /// Waits until this holds of the server.
    pub(crate) fn is_up(&mut self, is_up: impl Fn() -> bool) -> Result<(), String> {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if is_up() {
                return Ok(());
            }
            if let Ok(Some(status)) = self.process.try_wait() {
                return Err(format!("the server ended at once ({status})"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(format!("the server did not answer within {} s", PATIENCE.as_secs()))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended is gone already.
        let asked = self.signal.is_some_and(|signal| {
            let mut kill = Command::new("kill");
            kill.args(["-s", signal, &self.process.id().to_string()]);
            kill.status().is_ok_and(|status| status.success())
        });
        if !asked {
            let _ = self.process.kill();
        }
        let _ = self.process.wait();
    }
}

fn greets(port: u16, greeting: &str) -> bool {
    let Ok(stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { return false };
    let mut line = String::new();
    stream.set_read_timeout(Some(PATIENCE)).is_ok()
        && BufReader::new(stream).read_line(&mut line).is_ok()
        && line.starts_with(greeting)
}

/// A port that nobody listens on now.
pub(crate) fn free_port() -> Result<u16, String> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    port.map(|address| address.port()).map_err(|error| format!("no port is free: {error}"))
}

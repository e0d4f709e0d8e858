//! A server of a test's own, to be ended and started again. It asks for a password.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The role `postgres` has it.
pub(crate) const PASSWORD: &str = "right-password";

/// Who the server becomes where root starts it: it refuses to be root.
const USER: &str = "postgres";

const SETTINGS: &str = "\
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
fsync = off
";

#[derive(Debug)]
pub(crate) struct Server {
    folder: TempDir,
    programs: PathBuf,
    port: u16,
    process: Option<Child>,
}

impl Server {
    /// Makes an empty one and starts it.
    pub(crate) fn start() -> Self {
        let programs = std::env::var_os("INVITE_TEST_POSTGRES_PROGRAMS")
            .expect("it says where PostgreSQL's programs are: run the tests with `cargo xtask test`");
        let folder = tempfile::tempdir().expect("a folder");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("it has an address").port();
        drop(listener);
        let mut server = Self { folder, programs: programs.into(), port, process: None };
        let password = server.folder.path().join("password");
        fs::write(&password, PASSWORD).expect("the password is written");
        if Self::is_root() {
            let chown = Command::new("chown").arg("-R").arg(USER).arg(server.folder.path()).status();
            assert!(chown.expect("chown runs").success());
        }
        let mut make = server.as_user("initdb");
        make.args(["--no-sync", "--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8"]);
        make.args(["--locale=C"]).arg("--pwfile").arg(password).arg("-D").arg(server.data());
        assert!(make.stdout(Stdio::null()).status().expect("initdb runs").success());
        fs::write(server.data().join("postgresql.auto.conf"), SETTINGS).expect("settings are written");
        server.start_again();
        server
    }

    pub(crate) fn url(&self, password: &str) -> String {
        format!("postgres://postgres:{password}@127.0.0.1:{}/postgres", self.port)
    }

    /// Starts it, and waits until it listens.
    pub(crate) fn start_again(&mut self) {
        let mut start = self.as_user("postgres");
        start.arg("-D").arg(self.data()).args(["-p", &self.port.to_string()]);
        start.stdin(Stdio::null()).stderr(Stdio::null());
        self.process = Some(start.spawn().expect("PostgreSQL starts"));
        let beside = self.programs.join("pg_isready");
        let mut ask = Command::new(if beside.is_file() { beside } else { "pg_isready".into() });
        ask.args(["--quiet", "--host=127.0.0.1", &format!("--port={}", self.port)]);
        let began = Instant::now();
        while !ask.status().expect("pg_isready runs").success() {
            assert!(began.elapsed() < Duration::from_mins(1), "PostgreSQL does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends it at once, without a checkpoint: immediate mode.
    pub(crate) fn end(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        let kill = Command::new("kill").args(["-s", "QUIT", &process.id().to_string()]).status();
        assert!(kill.expect("kill runs").success());
        process.wait().expect("it ends");
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn is_root() -> bool {
        fs::metadata("/proc/self").is_ok_and(|of| of.uid() == 0)
    }

    fn as_user(&self, program: &str) -> Command {
        let program: &Path = &self.programs.join(program);
        if !Self::is_root() {
            return Command::new(program);
        }
        let mut command = Command::new("setpriv");
        command.args([&format!("--reuid={USER}"), &format!("--regid={USER}"), "--init-groups"]).arg(program);
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

//! PostgreSQL, with a role and a database `postgres`: for tests without fsync, since what they write need not survive, and
//! with TLS for whoever asks for it.

use std::path::Path;
use std::process::{Command, Stdio};

use super::Service;
use super::certificate::Certificate;
use super::folder::{Folder, write};
use super::install::{is_root, program};
use super::process::{Running, free_port};
use crate::cargo::run;

/// Who it becomes when root starts it: it refuses to be root.
const USER: &str = "postgres";
const PACKAGE: &str = "postgresql";

/// Added to what `initdb` writes. Connections come by TCP alone.
const SETTINGS: &str = "\
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 300
logging_collector = off
";
/// Added for tests.
const NOT_DURABLE: &str = "\
fsync = off
full_page_writes = off
";

/// Starts it. The tests find it at the URL in `INVITE_TEST_POSTGRES`, and make databases of their own there; the root
/// certificate is in `…_CERTIFICATE`. Those that end a server start one of their own with the programs in `…_PROGRAMS`.
pub(super) fn start(folder: &Folder) -> Result<Service, String> {
    start_with(folder, true)
}

/// Starts it with everything as `initdb` leaves it, fsync on: what benches measure is what a host gets.
pub(super) fn start_durable(folder: &Folder) -> Result<Service, String> {
    start_with(folder, false)
}

fn start_with(folder: &Folder, for_tests: bool) -> Result<Service, String> {
    let [initdb, server, is_ready] = ["initdb", "postgres", "pg_isready"].map(|name| program(name, PACKAGE));
    let (initdb, server, is_ready) = (initdb?, server?, is_ready?);
    let folder = folder.subfolder("postgres")?;
    if is_root()? {
        run(Command::new("chown").arg(USER).arg(&folder))?;
    }
    let data = folder.join("data");
    let mut make = as_user(&initdb)?;
    make.args(["--no-sync", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "-D"]);
    run(make.arg(&data).stdout(Stdio::null()))?;
    let port = free_port()?;
    let mut settings = format!("{SETTINGS}port = {port}\n");
    let mut variables =
        vec![("INVITE_TEST_POSTGRES", format!("postgres://postgres@127.0.0.1:{port}/postgres"))];
    if for_tests {
        let Certificate { certificate, key } = Certificate::new(&folder)?;
        if is_root()? {
            run(Command::new("chown").arg(USER).arg(&certificate).arg(&key))?;
        }
        let (certificate, key) = (certificate.display(), key.display());
        let tls = format!("ssl = on\nssl_cert_file = '{certificate}'\nssl_key_file = '{key}'\n");
        settings = [settings.as_str(), NOT_DURABLE, &tls].concat();
        variables.push(("INVITE_TEST_POSTGRES_CERTIFICATE", certificate.to_string()));
        let programs = server.parent().unwrap_or(Path::new("/")).display().to_string();
        variables.push(("INVITE_TEST_POSTGRES_PROGRAMS", programs));
    }
    write(&data.join("postgresql.auto.conf"), &settings)?;
    let log =
        std::fs::File::create(folder.join("log")).map_err(|error| format!("PostgreSQL's log: {error}"))?;
    let mut running = Running::start(as_user(&server)?.arg("-D").arg(&data).stderr(log))?.ended_by("QUIT");
    let answers = || {
        let mut ask = Command::new(&is_ready);
        ask.args(["--quiet", "--host=127.0.0.1", &format!("--port={port}")]);
        ask.status().is_ok_and(|status| status.success())
    };
    running.is_up(answers).map_err(|why| format!("PostgreSQL: {why}; {}", end_of(&folder.join("log"))))?;
    Ok(Service { _running: running, variables })
}

fn as_user(program: &Path) -> Result<Command, String> {
    if !is_root()? {
        return Ok(Command::new(program));
    }
    let mut command = Command::new("setpriv");
    command.args([&format!("--reuid={USER}"), &format!("--regid={USER}"), "--init-groups"]).arg(program);
    Ok(command)
}

fn end_of(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    text.lines().last().unwrap_or("it says nothing").to_owned()
}

//! A PostgreSQL server of the campaign's own, that keeps what it was told (fsync is on), and that is stopped in the middle
//! of everything and started again.

use std::error::Error;
use std::fs::{File, Permissions};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use sqlx::{Connection, PgConnection};
use tokio::runtime::Runtime;

/// Who it becomes when root starts it: it refuses to be root.
const USER: &str = "postgres";
/// How long it may take to be there.
const PATIENCE: Duration = Duration::from_mins(1);

/// Added to what `initdb` writes: what is answered is on the disk, and what is on the disk is soon read again.
const SETTINGS: &str = "\
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
fsync = on
synchronous_commit = on
max_connections = 200
checkpoint_timeout = 30s
max_wal_size = 512MB
logging_collector = off
";

/// The server. It ends with this.
#[derive(Debug)]
pub(crate) struct Server {
    program: PathBuf,
    folder: PathBuf,
    port: u16,
    process: Child,
}

impl Server {
    /// Makes a database in a subfolder, and starts its server.
    pub(crate) fn start(folder: &Path, runtime: &Runtime) -> Result<Self, Box<dyn Error>> {
        let (initdb, program) = (found("initdb")?, found("postgres")?);
        // Somebody else has to pass through.
        std::fs::set_permissions(folder, Permissions::from_mode(0o711))?;
        let folder = folder.join("postgres");
        std::fs::create_dir(&folder)?;
        if is_root() {
            run(Command::new("chown").arg(USER).arg(&folder))?;
        }
        let mut make = as_user(&initdb);
        make.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "-D"]);
        run(make.arg(folder.join("data")).stdout(Stdio::null()))?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let settings = format!("{SETTINGS}port = {port}\n");
        std::fs::write(folder.join("data").join("postgresql.auto.conf"), settings)?;
        let process = process(&program, &folder)?;
        let mut server = Self { program, folder, port, process };
        server.wait(runtime)?;
        Ok(server)
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Where it keeps everything.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Stops it at once (`pg_ctl stop -m immediate`), as if the power were cut, and starts it again.
    pub(crate) fn restart(&mut self, runtime: &Runtime) -> Result<(), Box<dyn Error>> {
        self.quit()?;
        self.process = process(&self.program, &self.folder)?;
        self.wait(runtime)
    }

    fn quit(&mut self) -> Result<(), Box<dyn Error>> {
        run(Command::new("kill").args(["-s", "QUIT", &self.process.id().to_string()]))?;
        self.process.wait()?;
        Ok(())
    }

    /// Until it answers. One that finds the last one's memory still in use ends, and is started again.
    fn wait(&mut self, runtime: &Runtime) -> Result<(), Box<dyn Error>> {
        let (url, began) = (self.url(), Instant::now());
        loop {
            match runtime.block_on(PgConnection::connect(&url)) {
                Ok(connection) => return Ok(runtime.block_on(connection.close())?),
                Err(error) if began.elapsed() > PATIENCE => {
                    let log = self.folder.join("log");
                    return Err(format!("PostgreSQL does not answer: {error}; see {}", log.display()).into());
                }
                Err(_) => sleep(Duration::from_millis(20)),
            }
            if self.process.try_wait()?.is_some() {
                sleep(Duration::from_millis(100));
                self.process = process(&self.program, &self.folder)?;
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // What is left of a campaign needs no checkpoint.
        let _ = self.quit();
    }
}

fn process(program: &Path, folder: &Path) -> Result<Child, Box<dyn Error>> {
    let log = File::options().append(true).create(true).open(folder.join("log"))?;
    let mut command = as_user(program);
    command.arg("-D").arg(folder.join("data")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    Ok(command.spawn()?)
}

fn as_user(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args([&format!("--reuid={USER}"), &format!("--regid={USER}"), "--init-groups"]).arg(program);
    command
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// In the search path, or where Debian keeps the programs of each version, the newest first.
fn found(name: &str) -> Result<PathBuf, Box<dyn Error>> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut versions: Vec<PathBuf> = match std::fs::read_dir("/usr/lib/postgresql") {
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        entries => entries?.flatten().map(|entry| entry.path()).collect(),
    };
    let number = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    versions.sort_by_key(|path| std::cmp::Reverse(number(path)));
    let versions = versions.into_iter().map(|version| version.join("bin"));
    let places = std::env::split_paths(&path).chain(versions).map(|folder| folder.join(name));
    places
        .into_iter()
        .find(|path| path.is_file())
        .ok_or_else(|| format!("{name} is needed: install PostgreSQL (apt-get install postgresql)").into())
}

fn run(command: &mut Command) -> Result<(), Box<dyn Error>> {
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(format!("{command:?} failed ({status})").into()) }
}

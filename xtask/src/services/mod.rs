//! Real servers for tests: started on a free port in a temporary folder, stopped by their process id.
//!
//! Another one is a file here with a function like [`exim::start`], and a line in [`SERVICES`].

mod certificate;
mod exim;
mod folder;
pub(crate) mod install;
mod postgres;
mod process;

use std::process::Command;

use folder::Folder;
use process::Running;

/// Starts a server, in a subfolder of its own.
type Start = fn(&Folder) -> Result<Service, String>;

/// Each of them.
const SERVICES: [Start; 2] = [exim::start, postgres::start];

/// A server, and what a test has to know of it.
struct Service {
    /// Ends with this.
    _running: Running,
    /// Environment variables for the tests.
    variables: Vec<(&'static str, String)>,
}

/// All services. They stop, and their folder goes, when it is dropped.
pub(crate) struct Services {
    services: Vec<Service>,
    _folder: Folder,
}

impl Services {
    /// Starts them, and installs what is missing if that is possible here.
    pub(crate) fn start() -> Result<Self, String> {
        Self::start_each(&SERVICES)
    }

    /// Starts what benches need: a PostgreSQL that loses nothing.
    pub(crate) fn start_durable() -> Result<Self, String> {
        Self::start_each(&[postgres::start_durable])
    }

    fn start_each(starts: &[Start]) -> Result<Self, String> {
        let folder = Folder::new()?;
        let services = starts.iter().map(|start| start(&folder)).collect::<Result<_, _>>()?;
        Ok(Self { services, _folder: folder })
    }

    /// Tells a command where they are.
    pub(crate) fn tell<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.envs(self.services.iter().flat_map(|service| service.variables.iter().cloned()))
    }
}

/// `cargo xtask services <command>`: runs a command while they run.
pub(crate) fn run(command: &[&str]) -> bool {
    let [program, arguments @ ..] = command else {
        eprintln!("say which command is to run, such as cargo test -p invite-smtp --all-features");
        return false;
    };
    let done = Services::start().and_then(|services| {
        let mut command = Command::new(program);
        crate::cargo::run(services.tell(command.args(arguments)))
    });
    done.inspect_err(|why| eprintln!("{why}")).is_ok()
}

//! Exim: a real mail server, with STARTTLS, AUTH, PIPELINING and SMTPUTF8, that delivers into a Maildir.

use std::path::Path;
use std::process::Command;

use super::Service;
use super::certificate::Certificate;
use super::folder::{Folder, write};
use super::install::{is_root, program};
use super::process::{Running, free_port};
use crate::cargo::{printed_by, run};

const SETTINGS: &str = include_str!("exim.conf");
/// Who Debian's Exim becomes when root starts it.
const USER: &str = "Debian-exim";
/// The one account. Letters and digits alone, since they stand in Exim's expressions.
const NAME: &str = "invites";
const PASSWORD: &str = "tr0ub4dorAnd3";

/// Starts it. The tests find the port in `INVITE_TEST_SMTP_PORT` (on `localhost`), the account in
/// `INVITE_TEST_SMTP_USER` and `…_PASSWORD`, the root certificate in `…_CERTIFICATE`, the Maildir in `…_MAILDIR`.
pub(super) fn start(folder: &Folder) -> Result<Service, String> {
    let exim = program("exim4", "exim4-daemon-light")?;
    let folder = folder.subfolder("exim")?;
    let certificate = Certificate::new(&folder)?;
    let port = free_port()?;
    let settings = folder.join("exim.conf");
    write(&settings, &filled_in(&folder, &certificate, port)?)?;
    if is_root()? {
        // The settings stay root's, or Exim would not trust them.
        run(Command::new("chown").arg(USER).arg(&folder).arg(&certificate.key))?;
    }
    let mut running = Running::start(Command::new(exim).arg("-C").arg(&settings).arg("-bdf"))?;
    running.greets(port, "220 ").map_err(|why| format!("Exim: {why}; it says why above"))?;
    Ok(Service {
        _running: running,
        variables: vec![
            ("INVITE_TEST_SMTP_PORT", port.to_string()),
            ("INVITE_TEST_SMTP_USER", NAME.into()),
            ("INVITE_TEST_SMTP_PASSWORD", PASSWORD.into()),
            ("INVITE_TEST_SMTP_CERTIFICATE", certificate.certificate.display().to_string()),
            ("INVITE_TEST_SMTP_MAILDIR", folder.join("mail").display().to_string()),
        ],
    })
}

fn filled_in(folder: &Path, certificate: &Certificate, port: u16) -> Result<String, String> {
    // Who is not root stays who they are, and has to be the one whom Exim obeys.
    let id = |option| printed_by(Command::new("id").arg(option)).map(|name| name.trim().to_owned());
    let identity = if is_root()? {
        String::new()
    } else {
        format!("exim_user = {}\nexim_group = {}", id("-un")?, id("-gn")?)
    };
    let filled_in = [
        ("{folder}", folder.display().to_string()),
        ("{certificate}", certificate.certificate.display().to_string()),
        ("{key}", certificate.key.display().to_string()),
        ("{port}", port.to_string()),
        ("{identity}", identity),
        ("{name}", NAME.into()),
        ("{password}", PASSWORD.into()),
    ]
    .iter()
    .fold(SETTINGS.to_owned(), |text, (mark, value)| text.replace(mark, value));
    Ok(filled_in)
}

//! A certificate for `localhost` that is its own authority, for this run alone.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::folder::write;
use super::install::program;
use crate::cargo::run;

/// Its extensions are said in full: what openssl adds by itself makes it an authority, which no server may be.
const SETTINGS: &str = "\
[req]
prompt = no
distinguished_name = name
x509_extensions = extensions
[name]
CN = Tests of invitations
[extensions]
basicConstraints = critical, CA:FALSE
subjectAltName = DNS:localhost, IP:127.0.0.1
";

/// A certificate and its key, in PEM.
pub(crate) struct Certificate {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Certificate {
    /// Makes one in this folder.
    pub(crate) fn new(folder: &Path) -> Result<Self, String> {
        let (settings, certificate, key) =
            (folder.join("openssl.cnf"), folder.join("certificate.pem"), folder.join("key.pem"));
        write(&settings, SETTINGS)?;
        let mut openssl = Command::new(program("openssl", "openssl")?);
        openssl
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-days",
                "2",
            ])
            .arg("-config")
            .arg(&settings)
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&certificate)
            .stderr(Stdio::null());
        run(&mut openssl)?;
        Ok(Self { certificate, key })
    }
}

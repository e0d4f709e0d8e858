//! The transport into a folder, proved by the suite.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

mod support;

use std::fs;
use std::sync::Arc;

use async_trait::async_trait;
use invite_core::conformance::transport::{Arrivals, TransportUnderTest};
use invite_file::FileTransport;
use mail_parser::MessageParser;
use tempfile::TempDir;

#[derive(Debug)]
struct Folder(TempDir);

#[async_trait]
impl Arrivals for Folder {
    async fn texts(&self) -> Vec<String> {
        let paths = fs::read_dir(self.0.path()).unwrap().map(|entry| entry.unwrap().path());
        let messages = paths.filter_map(|path| match path.extension()?.to_str()? {
            "eml" => Some(decoded(&fs::read(&path).unwrap())),
            "txt" => Some(fs::read_to_string(&path).unwrap()),
            _ => None,
        });
        messages.collect()
    }
}

fn decoded(octets: &[u8]) -> String {
    let message = MessageParser::default().parse(octets).unwrap();
    let header: Vec<_> = message.headers_raw().map(|(name, value)| format!("{name}:{value}")).collect();
    format!("{}\n{}", header.concat(), message.body_text(0).unwrap_or_default())
}

fn fresh() -> TransportUnderTest {
    let folder = support::private_folder();
    let transport = FileTransport::new(folder.path()).unwrap();
    TransportUnderTest::new(Arc::new(transport)).arrivals(Arc::new(Folder(folder)))
}

invite_core::transport_conformance!(file, fresh());

//! The folder keeps the contract of a transport.

use std::sync::Arc;

use invite_core::conformance::transport::TransportUnderTest;
use invite_file::FileTransport;

fn folder() -> TransportUnderTest {
    let folder = tempfile::tempdir().expect("a folder").keep();
    TransportUnderTest::new(Arc::new(FileTransport::new(folder.join("outbox")).expect("a transport")))
}

invite_core::transport_conformance!(conformance, folder());

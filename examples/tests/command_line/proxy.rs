//! A server that can be taken away: connections go through to the real one, until they are cut.

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

#[derive(Debug)]
pub(crate) struct Proxy {
    port: u16,
    /// `127.0.0.1:5432`
    server: String,
    open: Arc<Mutex<Open>>,
}

#[derive(Debug, Default)]
struct Open {
    cut: bool,
    connections: Vec<TcpStream>,
}

impl Proxy {
    /// In front of the server at this address.
    pub(crate) fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let proxy = Self { port, server: server.to_owned(), open: Arc::default() };
        let (server, open) = (proxy.server.clone(), proxy.open.clone());
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // Whoever comes while it is cut finds a connection that closes at once.
                let _ = join(client, &server, &open);
            }
        });
        proxy
    }

    /// What comes before the path of a URL has this in the place of the server.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Takes the server away.
    pub(crate) fn cut(&self) {
        let mut open = self.open.lock().unwrap();
        open.cut = true;
        for connection in open.connections.drain(..) {
            // One that has ended is closed already.
            let _ = connection.shutdown(Shutdown::Both);
        }
    }

    /// Gives it back.
    pub(crate) fn mend(&self) {
        self.open.lock().unwrap().cut = false;
    }
}

fn join(client: TcpStream, server: &str, open: &Mutex<Open>) -> io::Result<()> {
    let mut open = open.lock().unwrap();
    if open.cut {
        return Ok(());
    }
    let server = TcpStream::connect(server)?;
    open.connections.extend([client.try_clone()?, server.try_clone()?]);
    for (mut from, mut to) in [(client.try_clone()?, server.try_clone()?), (server, client)] {
        thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Both);
        });
    }
    Ok(())
}

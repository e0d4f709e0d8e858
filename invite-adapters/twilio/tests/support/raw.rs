//! A server that misbehaves below HTTP.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What it does with a connection.
#[derive(Clone)]
pub(crate) enum Act {
    /// Closes it before anything is read.
    Close,
    /// Says this before anything is read.
    Greet(Vec<u8>),
    /// Reads a whole request, then closes it so that the client sees a reset.
    ResetAfterRequest,
    /// Reads a whole request, says this, then closes it.
    Say(Vec<u8>),
    /// Reads a whole request, says this, then nothing more.
    SayAndHang(Vec<u8>),
    /// Reads nothing and says nothing.
    Hang,
}

pub(crate) struct Raw {
    pub(crate) port: u16,
    requests: Arc<AtomicUsize>,
}

impl Raw {
    pub(crate) async fn start(act: Act) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, act.clone(), Arc::clone(&counter)));
            }
        });
        Self { port, requests }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How many whole requests it has read.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

async fn serve(mut stream: TcpStream, act: Act, requests: Arc<AtomicUsize>) {
    match act {
        Act::Close => {}
        Act::Greet(words) => {
            let _ = stream.write_all(&words).await;
            tokio::time::sleep(std::time::Duration::from_mins(1)).await;
        }
        Act::Hang => {
            tokio::time::sleep(std::time::Duration::from_mins(1)).await;
        }
        Act::ResetAfterRequest => {
            if read_request(&mut stream).await {
                requests.fetch_add(1, Ordering::SeqCst);
            }
            stream.set_zero_linger().unwrap();
        }
        Act::Say(words) => {
            if read_request(&mut stream).await {
                requests.fetch_add(1, Ordering::SeqCst);
            }
            let _ = stream.write_all(&words).await;
            let _ = stream.shutdown().await;
        }
        Act::SayAndHang(words) => {
            if read_request(&mut stream).await {
                requests.fetch_add(1, Ordering::SeqCst);
            }
            let _ = stream.write_all(&words).await;
            tokio::time::sleep(std::time::Duration::from_mins(1)).await;
        }
    }
}

/// Whether a whole one came.
async fn read_request(stream: &mut TcpStream) -> bool {
    let mut octets = Vec::new();
    loop {
        if stream.read_buf(&mut octets).await.unwrap_or(0) == 0 {
            return false;
        }
        let text = String::from_utf8_lossy(&octets);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                line.to_lowercase().strip_prefix("content-length: ").map(|n| n.parse::<usize>().unwrap())
            });
            if length.is_some_and(|length| body.len() >= length) {
                return true;
            }
        }
    }
}

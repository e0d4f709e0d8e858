//! The least that a client has to do: the octets are known, replies are counted and not read.

use invite_core::model::message::Email;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Sends so many messages over so many connections.
pub(crate) async fn write(port: u16, connections: usize, messages: usize, email: &Email, octets: &[u8]) {
    let commands = format!(
        "MAIL FROM:<{}> SIZE={}\r\nRCPT TO:<{}>\r\nDATA\r\n",
        email.from.address,
        octets.len(),
        email.to.address
    );
    let data = [octets, b".\r\n"].concat();
    let mut writing = JoinSet::new();
    for _ in 0..connections {
        let (commands, data) = (commands.clone(), data.clone());
        writing.spawn(async move {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("the sink listens");
            stream.set_nodelay(true).expect("it is a connection");
            replies(&mut stream, 1).await;
            say(&mut stream, b"EHLO writer\r\n").await;
            replies(&mut stream, 4).await;
            for _ in 0..messages / connections {
                say(&mut stream, commands.as_bytes()).await;
                replies(&mut stream, 3).await;
                say(&mut stream, &data).await;
                replies(&mut stream, 1).await;
            }
        });
    }
    writing.join_all().await;
}

async fn say(stream: &mut TcpStream, octets: &[u8]) {
    stream.write_all(octets).await.expect("the sink takes everything");
}

async fn replies(stream: &mut TcpStream, lines: usize) {
    let mut buffer = [0; 1024];
    let mut seen = 0;
    while seen < lines {
        let read = stream.read(&mut buffer).await.expect("the sink answers");
        assert!(read > 0, "the sink stays");
        seen += buffer[..read].split(|b| *b == b'\n').count() - 1;
    }
}

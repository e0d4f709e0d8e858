//! A mail server that takes everything as fast as it can, and keeps nothing.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;

/// Says its port on the standard output, and serves until it is killed.
pub(crate) fn run() -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    invite_benches::say(&listener.local_addr()?.port().to_string())?;
    for stream in listener.incoming() {
        let stream = stream?;
        // A client that goes away in the middle ends its thread.
        thread::spawn(move || serve(stream));
    }
    Ok(())
}

fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.write_all(b"220 sink ESMTP\r\n")?;
    let mut buffer = vec![0; 256 * 1024];
    let mut filled = 0;
    let mut in_message = false;
    let mut replies = Vec::new();
    loop {
        let read = stream.read(&mut buffer[filled..])?;
        if read == 0 {
            return Ok(());
        }
        filled += read;
        let mut done = 0;
        loop {
            let rest = &buffer[done..filled];
            if in_message {
                // A message is longer than its end, and its end is at its end.
                if !rest.ends_with(b"\r\n.\r\n") {
                    break;
                }
                done = filled;
                in_message = false;
                replies.extend_from_slice(b"250 2.0.0 Ok: queued as 4bXq3YzQ1w\r\n");
                continue;
            }
            let Some(end) = rest.iter().position(|b| *b == b'\n') else { break };
            let reply: &[u8] = match rest[0] {
                b'E' => b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 10000000\r\n",
                b'D' => b"354 go ahead\r\n",
                b'Q' => b"221 2.0.0 bye\r\n",
                _ => b"250 2.1.0 Ok\r\n",
            };
            in_message = rest[0] == b'D';
            replies.extend_from_slice(reply);
            done += end + 1;
        }
        buffer.copy_within(done..filled, 0);
        filled -= done;
        stream.write_all(&replies)?;
        replies.clear();
    }
}

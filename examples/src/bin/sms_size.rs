//! What text messages cost: reads texts from standard input and prints encoding, units and segments of each.
//!
//! ```text
//! echo -n "Møte kl. 9" | cargo run -p invite-examples --bin sms_size
//! ```
//!
//! Several texts are ended by NUL each, as `find -print0` does, since a text may hold lines.

use std::io::{self, Read, Write};

use invite_core::template::sms::{SmsEncoding, SmsSize};

fn main() -> io::Result<()> {
    let mut texts = String::new();
    io::stdin().read_to_string(&mut texts)?;
    let mut output = io::BufWriter::new(io::stdout().lock());
    for text in texts.strip_suffix('\0').unwrap_or(&texts).split('\0') {
        let size = SmsSize::of(text);
        let encoding = match size.encoding {
            SmsEncoding::Gsm7 => "GSM-7",
            SmsEncoding::Ucs2 => "UCS-2",
        };
        writeln!(output, "{encoding} {} {}", size.units, size.segments)?;
    }
    output.flush()
}

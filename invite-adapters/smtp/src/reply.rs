//! Replies of a server, cut out of what it sends.

use std::fmt;

use smtp_proto::response::parser::ResponseReceiver;
use smtp_proto::{Error, Response};

/// The most octets of one reply with its codes; the parser takes 4 KiB of words. A server that says more is not talking
/// SMTP: a greeting or the reply to EHLO has a few hundred.
const LONGEST: usize = 16 * 1024;

/// One reply, of one or several lines.
///
/// `Debug` shows the code alone: a server may echo what it was sent, and that may be a credential or a message.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    /// Three digits, from 200 to 599.
    pub(crate) code: u16,
    /// The enhanced code (RFC 3463), if there is one that agrees with the code.
    pub(crate) enhanced: Option<[u8; 3]>,
    /// The words, line by line, without the codes.
    pub(crate) text: String,
}

impl Reply {
    /// 2yz: the command was carried out.
    pub(crate) const fn is_positive(&self) -> bool {
        self.code / 100 == 2
    }

    /// The code as an answer shows it: `550 5.1.1`.
    pub(crate) fn codes(&self) -> String {
        match self.enhanced {
            Some([class, subject, detail]) => format!("{} {class}.{subject}.{detail}", self.code),
            None => self.code.to_string(),
        }
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply({}, {} octets of text)", self.codes(), self.text.len())
    }
}

/// What was received and not yet read as a reply.
#[derive(Default)]
pub(crate) struct Received(Vec<u8>);

/// What came is no reply; there is no telling what comes after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

impl Received {
    /// Where more octets are put.
    pub(crate) const fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }

    /// Whether there is anything.
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next reply, if all of it is here.
    pub(crate) fn next(&mut self) -> Result<Option<Reply>, Malformed> {
        let mut rest = self.0.iter();
        let response = match ResponseReceiver::default().parse(&mut rest) {
            Ok(response) => response,
            // The parser bounds lines that say something, not empty ones.
            Err(Error::NeedsMoreData { .. }) if self.0.len() <= LONGEST => return Ok(None),
            Err(_) => return Err(Malformed),
        };
        let length = self.0.len() - rest.len();
        let reply = reply(response, &self.0[..length]);
        self.0.drain(..length);
        reply.map(Some)
    }
}

fn reply(response: Response<String>, octets: &[u8]) -> Result<Reply, Malformed> {
    let Response { code, esc, message } = response;
    // The parser takes the code of the first line; in a reply all lines have the same (RFC 5321, 4.2.1).
    let same = octets.split_inclusive(|b| *b == b'\n').all(|line| line.get(..3) == octets.get(..3));
    if !(200..600).contains(&code) || !same {
        return Err(Malformed);
    }
    let agrees = u16::from(esc[0]) == code / 100;
    // The parser leaves the CR of an empty line.
    let text = if message.contains('\r') { message.replace('\r', "") } else { message };
    Ok(Reply { code, enhanced: agrees.then_some(esc), text })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn replies(octets: &[u8], piece: usize) -> Result<Vec<Reply>, Malformed> {
        let mut received = Received::default();
        let mut replies = Vec::new();
        for octets in octets.chunks(piece.max(1)) {
            received.buffer().extend_from_slice(octets);
            while let Some(reply) = received.next()? {
                replies.push(reply);
            }
        }
        Ok(replies)
    }

    fn one(octets: &str) -> Reply {
        let [reply] = &replies(octets.as_bytes(), 1).unwrap()[..] else { panic!("not one reply") };
        reply.clone()
    }

    #[test]
    fn a_reply_has_a_code_an_enhanced_code_and_words() {
        let reply = one("550 5.1.1 No such user\r\n");
        assert_eq!((reply.code, reply.enhanced, &*reply.text), (550, Some([5, 1, 1]), "No such user"));
        assert_eq!(reply.codes(), "550 5.1.1");
        let reply = one("550 No such user\r\n");
        assert_eq!((reply.enhanced, reply.codes()), (None, "550".to_owned()));
    }

    #[test]
    fn the_lines_of_a_reply_belong_together() {
        let reply = one("551-5.7.1 Forwarding is disabled\r\n551 5.7.1 Select another host\r\n");
        assert_eq!(reply.codes(), "551 5.7.1");
        assert_eq!(reply.text, "Forwarding is disabled\nSelect another host");
        assert_eq!(one("250-8BITMIME\r\n250 SIZE 1000\r\n").text, "8BITMIME\nSIZE 1000");
    }

    #[test]
    fn a_reply_may_have_no_words() {
        assert_eq!((one("250\r\n").code, one("250 \r\n").code), (250, 250));
    }

    #[test]
    fn an_enhanced_code_of_another_class_than_the_code_is_none() {
        assert_eq!(one("550 2.1.1 strange\r\n").enhanced, None);
    }

    #[test]
    fn an_address_at_the_beginning_of_the_words_is_no_enhanced_code() {
        let reply = one("554 5.0.0.1 is listed\r\n");
        assert_eq!((reply.enhanced, &*reply.text), (None, "5.0.0.1 is listed"));
    }

    #[test]
    fn what_is_no_reply_is_malformed() {
        for octets in [
            "HTTP/1.1 400 Bad Request\r\n",
            "\r\n",
            "25\r\n",
            "2500 x\r\n",
            "250_x\r\n",
            "099 x\r\n",
            "600 x\r\n",
            "250-one\r\n550 two\r\n",
            &format!("250 {}", "x".repeat(10_000)),
            &"250-\r\n".repeat(10_000),
        ] {
            assert_eq!(replies(octets.as_bytes(), 64), Err(Malformed), "{octets:.40}");
        }
    }

    #[test]
    fn debug_shows_the_code_alone() {
        assert_eq!(format!("{:?}", one("535 5.7.8 c2VjcmV0\r\n")), "Reply(535 5.7.8, 8 octets of text)");
    }

    fn lines() -> impl Strategy<Value = Vec<String>> {
        // Words that are no enhanced code themselves.
        prop::collection::vec("([A-Za-z<][ -~]{0,60})?", 1..6)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_a_server_says_is_what_is_read_however_it_is_cut(
            sent in prop::collection::vec((200_u16..600, any::<bool>(), lines()), 1..5), piece in 1_usize..80,
        ) {
            let mut octets = String::new();
            let mut expected = Vec::new();
            for (code, enhanced, lines) in sent {
                let enhanced = enhanced.then(|| [u8::try_from(code / 100).unwrap(), 7, 28]);
                let mark = enhanced.map(|e| format!("{}.{}.{} ", e[0], e[1], e[2])).unwrap_or_default();
                for (number, line) in lines.iter().enumerate() {
                    let separator = if number + 1 == lines.len() { ' ' } else { '-' };
                    octets.extend([&*format!("{code}{separator}"), &*mark, line, "\r\n"]);
                }
                expected.push((code, enhanced, lines.join("\n")));
            }
            let read = replies(octets.as_bytes(), piece).unwrap();
            let read: Vec<_> = read.into_iter().map(|r| (r.code, r.enhanced, r.text)).collect();
            prop_assert_eq!(read, expected);
        }

        #[test]
        fn whatever_comes_is_read_or_malformed_the_same_however_it_is_cut(
            octets in prop::collection::vec(any::<u8>(), 0..400), piece in 1_usize..80,
        ) {
            prop_assert_eq!(replies(&octets, 1), replies(&octets, piece));
        }
    }
}

//! What a server offers.

use smtp_proto::{
    AUTH_LOGIN, AUTH_PLAIN, EXT_8BIT_MIME, EXT_PIPELINING, EXT_SIZE, EXT_SMTP_UTF8, EXT_START_TLS,
    EhloResponse,
};

use crate::reply::Reply;

/// What the reply to EHLO offers, of what this crate uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Capabilities {
    extensions: u32,
    mechanisms: u64,
    size: usize,
}

impl Capabilities {
    /// Reads the reply to EHLO. A line that cannot be read offers nothing.
    pub(crate) fn of(reply: &Reply) -> Self {
        let mut offered = Self::default();
        // Each line by itself, so that a strange one does not hide the others.
        for line in reply.text.lines().skip(1) {
            let lines = format!("250-server\r\n250 {line}\r\n");
            let Ok(extension) = EhloResponse::parse(&mut lines.as_bytes().iter()) else { continue };
            offered.extensions |= extension.capabilities;
            offered.mechanisms |= extension.auth_mechanisms;
            offered.size = offered.size.max(extension.size);
        }
        offered
    }

    /// RFC 2920.
    pub(crate) const fn pipelining(self) -> bool {
        self.extensions & EXT_PIPELINING != 0
    }

    /// RFC 3207.
    pub(crate) const fn starttls(self) -> bool {
        self.extensions & EXT_START_TLS != 0
    }

    /// RFC 6531, and RFC 6152 that it stands on.
    pub(crate) const fn smtputf8(self) -> bool {
        self.extensions & EXT_SMTP_UTF8 != 0
    }

    /// RFC 6152. SMTPUTF8 requires it (RFC 6531, 3.1), so who offers that offers this.
    pub(crate) const fn eight_bit(self) -> bool {
        self.extensions & (EXT_8BIT_MIME | EXT_SMTP_UTF8) != 0
    }

    /// Whether `SIZE=` may be said (RFC 1870).
    pub(crate) const fn size(self) -> bool {
        self.extensions & EXT_SIZE != 0
    }

    /// The most octets that it takes, if it says so.
    pub(crate) const fn largest(self) -> Option<usize> {
        if self.size == 0 { None } else { Some(self.size) }
    }

    /// Whether it offers AUTH PLAIN (RFC 4616).
    pub(crate) const fn auth_plain(self) -> bool {
        self.mechanisms & AUTH_PLAIN != 0
    }

    /// Whether it offers AUTH LOGIN, which no RFC has and some servers alone have.
    pub(crate) const fn auth_login(self) -> bool {
        self.mechanisms & AUTH_LOGIN != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(text: &str) -> Capabilities {
        Capabilities::of(&Reply { code: 250, enhanced: None, text: text.into() })
    }

    #[test]
    fn what_is_offered_is_read() {
        let offered = offered(
            "mail.example.com Hello\nSIZE 52428800\n8BITMIME\nPIPELINING\nAUTH PLAIN LOGIN\nSTARTTLS\nSMTPUTF8\nHELP",
        );
        assert!(offered.pipelining() && offered.starttls() && offered.smtputf8() && offered.eight_bit());
        assert!(offered.auth_plain() && offered.auth_login() && offered.size());
        assert_eq!(offered.largest(), Some(52_428_800));
    }

    #[test]
    fn the_name_of_the_server_offers_nothing() {
        assert_eq!(offered("PIPELINING"), Capabilities::default());
    }

    #[test]
    fn a_strange_line_hides_no_other() {
        let offered = offered("x\nSIZE many\n\n=\nFUTURERELEASE a b\npipelining\nAUTH CRAM-MD5 LOGIN");
        assert!(offered.pipelining() && offered.auth_login() && !offered.auth_plain());
        assert_eq!(offered.largest(), None);
    }
}

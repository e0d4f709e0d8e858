//! SpamAssassin with its local tests alone: no network, no Bayes, the same result on every machine with its version.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::name;
use crate::cargo::target;

/// What the recipient's mail server writes over a message, without which half of the rules have nothing to look at. The
/// address is one for documentation, in IPv6, since SpamAssassin marks those of IPv4 as forged.
const RECEIVED: &str = "\
Return-Path: <invitations@acme.example>\r
Received: from mail.acme.example (mail.acme.example [IPv6:2001:db8::25])\r
\tby mx.acme.example (Postfix) with ESMTPS id 4XyZ1234\r
\tfor <kari.nordmann@acme.example>; Tue, 03 Nov 2026 13:30:02 +0000 (UTC)\r
";
const HEADER: &str = "X-Spam-Verdict: ";

/// What SpamAssassin says of a message.
#[derive(Debug, PartialEq)]
pub(super) struct Verdict {
    pub(super) message: String,
    pub(super) score: f64,
    /// Each rule hit with its score.
    pub(super) rules: String,
}

/// The verdicts on these e-mails, in their order.
pub(super) fn scores(emails: &[PathBuf]) -> Result<Vec<Verdict>, String> {
    let folder = target().join("messages").join("received");
    let received = emails.iter().map(|email| received(email, &folder)).collect::<Result<Vec<_>, _>>()?;
    let output = Command::new("spamassassin")
        .args(["--local", "--nocreate-prefs", "--prefspath=/dev/null"])
        .args(["--cf=use_bayes 0", "--cf=report_safe 0", "--cf=clear_headers", "--cf=fold_headers 0"])
        .arg("--cf=add_header all Verdict _SCORE_ _TESTSSCORES(,)_")
        .args(&received)
        .stderr(Stdio::null())
        .output()
        .map_err(|error| format!("spamassassin did not start: {error}"))?;
    let output = String::from_utf8_lossy(&output.stdout);
    let verdicts: Vec<_> = output.lines().filter_map(|line| line.strip_prefix(HEADER)).collect();
    if verdicts.len() != emails.len() {
        return Err(format!("spamassassin judged {} of {} messages", verdicts.len(), emails.len()));
    }
    emails.iter().zip(verdicts).map(|(email, verdict)| parse(name(email), verdict)).collect()
}

/// Writes the e-mail as its recipient's server has it.
fn received(email: &Path, folder: &Path) -> Result<PathBuf, String> {
    let said = |error| format!("{}: {error}", email.display());
    let octets = [RECEIVED.as_bytes(), &fs::read(email).map_err(said)?].concat();
    let path = folder.join(email.file_name().unwrap_or_default());
    fs::create_dir_all(folder).and_then(|()| fs::write(&path, octets)).map_err(said)?;
    Ok(path)
}

fn parse(message: String, verdict: &str) -> Result<Verdict, String> {
    let (score, rules) = verdict.split_once(' ').unwrap_or((verdict, ""));
    let score = score.parse().map_err(|_| format!("spamassassin gave {message} no score: {verdict}"))?;
    let rules: Vec<_> = rules.split(',').map(str::trim).filter(|rule| !rule.is_empty()).collect();
    Ok(Verdict { message, score, rules: rules.join(" ") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_has_a_score_and_rules() {
        let verdict = parse("m".to_owned(), "1.3 HTML_MESSAGE=0.001,RCVD_ILLEGAL_IP=1.3,");
        let expected = Verdict {
            message: "m".to_owned(),
            score: 1.3,
            rules: "HTML_MESSAGE=0.001 RCVD_ILLEGAL_IP=1.3".to_owned(),
        };
        assert_eq!(verdict, Ok(expected));
        assert!(parse("m".to_owned(), "none").is_err());
    }
}

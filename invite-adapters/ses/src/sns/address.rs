//! Topics, and the hosts that may speak for them.

use url::Url;

/// Its hosts have a domain of their own.
const CHINA: &str = "amazonaws.com.cn";

/// A topic that may report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Topic {
    pub(super) arn: String,
    region: String,
    /// What follows the region in a host's name.
    suffix: &'static str,
}

impl Topic {
    /// From `arn:aws:sns:eu-north-1:123456789012:invitations`.
    pub(super) fn parsed(arn: &str) -> Option<Self> {
        let parts: Vec<&str> = arn.split(':').collect();
        let ["arn", partition, "sns", region, account, name] = parts[..] else { return None };
        let suffix = match partition {
            "aws" | "aws-us-gov" => "amazonaws.com",
            "aws-cn" => CHINA,
            _ => return None,
        };
        let is_region = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let is_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        let fits = (1..=32).contains(&region.len())
            && region.bytes().all(is_region)
            && account.len() == 12
            && account.bytes().all(|b| b.is_ascii_digit())
            && (1..=256).contains(&name.len())
            && name.bytes().all(is_name);
        fits.then(|| Self { arn: arn.to_owned(), region: region.to_owned(), suffix })
    }

    /// `https://sns.<region>.amazonaws.com/`: what every URL of this topic's begins with, octet for octet.
    fn origin(&self) -> String {
        format!("https://sns.{}.{}/", self.region, self.suffix)
    }

    /// Whether this is where the topic's region keeps a certificate.
    pub(super) fn keeps_certificate(&self, url: &str) -> bool {
        self.is_at_home(url) && url.as_bytes().ends_with(b".pem") && !url.contains('?')
    }

    /// Whether this URL is of the topic's region. The text is compared, not what a parser makes of it, so that no two
    /// parsers can differ; and the parser must agree.
    pub(super) fn is_at_home(&self, url: &str) -> bool {
        let origin = self.origin();
        let plain = url.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'\\' | b'#' | b'@'));
        let Ok(read) = Url::parse(url) else { return false };
        plain && url.starts_with(&origin) && read.as_str() == url && read.as_str().starts_with(&origin)
    }

    /// The names that a certificate of SNS has, by region, as AWS's own SDK for Java has them
    /// (`SnsMessageManager`, `SnsHostProvider`), and the region's own host.
    pub(super) fn certificate_names(&self) -> Vec<String> {
        let (region, suffix) = (&self.region, self.suffix);
        let mut names = vec![format!("sns.{region}.{suffix}"), format!("sns-signing.{region}.{suffix}")];
        if suffix == CHINA {
            names.push(format!("sns-{region}.{suffix}"));
        } else if region.starts_with("us-gov-") {
            names.push("sns-us-gov-west-1.amazonaws.com".to_owned());
        } else {
            names.push("sns.amazonaws.com".to_owned());
        }
        names
    }
}

//! The forms of one URL that Twilio may have signed: with its port and without.

/// The URL as it is, without its port, and with the port that it has or that its scheme has. Nothing else of it changes:
/// what was signed is its octets.
pub(super) fn forms(url: &str) -> Vec<String> {
    let mut forms = vec![url.to_owned()];
    let Some((scheme, rest)) = url.split_once("://") else { return forms };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    // A colon before the @ or inside brackets begins no port.
    let host_at = authority.rfind('@').map_or(0, |at| at + 1);
    let port_at = authority[host_at..].rfind(':').map(|at| host_at + at);
    let port_at = port_at.filter(|at| authority[*at..].bytes().skip(1).all(|b| b.is_ascii_digit()));
    if let Some(at) = port_at {
        forms.push(format!("{scheme}://{}{path}", &authority[..at]));
    } else {
        let port = if scheme.eq_ignore_ascii_case("http") { 80 } else { 443 };
        forms.push(format!("{scheme}://{authority}:{port}{path}"));
    }
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_form_has_the_port_or_has_it_not() {
        for (url, other) in [
            ("https://a.example/b?c=d:1", "https://a.example:443/b?c=d:1"),
            ("http://a.example", "http://a.example:80"),
            ("https://a.example:8443/b", "https://a.example/b"),
            ("https://u:p@a.example/b@:1", "https://u:p@a.example:443/b@:1"),
            ("https://u:1@a.example:2?b", "https://u:1@a.example?b"),
            ("https://[2001:db8::1]/", "https://[2001:db8::1]:443/"),
            ("https://[2001:db8::1]:81/", "https://[2001:db8::1]/"),
        ] {
            assert_eq!(forms(url), [url, other]);
        }
        for url in ["", "/path", "a.example:80"] {
            assert_eq!(forms(url), [url]);
        }
    }
}

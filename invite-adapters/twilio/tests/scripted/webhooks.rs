//! Signatures, by the vectors that Twilio's own libraries are tested with, and what signed requests say.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use invite_core::Secret;
use invite_core::machine::delivery::Report;
use invite_core::model::id::DeliveryId;
use invite_core::model::outcome::{Concerns, Scope};
use invite_core::port::queue::Reported;
use invite_core::service::Consent;
use invite_twilio::webhook::{Verified, Webhook, verify};
use sha1::Sha1;
use url::form_urlencoded::Serializer;

const URL: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";
const BODY: &[u8] =
    b"Digits=1234&To=%2B18005551212&From=%2B14158675309&Caller=%2B14158675309&CallSid=CA1234567890ABCDE";
const SIGNATURE: &str = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";
const JSON: &[u8] = br#"{"property": "value", "boolean": true}"#;
const JSON_HASH: &str = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620";

fn is_signed(url: &str, body: &[u8], signature: &str) -> bool {
    is_signed_with(&["12345"], url, body, signature)
}

fn is_signed_with(tokens: &[&str], url: &str, body: &[u8], signature: &str) -> bool {
    let tokens: Vec<_> = tokens.iter().map(|token| Secret::new((*token).to_owned())).collect();
    verify(&Webhook { url, signature, body }, &tokens).is_ok()
}

#[test]
fn the_published_vectors_pass() {
    for (url, signature) in [
        (URL, SIGNATURE),
        // With a port that was not signed, and without one that was.
        ("https://mycompany.com:1234/myapp.php?foo=1&bar=2", SIGNATURE),
        ("http://mycompany.com:1234/myapp.php?foo=1&bar=2", "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="),
        ("https://mycompany.com:1234/myapp.php?foo=1&bar=2", "CYn1h0gLBdNxDGkKJg6hYohgeD8="),
        (URL, "kvajT1Ptam85bY51eRf/AJRuM3w="),
        ("http://mycompany.com/myapp.php?foo=1&bar=2", "0ZXoZLH/DfblKGATFgpif+LLRf4="),
        ("https://user:pass@mycompany.com/myapp.php?foo=1&bar=2", "CukzLTc1tT5dXEDIHm/tKBanW10="),
        ("https://user@mycompany.com/myapp.php?foo=1&bar=2", "2YRLlVAflCqxaNicjMpJcSTgzSs="),
        ("https://user:pass@mycompany.com/myapp.php?foo=1&bar=2", "ZQFR1PTIZXF2MXB8ZnKCvnnA+rI="),
        ("https://MyCompany.com/myapp.php?foo=1&bar=2", "g9IN/x4Cft2g517EjYvEvM/W7LU="),
        ("https://MyCompany.com:1234/myapp.php?foo=1&bar=2", "PCqOZm8cnu/L6+u5i5fuEd+Iac4="),
    ] {
        assert!(is_signed(url, BODY, signature), "{url} {signature}");
    }
    // The same parameter several times counts once for each value.
    let repeated = b"Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234&Digits=1234";
    assert!(is_signed(URL, repeated, "IK+Dwps556ElfBT0I3Rgjkr1wJU="));
}

#[test]
fn a_body_that_is_no_form_is_signed_by_its_hash() {
    let url = format!("{URL}&bodySHA256={JSON_HASH}");
    assert!(is_signed(&url, JSON, "a9nBmqA0ju/hNViExpshrM61xv4="));
    let alone = format!("https://mycompany.com/myapp.php?bodySHA256={JSON_HASH}");
    assert!(is_signed(&alone, JSON, "y77kIzt2vzLz71DgmJGsen2scGs="));
    assert!(!is_signed(&url, b"", "a9nBmqA0ju/hNViExpshrM61xv4="));
    assert!(!is_signed(&url, BODY, "a9nBmqA0ju/hNViExpshrM61xv4="));
    assert!(!is_signed(URL, JSON, SIGNATURE));
    for at in 0..JSON.len() {
        let mut changed = JSON.to_vec();
        changed[at] ^= 1;
        assert!(!is_signed(&url, &changed, "a9nBmqA0ju/hNViExpshrM61xv4="), "octet {at} of the body");
    }
}

#[test]
fn every_octet_that_is_changed_breaks_it() {
    for bit in 0..7 {
        let changed = |octets: &[u8], at: usize| {
            let mut octets = octets.to_vec();
            octets[at] ^= 1 << bit;
            octets
        };
        for at in 0..SIGNATURE.len() {
            let signature = String::from_utf8(changed(SIGNATURE.as_bytes(), at)).unwrap();
            assert!(!is_signed(URL, BODY, &signature), "{signature}");
        }
        for at in 0..URL.len() {
            let url = String::from_utf8(changed(URL.as_bytes(), at)).unwrap();
            assert!(!is_signed(&url, BODY, SIGNATURE), "{url}");
        }
        for at in 0..BODY.len() {
            let body = changed(BODY, at);
            // The order of the parameters and how they are written are not signed; what they say is.
            if said(&body) != said(BODY) {
                assert!(!is_signed(URL, &body, SIGNATURE), "{}", String::from_utf8_lossy(&body));
            }
        }
    }
}

fn said(body: &[u8]) -> std::collections::BTreeSet<(String, String)> {
    url::form_urlencoded::parse(body).into_owned().collect()
}

#[test]
fn a_token_that_is_being_changed_is_two_tokens() {
    assert!(is_signed_with(&["new", "12345"], URL, BODY, SIGNATURE));
    assert!(is_signed_with(&["12345", "new"], URL, BODY, SIGNATURE));
    assert!(!is_signed_with(&["new"], URL, BODY, SIGNATURE));
    assert!(!is_signed_with(&[], URL, BODY, SIGNATURE));
}

#[test]
fn an_empty_token_signs_nothing() {
    let signature = signature("", URL);
    assert!(!is_signed_with(&[""], URL, b"", &signature));
}

#[test]
fn a_signature_that_is_none_is_no_panic() {
    for signature in ["", "=", "RSOYDt4T1cUTdK1PDd93/VVr8B8", "é", "RSOYDt4T1cUTdK1PDd93/VVr8B8=="] {
        assert!(!is_signed(URL, BODY, signature));
    }
    for url in ["", "://", "https://", "https://@:", "https://[::1"] {
        assert!(!is_signed(url, BODY, SIGNATURE));
    }
}

fn signature(token: &str, signed: &str) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(token.as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// A request that Twilio would have made.
fn signed(url: &str, parameters: &[(&str, &str)]) -> Verified {
    let mut sorted = parameters.to_vec();
    sorted.sort_unstable();
    let words: String = sorted.iter().flat_map(|(name, value)| [*name, *value]).collect();
    let body = Serializer::new(String::new()).extend_pairs(parameters).finish();
    let signature = signature("12345", &format!("{url}{words}"));
    let request = Webhook { url, signature: &signature, body: body.as_bytes() };
    verify(&request, &[Secret::new("12345".into())]).unwrap()
}

fn reported(delivery: DeliveryId, status: &str, code: Option<&str>) -> Option<Reported> {
    let mut parameters = vec![("MessageSid", "SM1"), ("MessageStatus", status), ("To", "+4791234567")];
    parameters.extend(code.map(|code| ("ErrorCode", code)));
    signed(&format!("https://app.nordby.example/status?key=a%26b&delivery={delivery}"), &parameters).report()
}

#[test]
fn a_status_callback_is_a_report_of_the_delivery() {
    let delivery = DeliveryId::new();
    for (status, code, report, concerns) in [
        ("delivered", None, Report::Delivered, Concerns::Message),
        ("read", None, Report::Delivered, Concerns::Message),
        ("undelivered", Some("30003"), Report::Bounced, Concerns::Message),
        ("undelivered", Some("30005"), Report::Failed, Concerns::Address),
        ("undelivered", Some("30006"), Report::Failed, Concerns::Address),
        ("failed", Some("21211"), Report::Failed, Concerns::Address),
        ("failed", Some("21610"), Report::Failed, Concerns::OptOut),
        ("undelivered", Some("30007"), Report::Failed, Concerns::Message),
        ("undelivered", Some("30450"), Report::Failed, Concerns::Message),
        ("undelivered", Some("30008"), Report::Unknown, Concerns::Message),
        ("failed", Some("30002"), Report::Failed, Concerns::Sender(Scope::Account)),
        ("undelivered", Some("30034"), Report::Failed, Concerns::Sender(Scope::Sender)),
        ("failed", Some("99999"), Report::Failed, Concerns::Message),
        ("failed", None, Report::Failed, Concerns::Message),
        ("canceled", None, Report::Failed, Concerns::Message),
    ] {
        let reported = reported(delivery, status, code).unwrap();
        assert_eq!(
            (reported.delivery, reported.report, reported.concerns),
            (delivery, report, concerns),
            "{code:?}"
        );
        assert_eq!(reported.answer.code(), code.unwrap_or_default());
        assert!(!reported.answer.text().is_empty());
    }
}

#[test]
fn what_says_nothing_new_or_nothing_of_ours_is_no_report() {
    for status in
        ["queued", "sending", "sent", "accepted", "scheduled", "received", "partially_delivered", "?"]
    {
        assert_eq!(reported(DeliveryId::new(), status, None), None);
    }
    for url in ["https://a.example/", "https://a.example/?delivery=1", "https://a.example/?delivery="] {
        assert_eq!(signed(url, &[("MessageStatus", "delivered")]).report(), None);
    }
    // A parameter of the body is no substitute for that of the URL.
    let id = DeliveryId::new().to_string();
    let parameters = [("MessageStatus", "delivered"), ("delivery", &*id)];
    assert_eq!(signed("https://a.example/", &parameters).report(), None);
}

#[test]
fn stop_and_start_are_consent() {
    let url = "https://a.example/inbound";
    let chosen = |parameters: &[(&str, &str)]| {
        let parameters: Vec<_> = parameters.iter().copied().chain([("From", "+4791234567")]).collect();
        signed(url, &parameters).consent().map(|consent| {
            assert_eq!(consent.number.as_str(), "+4791234567");
            consent.consent
        })
    };
    for (parameters, choice) in [
        ([("Body", "STOP")].as_slice(), Some(Consent::OptedOut)),
        (&[("Body", " stop \n")], Some(Consent::OptedOut)),
        (&[("Body", "Unsubscribe")], Some(Consent::OptedOut)),
        (&[("Body", "START")], Some(Consent::OptedIn)),
        (&[("Body", "unstop")], Some(Consent::OptedIn)),
        (&[("Body", "STOP please")], None),
        (&[("Body", "HELP")], None),
        (&[("Body", "")], None),
        (&[("Body", "STOPP"), ("OptOutType", "STOP")], Some(Consent::OptedOut)),
        (&[("Body", "JA"), ("OptOutType", "START")], Some(Consent::OptedIn)),
        (&[("Body", "STOP"), ("OptOutType", "HELP")], None),
        (&[("MessageStatus", "delivered")], None),
    ] {
        assert_eq!(chosen(parameters), choice, "{parameters:?}");
    }
    assert_eq!(signed(url, &[("From", "whatsapp:+4791234567"), ("Body", "STOP")]).consent(), None);
    assert_eq!(signed(url, &[("Body", "STOP")]).consent(), None);
    // By GET the parameters are in the URL.
    let consent = signed("https://a.example/inbound?From=%2B4791234567&Body=STOP", &[]).consent().unwrap();
    assert_eq!(consent.consent, Consent::OptedOut);
    assert!(!format!("{consent:?}").contains("9123"), "Debug hides the number");
}

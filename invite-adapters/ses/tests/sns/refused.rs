//! What is taken, and what is refused.

use chrono::TimeDelta;
use invite_ses::sns::{Error, Received, Settings, receive};
use rcgen::{CertificateParams, date_time_ymd};

use crate::support::*;

const SUBSCRIBE: &str = "https://sns.eu-north-1.amazonaws.com/?Action=ConfirmSubscription&Token=2336412f37";

#[tokio::test]
async fn both_versions_of_the_signature_are_taken_and_may_come_again() {
    let authority = Authority::new();
    let (settings, file) = (authority.settings(), authority.file("sns.amazonaws.com"));
    let mut first = notification(bounce());
    first.insert("SignatureVersion", "1".to_owned());
    first.insert("Signature", VERSION_1.to_owned());
    let one = receive(&body(&first), &settings, &file, now()).await.unwrap();
    let two = receive(&signed(notification(bounce())), &settings, &file, now()).await.unwrap();
    let again = receive(&signed(notification(bounce())), &settings, &file, now()).await.unwrap();
    assert!(matches!(&one, Received::Reports(reports) if reports.len() == 1));
    assert_eq!((&one, &two), (&two, &again));
    // The one is not taken for the other.
    first.insert("SignatureVersion", "2".to_owned());
    assert_eq!(receive(&body(&first), &settings, &file, now()).await, Err(Error::Signature));
    let mut subject = notification(bounce());
    subject.insert("Subject", "Amazon SES Email Event Notification".to_owned());
    assert_eq!(receive(&signed(subject), &settings, &file, now()).await, Ok(one));
}

#[tokio::test]
async fn no_octet_can_be_changed_so_that_anything_else_is_taken() {
    let authority = Authority::new();
    let (settings, file) = (authority.settings(), authority.file("sns.amazonaws.com"));
    let body = signed(notification(bounce()));
    let whole = receive(&body, &settings, &file, now()).await;
    assert!(whole.is_ok());
    let mut refused = 0;
    for at in 0..body.len() {
        let mut changed = body.clone();
        changed[at] ^= 1;
        let received = receive(&changed, &settings, &file, now()).await;
        // What is not signed, such as which of SNS's certificates it is, changes nothing that is reported.
        if received.is_err() { refused += 1 } else { assert_eq!(received, whole, "octet {at}") }
    }
    let text = String::from_utf8(body.clone()).unwrap();
    let unsigned = text.find("SimpleNotificationService-").unwrap();
    assert!(
        refused >= body.len() - "SimpleNotificationService-0123456789abcdef".len(),
        "{refused}, {unsigned}"
    );
}

#[tokio::test]
async fn nothing_is_fetched_from_a_host_that_is_not_the_topics() {
    let authority = Authority::new();
    let (settings, file) = (authority.settings(), authority.file("sns.amazonaws.com"));
    for url in [
        "https://sns.eu-north-1.amazonaws.com.evil.test/a.pem",
        "https://sns-eu-north-1.amazonaws.com/a.pem",
        "https://sns.us-east-1.amazonaws.com/a.pem",
        "https://sns.eu-north-1.amazonaws.com.cn/a.pem",
        "https://sns.eu-north-1.amazonaws.com@evil.test/a.pem",
        "https://evil.test@sns.eu-north-1.amazonaws.com/a.pem",
        "https://sns.eu-north-1.amazonaws.com:443/a.pem",
        "https://sns.eu-north-1.amazonaws.com:8443/a.pem",
        "http://sns.eu-north-1.amazonaws.com/a.pem",
        "HTTPS://sns.eu-north-1.amazonaws.com/a.pem",
        "https://SNS.eu-north-1.amazonaws.com/a.pem",
        "https://sns.eu-north-1.amazonaws.com./a.pem",
        "https://sns.eu-north-1.amazonaws.com\\@evil.test/a.pem",
        "https://sns.eu-north-1.amazonaws.com/a.pem?b",
        "https://sns.eu-north-1.amazonaws.com/?a=.pem",
        "https://sns.eu-north-1.amazonaws.com/a#.pem",
        "https://sns.eu-north-1.amazonaws.com/a",
        "https://sns.eu-north-1.amazonaws.com/../a.pem",
        " https://sns.eu-north-1.amazonaws.com/a.pem",
        "https:/sns.eu-north-1.amazonaws.com/a.pem",
        "//sns.eu-north-1.amazonaws.com/a.pem",
        "file:///etc/a.pem",
        "",
    ] {
        let mut fields = notification(bounce());
        fields.insert("SigningCertURL", url.to_owned());
        let received = receive(&signed(fields), &settings, &file, now()).await;
        assert_eq!(received, Err(Error::CertificateUrl), "{url}");
    }
    assert_eq!(file.count(), 0);
}

#[tokio::test]
async fn a_foreign_topic_and_a_stale_message_are_refused_before_anything_is_fetched() {
    let authority = Authority::new();
    let (settings, file) = (authority.settings(), authority.file("sns.amazonaws.com"));
    let mut foreign = notification(bounce());
    foreign.insert("TopicArn", TOPIC.replace("123456789012", "210987654321"));
    assert_eq!(receive(&signed(foreign), &settings, &file, now()).await, Err(Error::Topic));
    let body = signed(notification(bounce()));
    for (minutes, taken) in [(-61, false), (-59, true), (59, true), (61, false)] {
        let received = receive(&body, &settings, &file, now() + TimeDelta::minutes(minutes)).await;
        assert_eq!(received.is_ok(), taken, "{minutes}");
        assert!(taken || received == Err(Error::Stale));
    }
    assert_eq!(file.count(), 2);
    for text in ["", "{}", "[]", "hello", r#"{"Type":"Notification"}"#] {
        assert_eq!(receive(text.as_bytes(), &settings, &file, now()).await, Err(Error::NoMessage));
    }
    assert_eq!(file.count(), 2);
}

#[tokio::test]
async fn a_certificate_must_lead_to_a_root_be_in_force_and_name_sns() {
    let authority = Authority::new();
    let settings = authority.settings();
    let body = signed(notification(bounce()));
    for (name, taken) in [
        ("sns.amazonaws.com", true),
        ("sns.eu-north-1.amazonaws.com", true),
        ("sns-signing.eu-north-1.amazonaws.com", true),
        ("sns.us-east-1.amazonaws.com", false),
        ("s3.amazonaws.com", false),
        ("sns.amazonaws.com.evil.test", false),
    ] {
        let received = receive(&body, &settings, &authority.file(name), now()).await;
        assert_eq!(received.is_ok(), taken, "{name}");
        assert!(taken || received == Err(Error::Certificate), "{name}");
    }
    let mut params = CertificateParams::new(vec!["sns.amazonaws.com".to_owned()]).unwrap();
    let alone = Counting { pem: authority.leaf(&params), ..Counting::default() };
    assert_eq!(receive(&body, &settings, &alone, now()).await, Err(Error::Certificate));
    let given = settings.clone().intermediate_certificate(&authority.intermediate).unwrap();
    assert!(receive(&body, &given, &alone, now()).await.is_ok());
    // An intermediate certificate is not trusted by itself.
    let untrusted =
        Settings::new([TOPIC]).unwrap().intermediate_certificate(&authority.intermediate).unwrap();
    assert_eq!(receive(&body, &untrusted, &alone, now()).await, Err(Error::Certificate));
    params.not_before = date_time_ymd(2001, 1, 1);
    params.not_after = date_time_ymd(2002, 1, 1);
    let expired = format!("{}{}", authority.leaf(&params), authority.intermediate);
    let own = Authority::new().file("sns.amazonaws.com").pem;
    for pem in [expired, own, String::new(), "-----BEGIN CERTIFICATE-----".to_owned()] {
        let file = Counting { pem, ..Counting::default() };
        assert_eq!(receive(&body, &settings, &file, now()).await, Err(Error::Certificate));
    }
    let down = Counting { fails: true, ..Counting::default() };
    let error = receive(&body, &settings, &down, now()).await.unwrap_err();
    assert!(error.is_transient());
}

#[tokio::test]
async fn a_subscription_is_confirmed_only_where_it_is_signed_and_leads_to_sns() {
    let authority = Authority::new();
    let (settings, file) = (authority.settings(), authority.file("sns.amazonaws.com"));
    let received = receive(&signed(confirmation(SUBSCRIBE)), &settings, &file, now()).await.unwrap();
    assert!(!format!("{received:?}").contains("Token"));
    let Received::Confirm(url) = received else { panic!() };
    assert_eq!(url.as_str(), SUBSCRIBE);
    for elsewhere in [
        "https://evil.test/",
        "http://sns.eu-north-1.amazonaws.com/",
        "https://sns.us-east-1.amazonaws.com/",
        "https://sns.eu-north-1.amazonaws.com@evil.test/",
    ] {
        let received = receive(&signed(confirmation(elsewhere)), &settings, &file, now()).await;
        assert_eq!(received, Err(Error::SubscribeUrl), "{elsewhere}");
    }
    let mut unsigned = confirmation(SUBSCRIBE);
    unsigned.insert("Signature", VERSION_1.to_owned());
    assert_eq!(receive(&body(&unsigned), &settings, &file, now()).await, Err(Error::Signature));
}

#[test]
fn a_topic_is_an_arn_of_sns() {
    for arn in [
        "",
        "invitations",
        "arn:aws:sqs:eu-north-1:123456789012:a",
        "arn:aws:sns:evil.test/:123456789012:a",
        "arn:aws:sns::123456789012:a",
        "arn:aws:sns:eu-north-1:1:a",
    ] {
        assert!(Settings::new([arn]).is_err(), "{arn}");
    }
    assert!(Settings::new(Vec::<String>::new()).is_err());
    assert!(Settings::new(["arn:aws-cn:sns:cn-north-1:123456789012:a"]).is_ok());
}

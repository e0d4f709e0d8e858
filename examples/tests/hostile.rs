//! Hostile names, files and templates: each gets a clear error or arrives harmless, from the upload to the octets of the
//! message and the page that shows it.

mod support;

use std::io::{Cursor, Read};
use std::path::Path;

use invite_core::credential::{HashCost, random};
use invite_core::memory::MemoryStore;
use invite_core::model::locale::Locale;
use invite_core::model::message::Channel;
use invite_core::model::message_kind::MessageKind;
use invite_core::model::organisation::{ChannelRule, Settings};
use invite_core::people_file::Encoding;
use invite_core::service::{ImportOptions, ImportReport};
use invite_core::template::{CredentialForm, Purpose, Template};
use invite_core::{Actor, Invite, Invites, SealingKey};
use invite_file::FileTransport;
use support::{Arrived, arrived};

/// Names that are legal, however they look: they must arrive as they are, and be nothing but text.
const LEGAL: &[&str] = &[
    "Kari",
    "=cmd()",
    "=cmd|' /C calc'!A1",
    "@SUM(1+1)*cmd",
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "<a href=\"http://evil.test\">You won</a>",
    "[You won](http://evil.test)",
    "![x](http://evil.test/x.png)",
    "http://evil.test",
    "https://evil.test/?a=1&b=2",
    "www.evil.test",
    "javascript:alert(1)",
    "</title></style><style>*{display:none}</style>",
    "&lt;script&gt; &#60;b&#62; &amp;",
    "**bold** _it_ `code` # head",
    "{{ password }}{% include \"/etc/passwd\" %}{# x #}",
    "=?utf-8?q?Bcc:_victim@evil.test?=",
    "Kari\" <victim@evil.test>, \"x",
    "kari@evil.test, victim@evil.test;",
    "Kari\\r\\nBcc: victim@evil.test",
    "Robert'); DROP TABLE users;--",
    "אבי\u{200f} לוי",
    "👩\u{200d}🚒 🏳\u{fe0f}\u{200d}🌈",
    "Z̸̢̛a̷̡͠l̶̨͝g̵̢͠o̴̡͝",
    "\u{200b}",
    "%s%n%00",
    "../../etc/passwd",
    "-",
    ".",
];

/// Names that cannot stand in one line, and the words in which that is said.
const ILLEGAL: &[(&str, &str)] = &[
    ("Kari\r\nBcc: victim@evil.test", "it contains a line break"),
    ("Kari\nBcc: victim@evil.test", "it contains a line break"),
    ("Kari\u{2028}Bcc: victim@evil.test", "it contains a line break"),
    ("Kari\0Nordmann", "an invisible control character (U+0000)"),
    ("Kari\u{1b}[31m", "an invisible control character (U+001B)"),
    ("Kari\u{85}Nordmann", "an invisible control character (U+0085)"),
    ("\u{202e}irak", "turns the direction of text (U+202E)"),
    ("\u{2067}Kari", "turns the direction of text (U+2067)"),
    // The last one: how many lines a bare CR makes is not what this is about.
    ("Kari\rBcc: victim@evil.test", "it contains a line break"),
];

struct House {
    invites: Invites,
    actor: Actor,
    outbox: tempfile::TempDir,
}

impl House {
    async fn new() -> Self {
        let outbox = tempfile::tempdir().unwrap();
        let folder = outbox.path().join("outbox");
        let invites = Invites::builder(MemoryStore::new())
            .email(FileTransport::new(&folder).unwrap())
            .sms(FileTransport::new(&folder).unwrap())
            .seal_with(SealingKey::generate(&mut random::system_random().unwrap()))
            .hash_cost(HashCost::weak_for_tests())
            .build()
            .unwrap();
        let mut settings = Settings::new("Acme Ltd");
        settings.app_link = Some("https://app.acme.example".parse().unwrap());
        settings.channels = Channel::ALL.into();
        settings.country = Some("NO".parse().unwrap());
        settings.quiet_hours = None; // so that the tests pass in the evening, too
        let organisation = invites.create_organisation("acme".parse().unwrap(), settings).await.unwrap();
        Self { invites, actor: Actor::system(organisation.id), outbox }
    }

    fn folder(&self) -> std::path::PathBuf {
        self.outbox.path().join("outbox")
    }

    async fn import(
        &self,
        file: impl Read + Send + 'static,
        options: ImportOptions,
    ) -> (ImportReport, String) {
        match self.invites.import(&self.actor, file, options).await {
            Ok(report) => {
                let errors: Vec<String> = report.errors.iter().map(ToString::to_string).collect();
                (report, errors.join("\n"))
            }
            Err(error) => {
                let words = error.to_string();
                let invite_core::service::Error::File { report, .. } = error else { panic!("{words}") };
                (*report, words)
            }
        }
    }

    /// Everybody gets what there is for them, on both channels.
    async fn roll_out(&self) -> Vec<Arrived> {
        let request = Invite::never_invited().channels(ChannelRule::Both);
        let plan = self.invites.plan(&self.actor, request).await.unwrap();
        let planned: u64 = plan.totals().messages.values().sum();
        self.invites.confirm(&self.actor, plan.id()).await.unwrap();
        let report = self.invites.worker().run_until_idle().await.unwrap();
        assert_eq!((report.sent, report.failed, report.unknown), (planned, 0, 0));
        FileTransport::new(self.folder()).unwrap().write_index().unwrap();
        arrived(&self.folder())
    }
}

/// A cell in quotation marks, RFC 4180.
fn cell(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

fn email(number: usize) -> String {
    format!("p{number}@acme.example")
}

fn phone(number: usize) -> String {
    format!("+4791{number:06}")
}

fn row(number: usize, first_name: &str) -> String {
    format!("{},{},{},Lie,p{number}\n", email(number), phone(number), cell(first_name))
}

const HEADER: &str = "email,phone_number,first_name,last_name,username\n";

#[tokio::test]
async fn a_hostile_name_is_refused_with_line_and_column_and_the_rows_around_it_are_taken() {
    let house = House::new().await;
    let (mut file, mut line, mut expected) = (HEADER.to_owned(), 2, Vec::new());
    for (number, (name, why)) in ILLEGAL.iter().enumerate() {
        let (good, bad) = (row(2 * number, "Kari"), row(2 * number + 1, name));
        expected.push((line + 1, *why));
        line += good.matches('\n').count() + bad.matches('\n').count();
        file = file + &good + &bad;
    }
    let too_long = row(900, &"👩".repeat(1_000));
    let (report, _) = house.import(Cursor::new(file), ImportOptions::default()).await;
    assert_eq!((report.created, report.refused), (ILLEGAL.len() as u64, ILLEGAL.len() as u64));
    for (error, (line, why)) in report.errors.iter().zip(expected) {
        let words = error.to_string();
        assert!(words.starts_with(&format!("line {line}, column first_name: ")), "{words}");
        assert!(words.contains(why), "{words}");
        assert!(!words.contains(char::is_control), "the error itself is harmless: {words:?}");
    }

    let (report, words) =
        house.import(Cursor::new(HEADER.to_owned() + &too_long), ImportOptions::default()).await;
    assert_eq!(report.refused, 1);
    assert!(words.starts_with("line 2, column first_name: ") && words.contains("at most 1024"), "{words}");
}

#[tokio::test]
async fn a_hostile_name_that_is_legal_arrives_as_text_in_one_line_of_each_header_and_part() {
    let house = House::new().await;
    let long = "x".repeat(1_000);
    let long_words = "Wolfeschlegelsteinhausenbergerdorff ".repeat(28);
    let names: Vec<&str> = LEGAL.iter().copied().chain([long.as_str(), long_words.trim()]).collect();
    let rows = names.iter().enumerate().map(|(number, name)| row(number, name));
    let file = HEADER.to_owned() + &rows.collect::<String>();
    let (report, words) = house.import(Cursor::new(file), ImportOptions::default()).await;
    assert_eq!((report.created, report.refused), (names.len() as u64, 0), "{words}");

    let messages = house.roll_out().await;
    let of = |to: String| messages.iter().find(|message| message.to == to).unwrap();
    let (kari, kari_sms) = (of(email(0)), of(phone(0)));
    for (number, name) in names.iter().enumerate() {
        let (email, sms) = (of(email(number)), of(phone(number)));
        assert_headers(email, kari, name);
        let shown = visible(name);
        assert!(
            email.to_name.ends_with(" Lie") || shown.is_empty() || name.len() > 999,
            "{:?}",
            email.to_name
        );
        assert_one_line(&email.text, &kari.text, &shown);
        assert_eq!(tags(&email.html), tags(&kari.html), "{name:?}: {}", email.html);
        let cut: String = shown.chars().take(20).collect();
        assert!(words_of(&email.html).contains(&cut), "{name:?} is not in {}", words_of(&email.html));
        let control = |character: char| character.is_control() && character != '\n';
        assert!(!sms.text.contains(control), "{:?}", sms.text);
        let lines = |sms: &Arrived| sms.octets.iter().filter(|octet| **octet == b'\n').count();
        assert_eq!(lines(sms), lines(kari_sms), "{sms:?}");
        assert_eq!(
            sms.text.matches("https://").count() - kari_sms.text.matches("https://").count(),
            shown.matches("https://").count()
        );
    }
    assert_index(&house.folder(), messages.len());
}

/// The same header fields as an innocent message has, each once, none too long; so nothing was smuggled in.
fn assert_headers(email: &Arrived, kari: &Arrived, name: &str) {
    let fields = |octets: &[u8]| -> Vec<String> {
        let text = String::from_utf8(octets.to_vec()).unwrap();
        let (head, _) = text.split_once("\r\n\r\n").unwrap();
        let begins = head.split("\r\n").filter(|line| !line.starts_with([' ', '\t']));
        begins.map(|line| line.split_once(':').unwrap().0.to_owned()).collect()
    };
    assert_eq!(fields(&email.octets), fields(&kari.octets), "{name:?}");
    for line in email.octets.split(|octet| *octet == b'\n') {
        assert!(line.len() <= 999 && !line.contains(&0), "{name:?}");
        assert!(
            line.iter().rposition(|octet| *octet == b'\r').is_none_or(|at| at + 1 == line.len()),
            "{name:?}"
        );
    }
    assert_eq!(email.subject, kari.subject, "{name:?}");
}

/// The text part has as many lines as that of an innocent message, and the name stands in the first.
fn assert_one_line(text: &str, innocent: &str, shown: &str) {
    assert_eq!(text.lines().count(), innocent.lines().count(), "{text}");
    let beginning: String = shown.chars().take(20).collect();
    let greeting = text.lines().next().unwrap();
    let expected = if beginning.is_empty() { "Hello,".to_owned() } else { format!("Hello {beginning}") };
    assert!(greeting.starts_with(&expected), "{greeting:?} for {shown:?}");
}

/// The page of the folder: no element that a message brought, no script, no link but to our own files and the app.
fn assert_index(folder: &Path, messages: usize) {
    let page = std::fs::read_to_string(folder.join("index.html")).unwrap();
    let tags = tags(&page);
    let known = [
        "!doctype html",
        "html",
        "meta",
        "title",
        "style",
        "main",
        "h1",
        "p",
        "details",
        "summary",
        "time",
        "span",
        "bdi",
        "pre",
        "a",
    ];
    for tag in &tags {
        let name = tag.trim_start_matches('/').split([' ', '=']).next().unwrap();
        assert!(known.contains(&name) || tag == known[0], "<{tag}>");
        let attributes = tag.split_once(' ').map_or("", |(_, attributes)| attributes);
        assert!(!attributes.contains("onerror") && !attributes.contains("src="), "<{tag}>");
    }
    assert_eq!(tags.iter().filter(|tag| tag.starts_with("details")).count(), messages);
    assert_eq!(tags.iter().filter(|tag| tag.starts_with("style")).count(), 1);
}

/// The tags of HTML, but for the spans that keep mail programs from making links of a name.
fn tags(html: &str) -> Vec<String> {
    let after_brackets = html.split('<').skip(1);
    let tags = after_brackets.map(|rest| rest.split('>').next().unwrap().to_owned());
    tags.filter(|tag| tag != "span" && tag != "/span").collect()
}

/// What a reader of the HTML sees.
fn words_of(html: &str) -> String {
    let text: String =
        html.split('<').map(|rest| rest.split_once('>').map_or(rest, |(_, text)| text)).collect();
    [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&#x2F;", "/"),
        ("&#123;", "{"),
        ("&amp;", "&"),
    ]
    .iter()
    .fold(text, |text, (escaped, character)| text.replace(escaped, character))
}

/// A name without what no one sees.
fn visible(name: &str) -> String {
    name.replace(['\u{200b}', '\u{200f}'], "")
}

/// Gives `count` bytes of one kind, without holding them.
fn many(byte: u8, count: u64) -> impl Read + Send + 'static {
    std::io::repeat(byte).take(count)
}

fn text(text: impl Into<String>) -> Box<dyn Read + Send> {
    Box::new(Cursor::new(text.into()))
}

/// What it is, the file, how large it may be, how many are taken, how many rows refused, and the words of the error.
type HostileFile = (&'static str, Box<dyn Read + Send>, u64, u64, u64, &'static str);

fn utf16(text: &str, with_mark: bool) -> Box<dyn Read + Send> {
    let mark = with_mark.then_some(0xFEFF_u16);
    let octets: Vec<u8> = mark.into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    Box::new(Cursor::new(octets))
}

#[tokio::test]
async fn a_hostile_file_gets_a_clear_error_and_what_can_be_taken_of_it_is() {
    const GOOD: &str = "email,first_name\nkari@acme.example,Kari\n";
    const ROOMY: u64 = 200_000_000;
    let latin1: Vec<u8> = [GOOD.as_bytes(), b"bjorn@acme.example,Bj\xf8rn\n"].concat();
    let after = "ola@acme.example,Ola\n";
    let cases: Vec<HostileFile> = vec![
        ("nothing", text(""), ROOMY, 0, 0, "the file is empty"),
        ("UTF-16", utf16(GOOD, true), ROOMY, 0, 0, "the file is in UTF-16"),
        ("UTF-16 without mark", utf16(GOOD, false), ROOMY, 0, 0, "the file is in UTF-16"),
        (
            "a workbook",
            Box::new(Cursor::new(b"PK\x03\x04rest".to_vec())),
            ROOMY,
            0,
            0,
            "the file is a workbook",
        ),
        ("Latin-1", Box::new(Cursor::new(latin1.clone())), ROOMY, 1, 0, "line 3 is not UTF-8"),
        ("random bytes", Box::new(Cursor::new((0..=255).rev().collect::<Vec<u8>>())), ROOMY, 0, 0, ""),
        (
            "a line of 50 MB",
            Box::new(text(GOOD).chain(many(b'a', 50_000_000)).chain(text("\n")).chain(text(after))),
            ROOMY,
            2,
            1,
            "line 3: the row is too long",
        ),
        (
            "a first line of 50 MB",
            Box::new(many(b'a', 50_000_000)),
            ROOMY,
            0,
            0,
            "line 1 is too long for the names of columns",
        ),
        (
            "more than the limit",
            Box::new(text(GOOD).chain(many(b'\n', 50_000_000))),
            10_000_000,
            1,
            0,
            "the file is larger than 10000000 bytes",
        ),
        (
            "an unclosed quotation mark",
            text(format!("{GOOD}ola@acme.example,\"Ola\n{after}{after}")),
            ROOMY,
            1,
            0,
            "line 3: a cell begins with a quotation mark, and no other ends it",
        ),
        (
            "a million commas",
            Box::new(text(GOOD).chain(many(b',', 1_000_000)).chain(text("\n")).chain(text(after))),
            ROOMY,
            2,
            1,
            "line 3: the row is too long",
        ),
        (
            "a million commas in the first line",
            Box::new(text("email").chain(many(b',', 1_000_000))),
            ROOMY,
            0,
            0,
            "line 1 is too long for the names of columns",
        ),
        (
            "a hundred commas",
            text(format!("{GOOD}{}\nx{}\n{after}", ",".repeat(100), ",".repeat(100))),
            ROOMY,
            2,
            1,
            "line 4: the row has 101 cells, but the first line names 2 columns",
        ),
        (
            "NUL bytes in a cell",
            text(format!("{GOOD}ola@acme.example,O\0la\n")),
            ROOMY,
            1,
            1,
            "line 3, column first_name: \"O\\0la\" cannot be used",
        ),
        (
            "NUL bytes in an address",
            text(format!("{GOOD}o\0la@acme.example,Ola\n")),
            ROOMY,
            1,
            1,
            "line 3, column email: ",
        ),
        (
            "a column twice",
            text(format!("email,E-mail\n{after}")),
            ROOMY,
            0,
            0,
            "the first line names the column email twice",
        ),
        (
            "no columns",
            text("<html>\n<script>alert(1)</script>\n"),
            ROOMY,
            0,
            0,
            "names no column that is known",
        ),
    ];
    for (what, file, max_bytes, taken, refused, expected) in cases {
        let house = House::new().await;
        let options = ImportOptions { max_bytes, ..ImportOptions::default() };
        let (report, words) = house.import(file, options).await;
        assert_eq!((report.created, report.refused), (taken, refused), "{what}: {words}");
        assert!(!words.is_empty() && words.contains(expected), "{what}: {words}");
        assert!(
            words.len() < 2_000 && !words.chars().any(|c| c.is_control() && c != '\n'),
            "{what}: {words:?}"
        );
    }

    let house = House::new().await;
    let options = ImportOptions { encoding: Encoding::Windows1252, ..ImportOptions::default() };
    let (report, words) = house.import(Cursor::new(latin1), options).await;
    assert_eq!((report.created, report.refused), (2, 0), "{words}");
    let marked = format!("\u{feff}\u{feff}{GOOD}ola@acme.example,\u{feff}Ola\n");
    let (report, words) = house.import(text(marked), ImportOptions::default()).await;
    assert_eq!(
        (report.created, report.unchanged, report.refused),
        (1, 1, 0),
        "two byte order marks: {words}"
    );
}

#[tokio::test]
async fn a_file_of_too_many_rows_ends_at_the_limit_and_many_errors_are_counted_but_not_kept() {
    let house = House::new().await;
    let rows = (0..2_000).map(|number| row(number, "Kari")).collect::<String>();
    let options = ImportOptions { max_rows: 1_000, ..ImportOptions::default() };
    let (report, words) = house.import(Cursor::new(HEADER.to_owned() + &rows), options).await;
    assert_eq!(report.created, 1_000);
    assert!(words.starts_with("the file has more than 1000 rows: split it into several"), "{words}");
    assert!(words.contains("to line 1001, is imported and stays: 1000 added"), "{words}");

    let rows = "nobody@,,x,y,z\n".repeat(5_000);
    let options = ImportOptions { max_errors: 10, ..ImportOptions::default() };
    let (report, _) = house.import(Cursor::new(HEADER.to_owned() + &rows), options).await;
    assert_eq!((report.refused, report.errors.len()), (5_000, 10));
    assert_eq!(report.errors[9].line, 11);
}

#[test]
fn a_hostile_template_is_refused_by_line_and_column() {
    // The body, and where and how it is refused.
    let cases = [
        ("Hi {{ password | upper }} {{ oops }}", "3:30: ", "oops"),
        ("{% for x in people %}{{ x }}{% endfor %}", "3:4: ", "for"),
        ("{% include \"/etc/passwd\" %}", "3:4: ", "include"),
        ("{% set a = 1 %}", "3:4: ", "set"),
        ("{% macro a() %}{% endmacro %}", "3:4: ", "macro"),
        ("{{ get_env(name=\"INVITE_SECRET_KEY\") }}", "3:4: ", ""),
        ("{{ first_name | safe }}", "3:17: ", "safe"),
        ("{{ __tera_context }}", "3:4: ", ""),
        ("Hi\n\n{{ first_name", "5:1: ", ""),
        ("{% if first_name %}Hi", "3:1: ", "endif"),
        ("{% endif %}", "3:1: ", "endif"),
        ("[You won](javascript:alert(1))", "3:1: ", "https"),
        ("[You won](http://evil.test)", "3:1: ", "https"),
        ("![x](https://evil.test/x.png)", "3:1: ", "no images"),
        ("[Go](https://evil.test/?p={{ password }})", "3:1: ", "https"),
        ("Hi \u{202e}", "3:4: ", "U+202E"),
        ("Hi \0", "3:4: ", "U+0000"),
    ];
    let purpose = |kind| Purpose { kind, channel: Channel::Email, locale: Locale::english() };
    for (body, place, words) in cases {
        let source = format!("Subject: S\n\n{body}");
        let problems =
            Template::check(&source, purpose(MessageKind::Announcement), &CredentialForm::ALL).unwrap_err();
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(
            problems.iter().any(|problem| problem.starts_with(place) && problem.contains(words)),
            "{body:?}: {problems:#?}"
        );
    }
    // Each of these would put a password where others read it, or leave a person without.
    for (source, place) in [
        ("Subject: {{ password }}\n\nHi {{ password }} \n", "1:10: "),
        ("Subject: S\nPreheader: {{ password }}\n\nHi {{ password }} \n", "2:12: "),
        ("Subject: S\r\n\r\nBcc: x\r\n\r\nHello", "3:1: "),
        ("No subject", "1:1: "),
        (&"x".repeat(64 * 1024 + 1), "1:1: "),
        (
            &format!("Subject: S\n\n{}{}", "{% if password %}".repeat(1_000), "{% endif %}".repeat(1_000)),
            "3:",
        ),
        (&format!("Subject: S\n\n{}", "> ".repeat(10_000)), "3:"),
    ] {
        let problems =
            Template::check(source, purpose(MessageKind::Invitation), &CredentialForm::ALL).unwrap_err();
        let words: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let beginning = &source[..source.len().min(60)];
        assert!(words.iter().any(|problem| problem.starts_with(place)), "{beginning}: {words:#?}");
        assert!(words.len() <= 50 && words.iter().all(|problem| problem.len() < 500), "{words:#?}");
    }
}

#[test]
fn hostile_markup_in_a_template_is_text_or_refused_and_never_an_element() {
    for body in [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<iframe src=\"https://evil.test\"></iframe>",
        "<style>*{display:none}</style>",
        "<!-- --><b onclick=\"x()\">c</b>",
        "</td></tr></table><form action=\"https://evil.test\"><input name=p>",
        "&lt;script&gt; &#60;script&#62;",
        "<https://evil.test/\"onclick=\"alert(1)>",
        "[x](https://evil.test/\"onclick=\"alert(1))",
        "[x](<https://evil.test/ onclick=alert(1)>)",
        "[x]: https://evil.test/ \"><script>alert(1)</script>\"\n\n[x]",
    ] {
        let purpose =
            Purpose { kind: MessageKind::Announcement, channel: Channel::Email, locale: Locale::english() };
        let source = format!("Subject: S\n\nHello\n\n{body}\n\nEnd");
        let Ok(template) = Template::check(&source, purpose, &[CredentialForm::None]) else { continue };
        let rendered =
            template.render(&invite_core::template::Values::sample(), &Default::default()).unwrap();
        let invite_core::template::Rendered::Email(email) = rendered else { panic!("an e-mail") };
        for tag in tags(&email.html) {
            let name = tag.trim_start_matches('/').split([' ', '\n']).next().unwrap().to_owned();
            assert!(!["script", "img", "iframe", "form", "input", "b"].contains(&name.as_str()), "<{tag}>");
            let outside_quotes: String = tag.split('"').step_by(2).collect();
            assert!(!outside_quotes.contains("onclick") && !outside_quotes.contains("onerror"), "<{tag}>");
        }
        assert_eq!(tags(&email.html).iter().filter(|tag| tag.starts_with("style")).count(), 1, "{body}");
    }
}

//! What templates promise, through the public API.

use proptest::prelude::*;

use super::*;
use crate::model::locale::Locale;
use crate::model::message::Channel;
use crate::model::message_kind::MessageKind;
use crate::model::theme::Theme;

mod builtin;

fn purpose(kind: MessageKind, channel: Channel) -> Purpose {
    Purpose { kind, channel, locale: Locale::english() }
}

fn with(form: CredentialForm) -> Values<'static> {
    Values { credential: Values::sample_credential(form), ..Values::sample() }
}

fn email(template: &Template, values: &Values<'_>) -> RenderedEmail {
    match template.render(values, &Theme::default()) {
        Ok(Rendered::Email(email)) => email,
        other => panic!("no e-mail: {other:?}"),
    }
}

fn sms(template: &Template, values: &Values<'_>) -> String {
    match template.render(values, &Theme::default()) {
        Ok(Rendered::Sms(sms)) => sms.text,
        other => panic!("no text message: {other:?}"),
    }
}

/// An announcement with this body, which needs no credential.
fn announcement(body: &str) -> Result<Template, Vec<Problem>> {
    let source = format!("Subject: S\n\n{body}");
    Template::check(&source, purpose(MessageKind::Announcement, Channel::Email), &[CredentialForm::None])
}

fn text_of(body: &str) -> String {
    email(&announcement(body).unwrap(), &Values::sample()).text
}

/// The part of the HTML that the template made.
fn body_of(email: &RenderedEmail) -> String {
    let (_, body) = email.html.split_once("overflow-wrap:anywhere\">\n").unwrap();
    body.split_once("</td></tr>\n</table>\n</td></tr>\n</table>\n</body>").unwrap().0.to_owned()
}

fn html_of(body: &str) -> String {
    body_of(&email(&announcement(body).unwrap(), &Values::sample()))
}

fn problems_of(checked: Result<Template, Vec<Problem>>) -> Vec<String> {
    checked.map(|_| ()).unwrap_err().iter().map(ToString::to_string).collect()
}

/// Every built-in message, in every language, with every form of credential that it takes.
fn builtins() -> impl Iterator<Item = (MessageKind, Channel, CredentialForm, &'static Template)> {
    BUILTIN_LANGUAGES.into_iter().flat_map(|language| {
        let locale: Locale = language.parse().unwrap();
        MessageKind::ALL.into_iter().flat_map(move |kind| {
            let locale = locale.clone();
            Channel::ALL.into_iter().flat_map(move |channel| {
                let template = builtin(kind, channel, &locale);
                template.forms().iter().map(move |form| (kind, channel, *form, template))
            })
        })
    })
}

/// What a reader of the HTML sees, as words.
fn words_of_html(html: &str) -> Vec<String> {
    let mut text = String::new();
    let mut in_tag = false;
    for character in html.chars() {
        match character {
            '<' => in_tag = true,
            '>' => in_tag = false,
            other if !in_tag => text.push(other),
            _ => {}
        }
    }
    let text = text
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&#123;", "{")
        .replace("&amp;", "&");
    text.split_whitespace().map(str::to_owned).collect()
}

/// Panics unless each element of `html` is closed in the order of opening and every attribute is one of ours.
fn assert_well_formed(html: &str) {
    let mut open = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        let end = start + rest[start..].find('>').expect("a tag is closed");
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        let name = tag.split([' ', '\n']).next().unwrap();
        if let Some(closed) = name.strip_prefix('/') {
            assert_eq!(open.pop(), Some(closed), "in {html}");
        } else if !matches!(name, "br" | "hr" | "meta" | "img" | "!DOCTYPE") {
            open.push(name);
        }
        for attribute in tag.split(' ').filter_map(|word| word.split_once("=\"")).map(|(name, _)| name) {
            assert!(
                matches!(
                    attribute,
                    "align"
                        | "alt"
                        | "bgcolor"
                        | "border"
                        | "cellpadding"
                        | "cellspacing"
                        | "charset"
                        | "class"
                        | "content"
                        | "dir"
                        | "height"
                        | "href"
                        | "lang"
                        | "name"
                        | "role"
                        | "src"
                        | "start"
                        | "style"
                        | "width"
                ),
                "{attribute} in {tag}"
            );
        }
    }
    assert_eq!(open, Vec::<&str>::new(), "in {html}");
}

const HOSTILE: [&str; 18] = [
    "[You won](http://evil.test)",
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "{{ 7*7 }}",
    "{% raw %}",
    "{% if password %}{{ password }}{% endif %}",
    "{# comment",
    "A\r\nBcc: all@evil.test",
    "nul\0nul",
    "\u{202e}drowssap\u{202c}",
    "\u{2067}\u{200f}x\u{2069}",
    "http://evil.test/?a=b&c=d",
    "www.evil.test",
    "=cmd()",
    "**bold** _it_ `code` # h",
    "&lt;b&gt; &#123;",
    "👩\u{200d}🚀 Ærlig Œuvre",
    "\u{f0000}\u{f0001}\u{e000}",
];

/// A person all of whose words are `hostile`.
fn hostile(hostile: &str, form: CredentialForm) -> Values<'_> {
    Values {
        first_name: hostile,
        last_name: hostile,
        username: hostile,
        employee_number: hostile,
        email: hostile,
        phone_number: hostile,
        sign_in_name: hostile,
        organisation: hostile,
        organisation_alias: hostile,
        app_name: hostile,
        inviter: hostile,
        support: hostile,
        ..with(form)
    }
}

#[test]
fn hostile_names_arrive_as_harmless_text_in_every_builtin_message() {
    let long = "x".repeat(1_000);
    for name in HOSTILE.into_iter().chain([long.as_str()]) {
        for (kind, _, form, template) in builtins() {
            let values = hostile(name, form);
            match template.render(&values, &Theme::default()) {
                Ok(Rendered::Email(email)) => {
                    assert_well_formed(&email.html);
                    let plain = self::email(template, &with(form));
                    let elements = |html: &str| html.matches("<a ").count() + html.matches("<img").count();
                    assert_eq!(elements(&email.html), elements(&plain.html), "{kind} {form} {name:?}");
                    assert!(!email.html.contains("<script"), "{kind} {form} {name:?}");
                    assert!(!email.subject.contains(['\n', '\r']) && !email.preheader.contains(['\n', '\r']));
                    assert!(!email.subject.contains("49") && !email.html.contains(">49"));
                    for part in [&email.subject, &email.preheader, &email.text, &email.html] {
                        assert!(!part.chars().any(|c| c.is_control() && c != '\n'), "{kind} {form} {name:?}");
                        assert!(!part.contains(['\u{202e}', '\u{202c}', '\u{2067}', '\u{2069}', '\u{200f}']));
                    }
                }
                Ok(Rendered::Sms(sms)) => {
                    let control = |character: char| character.is_control() && character != '\n';
                    assert!(!sms.text.contains(control), "{kind} {form} {name:?}");
                }
                Err(error) => {
                    assert!(matches!(error, RenderError::TooLong { .. }) && name.len() == 1_000, "{error}");
                }
            }
        }
    }
}

#[test]
fn a_hostile_name_is_shown_as_it_was_written() {
    let template = announcement("Hello {{ first_name }} !").unwrap();
    for name in ["[You won](http://evil.test)", "<script>", "{{ 7*7 }}", "{% raw %}", "&lt;b&gt;", "**bold**"]
    {
        let email = email(&template, &Values { first_name: name, ..Values::sample() });
        assert_eq!(email.text, format!("Hello {name} !"));
        assert_eq!(words_of_html(&body_of(&email)).join(" "), format!("Hello {name} !"));
    }
}

#[test]
fn a_name_like_an_address_is_no_run_of_text_that_mail_programs_make_a_link_of() {
    let template = announcement("Hello {{ first_name }}").unwrap();
    for name in ["http://evil.test", "www.evil.test", "a@evil.test"] {
        let html = body_of(&email(&template, &Values { first_name: name, ..Values::sample() }));
        assert!(!html.contains("evil.test") && !html.contains("://"), "{html}");
    }
}

#[test]
fn no_credential_stands_in_a_subject_or_preheader() {
    for (kind, channel, form, template) in builtins() {
        if channel == Channel::Email {
            let email = email(template, &with(form));
            for secret in ["wxyz-2345-abcd", "AAAAAAAAAAAAAAAAAAAAAA"] {
                assert!(
                    !email.subject.contains(secret) && !email.preheader.contains(secret),
                    "{kind} {form}"
                );
            }
        }
    }
    let source = "Subject: x {{ password }}\nPreheader: See {% if inviter %}{{ setup_link }}{% endif %}\n\n\
                  x {{ password }} {{ setup_link }}";
    let purpose = purpose(MessageKind::Invitation, Channel::Email);
    assert_eq!(
        problems_of(Template::check(source, purpose, &CredentialForm::ALL)),
        [
            "1:12: `password` must not stand in the subject, which is shown on locked screens: move it to the body",
            "2:32: `setup_link` must not stand in the preheader, which is shown on locked screens: move it to the body",
        ]
    );
}

#[test]
fn a_page_works_in_its_language_and_direction_without_images_and_without_tracking() {
    let purpose = Purpose {
        kind: MessageKind::Announcement,
        channel: Channel::Email,
        locale: "ar-EG".parse().unwrap(),
    };
    let template = Template::check("Subject: x\n\nx", purpose, &[CredentialForm::None]).unwrap();
    let html = email(&template, &Values::sample()).html;
    assert!(html.contains("<html lang=\"ar-EG\" dir=\"rtl\">"));
    assert!(html.contains("prefers-color-scheme: dark") && html.contains("width=device-width"));
    assert!(!html.contains("<img"));

    let theme = Theme {
        colour: "#ffee00".parse().unwrap(),
        logo: Some("https://acme.example/logo.png?a=1&b=2".parse().unwrap()),
    };
    let Ok(Rendered::Email(email)) = template.render(&Values::sample(), &theme) else { panic!("no e-mail") };
    assert!(email.html.contains("<img src=\"https://acme.example/logo.png?a=1&amp;b=2\" alt=\"Acme\""));
    assert!(email.html.contains("#ffee00"));
    assert_eq!(email.html.matches("<img").count(), 1);
}

#[test]
fn what_a_person_types_or_follows_reads_from_left_to_right_in_every_language() {
    let purpose =
        Purpose { kind: MessageKind::Invitation, channel: Channel::Email, locale: "ar".parse().unwrap() };
    let source = "Subject: x\n\n{{ sign_in_name }} {{ app_link }} `{{ password }}`";
    let template = Template::check(source, purpose, &[CredentialForm::Password]).unwrap();
    let values = Values {
        sign_in_name: "+4791234567",
        credential: CredentialValue::Password("2345-wxyz-abcd"),
        ..Values::sample()
    };
    let body = body_of(&email(&template, &values));
    for (before, value) in [
        ("<span dir=\"ltr\">", "+4791234567</span>"),
        ("<a class=\"link\" dir=\"ltr\"", "https://app.shiftbook.example/</a>"),
        ("<code class=\"code\" dir=\"ltr\"", "2345-wxyz-abcd</code>"),
    ] {
        let (_, element) = body.split_once(before).expect(before);
        let end = element.find(value).expect(value);
        assert!(!element[..end].contains("</"), "{value} in {body}");
    }
}

#[test]
fn the_preheader_is_hidden_in_no_way_that_filters_take_for_spam() {
    // SpamAssassin: a font size of 0 or 1 (FONT_INVIS_*), and `display:none` at the element (STY_INVIS_*).
    let source = "Subject: x\nPreheader: before the rest\n\nx";
    let purpose = purpose(MessageKind::Announcement, Channel::Email);
    let template = Template::check(source, purpose, &[CredentialForm::None]).unwrap();
    let html = email(&template, &Values::sample()).html;
    let (before, _) = html.split_once(">before the rest</div>").unwrap();
    let element = &before[before.rfind('<').unwrap()..];
    assert!(element.contains("max-height:0") && html.contains(".preheader { display: none; }"), "{html}");
    assert!(!element.contains("font-size") && !element.contains("display"), "{element}");
}

#[test]
fn a_button_has_the_themes_colour_and_text_that_can_be_read_on_it() {
    let template = announcement("[Open]({{ app_link }})").unwrap();
    let theme = Theme { colour: "#ffee00".parse().unwrap(), logo: None };
    let Ok(Rendered::Email(email)) = template.render(&Values::sample(), &theme) else { panic!("no e-mail") };
    assert!(email.html.contains("background-color:#ffee00;color:#000000;font-weight:bold"), "{}", email.html);
    assert_eq!(email.text, "Open:\nhttps://app.shiftbook.example/");
}

#[test]
fn markdown_becomes_html_and_text_with_the_same_structure() {
    assert_eq!(
        text_of(
            "# Title\n\nA **b** _c_ `d`\ne\\\nf\n\n- one\n- two\n  1. x\n  2. y\n\n> quoted\n\n---\n\n    code\n      more"
        ),
        "Title\n\nA b c d e\nf\n\n- one\n- two\n  1. x\n  2. y\n\n> quoted\n\n---\n\ncode\n  more"
    );
    let html = html_of("# Title\n\n- one\n- **two**\n\n3. three");
    assert_well_formed(&html);
    for part in ["<h1 ", ">Title</h1>", "<ul ", ">one</li>", "<strong>two</strong>", "<ol start=\"3\" "] {
        assert!(html.contains(part), "{part} in {html}");
    }
}

#[test]
fn a_tag_alone_on_its_line_stands_between_blocks_and_any_other_in_its_line() {
    let body = "Start\n{% if inviter %}\n- {{ inviter }}\n{% else %}\n- nobody\n{% endif %}\nEnd{% if support %} here{% endif %}.";
    let template = announcement(body).unwrap();
    assert_eq!(email(&template, &Values::sample()).text, "Start\n\n- Ola Hansen\n\nEnd here.");
    let nobody = Values { inviter: "", support: "", ..Values::sample() };
    assert_eq!(email(&template, &nobody).text, "Start\n\n- nobody\n\nEnd.");
    assert_well_formed(&email(&template, &nobody).html);
}

#[test]
fn an_if_that_straddles_blocks_is_refused_at_the_tag_that_is_elsewhere() {
    for (body, at) in [
        ("- a {% if inviter %}\n- b {% endif %}", "4:5: "),
        ("**a {% if inviter %}b** c{% endif %}", "3:26: "),
        ("a {% if inviter %}b\n\nc{% else %}d\n\ne{% endif %}", "5:2: "),
    ] {
        let problems = problems_of(announcement(body));
        assert!(problems[0].starts_with(at) && problems[0].contains("than its `if`"), "{body}: {problems:?}");
    }
}

#[test]
fn links_go_to_https_mailto_tel_or_a_link_variable() {
    let html = html_of("[a](https://a.example/?x=1&y=%22) b [c](mailto:c@a.example) <https://d.example>");
    assert!(html.contains("href=\"https://a.example/?x=1&amp;y=%22\""), "{html}");
    assert!(html.contains("href=\"mailto:c@a.example\""), "{html}");
    for target in [
        "http://a.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "//a.example",
        "page.html",
        "{{ first_name }}",
        "https://a.example/{{ first_name }}",
        "{{ app_link }}x",
    ] {
        let problems = problems_of(announcement(&format!("A [b]({target})")));
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].starts_with("3:3: a link goes to an https"), "{target}: {problems:?}");
    }
}

#[test]
fn the_text_part_shows_where_each_link_goes_with_white_space_after_it() {
    assert_eq!(
        text_of("See [our help](https://help.example), or {{ app_link }} or <https://d.example>."),
        "See our help: https://help.example , or https://app.shiftbook.example/ or https://d.example ."
    );
}

#[test]
fn a_link_whose_variable_is_empty_leaves_its_words() {
    let template = announcement("Get it from [App Store]({{ ios_link }}) today").unwrap();
    let values = Values { ios_link: "", ..Values::sample() };
    let email = email(&template, &values);
    assert_eq!(email.text, "Get it from App Store today");
    assert!(!body_of(&email).contains("<a "));
}

#[test]
fn images_are_refused_and_raw_html_is_text() {
    assert_eq!(
        problems_of(announcement("A\n\n![x](https://a.example/x.png)")),
        ["5:1: a message has no images but the organisation's logo: write it as text or as a link"]
    );
    let body = "A <b onclick=\"x()\">c</b>\n\n<script>alert(1)</script>\n\n<!-- d -->";
    assert_eq!(text_of(body), "A <b onclick=\"x()\">c</b>\n\n<script>alert(1)</script>\n\n<!-- d -->");
    assert!(!html_of(body).contains("<script") && !html_of(body).contains("<b "));
}

#[test]
fn text_that_looks_like_tera_is_text() {
    for body in ["&#123;&#123; 7*7 }}", "{&#123; 7*7 }}", "{\\{ 7*7 }}", "`{`{ 7*7 }}"] {
        assert_eq!(words_of_html(&html_of(body)).join(" "), "{{ 7*7 }}", "{body}");
        assert_eq!(text_of(body), "{{ 7*7 }}");
    }
    assert_eq!(text_of("{&#37; if x %} {# c #}"), "{% if x %} {# c #}");
    let template = announcement("A {{ inviter | default(\"{# * <b> \") }} B").unwrap();
    let email = email(&template, &Values { inviter: "", ..Values::sample() });
    assert_eq!(email.text, "A {# * <b> B");
    assert_eq!(words_of_html(&body_of(&email)).join(" "), "A {# * <b> B");
}

#[test]
fn a_credential_is_refused_where_the_kind_carries_none() {
    for kind in [MessageKind::Sso, MessageKind::Announcement] {
        let source = "Hi\n{{ password }} {% if inviter %}{{ setup_link }} {% endif %}";
        assert_eq!(
            problems_of(Template::check(source, purpose(kind, Channel::Sms), &CredentialForm::ALL)),
            [
                format!("2:1: a message of kind {kind} has no `password`: remove it"),
                format!("2:32: a message of kind {kind} has no `setup_link`: remove it"),
            ]
        );
    }
}

#[test]
fn a_message_that_can_come_out_without_its_credential_is_refused() {
    for kind in [MessageKind::Invitation, MessageKind::Reset, MessageKind::Reminder] {
        let without_link = "Hi {% if last_reminder %}{{ setup_link }} {% endif %}{{ password }}";
        assert_eq!(
            problems_of(Template::check(without_link, purpose(kind, Channel::Sms), &CredentialForm::ALL)),
            [
                "1:1: a message with a link can come out without it: show `{{ setup_link }}` whenever it is set"
            ]
        );
        let source = "Subject: x\n\nHi {% if inviter %}{{ password }} {% endif %}";
        assert_eq!(
            problems_of(Template::check(source, purpose(kind, Channel::Email), &[CredentialForm::Password])),
            [
                "3:1: a message with a password can come out without it: show `{{ password }}` whenever it is set"
            ]
        );
        assert!(
            Template::check("Hi {{ password }}", purpose(kind, Channel::Sms), &[CredentialForm::Password])
                .is_ok()
        );
    }
}

#[test]
fn a_template_renders_no_form_of_credential_that_it_was_not_checked_for() {
    let purpose = purpose(MessageKind::Invitation, Channel::Sms);
    let template = Template::check("Hi {{ password }}", purpose, &[CredentialForm::Password]).unwrap();
    for form in [CredentialForm::Link, CredentialForm::None] {
        assert_eq!(
            template.render(&with(form), &Theme::default()),
            Err(RenderError::UnexpectedCredential { form })
        );
    }
    let sso = builtin(MessageKind::Sso, Channel::Sms, &Locale::english());
    assert!(sso.render(&with(CredentialForm::Password), &Theme::default()).is_err());
}

#[test]
fn what_touches_a_password_or_a_link_is_refused_whatever_branch_it_comes_from() {
    for (source, at) in [
        ("Password:{{ password }} x", "1:10: "),
        ("{{ password }}.", "1:1: "),
        ("({{ password }})", "1:2: "),
        ("{{ first_name }}{{ password }}", "1:17: "),
        ("a {{ password }}{% if last_reminder %}!{% endif %}", "1:3: "),
        ("{{ password }} x {{ app_link }}, b", "1:18: "),
    ] {
        let purpose = purpose(MessageKind::Invitation, Channel::Sms);
        let problems = problems_of(Template::check(source, purpose, &[CredentialForm::Password]));
        assert_eq!(problems.len(), 1, "{source}: {problems:?}");
        assert!(
            problems[0].starts_with(at) && problems[0].contains("put white space"),
            "{source}: {problems:?}"
        );
    }
    let purpose = purpose(MessageKind::Invitation, Channel::Email);
    let source = "Subject: x\n\nPassword: **{{ password }}**.\n\n`{{ password }}`";
    let problems = problems_of(Template::check(source, purpose, &[CredentialForm::Password]));
    assert!(problems.len() == 1 && problems[0].starts_with("3:13: "), "{problems:?}");
}

#[test]
fn punctuation_that_an_empty_value_leaves_behind_is_refused() {
    for (body, at) in [
        ("Hello {% if first_name %}{{ first_name }}{% endif %}, x", "3:"),
        ("{{ first_name }}, welcome", "3:"),
    ] {
        let problems = problems_of(announcement(body));
        assert!(problems[0].starts_with(at) && problems[0].contains("a stray `,`"), "{body}: {problems:?}");
    }
    assert!(
        announcement("Hello {{ first_name }}, {{ inviter }} asks. {% if support %}.NET{% endif %}").is_ok()
    );
}

#[test]
fn a_message_that_can_come_out_empty_is_refused() {
    assert_eq!(
        problems_of(announcement("{% if inviter %}Hello{% endif %}")),
        ["3:1: the message can come out empty: write something outside the `if`"]
    );
    let purpose = purpose(MessageKind::Sso, Channel::Email);
    assert_eq!(
        problems_of(Template::check("Subject: {% if reset %}x{% endif %}\n\nx", purpose.clone(), &[])),
        ["1:1: the subject can come out empty: write something outside the `if`"]
    );
    assert_eq!(
        problems_of(Template::check("Hello", purpose, &[])),
        ["1:1: an e-mail begins with a line `Subject: …`, then `Preheader: …`, then an empty line"]
    );
}

#[test]
fn what_is_too_long_is_named_and_never_quoted() {
    let sms = purpose(MessageKind::Sso, Channel::Sms);
    assert_eq!(
        problems_of(Template::check(&"x ".repeat(40_000), sms.clone(), &[])),
        ["1:1: a template has at most 65536 octets: shorten it"]
    );
    assert_eq!(
        problems_of(Template::check(&"x ".repeat(801), sms, &[])),
        [
            "1:1: the text message would have 1601 characters, and at most 1600 can be sent: shorten the template"
        ]
    );
    let source = format!("Subject: {}\n\nx", "x".repeat(256));
    assert_eq!(
        problems_of(Template::check(&source, purpose(MessageKind::Sso, Channel::Email), &[])),
        ["1:1: the subject would have 256 characters, and at most 255 can be sent: shorten the template"]
    );
    assert_eq!(
        problems_of(announcement(&"`a`\\\n".repeat(10_000))).first().map(|problem| &problem[..28]),
        Some("1:1: the HTML part would hav")
    );
}

#[test]
fn many_mistakes_are_told_at_once_in_order() {
    let source = "Subject: {{ oops }}\n\n{{ first_nam }}\n{% for x in y %}\n{{ email | upper }}";
    let problems = problems_of(Template::check(source, purpose(MessageKind::Sso, Channel::Email), &[]));
    let places: Vec<_> = problems.iter().map(|problem| problem.split(": ").next().unwrap()).collect();
    assert_eq!(places, ["1:13", "3:4", "4:4", "5:12"]);
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_change_nothing() {
    let template = announcement("A\r\nB {{ first_name }}\r\n\r\nC").unwrap();
    assert_eq!(email(&template, &Values::sample()).text, "A B Kari\n\nC");
    let purpose = purpose(MessageKind::Sso, Channel::Email);
    assert!(Template::check("\u{feff}Subject: x\r\n\r\ny", purpose, &[]).is_ok());
}

#[test]
fn templates_are_shared_between_threads_and_debug_shows_no_content() {
    fn shared<T: Send + Sync>(_: &T) {}
    let template = builtin(MessageKind::Invitation, Channel::Email, &Locale::english());
    shared(template);
    let rendered = template.render(&with(CredentialForm::Password), &Theme::default()).unwrap();
    let shown = format!("{template:?} {rendered:?}");
    assert!(!shown.contains("wxyz") && !shown.contains("Kari") && !shown.contains("Hello"), "{shown}");
}

#[test]
fn what_stands_too_deep_is_refused_where_it_does() {
    assert_eq!(
        problems_of(announcement(&format!("x\n\n{}y\\\nz", "> ".repeat(500)))),
        ["5:25: too many lists, quotations or emphases stand in one another here"]
    );
}

#[test]
fn output_grows_in_proportion_to_hostile_source() {
    // The patterns whose cost is known to explode in careless Markdown readers: counted by what comes out.
    for pattern in
        ["> ", "* ", "**a ", "[", "![", "[a](", "`", "a_b_", "<", "&amp;", "- {{ inviter }}\n", "[a]: x\n"]
    {
        let length = |times: usize| {
            let body = format!("x\n\n{}", pattern.repeat(times));
            announcement(&body).map_or(0, |template| email(&template, &Values::sample()).html.len())
        };
        let (small, large) = (length(100), length(400));
        assert!(large <= 4 * small.max(8_000), "{pattern:?}: {small} then {large}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is written, it is refused or it renders to well-formed HTML in all circumstances.
    #[test]
    fn any_template_is_refused_or_renders_well_formed(
        tokens in prop::collection::vec(prop::sample::select(vec![
            "a", "Hello ", " ", "\n", "\n\n", "- ", "1. ", "> ", "  ", "    ", "# ", "**", "*", "_", "`", "```\n", "[x](", "[", "]",
            ")", "![", "<b>", "</td>", "<!--", "{", "}", "{{", "\\", "&#123;", "https://a.example", "---\n",
            "{{ first_name }}", "{{ app_link }}", "{{ inviter | upper }}", "{{ support | default('{{') }}",
            "{% if inviter %}", "{% elif not support or first_name %}", "{% else %}", "{% endif %}", ", ", ".",
            "\n{% if first_name %}\n", "\n{% endif %}\n", "[App]({{ app_link }})", "\n\n[App]({{ app_link }})\n\n",
        ]), 1..24),
        name in "[a-z<>&{}%\"' .:/]{0,8}",
    ) {
        let body = format!("Body.\n\n{}", tokens.concat());
        if let Ok(template) = announcement(&body) {
            for values in [
                Values { first_name: &name, ..Values::sample() },
                Values { inviter: "", support: &name, ..Values::sample() },
                Values { app_link: "", first_name: "", ..Values::sample() },
            ] {
                let email = email(&template, &values);
                assert_well_formed(&email.html);
                let placeholder = char::from_u32(0xf_0000).unwrap();
                prop_assert!(!email.text.contains("\n\n\n") && !email.text.contains(placeholder));
            }
        }
    }

    /// Whatever invitation is accepted, each form of credential is shown, in both parts, and nothing touches it.
    #[test]
    fn any_accepted_invitation_shows_its_credential_with_white_space_around_it(
        tokens in prop::collection::vec(prop::sample::select(vec![
            "a", " ", "\n\n", "\n", "**", "`", "- ", ".", ": ", "[Go]({{ setup_link }})", "[{{ setup_link }}]({{ setup_link }})",
            "{{ password }}", " {{ password }} ", " {{ setup_link }} ", "{{ setup_link }}", "{{ first_name }}",
            "{% if password %}", "{% elif setup_link %}", "{% else %}", "{% endif %}", "\n{% endif %}\n",
        ]), 0..10),
        last in prop::sample::select(vec!["", "{{ password }} {{ setup_link }}", "\n\n`{{ password }}`\n\n[Go]({{ setup_link }})"]),
    ) {
        let source = format!("Subject: x\n\nBody {}{last}", tokens.concat());
        let purpose = purpose(MessageKind::Invitation, Channel::Email);
        if let Ok(template) = Template::check(&source, purpose, &CredentialForm::ALL) {
            for (form, secret) in [
                (CredentialForm::Password, "wxyz-2345-abcd"),
                (CredentialForm::Link, "https://app.shiftbook.example/join/AAAAAAAAAAAAAAAAAAAAAA"),
            ] {
                let email = email(&template, &with(form));
                prop_assert!(email.html.contains(secret) && email.text.contains(secret), "{source}");
                let around = email.text.split(secret).collect::<Vec<_>>();
                for pair in around.windows(2) {
                    let blank = |character: char| character.is_whitespace();
                    prop_assert!(pair[0].is_empty() || pair[0].ends_with(blank), "{source}\n{}", email.text);
                    prop_assert!(pair[1].is_empty() || pair[1].starts_with(blank), "{source}\n{}", email.text);
                }
            }
        }
    }

    #[test]
    fn any_name_leaves_the_rest_of_the_message_as_it_is(name in "\\PC{0,80}") {
        let template = announcement("A {{ first_name }} B").unwrap();
        let email = email(&template, &Values { first_name: &name, ..Values::sample() });
        prop_assert!(email.text.starts_with('A') && email.text.ends_with(" B"));
        assert_well_formed(&email.html);
    }
}

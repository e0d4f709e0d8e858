use std::io::{self, Read};

use proptest::prelude::*;

use super::*;
use crate::model::role::Role;
use crate::model::sign_in::SignInMethod;

fn open(bytes: &[u8]) -> PeopleFile<&[u8]> {
    PeopleFile::open(bytes, norwegian()).unwrap_or_else(|error| panic!("{error}"))
}

fn norwegian() -> FileOptions {
    FileOptions { country: Some("NO".parse().unwrap()), ..FileOptions::default() }
}

fn rows(bytes: impl AsRef<[u8]>) -> Vec<Result<PersonRow, String>> {
    open(bytes.as_ref()).map(|row| row.expect("the file is sound").map_err(|e| e.to_string())).collect()
}

/// The single row of a file.
fn row(text: &str) -> Result<PersonRow, String> {
    let mut rows = rows(text);
    assert_eq!(rows.len(), 1, "{text:?}");
    rows.remove(0)
}

/// The error that ends the file, at once or later.
fn file_error(bytes: impl AsRef<[u8]>, options: FileOptions) -> String {
    match PeopleFile::open(bytes.as_ref(), options) {
        Err(error) => error.to_string(),
        Ok(file) => file.filter_map(Result::err).last().expect("an error ends the file").to_string(),
    }
}

fn first_names(bytes: impl AsRef<[u8]>) -> Vec<String> {
    rows(bytes).into_iter().map(|row| row.unwrap().first_name.unwrap()).collect()
}

#[test]
fn a_row_with_all_columns_is_a_person() {
    let person = row("email,phone_number,first_name,last_name,username,employee_number,external_id,\
         locale,time_zone,role,sign_in,group\n\
         Anna@Example.com,912 34 567,Anna,Berg,anna,00042,x-1,NB_no,Europe/Oslo,admin,SSO,\"Shop 7, Oslo\"\n")
    .unwrap();
    assert_eq!(person.line, 2);
    assert_eq!(person.email.unwrap().as_str(), "Anna@Example.com");
    assert_eq!(person.phone.unwrap().as_str(), "+4791234567");
    assert_eq!(person.first_name.as_deref(), Some("Anna"));
    assert_eq!(person.last_name.as_deref(), Some("Berg"));
    assert_eq!(person.username.as_deref(), Some("anna"));
    assert_eq!(person.employee_number.as_deref(), Some("00042"));
    assert_eq!(person.external_id.as_deref(), Some("x-1"));
    assert_eq!(person.locale.unwrap().as_str(), "nb-NO");
    assert_eq!(person.time_zone, Some(chrono_tz::Europe::Oslo));
    assert_eq!(person.role, Some(Role::Administrator));
    assert_eq!(person.sign_in, Some(SignInMethod::Sso));
    assert_eq!(person.group.as_deref(), Some("Shop 7, Oslo"));
}

#[test]
fn an_empty_cell_changes_nothing_and_a_cell_is_trimmed() {
    let person = row("username,first_name,role,locale\n  007 ,  Anna Berg\t, ,\n").unwrap();
    assert_eq!(person.username.as_deref(), Some("007"));
    assert_eq!(person.first_name.as_deref(), Some("Anna Berg"));
    assert_eq!((person.role, person.locale), (None, None));
}

#[test]
fn comma_semicolon_and_tab_are_told_apart_by_the_first_line() {
    for text in [
        "username,first_name\n1,Anna\n",
        "username;first_name\n1;Anna\n",
        "username\tfirst_name\n1\tAnna\n",
        "username;\"name, as, on, the, badge\";first_name\n1;;Anna\n",
        "\n\n  username;first_name\n1;Anna\n",
    ] {
        assert_eq!(first_names(text), ["Anna"], "{text:?}");
    }
    assert_eq!(row("username\n1;2,3\t4\n").map(|p| p.username), Err("line 2: the row has 2 cells, but the first line names 1 column; a cell that contains the separator must stand in quotation marks".into()));
}

#[test]
fn lines_may_end_with_lf_crlf_or_cr_and_the_last_without() {
    for end in ["\n", "\r\n", "\r"] {
        for last in ["", end] {
            let text = ["username,first_name", "1,Anna", "2,Per"].join(end) + last;
            assert_eq!(first_names(&text), ["Anna", "Per"], "{text:?}");
        }
    }
}

#[test]
fn the_line_is_that_of_the_file_on_which_the_row_begins() {
    for end in ["\n", "\r\n", "\r"] {
        let text = ["", "username,notes", "1,one", "", "2,\"two", "", "lines\"", "3,three", ",,", "4,four"]
            .join(end);
        let lines: Vec<_> = rows(text).into_iter().map(|row| row.map(|person| person.line)).collect();
        assert_eq!(lines, [Ok(3), Ok(5), Ok(8), Ok(10)]);
    }
}

#[test]
fn column_names_may_be_written_in_any_case_and_with_hyphens_or_spaces() {
    let person = row("E-Mail, Phone ,FIRST NAME,Last-Name\nanna@example.com,91234567,Anna,Berg\n").unwrap();
    assert!(person.email.is_some() && person.phone.is_some());
    assert_eq!((person.first_name.unwrap(), person.last_name.unwrap()), ("Anna".into(), "Berg".into()));
}

#[test]
fn unknown_columns_are_ignored_and_named() {
    let mut file = open(b"Shoe size,email,,Notes\n42,anna@example.com,,\"a\nb\"\n");
    assert_eq!(file.unknown_columns(), ["Shoe size", "column 3", "Notes"]);
    assert!(file.next().unwrap().unwrap().is_ok());
}

#[test]
fn a_first_line_that_names_no_columns_is_refused_with_what_it_should_be() {
    for (text, words) in [
        ("", "the file is empty"),
        ("\n \r\n", "names no column that is known"),
        ("\n\n", "the file is empty"),
        (&"a".repeat(100_000), "line 1 is too long for the names of columns"),
        (
            "Anna,Berg,anna@example.com\n",
            r#"the first line, "Anna, Berg, anna@example.com", names no column"#,
        ),
        ("first_name,last_name,locale\n", "names no column that says who is meant"),
    ] {
        let error = file_error(text, norwegian());
        assert!(error.contains(words), "{error}");
        assert!(error.contains("such as email,phone_number,first_name,last_name"), "{error}");
    }
    let twice = "the first line names the column phone_number twice: remove or rename one of them";
    assert_eq!(file_error("phone,email,Phone-Number\n", norwegian()), twice);
}

#[test]
fn utf_8_is_read_with_and_without_a_byte_order_mark() {
    assert_eq!(first_names("\u{feff}username,first_name\n1,Åse 👩‍🚒\n"), ["Åse 👩‍🚒"]);
    assert_eq!(first_names("username,first_name\n1,Åse 👩‍🚒\n"), ["Åse 👩‍🚒"]);
}

#[test]
fn utf_16_is_refused_with_what_to_do() {
    let text = "username\n1\n";
    let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for bytes in [[&[0xFF, 0xFE], &little[..]].concat(), [&[0xFE, 0xFF], &big[..]].concat(), little, big] {
        assert!(
            file_error(bytes, norwegian()).contains(r#"UTF-16 ("Unicode text"): save it as "CSV UTF-8""#)
        );
    }
}

#[test]
fn latin_1_is_refused_with_its_line_and_read_on_request() {
    let latin_1 = b"username,first_name\n1,Per\n2,\xC5se\n3,Kari \x80\n";
    let error = file_error(latin_1, norwegian());
    assert!(error.contains("line 3 is not UTF-8"), "{error}");
    assert!(error.contains("give windows-1252 as its encoding"), "{error}");

    let mut options = norwegian();
    options.encoding = "Latin1".parse().unwrap();
    let names: Vec<_> = PeopleFile::open(&latin_1[..], options)
        .unwrap()
        .map(|row| row.unwrap().unwrap().first_name.unwrap())
        .collect();
    assert_eq!(names, ["Per", "Åse", "Kari €"]);
    assert!("utf-7".parse::<Encoding>().unwrap_err().to_string().contains("use utf-8 or windows-1252"));
}

#[test]
fn half_a_character_in_each_of_two_cells_is_no_character() {
    assert!(file_error(b"username,first_name\n\xC3,\xA9\n", norwegian()).contains("line 2 is not UTF-8"));
}

#[test]
fn a_byte_order_mark_outweighs_the_encoding_that_was_asked_for() {
    let mut options = norwegian();
    options.encoding = Encoding::Windows1252;
    let mut file = PeopleFile::open("\u{feff}username,first_name\n1,Åse\n".as_bytes(), options).unwrap();
    assert_eq!(file.next().unwrap().unwrap().unwrap().first_name.unwrap(), "Åse");
}

#[test]
fn a_workbook_is_refused_with_what_to_do() {
    assert!(
        file_error(b"PK\x03\x04\x14\x00", norwegian()).contains("open it in the spreadsheet and save it")
    );
}

#[test]
fn an_error_in_a_row_does_not_stop_the_file() {
    let rows =
        rows("email,first_name\nanna@,Anna\nper@example.com,Per\n,Kari\nliv@example.com\nb@example.com,Bo\n");
    let names: Vec<_> =
        rows.iter().map(|row| row.as_ref().ok().and_then(|p| p.first_name.as_deref())).collect();
    assert_eq!(names, [None, Some("Per"), None, None, Some("Bo")]);
}

#[test]
fn all_errors_of_a_row_are_told_each_with_line_and_column() {
    let error = row("email,phone_number,first_name,locale,time_zone,role,sign_in\n\
         anna@,\"4,79E+10\",\"Anna\r\nBcc: x\",english,Oslo,\"a\0\",saml\n")
    .unwrap_err();
    let expected = [
        r#"line 2, column email: "anna@" is not an e-mail address: nothing stands after the @"#,
        r#"line 2, column phone_number: "4,79E+10" is not a phone number: a spreadsheet has turned the number into scientific notation"#,
        r#"line 2, column first_name: "Anna\nBcc: x" cannot be used: it contains a line break; remove it"#,
        r#"line 2, column locale: "english" is not a language: use a tag such as en, nb or pt-BR"#,
        r#"line 2, column time_zone: "Oslo" is not a time zone: use a name such as Europe/Oslo"#,
        r#"line 2, column role: "a\0" is not a role: it contains an invisible control character (U+0000)"#,
        r#"line 2, column sign_in: "saml" is not a way to sign in: use password or sso"#,
    ];
    assert_eq!(error.lines().count(), expected.len());
    for (line, start) in error.lines().zip(expected) {
        assert!(line.starts_with(start), "{line}");
    }
}

#[test]
fn a_national_number_without_a_country_says_so() {
    let mut file = PeopleFile::open(&b"phone\n91234567\n"[..], FileOptions::default()).unwrap();
    let error = file.next().unwrap().unwrap().unwrap_err().to_string();
    assert!(
        error.starts_with(
            "line 2, column phone_number: \"91234567\" is not a phone number: no country is set"
        ),
        "{error}"
    );
}

#[test]
fn names_with_control_characters_or_overrides_are_errors_with_their_place() {
    for (name, words) in [
        ("An\rna", "line break"),
        ("An\nna", "line break"),
        ("An\0na", "U+0000"),
        ("An\u{1b}na", "U+001B"),
        ("An\u{9f}na", "U+009F"),
        ("An\u{202e}na", "U+202E"),
        ("An\u{2067}na", "U+2067"),
    ] {
        for column in ["first_name", "last_name", "employee_number", "external_id", "group"] {
            let error = row(&format!("username,{column}\n1,\"{name}\"\n")).unwrap_err();
            assert!(error.starts_with(&format!("line 2, column {column}: ")), "{error}");
            assert!(error.contains(words), "{error}");
        }
    }
}

#[test]
fn hostile_but_legal_names_are_kept_as_they_are() {
    for name in [
        "=cmd()",
        "<script>",
        "[You won](http://evil.test)",
        "👩‍🚒",
        "{{ password }}",
        "אבי\u{200f}",
        "a".repeat(1000).as_str(),
    ] {
        assert_eq!(first_names(format!("username,first_name\n1,\"{name}\"\n")), [name]);
    }
}

#[test]
fn a_cell_is_at_most_1_kib_and_a_longer_one_is_an_error_of_its_row() {
    assert!(row(&format!("username,first_name\n1,{}\n", "é".repeat(512))).is_ok());
    let error = row(&format!("username,first_name\n1,{}\n", "a".repeat(1025))).unwrap_err();
    assert!(error.starts_with("line 2, column first_name: \"aaaa"), "{error}");
    assert!(error.ends_with("is 1025 bytes long; at most 1024 are allowed") && error.len() < 200, "{error}");
}

#[test]
fn a_row_longer_than_the_buffer_is_an_error_and_the_next_is_read() {
    for long in ["a".repeat(100_000), ",".repeat(5_000)] {
        let rows = rows(format!("username\n{long}\n2\n"));
        assert_eq!(
            rows[0].as_ref().unwrap_err(),
            "line 2: the row is too long; is a quotation mark missing?"
        );
        assert_eq!(rows[1].as_ref().unwrap().line, 3);
    }
}

#[test]
fn a_quotation_mark_that_is_never_closed_ends_the_file_with_its_line() {
    for rest in ["2,Per\n".repeat(3), "2,Per\n".repeat(100_000), String::new()] {
        let text = format!("username,first_name\n1,Anna\n2,\"Kari\n{rest}");
        let mut file = open(text.as_bytes());
        assert!(file.next().unwrap().unwrap().is_ok());
        let error = file.next().unwrap().unwrap_err().to_string();
        assert!(error.starts_with("line 3: a cell begins with a quotation mark"), "{error}");
        assert!(file.next().is_none());
    }
}

#[test]
fn quotation_marks_inside_a_cell_are_text() {
    assert_eq!(
        first_names("username,first_name\n1,\"Anna \"\"Ann\"\" Berg\"\n2,Anna \"Ann\"\n"),
        ["Anna \"Ann\" Berg", "Anna \"Ann\""]
    );
}

#[test]
fn a_row_that_says_nothing_about_who_is_meant_is_an_error_and_an_empty_one_is_skipped() {
    let rows = rows("email,username,first_name\n,,Anna\n,,\n  , ,\t\n,1,Per\n");
    assert_eq!(rows.len(), 2);
    assert_eq!(
        rows[0].as_ref().unwrap_err(),
        "line 2: nothing says who is meant; fill in at least one of: email, username"
    );
}

#[test]
fn a_file_over_the_limits_is_refused() {
    let text = "username\n1\n2\n3\n";
    let options = FileOptions { max_rows: 3, max_bytes: text.len() as u64, ..FileOptions::default() };
    assert_eq!(PeopleFile::open(text.as_bytes(), options).unwrap().flatten().flatten().count(), 3);
    let fewer = FileOptions { max_rows: 2, ..options };
    assert_eq!(file_error(text, fewer), "the file has more than 2 rows: split it into several");
    let smaller = FileOptions { max_bytes: text.len() as u64 - 1, ..options };
    assert_eq!(file_error(text, smaller), "the file is larger than 14 bytes: split it into several");
}

#[test]
fn a_stream_without_end_and_without_lines_is_refused() {
    let endless = PeopleFile::open(io::repeat(b'a'), FileOptions::default());
    assert!(matches!(endless, Err(FileError::TooLarge { .. })));
}

#[test]
fn a_reader_that_fails_ends_the_file_with_its_own_error() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("disk on fire"))
        }
    }
    let reader = (&b"username\n1\n"[..]).chain(Broken);
    let mut file = PeopleFile::open(reader, FileOptions::default()).unwrap();
    assert!(file.next().unwrap().unwrap().is_ok());
    let error = file.next().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "the file could not be read: disk on fire");
    assert!(std::error::Error::source(&error).is_some());
    assert!(file.next().is_none());
}

#[test]
fn debug_shows_no_names() {
    let person = row("username,first_name\nsecretive,Anna\n").unwrap();
    assert!(!format!("{person:?}").contains("Anna") && !format!("{person:?}").contains("secretive"));
}

/// Gives a byte at a time, as a slow network does.
struct Trickle<'a>(&'a [u8]);

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = buffer.len().min(1);
        self.0.read(&mut buffer[..count])
    }
}

type Rows = Vec<Result<Result<PersonRow, RowError>, String>>;

fn all_rows(reader: impl Read, options: FileOptions) -> Rows {
    match PeopleFile::open(reader, options) {
        Err(error) => vec![Err(error.to_string())],
        Ok(file) => file.map(|row| row.map_err(|error| error.to_string())).collect(),
    }
}

fn texts(person: &PersonRow) -> impl Iterator<Item = &str> {
    [
        &person.first_name,
        &person.last_name,
        &person.username,
        &person.employee_number,
        &person.external_id,
        &person.group,
    ]
    .into_iter()
    .filter_map(Option::as_deref)
}

fn bytes_like_a_csv() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            "email", "username", "first_name", "phone", "sign_in", "group", ",", ";", "\t", "\n", "\r", "\r\n", "\"",
            "\"\"", "anna@example.com", "+4791234567", "4,79E+10", "sso", "\u{feff}", "\u{202e}", "Åse", "=cmd()", " ",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..8),
        1 => "a{0,60}".prop_map(String::into_bytes),
    ];
    let body = prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat());
    prop_oneof![
        body.clone(),
        body.prop_map(|body| [b"username,first_name,email\n", &body[..]].concat()),
        prop::collection::vec(any::<u8>(), 0..400),
    ]
}

#[test]
fn a_first_line_beyond_the_limit_reads_the_same_however_its_bytes_arrive() {
    for bytes in [&b";;;,,,,\"x"[..], b"\n\n;;;,,,,\"x\n", b";;;\n,,,,"] {
        let options = FileOptions { max_cell_bytes: 0, ..norwegian() };
        assert_eq!(all_rows(bytes, options), all_rows(Trickle(bytes), options));
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_and_all_that_it_gives_is_within_the_limits(
        bytes in bytes_like_a_csv(),
        windows in any::<bool>(),
        max_cell_bytes in 0_usize..50,
    ) {
        let encoding = if windows { Encoding::Windows1252 } else { Encoding::Utf8 };
        let options = FileOptions { encoding, max_cell_bytes, max_rows: 20, ..norwegian() };
        let rows = all_rows(&bytes[..], options);
        prop_assert_eq!(&rows, &all_rows(Trickle(&bytes), options), "how the bytes arrive makes no difference");

        let lines = 1 + bytes.iter().filter(|byte| matches!(byte, b'\r' | b'\n')).count() as u64;
        let mut last = 0;
        for row in rows.iter().flatten() {
            let line = row.as_ref().map_or_else(|error| error.line, |person| person.line);
            prop_assert!(last < line && line <= lines);
            last = line;
            match row {
                Ok(person) => for text in texts(person) {
                    prop_assert!(text.len() <= max_cell_bytes && !text.is_empty());
                    prop_assert!(!text.contains(char::is_control) && text.trim() == text);
                },
                Err(error) => {
                    prop_assert!(!error.errors.is_empty());
                    prop_assert!(error.errors.iter().all(|e| e.message.len() < 1000), "{}", error);
                }
            }
        }
        prop_assert!(rows.iter().filter(|row| row.is_ok()).count() <= 20);
        prop_assert!(rows.iter().rev().skip(1).all(Result::is_ok), "nothing follows an error of the file");
    }

    #[test]
    fn what_was_written_as_csv_reads_back_the_same(
        people in prop::collection::vec(
            ("[a-z]{1,10}(\\.[a-z]{1,10})?@[a-z]{1,10}\\.[a-z]{2,3}", "\\PC{0,30}", "0{0,3}[0-9]{1,9}", "[,;\t\"'= ]{0,5}\\PC{0,9}", any::<bool>()),
            0..20,
        ),
        delimiter in prop::sample::select(vec![b',', b';', b'\t']),
        crlf in any::<bool>(),
        mark in any::<bool>(),
    ) {
        let terminator = if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
        let start = if mark { "\u{feff}".as_bytes().to_vec() } else { Vec::new() };
        let mut writer = csv::WriterBuilder::new().delimiter(delimiter).terminator(terminator).from_writer(start);
        writer.write_record(["email", "first_name", "employee_number", "group", "sign_in"]).unwrap();
        for (email, first_name, number, group, sso) in &people {
            let sign_in = if *sso { "sso" } else { "password" };
            writer.write_record([email, first_name, number, group, sign_in]).unwrap();
        }
        let bytes = writer.into_inner().unwrap();

        let read = all_rows(&bytes[..], FileOptions::default());
        prop_assert_eq!(read.len(), people.len());
        for (index, (row, (email, first_name, number, group, sso))) in read.into_iter().zip(people).enumerate() {
            let row = row.unwrap();
            let legal = |text: &str| crate::model::plain_text::objection(text.trim()).is_none();
            if !legal(&first_name) || !legal(&group) {
                prop_assert!(row.is_err());
                continue;
            }
            let written = |text: String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
            let expected = PersonRow {
                line: index as u64 + 2,
                email: Some(email.parse().unwrap()),
                first_name: written(first_name),
                employee_number: Some(number),
                group: written(group),
                sign_in: Some(if sso { SignInMethod::Sso } else { SignInMethod::Password }),
                ..PersonRow::default()
            };
            prop_assert!(row == Ok(expected));
        }
    }
}

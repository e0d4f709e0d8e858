//! Contact types that parse: an [`EmailAddress`] or a [`PhoneNumber`] that exists is valid.
//!
//! Contact is not identity: both may be shared, as a shop's mailbox or a family's phone are. `Debug` of both hides
//! most of them, so that a log line does not carry them by accident; `Display` prints them in full.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use rlibphonenumber::{PHONE_NUMBER_UTIL, ParseError, PhoneNumberFormat, PhoneNumberType, Region};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// An e-mail address: `local@domain`, without a display name, comment, quoted local part or address literal.
///
/// At most 64 octets before the @, 255 after it and 254 in all (RFC 5321, 4.5.3.1, and RFC 3696, erratum 1690); the
/// domain has a dot. It is stored as given, trimmed and in Unicode's form NFC, which RFC 6532 asks of addresses beyond
/// ASCII.
///
/// Two addresses are equal if their [`key`](Self::key)s are: each character in lower case, whatever its script, in the
/// local part too. RFC 5321 lets a host tell `Anna@` from `anna@`, but none that matters does, and people type both.
/// `Eq`, `Ord` and `Hash` follow this rule. A domain and its punycode are not equal.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EmailAddress(String);

impl EmailAddress {
    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The domain, in lower case.
    pub fn domain(&self) -> String {
        in_lower_case(self.parts().1).collect()
    }

    /// The form in which addresses are compared, for an index of a store.
    pub fn key(&self) -> String {
        in_lower_case(&self.0).collect()
    }

    fn parts(&self) -> (&str, &str) {
        self.0.rsplit_once('@').expect("an address has an @")
    }
}

impl FromStr for EmailAddress {
    type Err = ContactError;

    fn from_str(text: &str) -> Result<Self, ContactError> {
        let text = text.trim();
        let address: String = if text.is_ascii() { text.to_owned() } else { text.nfc().collect() };
        match objection_to_address(&address) {
            None => Ok(Self(address)),
            Some(reason) => Err(ContactError::Email { quoted: quoted(text), reason }),
        }
    }
}

impl TryFrom<String> for EmailAddress {
    type Error = ContactError;

    fn try_from(text: String) -> Result<Self, ContactError> {
        text.parse()
    }
}

impl From<EmailAddress> for String {
    fn from(address: EmailAddress) -> Self {
        address.0
    }
}

impl PartialEq for EmailAddress {
    fn eq(&self, other: &Self) -> bool {
        in_lower_case(&self.0).eq(in_lower_case(&other.0))
    }
}

impl Eq for EmailAddress {}

impl Ord for EmailAddress {
    fn cmp(&self, other: &Self) -> Ordering {
        in_lower_case(&self.0).cmp(in_lower_case(&other.0))
    }
}

impl PartialOrd for EmailAddress {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for EmailAddress {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (local, domain) = self.parts();
        let initial: String = local.chars().take(1).collect();
        write!(f, "EmailAddress({initial}…@{domain})")
    }
}

/// A phone number in E.164: a plus, the country's code and the number, at most 15 digits.
///
/// [`parse`](Self::parse) takes only what the numbering plan of the number's country knows. Deserialising takes a text
/// that has the form of E.164 as it is: it was parsed when it came in, numbering plans change, and what is stored must
/// stay readable.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PhoneNumber(String);

impl PhoneNumber {
    /// In E.164: `+4791234567`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Parses an international number, or a national one of `country`, written with spaces, hyphens, brackets, dots or
    /// slashes. Anything else in it, an extension or a second number say, is an error: what is dropped in silence could
    /// send somebody's credential to a stranger.
    pub fn parse(text: &str, country: Option<Country>) -> Result<Self, ContactError> {
        e164(text, country)
            .map(Self)
            .map_err(|reason| ContactError::Phone { quoted: quoted(text.trim()), reason })
    }

    /// The country that the number belongs to; none for international services (`+800`, satellites) and for a stored
    /// number that the numbering plan no longer knows.
    pub fn country(&self) -> Option<Country> {
        PHONE_NUMBER_UTIL.get_region_for_number(&self.parsed()?)?.as_region_str().parse().ok()
    }

    /// Whether it is in a premium-rate range.
    pub fn is_premium_rate(&self) -> bool {
        self.parsed()
            .is_some_and(|number| PHONE_NUMBER_UTIL.get_number_type(&number) == PhoneNumberType::PremiumRate)
    }

    fn parsed(&self) -> Option<rlibphonenumber::PhoneNumber> {
        PHONE_NUMBER_UTIL.parse(&self.0, None).ok()
    }
}

impl TryFrom<String> for PhoneNumber {
    type Error = ContactError;

    fn try_from(text: String) -> Result<Self, ContactError> {
        if is_e164(&text) { Ok(Self(text)) } else { Self::parse(&text, None) }
    }
}

impl From<PhoneNumber> for String {
    fn from(number: PhoneNumber) -> Self {
        number.0
    }
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PhoneNumber(…{})", &self.0[self.0.len() - 2..])
    }
}

/// A country that has phone numbers of its own: its ISO 3166-1 alpha-2 code, in upper case.
///
/// The list is that of the numbering plans. It leaves out the uninhabited ones (`AQ`, `BV`, …) and has the reserved or
/// user-assigned codes `AC`, `TA` and `XK`, whose people have phones like everybody else.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Country([u8; 2]);

impl Country {
    /// The two letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a country is two ASCII letters")
    }

    fn region(self) -> Region {
        Region::from_code(self.as_str()).expect("a country is two ASCII letters")
    }
}

impl FromStr for Country {
    type Err = ContactError;

    fn from_str(text: &str) -> Result<Self, ContactError> {
        let text = text.trim();
        if let [a, b] = *text.as_bytes()
            && Region::from_code(text)
                .is_ok_and(|region| PHONE_NUMBER_UTIL.get_country_code_for_region(region).is_some())
        {
            return Ok(Self([a.to_ascii_uppercase(), b.to_ascii_uppercase()]));
        }
        Err(ContactError::Country { quoted: quoted(text) })
    }
}

impl TryFrom<String> for Country {
    type Error = ContactError;

    fn try_from(text: String) -> Result<Self, ContactError> {
        text.parse()
    }
}

impl From<Country> for String {
    fn from(country: Country) -> Self {
        country.as_str().to_owned()
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Country({self})")
    }
}

/// Why a text is not an address, a number or a country, and what to do about it.
///
/// `quoted` is the text, at most its first 64 characters, with control characters escaped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContactError {
    /// Not an e-mail address.
    #[error("{quoted} is not an e-mail address: {reason}")]
    Email {
        /// The text.
        quoted: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Not a phone number.
    #[error("{quoted} is not a phone number: {reason}")]
    Phone {
        /// The text.
        quoted: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Not a country.
    #[error("{quoted} is not a country: use its two-letter code (ISO 3166-1), such as NO, DE or US")]
    Country {
        /// The text.
        quoted: String,
    },
}

/// The text as an error shows it: quoted and escaped, at most its first 64 characters.
pub(crate) fn quoted(text: &str) -> String {
    match text.char_indices().nth(64) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}…", &text[..end]),
    }
}

/// A text of somebody else's, such as a provider's answer, without these addresses, which are in the form in which
/// addresses are compared.
pub fn without(text: &str, addresses: &[&str]) -> String {
    let mut text = text.to_owned();
    for address in addresses.iter().filter(|address| !address.is_empty()) {
        while let Some((at, length)) = find(&text, address) {
            text.replace_range(at..at + length, "(erased)");
        }
    }
    text
}

/// Where a text has this, whatever its case, and how long it is there.
fn find(text: &str, lower: &str) -> Option<(usize, usize)> {
    text.char_indices().find_map(|(at, _)| {
        let mut rest = lower;
        for (offset, c) in text[at..].char_indices() {
            for folded in c.to_lowercase() {
                rest = rest.strip_prefix(folded)?;
            }
            if rest.is_empty() {
                return Some((at, offset + c.len_utf8()));
            }
        }
        None
    })
}

/// Character by character, without regard to its neighbours, so that a part of a text folds like the whole.
fn in_lower_case(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(char::to_lowercase)
}

fn objection_to_address(address: &str) -> Option<&'static str> {
    use email_address::Error;

    const STRICT: email_address::Options = email_address::Options {
        minimum_sub_domains: 2,
        allow_domain_literal: false,
        allow_display_text: false,
    };
    if address.is_empty() {
        return Some("it is empty");
    }
    if address.len() > 254 {
        return Some("it is longer than 254 characters");
    }
    if address.contains(char::is_control) {
        return Some("it contains a line break or another control character; type it anew");
    }
    if address.contains(['<', '>']) {
        return Some("write the address alone, without a name or angle brackets");
    }
    if address.contains(char::is_whitespace) {
        return Some("it contains a space");
    }
    if address.contains('"') {
        return Some("it contains a quotation mark");
    }
    if address.matches('@').count() > 1 {
        return Some("it has more than one @; write one address only");
    }
    match email_address::EmailAddress::parse_with_options(address, STRICT) {
        Ok(parsed) => objection_to_domain(parsed.domain()),
        Err(error) => Some(match error {
            Error::MissingSeparator => "there is no @ in it",
            Error::LocalPartEmpty => "nothing stands before the @",
            Error::LocalPartTooLong => "more than 64 characters stand before the @",
            Error::DomainEmpty => "nothing stands after the @",
            Error::DomainTooLong | Error::SubDomainTooLong => "what stands after the @ is too long",
            Error::SubDomainEmpty => "what stands after the @ has a dot too many",
            Error::DomainTooFew => "what stands after the @ has no dot, as example.com has",
            Error::UnsupportedDomainLiteral => "a domain must stand after the @, such as example.com",
            _ => "it contains a character, or a dot, where an address cannot have one",
        }),
    }
}

/// What the parser lets pass and no mail host's name has: signs other than the hyphen, and bare IP addresses.
fn objection_to_domain(domain: &str) -> Option<&'static str> {
    let last = domain.rsplit('.').next().unwrap_or_default();
    if domain.contains(|c: char| !(c.is_alphanumeric() || c == '-' || c == '.')) {
        Some("what stands after the @ may have letters, digits, hyphens and dots only")
    } else if last.chars().all(|c| c.is_ascii_digit()) {
        Some("a domain must stand after the @, such as example.com")
    } else {
        None
    }
}

/// A plus and 7 to 15 digits, none of the first being 0 (ITU-T E.164; no country has shorter numbers for people).
fn is_e164(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|b| b.is_ascii_digit())
    })
}

fn e164(text: &str, country: Option<Country>) -> Result<String, &'static str> {
    // Marks of direction surround numbers that were copied from a phone's address book.
    let text: String = text.trim().chars().filter(|c| !is_direction_mark(*c)).collect();
    if text.is_empty() {
        return Err("it is empty");
    }
    if is_scientific(&text) {
        return Err("a spreadsheet has turned the number into scientific notation and lost digits; \
             format the column as text there, and enter the number again");
    }
    if is_decimal(&text) {
        return Err("a spreadsheet has turned it into a decimal number; format the column as text there, \
             and enter the number again");
    }
    if !text.chars().all(may_stand_in_number) {
        return Err("it contains something other than one number; \
             write it with digits only, as +47 912 34 567, without letters or an extension");
    }
    let international = text.starts_with(['+', '＋']);
    let number =
        PHONE_NUMBER_UTIL.parse(&text, country.map(Country::region)).map_err(|error| match error {
            ParseError::InvalidCountryCode if !international => {
                "no country is set for numbers without one; \
                 write it with a plus and the country's code, as +47 912 34 567, or set the organisation's country"
            }
            ParseError::InvalidCountryCode => "no country has the code after its plus",
            ParseError::TooShortAfterIdd | ParseError::TooShortNsn => "it has too few digits",
            ParseError::TooLongNsn => "it has too many digits",
            ParseError::NotANumber(_) => "it has too few digits, or a sign where none can stand",
        })?;
    let formatted = PHONE_NUMBER_UTIL.format(&number, PhoneNumberFormat::E164);
    if !PHONE_NUMBER_UTIL.is_valid_number(&number) || !is_e164(&formatted) {
        return Err(if international {
            "its country has no such number; check the digits"
        } else {
            "the organisation's country has no such number; \
             check the digits, and write a foreign number with a plus and its country's code"
        });
    }
    Ok(formatted.into_owned())
}

fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

fn may_stand_in_number(c: char) -> bool {
    let digit = matches!(c, '0'..='9' | '٠'..='٩' | '۰'..='۹' | '０'..='９');
    let dash = matches!(c, '-' | '\u{2010}'..='\u{2015}' | '−');
    digit || dash || matches!(c, '+' | '＋' | '(' | ')' | '.' | '/') || (c.is_whitespace() && !c.is_control())
}

/// `4,79E+10`, `4.79e10`
fn is_scientific(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    text.split_once(['E', 'e']).is_some_and(|(mantissa, exponent)| {
        digits(&mantissa.trim_start_matches('+').replace([',', '.'], ""))
            && digits(exponent.trim_start_matches(['+', '-']))
    })
}

/// `4791234567.0`: read as a number with a point in it, it would be another, longer phone number.
fn is_decimal(text: &str) -> bool {
    text.strip_suffix(".0")
        .or_else(|| text.strip_suffix(",0"))
        .is_some_and(|whole| whole.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn email(text: &str) -> EmailAddress {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    fn country(code: &str) -> Country {
        code.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    fn phone(text: &str, code: &str) -> Result<String, String> {
        let country = (!code.is_empty()).then(|| country(code));
        PhoneNumber::parse(text, country).map(String::from).map_err(|error| error.to_string())
    }

    #[test]
    fn an_address_is_stored_as_given_and_compared_without_regard_to_case() {
        let given = email("  Åse.Berg+Jobb@Example.COM ");
        assert_eq!(given.as_str(), "Åse.Berg+Jobb@Example.COM");
        assert_eq!(given.to_string(), given.as_str());
        assert_eq!(given.domain(), "example.com");
        assert_eq!(given.key(), "åse.berg+jobb@example.com");
        assert_eq!(given, email("åse.berg+jobb@EXAMPLE.com"));
        let both: std::collections::HashSet<_> = [email("A@b.no"), email("a@B.no")].into();
        assert_eq!(both.len(), 1);
        assert!(email("A@b.no") < email("b@b.no"));
    }

    #[test]
    fn an_address_typed_with_combining_accents_equals_the_composed_one() {
        assert_eq!(email("rene\u{301}@example.com").as_str(), "ren\u{e9}@example.com");
    }

    #[test]
    fn what_is_not_an_address_is_refused_with_its_reason() {
        let long_local = format!("{}@example.com", "a".repeat(65));
        let long = format!("{}@{}.com", "a".repeat(60), "b.".repeat(95) + "bb");
        for (text, reason) in [
            ("", "it is empty"),
            ("anna", "there is no @"),
            ("@example.com", "nothing stands before"),
            ("anna@", "nothing stands after"),
            ("anna@localhost", "has no dot"),
            ("anna@example..com", "a dot too many"),
            ("anna@example.com.", "a dot too many"),
            ("an..na@example.com", "or a dot, where"),
            ("anna@[127.0.0.1]", "a domain must stand"),
            ("anna@127.0.0.1", "a domain must stand"),
            ("Anna <anna@example.com>", "without a name"),
            ("<anna@example.com>", "without a name"),
            ("\"anna berg\"@example.com", "a space"),
            ("\"anna\"@example.com", "a quotation mark"),
            ("anna berg@example.com", "a space"),
            ("anna@example.com;per@example.com", "more than one @"),
            ("anna@exa\r\nmple.com", "line break"),
            ("anna\0@example.com", "control character"),
            ("anna@exa_mple.com", "letters, digits, hyphens"),
            ("anna\u{202e}@example.com", "a character"),
            (&long_local, "more than 64"),
            (&long, "longer than 254"),
        ] {
            let error = text.parse::<EmailAddress>().expect_err(text).to_string();
            assert!(error.contains(reason), "{text:?} gave {error}");
        }
        assert_eq!(
            "anna@".parse::<EmailAddress>().unwrap_err().to_string(),
            r#""anna@" is not an e-mail address: nothing stands after the @"#
        );
    }

    #[test]
    fn an_error_quotes_at_most_64_characters_and_no_control_character() {
        let error = "\r\n\u{202e}é".repeat(100).parse::<EmailAddress>().unwrap_err().to_string();
        assert!(!error.contains(|c: char| c.is_control() || c == '\u{202e}'), "{error}");
        assert_eq!(error.matches('é').count(), 16);
    }

    #[test]
    fn debug_hides_contacts() {
        assert_eq!(format!("{:?}", email("anna.berg@example.com")), "EmailAddress(a…@example.com)");
        let number = PhoneNumber::parse("+47 912 34 567", None).unwrap();
        assert_eq!(format!("{number:?}"), "PhoneNumber(…67)");
        assert_eq!(format!("{:?}", country("NO")), "Country(NO)");
    }

    #[test]
    fn numbers_become_e164_however_they_are_written() {
        for (text, code, expected) in [
            ("+47 912 34 567", "", "+4791234567"),
            ("+4791234567", "SE", "+4791234567"),
            ("912 34 567", "NO", "+4791234567"),
            ("4791234567", "NO", "+4791234567"),
            ("0047 912 34 567", "NO", "+4791234567"),
            ("070-123 45 67", "SE", "+46701234567"),
            ("0170/1234567", "DE", "+491701234567"),
            ("(202) 555-0173", "US", "+12025550173"),
            ("06 698 12345", "IT", "+390669812345"),
            ("\u{202a}+47 912 34 567\u{202c}", "", "+4791234567"),
            ("+47\u{a0}912\u{2011}34\u{2011}567", "", "+4791234567"),
            ("٠٥٠١٢٣٤٥٦٧", "SA", "+966501234567"),
        ] {
            assert_eq!(phone(text, code).as_deref(), Ok(expected), "{text:?}");
        }
    }

    #[test]
    fn what_is_not_a_number_is_refused_with_its_reason() {
        for (text, code, reason) in [
            ("", "NO", "it is empty"),
            ("912 34 567", "", "no country is set"),
            ("4,79E+10", "NO", "scientific notation"),
            ("4.79E+10", "NO", "scientific notation"),
            ("4,79123e10", "", "format the column as text"),
            ("4791234567.0", "NO", "decimal number"),
            ("+47 912 34 567 ext. 5", "NO", "other than one number"),
            ("0800 FLOWERS", "US", "other than one number"),
            ("912 34 567, 987 65 432", "NO", "other than one number"),
            ("912 34 567 / 987 65 432", "NO", "organisation's country has no such number"),
            ("912\r\n34 567", "NO", "other than one number"),
            ("+999 912 34 567", "NO", "no country has the code"),
            ("912", "NO", "check the digits"),
            ("+47 12 34", "NO", "no such number"),
            ("+", "NO", "too few digits"),
            ("----", "NO", "too few digits"),
        ] {
            let error = phone(text, code).expect_err(text);
            assert!(error.contains(reason), "{text:?} gave {error}");
        }
    }

    #[test]
    fn a_number_knows_its_country_and_whether_it_is_premium_rate() {
        let canadian = PhoneNumber::parse("+1 604 678 1234", None).unwrap();
        assert_eq!(canadian.country(), Some(country("CA")));
        let premium = PhoneNumber::parse("829 12 345", Some(country("NO"))).unwrap();
        assert!(premium.is_premium_rate());
        assert!(!canadian.is_premium_rate());
        assert_eq!(PhoneNumber::parse("+800 1234 5678", None).unwrap().country(), None);
    }

    #[test]
    fn a_stored_number_stays_readable_when_the_numbering_plan_no_longer_knows_it() {
        let stored: PhoneNumber = serde_json::from_str(r#""+4712345678""#).unwrap();
        assert_eq!(stored.as_str(), "+4712345678");
        assert_eq!(stored.country(), None);
        assert!(serde_json::from_str::<PhoneNumber>(r#""12345678""#).is_err());
        assert_eq!(serde_json::to_string(&stored).unwrap(), r#""+4712345678""#);
    }

    #[test]
    fn a_country_is_a_code_that_exists() {
        assert_eq!(country(" no ").as_str(), "NO");
        for text in ["", "N", "NOR", "ZZ", "XX", "001", "Å", "4N", "UK"] {
            let error = text.parse::<Country>().expect_err(text).to_string();
            assert!(error.contains("two-letter code"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn an_address_that_parses_reads_back_and_equals_its_upper_case(text in "\\PC{1,10}@\\PC{1,8}\\.[a-zæøå]{2,5}") {
            if let Ok(address) = text.parse::<EmailAddress>() {
                prop_assert_eq!(email(address.as_str()).to_string(), address.to_string());
                prop_assert!(address.key().ends_with(&address.domain()));
                if address.as_str().is_ascii() {
                    prop_assert_eq!(address.as_str().to_ascii_uppercase().parse::<EmailAddress>().unwrap(), address);
                }
            }
        }

        #[test]
        fn no_text_makes_parsing_panic_and_a_parsed_number_reads_back(text in "[+0-9eE,. ()/-]{0,20}|\\PC{0,20}|.{0,20}") {
            let _ = text.parse::<EmailAddress>();
            let _ = text.parse::<Country>();
            for country in [None, Some(country("NO")), Some(country("DE")), Some(country("IT"))] {
                if let Ok(number) = PhoneNumber::parse(&text, country) {
                    prop_assert_eq!(PhoneNumber::parse(number.as_str(), None).unwrap(), number.clone());
                    prop_assert_eq!(PhoneNumber::try_from(number.to_string()).unwrap(), number);
                }
            }
        }
    }
}

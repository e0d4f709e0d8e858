//! Moments as a person reads them: in their language and time zone, with the zone named.

use chrono::{DateTime, Datelike, Timelike, Utc};
use chrono_tz::{OffsetComponents, OffsetName, Tz};

use super::city::city_time;
use super::sms::{SmsEncoding, SmsSize};
use crate::model::locale::Locale;

/// How much room there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateStyle {
    /// `Tuesday 10 November 2026 at 14:30 (Oslo time)`.
    Long,
    /// `10 November 2026`.
    Day,
    /// `10 Nov 14:30 Oslo time`, for text messages: in GSM-7.
    Short,
    /// `10 Nov`, for text messages: in GSM-7.
    ShortDay,
}

/// Writes `at` for someone in `zone` who reads `locale`.
///
/// A date goes on in its sentence and takes what stands before it from there: `until`, `innen`, `hasta el`, `bis`,
/// `jusqu’au`. None ends in a full stop, so that one may follow. In a language without words of its own here a date is
/// in figures, as ISO 8601 has them, which every reader understands.
pub fn format_date(at: DateTime<Utc>, zone: Tz, locale: &Locale, style: DateStyle) -> String {
    let local = at.with_timezone(&zone);
    let language = locale.language();
    let Some(words) = words(language) else {
        return match style {
            DateStyle::Long | DateStyle::Short => {
                format!("{} ({})", local.format("%Y-%m-%d %H:%M"), zone_name(&local, language, style))
            }
            DateStyle::Day | DateStyle::ShortDay => local.format("%Y-%m-%d").to_string(),
        };
    };
    let weekday = words.weekdays[local.weekday().num_days_from_monday() as usize];
    let month = words.months[local.month0() as usize];
    let short_month = words.short_months[local.month0() as usize];
    let (day, year) = (day_of_month(local.day(), language), local.year());
    let date = match language {
        "es" => format!("{day} de {month} de {year}"),
        _ => format!("{day} {month} {year}"),
    };
    match style {
        DateStyle::Day => date,
        DateStyle::ShortDay => format!("{day} {short_month}"),
        DateStyle::Long => {
            let (time, zone) = (time_of_day(&local, language, style), zone_name(&local, language, style));
            let comma = if language == "de" { "," } else { "" };
            format!("{weekday}{comma} {date}{time} ({zone})")
        }
        DateStyle::Short => {
            let (time, zone) = (time_of_day(&local, language, style), zone_name(&local, language, style));
            match language {
                // Two characters less: they decide about a segment more often than about understanding.
                "en" | "nb" => format!("{day} {short_month}{time} {zone}"),
                _ => format!("{day} {short_month}{time} ({zone})"),
            }
        }
    }
}

/// The day in its month: an ordinal in Norwegian and German, and in French the first.
fn day_of_month(day: u32, language: &str) -> String {
    match (language, day) {
        ("nb" | "de", _) => format!("{day}."),
        ("fr", 1) => "1er".to_owned(),
        _ => day.to_string(),
    }
}

/// The time, with what joins it to the date.
fn time_of_day(local: &DateTime<Tz>, language: &str, style: DateStyle) -> String {
    let (hour, minute) = (local.hour(), local.minute());
    match (language, style) {
        ("nb", _) => format!(" kl. {hour:02}.{minute:02}"),
        ("es", _) if hour == 1 => format!(" a la {hour}:{minute:02}"),
        ("es", _) => format!(" a las {hour}:{minute:02}"),
        ("de", _) => format!(", {hour}:{minute:02} Uhr"),
        ("fr", DateStyle::Short) => format!(" à {hour}h{minute:02}"),
        ("fr", _) if minute == 0 => format!(" à {hour}\u{a0}h"),
        ("fr", _) => format!(" à {hour}\u{a0}h\u{a0}{minute:02}"),
        (_, DateStyle::Short) => format!(" {hour:02}:{minute:02}"),
        _ => format!(" at {hour:02}:{minute:02}"),
    }
}

/// A language's words for dates.
struct Words {
    weekdays: [&'static str; 7],
    months: [&'static str; 12],
    /// In GSM-7, and without full stops.
    short_months: [&'static str; 12],
}

const ENGLISH: Words = Words {
    weekdays: ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
    months: [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
    short_months: ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
};

const NORWEGIAN: Words = Words {
    weekdays: ["mandag", "tirsdag", "onsdag", "torsdag", "fredag", "lørdag", "søndag"],
    months: [
        "januar",
        "februar",
        "mars",
        "april",
        "mai",
        "juni",
        "juli",
        "august",
        "september",
        "oktober",
        "november",
        "desember",
    ],
    short_months: ["jan", "feb", "mars", "april", "mai", "juni", "juli", "aug", "sep", "okt", "nov", "des"],
};

const SPANISH: Words = Words {
    weekdays: ["lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"],
    months: [
        "enero",
        "febrero",
        "marzo",
        "abril",
        "mayo",
        "junio",
        "julio",
        "agosto",
        "septiembre",
        "octubre",
        "noviembre",
        "diciembre",
    ],
    short_months: ["ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sept", "oct", "nov", "dic"],
};

const GERMAN: Words = Words {
    weekdays: ["Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"],
    months: [
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ],
    short_months: ["Jan", "Feb", "März", "April", "Mai", "Juni", "Juli", "Aug", "Sept", "Okt", "Nov", "Dez"],
};

const FRENCH: Words = Words {
    weekdays: ["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"],
    months: [
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ],
    // `aout`: GSM-7 has no `û`, and the spelling of 1990 needs none.
    short_months: ["janv", "févr", "mars", "avr", "mai", "juin", "juil", "aout", "sept", "oct", "nov", "déc"],
};

fn words(language: &str) -> Option<&'static Words> {
    match language {
        "en" => Some(&ENGLISH),
        "nb" => Some(&NORWEGIAN),
        "es" => Some(&SPANISH),
        "de" => Some(&GERMAN),
        "fr" => Some(&FRENCH),
        _ => None,
    }
}

/// The zone by its city, which people know, and abbreviations such as IST are ambiguous; without a city, by its offset.
fn zone_name(local: &DateTime<Tz>, language: &str, style: DateStyle) -> String {
    let short = style == DateStyle::Short;
    let fits = |name: &str| !short || SmsSize::of(&name.replace('’', "'")).encoding == SmsEncoding::Gsm7;
    let offset = local.offset();
    if let Some(name) = city_time(offset.tz_id(), language, fits) {
        return if short { name.replace('’', "'") } else { name };
    }
    let seconds = (offset.base_utc_offset() + offset.dst_offset()).num_seconds();
    if seconds == 0 {
        return "UTC".to_owned();
    }
    let sign = if seconds < 0 { '-' } else { '+' };
    let (hours, minutes) = (seconds.abs() / 3_600, seconds.abs() / 60 % 60);
    let minutes = if minutes == 0 { String::new() } else { format!(":{minutes:02}") };
    format!("UTC{sign}{hours}{minutes}")
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;
    use chrono_tz::TZ_VARIANTS;

    use super::*;

    const LANGUAGES: [&str; 5] = ["en", "nb", "es", "de", "fr"];

    fn written(at: DateTime<Utc>, zone: Tz, language: &str, style: DateStyle) -> String {
        format_date(at, zone, &language.parse().unwrap(), style)
    }

    fn november() -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 11, 10, 13, 30, 0).unwrap()
    }

    #[test]
    fn a_moment_is_written_in_the_persons_language_and_zone_with_the_zone_named() {
        let oslo = Tz::Europe__Oslo;
        for (language, long, day, short, short_day) in [
            (
                "en",
                "Tuesday 10 November 2026 at 14:30 (Oslo time)",
                "10 November 2026",
                "10 Nov 14:30 Oslo time",
                "10 Nov",
            ),
            (
                "nb-NO",
                "tirsdag 10. november 2026 kl. 14.30 (Oslo-tid)",
                "10. november 2026",
                "10. nov kl. 14.30 Oslo-tid",
                "10. nov",
            ),
            (
                "es-MX",
                "martes 10 de noviembre de 2026 a las 14:30 (hora de Oslo)",
                "10 de noviembre de 2026",
                "10 nov a las 14:30 (hora de Oslo)",
                "10 nov",
            ),
            (
                "de",
                "Dienstag, 10. November 2026, 14:30 Uhr (Ortszeit Oslo)",
                "10. November 2026",
                "10. Nov, 14:30 Uhr (Ortszeit Oslo)",
                "10. Nov",
            ),
            (
                "fr",
                "mardi 10 novembre 2026 à 14\u{a0}h\u{a0}30 (heure d’Oslo)",
                "10 novembre 2026",
                "10 nov à 14h30 (heure d'Oslo)",
                "10 nov",
            ),
            ("pl", "2026-11-10 14:30 (Oslo)", "2026-11-10", "2026-11-10 14:30 (Oslo)", "2026-11-10"),
        ] {
            let written = |style| written(november(), oslo, language, style);
            assert_eq!(written(DateStyle::Long), long);
            assert_eq!(written(DateStyle::Day), day);
            assert_eq!(written(DateStyle::Short), short);
            assert_eq!(written(DateStyle::ShortDay), short_day);
        }
    }

    #[test]
    fn a_zone_is_named_by_its_city_and_by_its_offset_where_it_has_none() {
        let english = |zone| written(november(), zone, "en", DateStyle::Short);
        assert_eq!(english(Tz::America__Argentina__Buenos_Aires), "10 Nov 10:30 Buenos Aires time");
        assert_eq!(english(Tz::UTC), "10 Nov 13:30 UTC");
        assert_eq!(english(Tz::Etc__GMTPlus5), "10 Nov 08:30 UTC-5");
        assert_eq!(english(Tz::US__Eastern), "10 Nov 08:30 UTC-5");
        assert_eq!(english(Tz::Asia__Kolkata), "10 Nov 19:00 Kolkata time");
    }

    #[test]
    fn a_city_has_the_name_that_its_readers_know() {
        let long = |language, zone| {
            let written = written(november(), zone, language, DateStyle::Long);
            written.split_once('(').unwrap().1.trim_end_matches(')').to_owned()
        };
        assert_eq!(long("nb", Tz::Europe__Copenhagen), "København-tid");
        assert_eq!(long("es", Tz::America__New_York), "hora de Nueva York");
        assert_eq!(long("de", Tz::Europe__Zurich), "Ortszeit Zürich");
        assert_eq!(long("fr", Tz::Europe__London), "heure de Londres");
        assert_eq!(long("fr", Tz::Africa__Cairo), "heure du Caire");
        assert_eq!(long("fr", Tz::Africa__Abidjan), "heure d’Abidjan");
        assert_eq!(long("es", Tz::Europe__Paris), "hora de París");
        let short = written(november(), Tz::Europe__Paris, "es", DateStyle::Short);
        assert_eq!(short, "10 nov a las 14:30 (hora de Paris)", "GSM-7 has no í");
    }

    #[test]
    fn the_first_of_a_french_month_and_one_in_spanish_are_written_as_they_are_spoken() {
        let first = Utc.with_ymd_and_hms(2026, 8, 1, 1, 0, 0).unwrap();
        assert_eq!(written(first, Tz::UTC, "fr", DateStyle::Long), "samedi 1er août 2026 à 1\u{a0}h (UTC)");
        assert_eq!(written(first, Tz::UTC, "fr", DateStyle::Short), "1er aout à 1h00 (UTC)");
        assert_eq!(
            written(first, Tz::UTC, "es", DateStyle::Long),
            "sábado 1 de agosto de 2026 a la 1:00 (UTC)"
        );
    }

    #[test]
    fn every_date_of_a_text_message_is_gsm7_in_every_zone_and_ends_without_a_full_stop() {
        for language in LANGUAGES {
            for month in 1..=12 {
                let at = Utc.with_ymd_and_hms(2026, month, 1, 12, 0, 0).unwrap();
                for zone in TZ_VARIANTS {
                    for style in [DateStyle::Short, DateStyle::ShortDay] {
                        let date = written(at, zone, language, style);
                        assert_eq!(SmsSize::of(&date).encoding, SmsEncoding::Gsm7, "{date}");
                        assert!(!date.ends_with('.'), "{date}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_day_is_the_day_in_the_persons_zone() {
        let late = Utc.with_ymd_and_hms(2026, 12, 31, 23, 30, 0).unwrap();
        assert_eq!(written(late, Tz::UTC, "en", DateStyle::Day), "31 December 2026");
        assert_eq!(written(late, Tz::Europe__Oslo, "en", DateStyle::Day), "1 January 2027");
    }

    #[test]
    fn summer_time_counts() {
        let summer = Utc.with_ymd_and_hms(2026, 7, 1, 12, 0, 0).unwrap();
        assert_eq!(written(summer, Tz::Europe__Oslo, "en", DateStyle::Short), "1 Jul 14:00 Oslo time");
    }
}

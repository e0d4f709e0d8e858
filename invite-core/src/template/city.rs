//! Cities of time zones in the languages of the built-in messages.
//!
//! Zones are named by a city (IANA time zone database), in English. Where a language has a name of its own that its
//! readers expect, it stands here; every other city keeps the name that it has there.

/// A city's names in Norwegian, Spanish and German, and what French puts behind `heure`.
struct City {
    zone: &'static str,
    nb: &'static str,
    es: &'static str,
    de: &'static str,
    fr: &'static str,
}

const fn city(
    zone: &'static str,
    nb: &'static str,
    es: &'static str,
    de: &'static str,
    fr: &'static str,
) -> City {
    City { zone, nb, es, de, fr }
}

const CITIES: [City; 32] = [
    city("Algiers", "Alger", "Argel", "Algier", "d’Alger"),
    city("Amsterdam", "Amsterdam", "Ámsterdam", "Amsterdam", "d’Amsterdam"),
    city("Athens", "Athen", "Atenas", "Athen", "d’Athènes"),
    city("Azores", "Asorene", "las Azores", "Azoren", "des Açores"),
    city("Belgrade", "Beograd", "Belgrado", "Belgrad", "de Belgrade"),
    city("Berlin", "Berlin", "Berlín", "Berlin", "de Berlin"),
    city("Brussels", "Brussel", "Bruselas", "Brüssel", "de Bruxelles"),
    city("Bucharest", "Bucuresti", "Bucarest", "Bukarest", "de Bucarest"),
    city("Cairo", "Kairo", "El Cairo", "Kairo", "du Caire"),
    city("Canary", "Kanariøyene", "Canarias", "Kanarische Inseln", "des Canaries"),
    city("Copenhagen", "København", "Copenhague", "Kopenhagen", "de Copenhague"),
    city("Faroe", "Færøyene", "las islas Feroe", "Färöer", "des îles Féroé"),
    city("Istanbul", "Istanbul", "Estambul", "Istanbul", "d’Istanbul"),
    city("Jerusalem", "Jerusalem", "Jerusalén", "Jerusalem", "de Jérusalem"),
    city("Kyiv", "Kyiv", "Kiev", "Kyjiw", "de Kiev"),
    city("Lisbon", "Lisboa", "Lisboa", "Lissabon", "de Lisbonne"),
    city("London", "London", "Londres", "London", "de Londres"),
    city("Luxembourg", "Luxembourg", "Luxemburgo", "Luxemburg", "de Luxembourg"),
    city("Mexico City", "Mexico by", "Ciudad de México", "Mexiko-Stadt", "de Mexico"),
    city("Moscow", "Moskva", "Moscú", "Moskau", "de Moscou"),
    city("New York", "New York", "Nueva York", "New York", "de New York"),
    city("Paris", "Paris", "París", "Paris", "de Paris"),
    city("Prague", "Praha", "Praga", "Prag", "de Prague"),
    city("Rome", "Roma", "Roma", "Rom", "de Rome"),
    city("Sao Paulo", "São Paulo", "São Paulo", "São Paulo", "de São Paulo"),
    city("Singapore", "Singapore", "Singapur", "Singapur", "de Singapour"),
    city("Sofia", "Sofia", "Sofía", "Sofia", "de Sofia"),
    city("Stockholm", "Stockholm", "Estocolmo", "Stockholm", "de Stockholm"),
    city("Tokyo", "Tokyo", "Tokio", "Tokio", "de Tokyo"),
    city("Vienna", "Wien", "Viena", "Wien", "de Vienne"),
    city("Warsaw", "Warszawa", "Varsovia", "Warschau", "de Varsovie"),
    city("Zurich", "Zürich", "Zúrich", "Zürich", "de Zurich"),
];

/// The city of the zone `id` as readers of `language` name it: `London time`, `Oslo-tid`, `hora de Londres`,
/// `Ortszeit London`, `heure de Londres`; in another language the city alone. `None` where the zone is named by no
/// place, such as `Etc/GMT+5` or `US/Eastern`.
pub(super) fn city_time(id: &str, language: &str, fits: impl Fn(&str) -> bool) -> Option<String> {
    const AREAS: [&str; 10] = [
        "Africa",
        "America",
        "Antarctica",
        "Arctic",
        "Asia",
        "Atlantic",
        "Australia",
        "Europe",
        "Indian",
        "Pacific",
    ];
    let (area, _) = id.split_once('/').filter(|(area, _)| AREAS.contains(area))?;
    let english = id.rsplit('/').next().unwrap_or(area).replace('_', " ");
    let named = CITIES.iter().find(|city| city.zone == english);
    let own = |name: fn(&City) -> &'static str| named.map(name).filter(|name| fits(name)).unwrap_or(&english);
    Some(match language {
        "en" => format!("{english} time"),
        "nb" => format!("{}-tid", own(|city| city.nb)),
        "es" => format!("hora de {}", own(|city| city.es)),
        "de" => format!("Ortszeit {}", own(|city| city.de)),
        "fr" => match named.map(|city| city.fr).filter(|name| fits(name)) {
            Some(name) => format!("heure {name}"),
            None if english.starts_with(['A', 'E', 'I', 'O', 'U']) => format!("heure d’{english}"),
            None => format!("heure de {english}"),
        },
        _ => english,
    })
}

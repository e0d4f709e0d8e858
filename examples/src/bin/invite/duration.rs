//! Durations as people write them: `0s`, `90s`, `15m`, `3d`, `1w`, `1h30m`.

use std::time::Duration;

/// Reads a duration.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let wrong =
        || format!("{text:?} is no duration: write a number and s, m, h, d or w, such as 90s, 15m or 3d");
    let mut seconds: u64 = 0;
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, after) = rest.split_at(digits);
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let unit = after.chars().next().ok_or_else(wrong)?;
        let length = match unit {
            's' => 1,
            'm' => 60,
            'h' => 60 * 60,
            'd' => 24 * 60 * 60,
            'w' => 7 * 24 * 60 * 60,
            _ => return Err(wrong()),
        };
        let part = number.checked_mul(length).ok_or_else(wrong)?;
        seconds =
            seconds.checked_add(part).filter(|all| *all < 100 * 366 * 24 * 60 * 60).ok_or_else(wrong)?;
        rest = &after[unit.len_utf8()..];
    }
    Ok(Duration::from_secs(seconds))
}

/// The shortest way to write a duration.
pub(crate) fn text(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let units = [(24 * 60 * 60, 'd'), (60 * 60, 'h'), (60, 'm'), (1, 's')];
    let mut left = seconds;
    let mut text = String::new();
    for (length, unit) in units {
        if left >= length {
            text.push_str(&format!("{}{unit}", left / length));
            left %= length;
        }
    }
    if text.is_empty() { "0s".into() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_back() {
        for (written, seconds, shortest) in [
            ("0s", 0, "0s"),
            ("90s", 90, "1m30s"),
            ("15m", 900, "15m"),
            ("3d", 259_200, "3d"),
            ("1w", 604_800, "7d"),
            (" 1h30m ", 5_400, "1h30m"),
        ] {
            let duration = parse(written).unwrap();
            assert_eq!((duration.as_secs(), text(duration).as_str()), (seconds, shortest));
            assert_eq!(parse(shortest), Ok(duration));
        }
    }

    #[test]
    fn anything_else_is_refused_with_examples() {
        for written in ["", "3", "d", "-1d", "1y", "3 days", "9999999999999999w", "1d2", "3å"] {
            assert!(parse(written).unwrap_err().contains("such as 90s, 15m or 3d"), "{written}");
        }
    }
}

//! Numbers and times as people write them: on pages, on the terminal and in the log.

/// A number with its thousands apart: `1,234,567`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// How many of something whose plural ends in `s`: `1 packet`, `1,234 packets`.
#[must_use]
pub fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(number))
}

/// Bytes in the largest unit that leaves a whole digit, by powers of 1000: `999 B`, `1.5 kB`, `2.0 GB`.
#[must_use]
pub fn bytes(number: u64) -> String {
    if number < 1000 {
        return format!("{number} B");
    }
    let (scaled, unit) = scaled(number);
    format!("{scaled} {unit}B")
}

/// The same without a unit of its own, for an axis: `999`, `1.5k`, `2M`.
pub(crate) fn short(number: u64) -> String {
    if number < 1000 {
        return number.to_string();
    }
    let (scaled, unit) = scaled(number);
    format!("{}{unit}", scaled.trim_end_matches(".0"))
}

/// At least 1000, with one digit behind the point.
fn scaled(number: u64) -> (String, &'static str) {
    const UNITS: [&str; 6] = ["k", "M", "G", "T", "P", "E"];
    let mut scaled = number;
    let mut unit = 0;
    while scaled >= 1_000_000 && unit + 1 < UNITS.len() {
        scaled /= 1000;
        unit += 1;
    }
    let text = format!("{}.{}", scaled / 1000, scaled % 1000 / 100);
    (text, UNITS[unit])
}

/// A unit of time for an axis that is `seconds` long: its name, and how many seconds it has.
pub(crate) fn unit_of_time(seconds: f64) -> (&'static str, f64) {
    match seconds {
        s if s <= 300.0 => ("s", 1.0),
        s if s <= 3.0 * 3600.0 => ("min", 60.0),
        s if s <= 3.0 * 86_400.0 => ("h", 3600.0),
        _ => ("days", 86_400.0),
    }
}

/// A length of time, with as many digits as tell it apart from its neighbours: `0.05 s`, `12.5 s`, `3 min`, `1.5 h`.
#[must_use]
pub fn duration(seconds: f64) -> String {
    let (unit, length) = unit_of_time(seconds);
    let units = seconds / length;
    let digits = match units {
        u if u >= 100.0 => 0,
        u if u >= 10.0 => 1,
        u if u >= 1.0 => 2,
        u if u >= 0.1 => 3,
        _ => 6,
    };
    let text = format!("{units:.digits$}");
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    format!("{text} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_people_do() {
        let counts = [0, 999, 1000, 1_234_567].map(grouped);
        assert_eq!(counts, ["0", "999", "1,000", "1,234,567"]);
        let sizes = [0, 999, 1000, 1_550, 2_000_000, u64::MAX].map(bytes);
        assert_eq!(
            sizes,
            ["0 B", "999 B", "1.0 kB", "1.5 kB", "2.0 MB", "18.4 EB"]
        );
        let ticks = [0, 999, 1000, 1_550, 20_000_000].map(short);
        assert_eq!(ticks, ["0", "999", "1k", "1.5k", "20M"]);
    }

    #[test]
    fn one_is_singular() {
        let shown = [0, 1, 2, 1000].map(|n| counted(n, "note"));
        assert_eq!(shown, ["0 notes", "1 note", "2 notes", "1,000 notes"]);
    }

    #[test]
    fn times_have_the_unit_that_fits() {
        let times = [
            0.0, 0.000_25, 0.05, 4.2, 12.5, 100.0, 600.0, 90_000.0, 864_000.0,
        ];
        let shown = times.map(duration);
        let expected = [
            "0 s",
            "0.00025 s",
            "0.05 s",
            "4.2 s",
            "12.5 s",
            "100 s",
            "10 min",
            "25 h",
            "10 days",
        ];
        assert_eq!(shown, expected);
    }
}

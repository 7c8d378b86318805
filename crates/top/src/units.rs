//! Numbers as people read them at a glance: three digits and a unit.

/// A rate or an amount: `0`, `0.3`, `999`, `1.5k`, `15k`, `3.2M` (powers of 1000).
pub(crate) fn scaled(number: f64) -> String {
    const UNITS: [&str; 6] = ["k", "M", "G", "T", "P", "E"];
    if number < 0.05 {
        return "0".to_owned();
    }
    if number < 999.5 {
        return three_digits(number);
    }
    let (mut scaled, mut unit) = (number / 1e3, 0);
    while scaled >= 999.5 && unit + 1 < UNITS.len() {
        scaled /= 1e3;
        unit += 1;
    }
    three_digits(scaled) + UNITS[unit]
}

/// Below ten, one digit behind the point, unless it is a zero.
fn three_digits(number: f64) -> String {
    let digits = usize::from(number < 9.95);
    let text = format!("{number:.digits$}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

/// An amount of bytes in bits.
#[allow(
    clippy::cast_precision_loss,
    reason = "what is shown has three digits, a double has fifteen"
)]
pub(crate) fn bits(bytes: u64) -> f64 {
    bytes as f64 * 8.0
}

/// A count.
#[allow(
    clippy::cast_precision_loss,
    reason = "what is shown has three digits, a double has fifteen"
)]
pub(crate) fn count(number: u64) -> f64 {
    number as f64
}

/// A time in its largest unit: `0s`, `59s`, `1m`, `23h`, `4d`.
pub(crate) fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..86_400 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// A number of columns or lines, of which no terminal has more.
pub(crate) fn cells(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_say_enough() {
        let cases = [
            (0.0, "0"),
            (0.04, "0"),
            (0.25, "0.2"),
            (1.0, "1"),
            (9.94, "9.9"),
            (9.96, "10"),
            (999.4, "999"),
            (7.98, "8"),
            (999.6, "1k"),
            (1_549.0, "1.5k"),
            (9_960.0, "10k"),
            (999_600.0, "1M"),
            (123_456_789.0, "123M"),
            (1e30, "1000000000000E"),
        ];
        for (number, expected) in cases {
            assert_eq!(scaled(number), expected, "{number}");
        }
    }

    #[test]
    fn ages_have_one_unit() {
        let shown: Vec<_> = [0, 59, 60, 3_599, 3_600, 86_400 * 3].map(age).into();
        assert_eq!(shown, ["0s", "59s", "1m", "59m", "1h", "3d"]);
    }
}

//! The two spellings of metrics: OpenMetrics for those who ask for it, as Prometheus does, and the text format of Prometheus for all others.
//!
//! Everything is written as OpenMetrics. The other is the same line by line, but that a counter's name ends in `_total` where its type is told, too, that
//! there is no type for information, and that units and the end go unsaid.

use prometheus_client::collector::Collector;
use secgroup_endpoint::Page;

use super::sheet;

/// OpenMetrics 1.0.
pub(super) const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// The text format of Prometheus.
pub(super) const CLASSIC: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What `collector` tells, in the format that is asked for.
pub(super) fn page(accept: &str, collector: impl Collector) -> Page {
    let text = sheet::text(collector);
    if takes_open_metrics(accept) {
        Page::new(OPEN_METRICS, text)
    } else {
        Page::new(CLASSIC, classic(&text))
    }
}

/// Whether OpenMetrics is among the media types that are named (RFC 9110, 12.5.1), and not as one that is unwanted. `*/*` does not name it.
fn takes_open_metrics(accept: &str) -> bool {
    accept.split(',').any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let is_named = parts
            .next()
            .is_some_and(|kind| kind.eq_ignore_ascii_case("application/openmetrics-text"));
        let is_unwanted = parts.any(|part| {
            part.strip_prefix("q=")
                .is_some_and(|weight| weight.parse() == Ok(0.0))
        });
        is_named && !is_unwanted
    })
}

/// The text format of Prometheus, of a text in OpenMetrics.
fn classic(open: &str) -> String {
    let mut text = String::with_capacity(open.len());
    // That of the family whose type follows.
    let mut help = None;
    for line in open.lines() {
        if let Some(told) = line.strip_prefix("# HELP ") {
            help = told.split_once(' ').map(|(_, help)| help);
        } else if let Some(told) = line.strip_prefix("# TYPE ") {
            let (name, kind) = told.split_once(' ').unwrap_or((told, "untyped"));
            let (suffix, kind) = match kind {
                "counter" => ("_total", kind),
                "info" => ("_info", "gauge"),
                _ => ("", kind),
            };
            if let Some(help) = help.take() {
                text.extend(["# HELP ", name, suffix, " ", help, "\n"]);
            }
            text.extend(["# TYPE ", name, suffix, " ", kind, "\n"]);
        } else if !line.starts_with('#') {
            text.extend([line, "\n"]);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_metrics_are_for_those_who_name_them() {
        // Of Prometheus 2.42, curl, and others.
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.75,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=0.0.4;q=0.25,*/*;q=0.1";
        assert!(takes_open_metrics(prometheus));
        assert!(takes_open_metrics(
            "text/plain, Application/OpenMetrics-Text"
        ));
        for accept in [
            "",
            "*/*",
            "text/plain",
            "application/openmetrics-text;q=0",
            "application/openmetrics-text; version=1.0.0; q=0.000",
            "application/openmetrics-text-2",
        ] {
            assert!(!takes_open_metrics(accept), "{accept}");
        }
    }

    #[test]
    fn only_what_is_said_about_series_is_spelled_otherwise() {
        let open = "# HELP a_seconds A.\n# TYPE a_seconds counter\n# UNIT a_seconds seconds\na_seconds_total 1\n\
            # HELP b B.\n# TYPE b info\nb_info{version=\"# EOF\"} 1\n# HELP c C.\n# TYPE c gauge\nc 2\n# EOF\n";
        let expected = "# HELP a_seconds_total A.\n# TYPE a_seconds_total counter\na_seconds_total 1\n\
            # HELP b_info B.\n# TYPE b_info gauge\nb_info{version=\"# EOF\"} 1\n# HELP c C.\n# TYPE c gauge\nc 2\n";
        assert_eq!(classic(open), expected);
    }
}

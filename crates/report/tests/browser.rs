//! A page as a person has it: headless Chromium opens it, searches, sorts, changes the theme and the width.
//!
//! `scripts/install-test-tools` installs the browser; without it these tests are skipped, and say so.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests are tests: a failing assertion is how they speak"
)]

use secgroup_report::{
    Block, Cell, Chart, Column, Figure, Limit, Matrix, Page, Pair, Section, Series, Shape, Table,
    Tone, html,
};
use secgroup_testkit::browser::{self, Browser};
use secgroup_testkit::wait;
use serde_json::json;

const HOSTILE: &str =
    "</script><script>window.broken = 1</script><img src=x onerror=window.broken=1>";

/// Denied flows of a port scan, more than are shown at first, and one that somebody looks for.
fn flows() -> Table {
    let mut rows: Vec<_> = (1..=40)
        .map(|n| {
            row(
                n * 37 % 101,
                &format!("tcp 192.0.2.66:{} > 10.0.1.10:{n}", 40_000 + n),
                "would match but for its port",
            )
        })
        .collect();
    rows.push(row(
        3,
        "udp 198.51.100.7:5353 > 10.0.1.10:161",
        "no ingress rules at all",
    ));
    Table {
        title: "Denied flows".to_owned(),
        columns: vec![
            Column::number("Packets"),
            Column::number("Bytes"),
            Column::text("Flow"),
            Column::text("Why"),
        ],
        rows,
        empty: String::new(),
        left_out: "7 more flows are not listed.".to_owned(),
    }
}

fn row(packets: u64, flow: &str, why: &str) -> Vec<Cell> {
    vec![
        Cell::Count(packets),
        Cell::Bytes(packets * 60),
        Cell::Code(flow.to_owned()),
        Cell::Text(why.to_owned()),
    ]
}

fn page() -> Page {
    let series = |name: &str, tone, values: &[u64]| Series {
        name: name.to_owned(),
        tone,
        values: values.iter().copied().map(Some).collect(),
    };
    let traffic = Chart {
        title: "Packets".to_owned(),
        unit: "packets".to_owned(),
        seconds: 0.5,
        series: vec![
            series("allowed", Tone::Allow, &[10, 20, 5, 7]),
            series("denied", Tone::Deny, &[0, 3, 1, 0]),
        ],
        ..Chart::default()
    };
    let connections = Chart {
        shape: Shape::Lines,
        limit: Some(Limit {
            name: "allowance".to_owned(),
            value: 12,
        }),
        series: vec![series("eni-web", Tone::Series(0), &[1, 4, 9, 6])],
        ..traffic.clone()
    };
    let rules = Table {
        title: "Rules".to_owned(),
        columns: vec![Column::text("Rule"), Column::text("Description")],
        rows: vec![vec![
            Cell::Below(HOSTILE.to_owned(), HOSTILE.to_owned()),
            Cell::Text(format!("{HOSTILE} {}", "long".repeat(200))),
        ]],
        ..Table::default()
    };
    let parties: Vec<_> = (0..12)
        .map(|n| format!("group-with-a-long-name-{n}"))
        .collect();
    let matrix = Matrix {
        title: "Packets from group to group".to_owned(),
        rows: parties.clone(),
        columns: parties,
        pairs: vec![
            vec![
                Pair {
                    allowed: 123_456,
                    denied: 7
                };
                12
            ];
            12
        ],
    };
    let section = |id: &str, blocks| Section {
        id: id.to_owned(),
        title: format!("About {id}"),
        note: HOSTILE.to_owned(),
        blocks,
    };
    Page {
        title: format!("Replay of {HOSTILE}"),
        lead: "45 packets".to_owned(),
        made_by: "a test".to_owned(),
        warnings: vec![HOSTILE.to_owned()],
        figures: vec![Figure {
            name: "Packets".to_owned(),
            value: "45".to_owned(),
            beside: "3.1 kB".to_owned(),
            tone: Tone::Plain,
        }],
        sections: vec![
            section(
                "traffic",
                vec![Block::Chart(traffic), Block::Chart(connections)],
            ),
            section("denied", vec![Block::Table(flows())]),
            section("rules", vec![Block::Table(rules)]),
            section("who", vec![Block::Matrix(matrix)]),
        ],
    }
}

/// The page in a browser; `None` where there is none.
fn opened(test: &str) -> Option<(tempfile::TempDir, Browser)> {
    if browser::skip(test) {
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("page.html");
    std::fs::write(&file, html(&page())).unwrap();
    let browser = Browser::start(folder.path());
    browser.resize(1280, 900);
    browser.prefer("light");
    browser.open(&file);
    Some((folder, browser))
}

/// The flows that are shown, in order.
const SHOWN: &str = "return [...document.querySelectorAll('#denied tbody tr')].filter(row => row.offsetParent !== null)
    .map(row => [Number(row.cells[0].dataset.value), row.cells[2].innerText.trim()])";

fn shown(browser: &Browser) -> Vec<(u64, String)> {
    let rows = browser.run(SHOWN);
    let row = |row: &serde_json::Value| {
        (
            row[0].as_u64().unwrap(),
            row[1].as_str().unwrap().to_owned(),
        )
    };
    rows.as_array().unwrap().iter().map(row).collect()
}

#[test]
fn a_page_keeps_to_itself() {
    let Some((_folder, browser)) = opened("a_page_keeps_to_itself") else {
        return;
    };
    assert_eq!(
        browser.text("h1"),
        format!("Replay of {HOSTILE}"),
        "a text is shown as what it is"
    );
    assert_eq!(browser.text(".figure .value"), "45");
    assert_eq!(browser.run("return window.broken === undefined"), true);
    assert_eq!(browser.console(), [""; 0]);
    let requests = browser.requests();
    let is_own = |url: &&String| url.starts_with("file://") && url.ends_with("/page.html");
    assert!(requests.iter().any(|url| is_own(&url)), "{requests:?}");
    let strange: Vec<_> = requests
        .iter()
        .filter(|url| !is_own(url) && !url.starts_with("data:"))
        .collect();
    assert!(strange.is_empty(), "{strange:?}");
    // What would reach out is heard of here, and stopped: the policy is in force.
    browser.run(
        "const image = document.createElement('img'); image.src = 'http://192.0.2.1/x'; document.body.append(image)",
    );
    wait::until("the refusal of a foreign image", || {
        let console = browser.console();
        console
            .iter()
            .any(|line| line.contains("Content Security Policy"))
            .then_some(())
    });
    assert_eq!(browser.requests(), ["http://192.0.2.1/x"]);
}

#[test]
fn the_search_box_finds_a_flow() {
    let Some((_folder, browser)) = opened("the_search_box_finds_a_flow") else {
        return;
    };
    assert_eq!(shown(&browser).len(), 15, "the first rows");
    assert_eq!(browser.text("#denied .count"), "41 rows");
    // The key is taken wherever one is.
    browser.type_into("body", "/");
    assert_eq!(browser.run("return document.activeElement.id"), "search");
    browser.type_into("#search", "UDP 198.51");
    assert_eq!(
        shown(&browser),
        [(3, "udp 198.51.100.7:5353 > 10.0.1.10:161".to_owned())]
    );
    assert_eq!(browser.text("#denied .count"), "1 of 41 rows");
    assert_eq!(browser.text("#found"), "1 row in 1 table; Enter goes there");
    browser.type_into("#search", " nowhere");
    assert_eq!(shown(&browser), []);
    assert_eq!(browser.text("#found"), "Nothing found");
    browser.type_into("#search", "\u{e00c}"); // Escape
    assert_eq!(shown(&browser).len(), 15);
    browser.click("#denied .more");
    assert_eq!(shown(&browser).len(), 41);
    assert_eq!(
        browser.text("#denied .left-out"),
        "7 more flows are not listed."
    );
}

#[test]
fn a_click_on_a_column_sorts() {
    let Some((_folder, browser)) = opened("a_click_on_a_column_sorts") else {
        return;
    };
    browser.click("#denied .more");
    let column = |number: usize| format!("#denied th:nth-child({number}) button");
    browser.click(&column(1));
    let packets: Vec<_> = shown(&browser).iter().map(|row| row.0).collect();
    assert!(packets.is_sorted_by(|one, next| one >= next), "{packets:?}");
    assert_eq!(
        browser.run("return document.querySelector('#denied th').ariaSort"),
        "descending"
    );
    browser.click(&column(1));
    let packets: Vec<_> = shown(&browser).iter().map(|row| row.0).collect();
    assert!(packets.is_sorted(), "{packets:?}");
    // By number within texts: port 2 before port 10.
    browser.click(&column(3));
    let flows: Vec<_> = shown(&browser).into_iter().map(|row| row.1).collect();
    let expected: Vec<_> = (1..=40)
        .map(|n| format!("tcp 192.0.2.66:{} > 10.0.1.10:{n}", 40_000 + n))
        .collect();
    assert_eq!(flows[..40], expected);
}

#[test]
fn the_theme_follows_the_system_and_the_button() {
    let Some((_folder, browser)) = opened("the_theme_follows_the_system_and_the_button") else {
        return;
    };
    let colors = || {
        browser.run(
            "const of = (what, property) => getComputedStyle(document.querySelector(what))[property];
             return [of('html', 'backgroundColor'), of('body', 'color'), of('.chart.wide polygon', 'fill')]",
        )
    };
    let light = json!(["rgb(246, 247, 249)", "rgb(27, 32, 39)", "rgb(180, 35, 24)"]);
    let dark = json!([
        "rgb(15, 19, 24)",
        "rgb(231, 235, 240)",
        "rgb(255, 142, 132)"
    ]);
    assert_eq!(colors(), light);
    browser.prefer("dark");
    assert_eq!(colors(), dark);
    assert_eq!(browser.text("#theme"), "Theme: system");
    browser.click("#theme");
    assert_eq!(
        (browser.text("#theme"), colors()),
        ("Theme: light".to_owned(), light.clone())
    );
    browser.prefer("light");
    browser.click("#theme");
    assert_eq!(
        (browser.text("#theme"), colors()),
        ("Theme: dark".to_owned(), dark)
    );
    // Paper is light.
    browser.devtools(
        "Emulation.setEmulatedMedia",
        &json!({"media": "print", "features": []}),
    );
    assert_eq!(colors()[1], light[1]);
}

#[test]
fn a_phone_shows_all_of_it() {
    let Some((_folder, browser)) = opened("a_phone_shows_all_of_it") else {
        return;
    };
    let overflow =
        || browser.run("return document.documentElement.scrollWidth - window.innerWidth");
    for width in [1280, 700, 390, 320] {
        browser.resize(width, 844);
        assert_eq!(overflow(), 0, "at {width} px");
        let wide = browser.run(
            "return getComputedStyle(document.querySelector('.chart.wide')).display !== 'none'",
        );
        assert_eq!(wide, width >= 704, "at {width} px");
    }
    // Rows are cards, with the names of their columns, and sorted by a list.
    assert_eq!(
        browser.run("return getComputedStyle(document.querySelector('#denied td')).display"),
        "grid"
    );
    browser.run(
        "const list = document.querySelector('#denied select'); list.value = 0; list.dispatchEvent(new Event('change'))",
    );
    assert_eq!(shown(&browser)[0].0, 100);
}

#[test]
fn the_pointer_asks_a_chart() {
    let Some((_folder, browser)) = opened("the_pointer_asks_a_chart") else {
        return;
    };
    let said = browser.run(
        "const hit = document.querySelectorAll('#traffic .chart.wide .hit')[1];
         hit.dispatchEvent(new PointerEvent('pointerenter'));
         return document.querySelector('#traffic .readout').textContent",
    );
    assert_eq!(said, "0.5 s to 1 s: allowed 20, denied 3");
}

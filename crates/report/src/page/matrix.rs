//! Who with whom: a row for each end that sends, a column for each that receives, and a colour that says how much in powers of ten.

use maud::{Markup, html};

use crate::data::{Matrix, Pair};
use crate::words::grouped;

/// The matrix as a table that scrolls within itself.
pub(super) fn matrix(matrix: &Matrix) -> Markup {
    let most = matrix.pairs.iter().flatten().map(|pair| pair.allowed).max();
    html! {
        div.block {
            div.block-head { h3 { (matrix.title) } }
            div.scroll tabindex="0" role="region" aria-label=(matrix.title) {
                table.matrix {
                    thead {
                        tr {
                            th.corner scope="col" { "from \u{2193}  to \u{2192}" }
                            @for column in &matrix.columns { th scope="col" { (column) } }
                        }
                    }
                    tbody {
                        @for (name, pairs) in matrix.rows.iter().zip(&matrix.pairs) {
                            tr { th scope="row" { (name) } @for pair in pairs { (self::pair(*pair, most.unwrap_or(0))) } }
                        }
                    }
                }
            }
        }
    }
}

fn pair(pair: Pair, most: u64) -> Markup {
    let Pair { allowed, denied } = pair;
    html! {
        td class=(class(pair, most)) {
            @if allowed > 0 { (grouped(allowed)) }
            @if denied > 0 { span.denied { (grouped(denied)) " denied" } }
            @if allowed + denied == 0 { "0" }
        }
    }
}

/// The strongest colour for the most, and one step less for each power of ten below it.
fn class(Pair { allowed, denied }: Pair, most: u64) -> &'static str {
    const HEATS: [&str; 4] = ["heat-4", "heat-3", "heat-2", "heat-1"];
    match (allowed, denied) {
        (0, 0) => "nothing",
        (0, _) => "only-denied",
        (allowed, _) => HEATS[((most / allowed).checked_ilog10().unwrap_or(0) as usize).min(3)],
    }
}

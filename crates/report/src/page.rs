//! The page: head, bar, figures, sections. What a section has in it is the business of the modules below.

mod matrix;
mod table;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::chart::chart;
use crate::data::{Block, Figure, Page, Section};
use crate::policy::content_security_policy;

/// The style sheet of a page, its [`PALETTE`](crate::PALETTE) with it.
pub const STYLE: &str = concat!(
    include_str!("assets/palette.css"),
    include_str!("assets/page.css")
);
const SCRIPT: &str = include_str!("assets/page.js");

/// The page as HTML: one document that needs nothing else, and asks nobody for anything. The same data gives the same bytes.
#[must_use]
pub fn html(page: &Page) -> String {
    let policy = content_security_policy(STYLE, SCRIPT);
    let document = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="generator" content=(page.made_by);
                title { (page.title) " · secgroup" }
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body {
                (bar(page))
                main {
                    h1 { (page.title) }
                    p.lead { (page.lead) }
                    (figures(&page.figures))
                    (warnings(&page.warnings))
                    nav aria-label="Sections" {
                        @for section in &page.sections { a href={ "#" (section.id) } { (section.title) } }
                    }
                    @for part in &page.sections { (section(part)) }
                }
                footer { "Made by " (page.made_by) ". This page asks nobody for anything: keep it, send it, print it." }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    document.into_string()
}

fn bar(page: &Page) -> Markup {
    html! {
        header.bar {
            div {
                div.brand { "secgroup" span { (page.title) } }
                p.found #found role="status" {}
                div.search.scripted-only {
                    input #search type="search" placeholder="Search all tables" aria-label="Search all tables" autocomplete="off" spellcheck="false";
                    kbd aria-hidden="true" { "/" }
                }
                button.scripted-only #theme type="button" { "Theme: system" }
            }
        }
    }
}

fn figures(figures: &[Figure]) -> Markup {
    html! {
        dl.figures {
            @for figure in figures {
                div class={ "figure " (figure.tone.name()) } {
                    dt { (figure.name) }
                    dd.value { (figure.value) }
                    dd.beside { (figure.beside) }
                }
            }
        }
    }
}

fn warnings(warnings: &[String]) -> Markup {
    html! {
        @if !warnings.is_empty() {
            ul.warnings { @for warning in warnings { li { (warning) } } }
        }
    }
}

fn section(section: &Section) -> Markup {
    html! {
        section id=(section.id) aria-labelledby={ (section.id) "-title" } {
            h2 id={ (section.id) "-title" } { (section.title) }
            @if !section.note.is_empty() { p.note { (section.note) } }
            @for block in &section.blocks {
                @match block {
                    Block::Chart(data) => (chart(data)),
                    Block::Matrix(data) => (matrix::matrix(data)),
                    Block::Table(data) => (table::table(data)),
                    Block::Facts(facts) => (self::facts(facts)),
                    Block::Note(text) => div.block { p.note { (text) } },
                }
            }
        }
    }
}

fn facts(facts: &[(String, Vec<String>)]) -> Markup {
    html! {
        dl.facts {
            @for (name, values) in facts {
                dt { (name) }
                @for value in values { dd { (value) } }
            }
        }
    }
}

#[cfg(test)]
mod tests;

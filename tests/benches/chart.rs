//! The charts of docs/performance.md: horizontal bars as SVG, for light and dark pages.

use std::fmt::Write as _;

use crate::report::{Figures, Row};

const WIDTH: f64 = 780.0;
/// Where the bars begin, and the length of the longest.
const LEFT: f64 = 230.0;
const LONGEST: f64 = 480.0;
const BAR: f64 = 13.0;
/// Between two rows.
const GAP: f64 = 9.0;
const STYLE: &str = "text{font:12px system-ui,sans-serif;fill:#1f2328}.title{font-weight:600}\
    .s0{fill:#0969da}.s1{fill:#bc4c00}.s2{fill:#8250df}\
    @media(prefers-color-scheme:dark){text{fill:#e6edf3}.s0{fill:#58a6ff}.s1{fill:#f0883e}.s2{fill:#bc8cff}}";

/// Bars of one scale: a value of each series for each row.
struct Panel<'a> {
    title: &'a str,
    series: &'a [&'a str],
    rows: Vec<(String, Vec<f64>)>,
}

/// The cold start of each case with a whole CPU and with parts of one.
pub(crate) fn cold(figures: &Figures) -> String {
    let memories = [("cpu", "whole CPU"), ("256", "256 MB"), ("128", "128 MB")];
    let values = |row: &Row| {
        let total = |memory| row.cold.get(memory).map_or(0.0, |cold| cold.total);
        memories.map(|(memory, _)| total(memory)).to_vec()
    };
    let series = memories.map(|(_, title)| title);
    draw("Cold starts", &[Panel { title: "Cold start in ms", series: &series, rows: rows(figures, values) }])
}

/// The median and the CPU of a warm request of each case.
pub(crate) fn warm(figures: &Figures) -> String {
    let p50 = rows(figures, |row| vec![row.warm.p50]);
    let cpu = rows(figures, |row| vec![row.warm.cpu]);
    let p50 = Panel { title: "Warm request in ms (median)", series: &[], rows: p50 };
    let cpu = Panel { title: "CPU of a warm request in ms", series: &[], rows: cpu };
    draw("Warm requests", &[p50, cpu])
}

fn rows(figures: &Figures, values: impl Fn(&Row) -> Vec<f64>) -> Vec<(String, Vec<f64>)> {
    figures.rows.iter().map(|row| (format!("{}, {}", row.program, row.case), values(row))).collect()
}

fn draw(name: &str, panels: &[Panel<'_>]) -> String {
    let (mut body, mut y) = (String::new(), 20.0);
    for panel in panels {
        let _ = writeln!(body, r#"<text class="title" x="{LEFT}" y="{y}">{}</text>"#, panel.title);
        for (number, (title, x)) in panel.series.iter().zip([420.0, 530.0, 630.0]).enumerate() {
            let (top, text) = (y - 10.0, x + 16.0);
            let _ = write!(body, r#"<rect class="s{number}" x="{x}" y="{top}" width="11" height="11"/>"#);
            let _ = writeln!(body, r#"<text x="{text}" y="{y}">{title}</text>"#);
        }
        y += 14.0;
        let most =
            panel.rows.iter().flat_map(|(_, values)| values).fold(0.001_f64, |most, value| most.max(*value));
        for (label, values) in &panel.rows {
            let (x, middle) = (LEFT - 8.0, y + BAR * values.len() as f64 / 2.0 + 4.0);
            let _ = writeln!(body, r#"<text x="{x}" y="{middle}" text-anchor="end">{label}</text>"#);
            for (number, value) in values.iter().enumerate() {
                let (width, height, bottom) = (value / most * LONGEST, BAR - 2.0, y + BAR - 3.0);
                let text = LEFT + width + 5.0;
                let digits = if *value < 10.0 { 2 } else { 1 };
                let _ = write!(
                    body,
                    r#"<rect class="s{number}" x="{LEFT}" y="{y}" width="{width:.1}" height="{height}"/>"#
                );
                let _ = writeln!(body, r#"<text x="{text:.1}" y="{bottom}">{value:.digits$}</text>"#);
                y += BAR;
            }
            y += GAP;
        }
        y += 24.0;
    }
    let height = y - 24.0;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\" aria-label=\"{name}\">\n\
         <style>{STYLE}</style>\n{body}</svg>\n"
    )
}

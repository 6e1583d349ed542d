//! The picture of a ramp: calls that succeeded and failed above, response times below.
//!
//! Takes rows, gives the text of an SVG. It opens no file.

use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::coord::ranged1d::Ranged;
use plotters::coord::types::RangedCoordu32;
use plotters::prelude::*;

use crate::ramp::report::Row;

/// Size of the picture, pixels.
const SIZE: (u32, u32) = (900, 760);
/// A colour for each number of workers, in the order of the runs.
const COLOURS: [RGBColor; 2] = [RGBColor(60, 110, 180), RGBColor(200, 110, 40)];
/// The lowest response time that is drawn, as the scale is logarithmic: SIPp's clock has 1 ms.
const LEAST_MS: f64 = 0.5;

/// Draws the steps.
///
/// # Errors
/// When the drawing library refuses.
pub fn draw(rows: &[Row]) -> Result<String> {
    let mut svg = String::new();
    let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
    paint(&area, rows).map_err(|error| anyhow!("cannot draw: {error}"))?;
    drop(area);
    Ok(svg)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Painted = Result<(), Box<dyn std::error::Error>>;
/// A line: what it is called, what it shows of a row, how wide it is.
type Line = (&'static str, fn(&Row) -> f64, u32);

fn paint(area: &Area<'_>, rows: &[Row]) -> Painted {
    area.fill(&WHITE)?;
    let (above, below) = area.split_vertically(SIZE.1 / 2);
    let fastest = rows.iter().map(|row| row.asked).max().unwrap_or(1);
    let most = rows.iter().map(|row| row.totals.rate).fold(1.0, f64::max) * 1.1;
    let mut chart = ChartBuilder::on(&above)
        .caption("SIPp through Sluice: calls a second, failed calls in red", ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(64)
        .build_cartesian_2d(0..fastest, 0.0..most)?;
    chart.configure_mesh().x_desc("calls/s asked for").y_desc("calls/s begun").draw()?;
    lines(&mut chart, rows, &[("", |row| row.totals.rate, 2)])?;
    let failures = rows.iter().filter(|row| row.totals.failed > 0);
    chart.draw_series(failures.map(|row| {
        let label = Text::new(row.totals.failed.to_string(), (8, -6), ("sans-serif", 13));
        EmptyElement::at((row.asked, row.totals.rate)) + Cross::new((0, 0), 5, RED) + label
    }))?;

    let slowest = rows.iter().map(|row| row.p99_ms).fold(10.0, f64::max) * 1.5;
    let mut chart = ChartBuilder::on(&below)
        .caption("from INVITE to 200: p50, p90, p99", ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(64)
        .build_cartesian_2d(0..fastest, (LEAST_MS..slowest).log_scale())?;
    chart.configure_mesh().x_desc("calls/s asked for").y_desc("milliseconds").draw()?;
    lines(
        &mut chart,
        rows,
        &[
            ("p50", |row| row.p50_ms.max(LEAST_MS), 1),
            ("p90", |row| row.p90_ms.max(LEAST_MS), 2),
            ("p99", |row| row.p99_ms.max(LEAST_MS), 3),
        ],
    )?;
    area.present()?;
    Ok(())
}

/// A line for each number of workers and each figure.
fn lines<'a, Y>(
    chart: &mut ChartContext<'a, SVGBackend<'a>, Cartesian2d<RangedCoordu32, Y>>,
    rows: &[Row],
    figures: &[Line],
) -> Painted
where
    Y: Ranged<ValueType = f64>,
{
    let mut workers: Vec<u32> = rows.iter().map(|row| row.workers).collect();
    workers.dedup();
    for (count, colour) in workers.iter().zip(COLOURS.iter().cycle()) {
        for (name, figure, width) in figures {
            let own = rows.iter().filter(|row| row.workers == *count);
            let points = own.map(|row| (row.asked, figure(row)));
            let style = colour.stroke_width(*width);
            let what = if *count == 1 { "worker" } else { "workers" };
            chart
                .draw_series(LineSeries::new(points, style))?
                .label(format!("{count} {what} {name}"))
                .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 20, y)], style));
        }
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .border_style(BLACK.mix(0.3))
        .background_style(WHITE.mix(0.8))
        .draw()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ramp::report::tests::row;

    #[test]
    fn each_number_of_workers_has_its_lines_and_failures_are_marked() {
        let rows = [row(1, 500, 0), row(1, 1_000, 17), row(2, 500, 0), row(2, 1_000, 0)];
        let svg = draw(&rows).expect("drawn");
        assert!(svg.contains("1 worker p99") && svg.contains("2 workers p50"), "{svg}");
        assert_eq!(svg.matches(">\n17\n<").count(), 1, "{svg}");
        assert!(svg.trim_end().ends_with("</svg>"));
    }
}

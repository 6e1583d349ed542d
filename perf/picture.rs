//! The picture of a run: time a message by subject, a dot for each round.
//!
//! Takes rows, gives the text of an SVG. It opens no file.

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use crate::report::{Cost, median_of, subjects};

/// Size of the picture, pixels.
const SIZE: (u32, u32) = (900, 480);
/// Half a bar's width; subjects are 1 apart.
const HALF_BAR: f64 = 0.3;

/// Draws a run: a picture with this title.
///
/// # Errors
/// When the drawing library refuses.
pub fn draw<R: Cost>(rows: &[R], title: &str) -> Result<String> {
    let mut svg = String::new();
    let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
    paint(&area, rows, title).map_err(|error| anyhow!("cannot draw: {error}"))?;
    drop(area);
    Ok(svg)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Painted = Result<(), Box<dyn std::error::Error>>;

fn paint<R: Cost>(area: &Area<'_>, rows: &[R], title: &str) -> Painted {
    area.fill(&WHITE)?;
    let subjects = subjects(rows);
    let top = rows.iter().map(R::cpu_us).fold(1.0, f64::max) * 1.15;
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 20))
        .margin(16)
        .x_label_area_size(36)
        .y_label_area_size(56)
        .build_cartesian_2d(-0.5..subjects.len() as f64 - 0.5, 0.0..top)?;
    let name_at = |x: &f64| {
        let is_whole = (x - x.round()).abs() < 0.01;
        let subject = is_whole.then(|| subjects.get(x.round() as usize)).flatten();
        subject.map_or(String::new(), |subject| subject.name().to_owned())
    };
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(subjects.len() * 2 + 1)
        .x_label_formatter(&name_at)
        .y_desc("microseconds")
        .draw()?;
    for (at, subject) in subjects.iter().enumerate() {
        let x = at as f64;
        let user = median_of(rows, *subject, |row| row.user_system_us().0);
        let all = median_of(rows, *subject, R::cpu_us);
        let (left, right) = (x - HALF_BAR, x + HALF_BAR);
        let system_bar = [(left, user), (right, all)];
        chart.draw_series([
            Rectangle::new([(left, 0.0), (right, user)], RGBColor(60, 110, 180).filled()),
            Rectangle::new(system_bar, RGBColor(170, 195, 225).filled()),
        ])?;
        let label = format!("{all:.2} (user {user:.2})");
        chart.draw_series([Text::new(label, (left, all + top * 0.04), ("sans-serif", 14))])?;
        let own = rows.iter().filter(|row| row.subject() == *subject);
        chart.draw_series(own.map(|row| Circle::new((x, row.cpu_us()), 3, BLACK.filled())))?;
    }
    area.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::row;
    use crate::subject::Subject;

    #[test]
    fn each_subject_and_each_round_is_drawn() {
        let rows = [
            row(1, Subject::Reference, 3.0),
            row(1, Subject::Sluice, 4.0),
            row(2, Subject::Reference, 3.1),
            row(2, Subject::Sluice, 4.1),
        ];
        let svg = draw(&rows, "dispatch").expect("drawn");
        assert!(svg.contains("dispatch") && svg.contains("reference") && svg.contains("sluice"));
        assert_eq!(svg.matches("<circle").count(), rows.len());
        assert!(svg.trim_end().ends_with("</svg>"));
    }
}

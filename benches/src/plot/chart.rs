//! One picture of one or more panels side by side, each with its legend below it.

use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::Axis;
use crate::Outcome;

/// Width of one panel and height, in pixels.
const PANEL: (u32, u32) = (720, 620);
const INK: RGBColor = RGBColor(40, 40, 40);
const GRID: RGBColor = RGBColor(226, 226, 226);
/// Told apart by people who see few colours; the first one is ours.
const COLOURS: [RGBColor; 12] = [
    RGBColor(213, 40, 40),
    RGBColor(0, 100, 170),
    RGBColor(80, 170, 220),
    RGBColor(0, 140, 100),
    RGBColor(225, 140, 0),
    RGBColor(190, 100, 160),
    RGBColor(110, 110, 110),
    RGBColor(130, 80, 20),
    RGBColor(90, 60, 160),
    RGBColor(150, 160, 20),
    RGBColor(0, 0, 0),
    RGBColor(170, 170, 170),
];

/// A curve.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Series {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
}

/// A diagram with its axes.
#[derive(Debug, Clone)]
pub(super) struct Panel {
    pub(super) title: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) series: Vec<Series>,
}

/// Draws all panels beside each other.
pub(super) fn draw(path: &Path, panels: &[Panel]) -> Outcome<()> {
    let root = SVGBackend::new(path, (PANEL.0 * panels.len() as u32, PANEL.1)).into_drawing_area();
    root.fill(&WHITE)?;
    for (area, panel) in root.split_evenly((1, panels.len())).iter().zip(panels) {
        draw_panel(area, panel)?;
    }
    root.present()?;
    Ok(())
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

fn draw_panel(area: &Area<'_>, panel: &Panel) -> Outcome<()> {
    // Rows of the legend below the diagram, two entries each.
    let legend_height = 26 + 20 * panel.series.len().div_ceil(2) as u32;
    let (diagram, legend) = area.split_vertically(PANEL.1 - legend_height);
    let points = || panel.series.iter().flat_map(|series| series.points.iter().copied());
    let mut chart = ChartBuilder::on(&diagram)
        .margin(14)
        .margin_right(30)
        .caption(&panel.title, ("sans-serif", 19).into_font().color(&INK))
        .x_label_area_size(46)
        .y_label_area_size(66)
        .build_cartesian_2d(
            panel.x.ticks(points().map(|(x, _)| x)),
            panel.y.ticks(points().map(|(_, y)| y)),
        )?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(INK)
        .x_label_formatter(&|place| panel.x.text(*place))
        .y_label_formatter(&|place| panel.y.text(*place))
        .label_style(("sans-serif", 13).into_font().color(&INK))
        .axis_desc_style(("sans-serif", 14).into_font().color(&INK))
        .x_desc(&panel.x.label)
        .y_desc(&panel.y.label)
        .draw()?;
    // Ours last, on top.
    for (at, series) in panel.series.iter().enumerate().rev() {
        let points: Vec<(f64, f64)> =
            series.points.iter().map(|(x, y)| (panel.x.place(*x), panel.y.place(*y))).collect();
        let colour = COLOURS[at % COLOURS.len()];
        chart.draw_series(LineSeries::new(
            points.iter().copied(),
            colour.stroke_width(if at == 0 { 4 } else { 2 }),
        ))?;
        chart.draw_series(
            points.into_iter().map(|point| Circle::new(point, if at == 0 { 5 } else { 3 }, colour.filled())),
        )?;
    }
    draw_legend(&legend, panel)
}

fn draw_legend(legend: &Area<'_>, panel: &Panel) -> Outcome<()> {
    let text = ("sans-serif", 13).into_font().color(&INK).pos(Pos::new(HPos::Left, VPos::Center));
    for (at, series) in panel.series.iter().enumerate() {
        let (x, y) = (76 + 320 * (at as i32 % 2), 10 + 20 * (at as i32 / 2));
        let colour = COLOURS[at % COLOURS.len()];
        let line =
            PathElement::new(vec![(x, y), (x + 24, y)], colour.stroke_width(if at == 0 { 4 } else { 2 }));
        legend.draw(&line)?;
        legend.draw(&Circle::new((x + 12, y), if at == 0 { 5 } else { 3 }, colour.filled()))?;
        legend.draw(&Text::new(series.name.clone(), (x + 32, y), text.clone()))?;
    }
    Ok(())
}

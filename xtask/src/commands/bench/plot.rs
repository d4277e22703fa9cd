//! A plot of times by size, on logarithmic axes: what is linear is a straight line, and no steeper than the diagonals.

use std::fmt::Write;
use std::time::Duration;

use super::scaling::Series;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 460.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 170.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 50.0;

/// The exponents of the smallest and the largest size, and of the shortest and the longest time in milliseconds.
const SIZES: (i32, i32) = (1, 4);
const TIMES: (i32, i32) = (0, 5);

/// Colors that differ in lightness, too.
const COLORS: [&str; 5] = ["#0b5394", "#cc4125", "#38761d", "#a64d79", "#b45f06"];

/// The plot as a document of SVG.
pub(super) fn svg(machine: &str, all: &[Series]) -> String {
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\" role=\"img\">\n<title>Running time by size</title>\n<rect width=\"100%\" height=\"100%\" \
         fill=\"#fff\"/>\n"
    );
    let (low, high) = (y(milliseconds(TIMES.0)), y(milliseconds(TIMES.1)));
    for exponent in SIZES.0..=SIZES.1 {
        let (at, label) = (x(10_f64.powi(exponent)), 10_u64.pow(exponent.unsigned_abs()));
        let _ = writeln!(out, "<path d=\"M{at:.1} {high:.1}V{low:.1}\" stroke=\"#ddd\"/>");
        let _ = writeln!(out, "<text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label}</text>", low + 18.0);
    }
    let (left, right) = (x(10_f64.powi(SIZES.0)), x(10_f64.powi(SIZES.1)));
    for exponent in TIMES.0..=TIMES.1 {
        let at = y(milliseconds(exponent));
        let label = super::amount::Amount::Time(milliseconds(exponent));
        let _ = writeln!(out, "<path d=\"M{left:.1} {at:.1}H{right:.1}\" stroke=\"#ddd\"/>");
        let _ = writeln!(out, "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>", left - 8.0, at + 4.0);
    }
    for (series, color) in all.iter().zip(COLORS.iter().cycle()) {
        let points: Vec<String> =
            series.points.iter().map(|(size, time)| format!("{:.1},{:.1}", x(as_float(*size)), y(*time))).collect();
        let _ = writeln!(
            out,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2\"/>",
            points.join(" ")
        );
        for (size, time) in &series.points {
            let title = format!("{}, {size}: {}", series.name, super::amount::Amount::Time(*time));
            let (cx, cy) = (x(as_float(*size)), y(*time));
            let _ = writeln!(
                out,
                "<circle cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"3\" fill=\"{color}\"><title>{title}</title></circle>"
            );
        }
    }
    legend(&mut out, all, right);
    let _ = writeln!(out, "<text x=\"{LEFT}\" y=\"18\" fill=\"#555\">{}</text>", escaped(machine));
    out.push_str("</svg>\n");
    out
}

/// The names of the lines, from the top of their right ends to the bottom, without an overlap.
fn legend(out: &mut String, all: &[Series], right: f64) {
    let ends = all.iter().zip(COLORS.iter().cycle()).filter_map(|(series, color)| {
        let (_, time) = series.points.last()?;
        Some((y(*time), series.name, *color))
    });
    let mut ends: Vec<(f64, &str, &str)> = ends.collect();
    ends.sort_by(|left, right| left.0.total_cmp(&right.0));
    let mut free = f64::MIN;
    for (at, name, color) in ends {
        let at = at.max(free);
        free = at + 16.0;
        let _ = writeln!(out, "<text x=\"{:.1}\" y=\"{:.1}\" fill=\"{color}\">{name}</text>", right + 10.0, at + 4.0);
    }
}

fn milliseconds(exponent: i32) -> Duration {
    Duration::from_millis(10_u64.pow(exponent.unsigned_abs()))
}

#[expect(clippy::cast_precision_loss, reason = "sizes of a plot are small")]
fn as_float(size: usize) -> f64 {
    size as f64
}

fn x(size: f64) -> f64 {
    let share = (size.log10() - f64::from(SIZES.0)) / f64::from(SIZES.1 - SIZES.0);
    LEFT + share.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
}

fn y(time: Duration) -> f64 {
    let exponent = (time.as_secs_f64() * 1000.0).max(f64::MIN_POSITIVE).log10();
    let share = (exponent - f64::from(TIMES.0)) / f64::from(TIMES.1 - TIMES.0);
    HEIGHT - BOTTOM - share.clamp(0.0, 1.0) * (HEIGHT - TOP - BOTTOM)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_inside_and_names_do_not_overlap() {
        let points = |times: [u64; 2]| times.map(|time| (10, Duration::from_millis(time))).to_vec();
        let all = ["a", "b"].map(|name| Series { name, points: points([0, 10_000_000]) });
        let text = svg("<machine>", &all);
        assert!(text.contains("&lt;machine&gt;") && !text.contains("NaN") && !text.contains("inf"));
        let names: Vec<&str> =
            text.lines().filter(|line| line.ends_with(">a</text>") || line.ends_with(">b</text>")).collect();
        assert_eq!(names.len(), 2);
        assert!(names[0].contains("y=\"34.0\"") && names[1].contains("y=\"50.0\""), "{names:?}");
    }
}

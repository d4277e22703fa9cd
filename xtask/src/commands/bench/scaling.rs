//! Measures how the cost grows with the size of a workspace.

use std::time::Duration;

use diagnostics::Result;
use toolbox::progress::Progress;

use super::context::{COMPARES, Context};
use super::generated::{Edit, Shape};

/// The measured sizes.
const SIZES: [usize; 4] = [10, 100, 1000, 10_000];

/// The number of lines that are about a kilobyte.
const KILOBYTE: usize = 1000 / 35;

/// A number that grows, with the measured command and the workspace.
struct Dimension {
    name: &'static str,
    command: &'static [&'static str],
    shape: fn(usize) -> Shape,
}

const BASE: Shape = Shape { applications: 1, objects: 2, values: 10, lines: 10 };

/// The numbers that grow.
const DIMENSIONS: [Dimension; 5] = [
    Dimension { name: "targets: render", command: &["render"], shape: Shape::applications },
    Dimension { name: "objects: validate", command: &["validate"], shape: |size| Shape { objects: size, ..BASE } },
    Dimension { name: "values: ci", command: &["ci"], shape: |size| Shape { values: size, ..BASE } },
    Dimension { name: "template lines: ci", command: &["ci"], shape: |size| Shape { lines: size, ..BASE } },
    Dimension {
        name: "kilobytes: diff",
        command: &["diff", "--base", "HEAD"],
        shape: |size| Shape { lines: size * KILOBYTE, ..BASE },
    },
];

/// The measured times of something that grows, by its size.
#[derive(Debug, Clone)]
pub(super) struct Series {
    pub(super) name: &'static str,
    pub(super) points: Vec<(usize, Duration)>,
}

/// Measures everything that grows.
pub(super) fn measure(context: &Context<'_>) -> Result<Vec<Series>> {
    let mut all = Vec::new();
    for dimension in &DIMENSIONS {
        let mut points = Vec::new();
        for size in SIZES {
            context.session.printer.status("Measuring", &format!("{}, {size}", dimension.name));
            let shape = (dimension.shape)(size);
            let root = context.generated(shape)?;
            let compares = dimension.command.contains(&"diff");
            let edits = compares.then(|| Edit::accepted(&root, &context.scratch("cache"), &[0], shape)).transpose()?;
            points.push((size, context.warm(&root, dimension.command, &COMPARES)?));
            drop(edits);
        }
        all.push(Series { name: dimension.name, points });
    }
    Ok(all)
}

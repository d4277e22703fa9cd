//! The fields that Helm reads from Chart.yaml.

/// The fields of a chart.
pub const CHART: [&str; 17] = [
    "annotations",
    "apiVersion",
    "appVersion",
    "condition",
    "dependencies",
    "deprecated",
    "description",
    "home",
    "icon",
    "keywords",
    "kubeVersion",
    "maintainers",
    "name",
    "sources",
    "tags",
    "type",
    "version",
];

/// The fields of a dependency.
pub const DEPENDENCY: [&str; 8] =
    ["alias", "condition", "enabled", "import-values", "name", "repository", "tags", "version"];

/// The fields of a maintainer.
pub const MAINTAINER: [&str; 3] = ["email", "name", "url"];

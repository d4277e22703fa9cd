//! The arguments of the commands that create something: `image`, `seal`, and `new`.

use clap::Args;

/// `image`.
#[derive(Debug, Default, Args)]
pub struct Image {
    /// Images [default: all]
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,

    /// Also rebuild fresh images, without the build cache, for example to install newer packages
    #[arg(long)]
    pub force: bool,

    /// Value of an `ARG` of the Dockerfile, for example `BASE_IMAGE=registry.example.com/debian:bookworm-slim`
    #[arg(long = "build-arg", value_name = "NAME=VALUE")]
    pub build_args: Vec<String>,

    /// Push the images
    #[arg(long)]
    pub push: bool,

    /// Registry to push to, with an optional path, for example `ghcr.io/example` [default: that of the chart's values]
    #[arg(long, value_name = "REGISTRY", requires = "push")]
    pub registry: Option<String>,

    /// Platforms to build and push for, with provenance and an SBOM, for example `linux/amd64,linux/arm64`; requires
    /// docker with buildx [default: the platform of the engine]
    #[arg(long = "platform", value_name = "PLATFORM", value_delimiter = ',', requires = "push")]
    pub platforms: Vec<String>,
}

/// `seal`.
#[derive(Debug, Default, Args)]
pub struct Seal {
    /// The Application
    #[arg(value_name = "APP")]
    pub app: String,

    /// Name of the Secret [default: the only SealedSecret that the Application or one of its cases renders]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,

    /// Keys of the Secret, each with the file that contains its value; `-` is standard input
    #[arg(value_name = "KEY=FILE", required = true)]
    pub values: Vec<String>,
}

/// `new`.
#[derive(Debug, Default, Args)]
pub struct New {
    /// Name of the Application, its project, chart, and release
    #[arg(value_name = "APP")]
    pub app: String,

    /// Create an umbrella chart over this chart, at this exact version [default: a chart with a Deployment]
    #[arg(long, value_name = "NAME@VERSION", requires = "repository")]
    pub dependency: Option<String>,

    /// Helm repository of the dependency, `https://…` or `oci://…`
    #[arg(long, value_name = "URL", requires = "dependency")]
    pub repository: Option<String>,

    /// Destination namespace [default: the name of the Application]
    #[arg(long, value_name = "NAMESPACE")]
    pub namespace: Option<String>,
}

//! Renders, checks, and proves the charts of a GitOps repository exactly as Argo CD would deploy them.

pub mod archive;
pub mod diagnostic;
pub mod document;
pub mod environment;
pub mod process;
pub mod progress;

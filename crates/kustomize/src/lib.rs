//! Kustomizations: the options of an Application, the files that a build reads, Argo CD's commands, and what kustomize's
//! errors mean.
//!
//! Argo CD edits the kustomization file with `kustomize edit` and then runs `kustomize build`. This tool does the same on
//! a private copy of the files that the build reads, so that the work tree is not changed. kustomize runs without network:
//! what it would download, remote bases and charts, is found beforehand.

pub mod chart;
pub mod command;
pub mod errors;
pub mod inspect;
pub mod ksops;
pub mod kustomization;
pub mod options;
pub mod recipe;
pub mod remote;
pub mod stage;
pub mod stand_in;

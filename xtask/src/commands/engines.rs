//! Chooses the renders that the engine of a Helm version does instead of the helm command.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use diagnostics::{Code, Diagnostic, Diagnostics, Result};
use helm::batch::Batch;
use helm::batch_sources::TOOL;
use toolbox::tools::{State, Tools};

use crate::cli::EngineChoice;

/// The engines of a run, by the helm command in whose place they render.
#[derive(Debug, Default)]
pub struct Engines {
    choice: EngineChoice,
    known: Mutex<BTreeMap<PathBuf, Option<Arc<Batch>>>>,
    compares: AtomicBool,
}

impl Engines {
    /// No engine is started yet. The variable counts if the option is not given.
    pub fn new(option: Option<EngineChoice>, variable: Option<&str>) -> Result<Self> {
        let variable = variable.filter(|_| option.is_none()).map(|text| {
            <EngineChoice as clap::ValueEnum>::from_str(text, false).map_err(|_| {
                let message = format!("`XTASK_ENGINE` is `{text}`, which is not an engine");
                let help = "set it to `auto`, `helm`, or `batch`, or unset it";
                Diagnostics::from(Diagnostic::new(Code::Usage, message).help(help))
            })
        });
        let choice = option.or(variable.transpose()?).unwrap_or_default();
        Ok(Self { choice, ..Self::default() })
    }

    /// Whether a sample of renders is compared with the helm command: for `ci`.
    pub fn compare(&self) {
        self.compares.store(true, Ordering::Relaxed);
    }

    /// Whether a sample of renders is compared.
    #[must_use]
    pub fn compares(&self) -> bool {
        self.compares.load(Ordering::Relaxed)
    }

    /// The engine in the place of a helm command, also for one render: it starts faster than the command. It is started with
    /// the first command. Fails only if an engine is demanded.
    pub fn get(&self, tools: &Tools<'_>, helm: &Path, version: &str) -> Result<Option<Arc<Batch>>> {
        if self.choice == EngineChoice::Helm {
            return Ok(None);
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(engine) = known.get(helm) {
            return Ok(engine.clone());
        }
        let engine = match find(tools, helm, version, self.choice == EngineChoice::Batch) {
            Ok(engine) => Some(Arc::new(engine)),
            Err(unavailable) if self.choice == EngineChoice::Batch => return Err(unavailable),
            Err(_) => None,
        };
        known.insert(helm.to_owned(), engine.clone());
        Ok(engine)
    }

    /// The problems of the engines.
    #[must_use]
    pub fn findings(&self) -> Diagnostics {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = Diagnostics::default();
        for engine in known.values().flatten() {
            found.extend(engine.findings());
        }
        found
    }
}

/// Finds the engine of a version of Helm, and starts it if it is demanded.
fn find(tools: &Tools<'_>, helm: &Path, version: &str, demanded: bool) -> Result<Batch> {
    let unavailable = || {
        let message = format!("the render engine for Helm {version} is not available");
        Diagnostic::new(Code::ToolUnavailable, message)
    };
    let listed = tools.list(&[(TOOL, version)]).pop().map(|listed| listed.state);
    let program = match listed {
        Some(State::Found(tool)) => tool.path,
        Some(State::Missing { tried, help }) => {
            let mut missing = unavailable();
            missing.notes = tried;
            missing.helps = help;
            return Err(missing.into());
        }
        Some(State::Wrong(found)) => {
            return Err(found.0.into_iter().next().unwrap_or_else(unavailable).help("or set `--engine helm`").into());
        }
        None => return Err(unavailable().into()),
    };
    let engine = Batch::new(&program, helm);
    let advice = "install both with `cargo xtask tools install`, or set `--engine helm`";
    let why = |why: String| unavailable().note(why).note(format!("engine: {}", program.display())).help(advice);
    if demanded {
        engine.check().map_err(why)?;
    }
    Ok(engine)
}

//! Installs missing tools: by download or with Go, or tells how to do it by hand.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use diagnostics::{Code, Diagnostic, Result};

use super::miss::{Miss, variable};
use super::store::{self, Installed, Trust};
use super::{Origin, Tool, Tools, build, download, probe};
use crate::tools_lock::ToolPin;

impl Tools<'_> {
    /// Downloads or builds a tool; `tried` lists where it was searched for.
    pub(super) fn install_missing(&self, pin: &ToolPin, mut tried: Vec<String>, trust: Trust) -> Result<Tool> {
        let lock = self.store.lock(pin, self.progress)?;
        match self.store.look(pin, &self.machine.platform, trust) {
            // Another run installed it while this one waited for the lock.
            Installed::Sound => return Ok(Tool::new(pin, self.store.program(pin), Origin::Cache)),
            Installed::Missing => {}
            Installed::Damaged(why) => {
                self.progress.status("Replacing", &format!("{} {}: it {why}", pin.name, pin.version));
            }
        }
        let staging = self.store.staging(pin, &lock)?;
        match self.download(pin, staging.path()) {
            Ok(tool) => return Ok(tool),
            Err(Miss::Next(reason)) => tried.push(format!("download: {reason}")),
            Err(Miss::Stop(diagnostics)) => return Err(diagnostics),
        }
        match self.build(pin, staging.path()) {
            Ok(tool) => Ok(tool),
            Err(Miss::Next(reason)) => {
                tried.push(format!("go {}: {reason}", if pin.sources.is_some() { "build" } else { "install" }));
                Err(self.unavailable(pin, tried).into())
            }
            Err(Miss::Stop(diagnostics)) => Err(diagnostics),
        }
    }

    fn download(&self, pin: &ToolPin, staging: &Path) -> std::result::Result<Tool, Miss> {
        if self.offline {
            return Err(Miss::Next("skipped because of `--offline`".to_owned()));
        }
        let platform = &self.machine.platform;
        let bytes = download::program(pin, platform, self.progress)?;
        let program = staging.join("program");
        std::fs::write(&program, bytes)
            .and_then(|()| std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)))
            .map_err(|error| Miss::Stop(store::unwritable("write", &program, &error)))?;
        let answer = probe::ask(&program, &pin.version_args).map_err(Miss::Stop)?;
        if !answer.is(&pin.version) {
            // Its checksum matches, so the entry is inconsistent, or this machine cannot run it.
            let message = format!("the download of {} {} {}", pin.name, pin.version, answer.describe());
            let mismatch = Diagnostic::new(Code::ToolUnavailable, message)
                .at(pin.place.clone(), "expected this version")
                .note(format!("command: {} {}", pin.name, pin.version_args.join(" ")))
                .help("correct `version`, or `url` and `sha256`, in tools.lock; the download was discarded");
            return Err(Miss::Stop(mismatch.into()));
        }
        let recipe = store::download_recipe(pin.sum(platform).unwrap_or_default());
        self.installed(pin, staging, &program, &recipe, Origin::Downloaded)
    }

    fn build(&self, pin: &ToolPin, staging: &Path) -> std::result::Result<Tool, Miss> {
        let go = self.machine.on_path("go");
        let program = build::program(pin, go.as_deref(), staging, self.offline, self.progress)?;
        let answer = probe::ask(&program, &pin.version_args).map_err(Miss::Stop)?;
        if !answer.is(&pin.version) {
            return Err(Miss::Next(format!("the built program {}", answer.describe())));
        }
        self.installed(pin, staging, &program, &store::go_recipe(pin), Origin::Built)
    }

    fn installed(
        &self,
        pin: &ToolPin,
        staging: &Path,
        program: &Path,
        recipe: &str,
        origin: Origin,
    ) -> std::result::Result<Tool, Miss> {
        let path = self.store.put(pin, staging, program, recipe).map_err(Miss::Stop)?;
        self.progress.status("Installed", &format!("{} {} as {}", pin.name, pin.version, path.display()));
        Ok(Tool::new(pin, path, origin))
    }

    fn unavailable(&self, pin: &ToolPin, tried: Vec<String>) -> Diagnostic {
        let (name, version, platform) = (&pin.name, &pin.version, &self.machine.platform);
        let message = format!("`{name}` {version} is unavailable for {platform}");
        let mut error = Diagnostic::new(Code::ToolUnavailable, message);
        error.notes = tried;
        if self.offline && (pin.sum(platform).is_some() || pin.builds()) {
            error = error.help(format!("with network access, run `cargo xtask tools install {name}`"));
        }
        error.helps.extend(self.manual_installation(pin));
        error
    }

    /// How to install a missing tool: by this program, if it can, else by hand.
    pub(super) fn ways_to_install(&self, pin: &ToolPin) -> Vec<String> {
        let download = pin.url(&self.machine.platform).is_some() && pin.sum(&self.machine.platform).is_some();
        if download || pin.builds() && self.machine.on_path("go").is_some() {
            return vec![format!("run `cargo xtask tools install {}`", pin.name)];
        }
        self.manual_installation(pin)
    }

    /// How to install a tool without this program.
    fn manual_installation(&self, pin: &ToolPin) -> Vec<String> {
        let platform = &self.machine.platform;
        let mut steps = Vec::new();
        if let Some(url) = pin.url(platform) {
            steps.push(match pin.sum(platform) {
                Some(sum) => format!("download {url} by other means (sha256 {sum})"),
                None => format!("download {url} and verify its checksum, which tools.lock does not have"),
            });
        }
        if let Some(command) = build::command_line(pin) {
            let or = if steps.is_empty() { "" } else { "or " };
            steps.push(format!("{or}build it with Go: `{command}`"));
        }
        let then =
            if steps.is_empty() { format!("put {} {}", pin.name, pin.wanted()) } else { "then put it".to_owned() };
        steps.push(format!("{then} on PATH, or set `{}` to its path", variable(&pin.name)));
        steps
    }
}

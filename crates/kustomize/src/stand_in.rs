//! Programs that kustomize finds in place of plugins: this program itself, with an argument of its own.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use diagnostics::{Diagnostic, Result, Source};
use document::yaml;
use toolbox::process::quoted;

use crate::ksops;

/// The argument with which this program is KSOPS.
pub const KSOPS: &str = "--as-ksops";

/// Writes scripts that run this program as KSOPS into the home directories of kustomize, and returns the directory for PATH.
pub(crate) fn install(homes: &Path) -> Result<PathBuf> {
    let program =
        std::env::current_exe().map_err(|error| Diagnostic::io("find", Path::new("/proc/self/exe"), &error))?;
    let script = format!("#!/bin/sh\nexec {} {KSOPS} \"$@\"\n", quoted(&program.to_string_lossy()));
    let programs = homes.join("bin");
    write(&programs.join(ksops::KINDS[0]), &script)?;
    for kind in ksops::KINDS {
        write(&homes.join("config/kustomize/plugin").join(ksops::API_VERSION).join(kind).join(kind), &script)?;
    }
    Ok(programs)
}

fn write(path: &Path, script: &str) -> Result<()> {
    let failed = |error: std::io::Error| Diagnostic::io("write", path, &error);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    std::fs::write(path, script).map_err(failed)?;
    Ok(std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).map_err(failed)?)
}

/// What KSOPS prints. kustomize passes the configuration in a file, or in the list that a function reads.
pub fn ksops(arguments: &[String], input: impl Read, directory: &Path) -> std::result::Result<String, String> {
    let parse = |text: String| {
        let parsed = yaml::parse_one(&Source::new("configuration", text));
        parsed.map(|document| document.root).map_err(|_| "the configuration is not valid YAML".to_owned())
    };
    if let Some(file) = arguments.first() {
        let text = toolbox::regular_file::read_to_string(Path::new(file)).map_err(|error| error.to_string())?;
        return Ok(ksops::documents(&ksops::generate(&parse(text)?, directory)?));
    }
    let mut text = String::new();
    let mut input = input;
    input.read_to_string(&mut text).map_err(|error| error.to_string())?;
    let list = parse(text)?;
    let config = list.get("functionConfig").ok_or("the configuration is missing")?;
    Ok(ksops::resource_list(&ksops::generate(config, directory)?))
}

//! Sets `XTASK_BUILD` to a digest of the source code, which decides whether results in the cache are those of this tool.
//!
//! The digest is that of the sources rather than of the program: two checkouts compile different programs from the same
//! sources, and share results.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    // At runtime: two checkouts with one target directory may share this program.
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("..");
    let mut sources = vec![root.join("xtask/src"), root.join("xtask/build.rs"), root.join("Cargo.lock")];
    for entry in fs::read_dir(root.join("crates"))? {
        sources.push(entry?.path().join("src"));
    }
    sources.sort();
    let mut hasher = DefaultHasher::new();
    for source in &sources {
        emit(&format!("rerun-if-changed={}", source.display()));
        digest(&root, source, &mut hasher)?;
    }
    emit(&format!("rustc-env=XTASK_BUILD={} {:016x}", env!("CARGO_PKG_VERSION"), hasher.finish()));
    Ok(())
}

/// Adds the names and contents of all files at or below a path.
fn digest(root: &Path, path: &Path, hasher: &mut DefaultHasher) -> io::Result<()> {
    if path.is_dir() {
        let mut entries: Vec<PathBuf> =
            fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
        entries.sort();
        return entries.iter().try_for_each(|entry| digest(root, entry, hasher));
    }
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().hash(hasher);
    fs::read(path)?.hash(hasher);
    Ok(())
}

fn emit(line: &str) {
    println!("cargo:{line}");
}

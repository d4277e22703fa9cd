//! The machine on which a run measures.

/// Its processor, its cores, and its system, in one line.
pub(super) fn describe() -> String {
    let cores = toolbox::parallel::cores();
    let processor = toolbox::regular_file::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let name = text.lines().find_map(|line| line.strip_prefix("model name"))?;
        Some(name.trim_start_matches([' ', '\t', ':']).to_owned())
    });
    let system = toolbox::regular_file::read_to_string("/proc/sys/kernel/osrelease");
    let system = system.map_or_else(|_| std::env::consts::OS.to_owned(), |release| format!("Linux {}", release.trim()));
    let processor = processor.unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    format!("{processor}, {}, {system}", diagnostics::wording::plural(cores, "core"))
}

//! The paths of entries.

/// The size limit of a path, in bytes, and in parts.
const MAX_PATH: usize = 4096;
const MAX_DEPTH: usize = 64;

/// The path of an entry, or a predicate of the entry if readers could interpret its path differently.
pub(super) fn plain_path(raw: &[u8], directory: bool) -> std::result::Result<String, &'static str> {
    let path = std::str::from_utf8(raw).map_err(|_| "has a path that is not UTF-8")?;
    let path = if directory { path.strip_suffix('/').unwrap_or(path) } else { path };
    if path.starts_with('/') || path.split(['/', '\\']).any(|part| part == "..") {
        return Err("points outside the archive");
    }
    if path.contains('\\') {
        return Err("has a backslash in its path");
    }
    if path.contains(char::is_control) {
        return Err("has a control character in its path");
    }
    if !directory && path.ends_with('/') {
        return Err("ends in a slash, but is not a directory");
    }
    if path.split('/').any(|part| part.is_empty() || part == ".") {
        return Err("has an empty part or `.` in its path");
    }
    if path.len() > MAX_PATH || path.split('/').count() > MAX_DEPTH {
        return Err("has a path that is too long");
    }
    Ok(path.to_owned())
}

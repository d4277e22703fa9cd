//! The Helm command line that Argo CD derives from an Application.
//!
//! Source: `helmTemplate` and `Cmd.template` of Argo CD 3.5. Argo CD passes `--set` arguments in the random order of a
//! Go map; here they are sorted, and [`overlaps`] finds parameters whose order matters.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use toolbox::archive::sha256;

use crate::set_path;

/// The arguments of `helm template`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each decides about a flag of its own")]
pub struct Recipe {
    /// `--name-template`.
    pub release: String,
    /// `--namespace`, unless empty.
    pub namespace: String,
    /// `--kube-version`, `major.minor.patch`.
    pub kube_version: String,
    /// `--set`: paths and values, after substitution.
    pub set: BTreeMap<String, String>,
    /// `--set-string`: likewise.
    pub set_string: BTreeMap<String, String>,
    /// `--set-file`: paths of values, and absolute paths of files.
    pub set_file: BTreeMap<String, PathBuf>,
    /// `--values`: absolute paths; later files override earlier ones.
    pub value_files: Vec<PathBuf>,
    /// The inline values of the Application as YAML; they override the value files.
    pub inline_values: Option<String>,
    /// The absolute path of the case's value file; it overrides all values but those of `--set`.
    pub case_file: Option<PathBuf>,
    /// `--api-versions`.
    pub api_versions: Vec<String>,
    /// `--include-crds`.
    pub include_crds: bool,
    /// `--skip-schema-validation`.
    pub skip_schema_validation: bool,
    /// Whether value files are encrypted, so that they do not match a schema for the decrypted values.
    pub encrypted_values: bool,
    /// `--skip-tests`.
    pub skip_tests: bool,
}

impl Recipe {
    /// The arguments, with the path of the file that contains the inline values.
    #[must_use]
    pub fn args(&self, inline_values: Option<&Path>) -> Vec<OsString> {
        let mut args: Vec<OsString> = ["template", ".", "--name-template", &self.release].map(Into::into).to_vec();
        let mut flag = |name: &str, value: OsString| args.extend([name.into(), value]);
        if !self.namespace.is_empty() {
            flag("--namespace", self.namespace.clone().into());
        }
        flag("--kube-version", self.kube_version.clone().into());
        for (key, value) in &self.set {
            flag("--set", format!("{key}={}", escaped(value)).into());
        }
        for (key, value) in &self.set_string {
            flag("--set-string", format!("{key}={}", escaped(value)).into());
        }
        for (key, file) in &self.set_file {
            flag("--set-file", format!("{key}={}", escaped(&file.to_string_lossy())).into());
        }
        let files = self.value_files.iter().map(PathBuf::as_path).chain(inline_values).chain(self.case_file.as_deref());
        for file in files {
            flag("--values", listed(file));
        }
        for version in &self.api_versions {
            flag("--api-versions", version.clone().into());
        }
        for (given, name) in [
            (self.include_crds, "--include-crds"),
            (self.skip_schema_validation || self.encrypted_values, "--skip-schema-validation"),
            (self.skip_tests, "--skip-tests"),
        ] {
            if given {
                args.push(name.into());
            }
        }
        args
    }

    /// The absolute paths of all files among the arguments.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.value_files.iter().chain(self.set_file.values()).chain(&self.case_file).map(PathBuf::as_path)
    }

    /// The digest of the arguments and the inline values, with files by names that do not depend on where they are.
    ///
    /// File contents and the Kubernetes version are separate inputs.
    #[must_use]
    pub fn digest(&self, name: impl Fn(&Path) -> String) -> String {
        let relative = |path: &Path| PathBuf::from(name(path));
        let portable = Self {
            kube_version: String::new(),
            set_file: self.set_file.iter().map(|(key, path)| (key.clone(), relative(path))).collect(),
            value_files: self.value_files.iter().map(|path| relative(path)).collect(),
            case_file: self.case_file.as_deref().map(relative),
            ..self.clone()
        };
        let mut text = String::new();
        for word in portable.args(self.inline_values.as_ref().map(|_| Path::new("inline-values"))) {
            text.push_str(&word.to_string_lossy());
            text.push('\0');
        }
        text.push_str(self.inline_values.as_deref().unwrap_or_default());
        format!("sha256:{}", sha256(text.as_bytes()))
    }
}

/// A path for a flag that Helm splits at commas, quoted if necessary.
fn listed(path: &Path) -> OsString {
    let text = path.to_string_lossy();
    if text.contains([',', '"']) { format!("\"{}\"", text.replace('"', "\"\"")).into() } else { path.into() }
}

/// A parameter's value as Argo CD escapes it: unescaped commas, except in a `{a,b}` list.
fn escaped(value: &str) -> String {
    if value.starts_with('{') && value.ends_with('}') {
        return value.to_owned();
    }
    let mut out = String::with_capacity(value.len());
    let mut previous = None;
    for c in value.chars() {
        if c == ',' && previous != Some('\\') {
            out.push('\\');
        }
        out.push(c);
        previous = Some(c);
    }
    out
}

/// Pairs of parameters of one flag (`--set`, `--set-string`, or `--set-file`) of which one sets a value inside the other,
/// so that the result depends on their order.
#[must_use]
pub fn overlaps(recipe: &Recipe) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let set: Vec<&String> = recipe.set.keys().collect();
    let set_string: Vec<&String> = recipe.set_string.keys().collect();
    let set_file: Vec<&String> = recipe.set_file.keys().collect();
    for keys in [set, set_string, set_file] {
        let keys: Vec<(&String, Vec<String>)> =
            keys.into_iter().filter_map(|key| Some((key, set_path::read(key)?))).collect();
        for (outer, shorter) in &keys {
            for (inner, longer) in &keys {
                if shorter.len() < longer.len() && longer.starts_with(shorter) {
                    found.push(((*outer).clone(), (*inner).clone()));
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_have_argo_cds_order() {
        let recipe = Recipe {
            release: "web".into(),
            namespace: "apps".into(),
            kube_version: "1.34.11".into(),
            set: [("b".into(), "1,2".into()), ("a".into(), "{x,y}".into())].into(),
            set_string: [("c".into(), "yes".into())].into(),
            set_file: [("d".into(), "/r/f".into())].into(),
            value_files: vec!["/r/1.yaml".into(), "/r/2.yaml".into()],
            inline_values: Some("x: 1".into()),
            case_file: Some("/r/ci/case-values.yaml".into()),
            api_versions: vec!["a/v1".into()],
            include_crds: true,
            skip_schema_validation: true,
            encrypted_values: false,
            skip_tests: true,
        };
        let args: Vec<_> =
            recipe.args(Some(Path::new("/tmp/v"))).into_iter().map(|arg| arg.into_string().expect("UTF-8")).collect();
        assert_eq!(
            args.join(" "),
            "template . --name-template web --namespace apps --kube-version 1.34.11 --set a={x,y} --set b=1\\,2 \
             --set-string c=yes --set-file d=/r/f --values /r/1.yaml --values /r/2.yaml --values /tmp/v \
             --values /r/ci/case-values.yaml --api-versions a/v1 --include-crds --skip-schema-validation --skip-tests"
        );
    }

    #[test]
    fn commas_are_escaped_once() {
        for (value, expected) in [("a,b", "a\\,b"), ("a\\,b", "a\\,b"), ("{a,b}", "{a,b}"), ("{a", "{a"), ("", "")] {
            assert_eq!(escaped(value), expected);
        }
    }

    #[test]
    fn a_value_inside_another_overlaps() {
        let set = ["a", "a.b", "a.b[0]", "ab", "c[0]", "c[1]", r"d\.e", "d"];
        let recipe =
            Recipe { set: set.iter().map(|key| ((*key).to_owned(), String::new())).collect(), ..Recipe::default() };
        let pairs = overlaps(&recipe);
        assert_eq!(
            pairs.iter().map(|(outer, inner)| format!("{outer} {inner}")).collect::<Vec<_>>(),
            ["a a.b", "a a.b[0]", "a.b a.b[0]"]
        );
    }

    #[test]
    fn the_digest_is_independent_of_the_root() {
        let at = |root: &str| Recipe { value_files: vec![format!("{root}/x.yaml").into()], ..Recipe::default() };
        let digest =
            |root: &'static str, recipe: Recipe| recipe.digest(|path| toolbox::inputs::name(Path::new(root), path));
        assert_eq!(digest("/a", at("/a")), digest("/b/c", at("/b/c")));
        assert_ne!(digest("/a", at("/a")), digest("/a", Recipe::default()));
    }
}

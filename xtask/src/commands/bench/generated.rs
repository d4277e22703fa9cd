//! Workspaces of any size, with the goldens that Helm would render: their templates contain only actions that print a
//! value, so that recording them starts no program.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use diagnostics::{Code, Diagnostic, Result};
use golden::lock::{self, Lock};
use toolbox::process::{self, Invocation};
use workspace::{Workspace, plan};

/// The shape of a generated workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Shape {
    /// The number of Applications, each with a chart of its own.
    pub(super) applications: usize,
    /// The number of objects of each, all but one of them ConfigMaps.
    pub(super) objects: usize,
    /// The number of values of each chart.
    pub(super) values: usize,
    /// The number of lines in the data of each ConfigMap, which the templates contain.
    pub(super) lines: usize,
}

impl Shape {
    /// Applications of ten objects.
    pub(super) const fn applications(applications: usize) -> Self {
        Self { applications, objects: 10, values: 10, lines: 10 }
    }

    /// The name of its directory.
    pub(super) fn name(self) -> String {
        let Self { applications, objects, values, lines } = self;
        format!("{applications}-{objects}-{values}-{lines}")
    }
}

/// The URL of the generated repositories.
pub(super) const REPOSITORY: &str = "https://git.example.com/generated.git";

/// The number of Applications up to which everything is committed.
const COMMITTED: usize = 1000;

/// The name of an Application, and of its chart.
pub(super) fn name(index: usize) -> String {
    format!("app-{index:05}")
}

/// The path of the values of an Application.
pub(super) fn values_file(index: usize) -> String {
    format!("charts/{}/values.yaml", name(index))
}

/// Writes a workspace, and commits it. `own` is the workspace whose schemas and versions it has.
pub(super) fn write(root: &Path, own: &Workspace, cache: &Path, shape: Shape) -> Result<()> {
    let (argocd, kubernetes) = (own.config.argocd.version, &own.config.kubernetes);
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    let mut versions = format!("[argocd]\nversion = \"{argocd}\"\n\n[kubernetes]\nversion = \"{kubernetes}\"\n");
    if let Ok(kubeconform) = own.config.tool("kubeconform") {
        let _ = write!(versions, "\n[tools]\nkubeconform = \"{kubeconform}\"\n");
    }
    files.insert(workspace::CONFIG_FILE.to_owned(), format!("repository = \"{REPOSITORY}\"\n\n{versions}"));
    files.insert("argocd/projects/apps.yaml".to_owned(), project());
    let mut outputs: BTreeMap<String, BTreeMap<String, Vec<u8>>> = BTreeMap::new();
    for index in 0..shape.applications {
        let name = name(index);
        files.insert(format!("argocd/apps/{name}.yaml"), application(&name));
        files.insert(format!("charts/{name}/Chart.yaml"), format!("apiVersion: v2\nname: {name}\nversion: 0.1.0\n"));
        files.insert(values_file(index), values(shape.values));
        if shape.values <= WITH_SCHEMA {
            files.insert(format!("charts/{name}/values.schema.json"), schema(shape.values));
        }
        let rendered = outputs.entry(name.clone()).or_default();
        for number in 0..shape.objects {
            let (file, template, golden) = object(&name, number, shape);
            let path = format!("templates/{file}");
            let text = format!("# Source: {name}/{path}\n{}", rendering(&template, &name));
            rendered.insert(golden, text.into_bytes());
            files.insert(format!("charts/{name}/{path}"), template);
        }
    }
    for (path, text) in &files {
        put(&root.join(path), text.as_bytes())?;
    }
    copy(&own.root.join("schemas"), &root.join("schemas"))?;
    record(root, cache, outputs)?;
    commit(root, shape.applications <= COMMITTED)
}

/// Writes the goldens, with the digests of what they are rendered from.
fn record(root: &Path, cache: &Path, mut outputs: BTreeMap<String, BTreeMap<String, Vec<u8>>>) -> Result<()> {
    let (workspace, mut diagnostics) = Workspace::load(root, cache)?;
    let (targets, found) = plan::plan(&workspace, workspace.config.argocd, &[]);
    diagnostics.extend(found);
    if diagnostics.has_errors() {
        return Err(diagnostics);
    }
    for target in targets {
        let files = outputs.remove(&target.id.app).unwrap_or_default();
        let digests =
            files.iter().map(|(name, bytes)| (name.as_str().into(), golden::digest_of(bytes).into())).collect();
        let lock = Lock::of(target.inputs.all(), digests, &[]);
        let folder = root.join(golden::FOLDER).join(target.id.to_string());
        for (name, bytes) in &files {
            put(&folder.join(name), bytes)?;
        }
        put(&folder.join(lock::FILE), lock.to_text().as_bytes())?;
    }
    Ok(())
}

/// Makes a directory a repository, with its files in a commit where that takes no minutes.
pub(super) fn commit(root: &Path, everything: bool) -> Result<()> {
    let Some(git) = process::on_path("git") else { return Ok(()) };
    let settings = ["-c", "user.name=bench", "-c", "user.email=bench@example.com", "-c", "gc.auto=0"];
    let mut steps: Vec<&[&str]> = vec![&["init", "--quiet", "--initial-branch=main", "."]];
    if everything {
        steps.extend([["add", "--all"].as_slice(), &["commit", "--quiet", "--message", "Generate"]]);
    }
    for step in steps {
        let output = Invocation::new(&git, root).args(settings).args(step.iter().copied()).run()?;
        if !output.success() {
            return Err(Diagnostic::new(Code::Usage, "git failed").note(output.stderr).into());
        }
    }
    Ok(())
}

fn project() -> String {
    format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: AppProject\nmetadata:\n  name: apps\n  namespace: argocd\nspec:\n  \
         sourceRepos: [\"{REPOSITORY}\"]\n  destinations:\n    - server: https://kubernetes.default.svc\n      \
         namespace: app-*\n"
    )
}

fn application(name: &str) -> String {
    format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata:\n  name: {name}\n  namespace: argocd\nspec:\n  \
         project: apps\n  source:\n    repoURL: {REPOSITORY}\n    targetRevision: main\n    path: charts/{name}\n  \
         destination:\n    server: https://kubernetes.default.svc\n    namespace: {name}\n"
    )
}

/// The value that templates print.
const MESSAGE: &str = "hello";

fn values(count: usize) -> String {
    let mut text = format!("message: {MESSAGE}\n");
    for number in 1..count {
        // Short, because Helm reads at most 5 MiB.
        let _ = writeln!(text, "k{number:x}: 1");
    }
    text
}

/// The number of values up to which a chart has a schema of them.
const WITH_SCHEMA: usize = 100;

/// A schema of the values, so that `lint` finds nothing.
fn schema(count: usize) -> String {
    let numbers = (1..count).map(|number| format!(",\n    \"k{number:x}\": {{\"type\": \"integer\"}}"));
    format!(
        "{{\n  \"$schema\": \"http://json-schema.org/draft-07/schema#\",\n  \"type\": \"object\",\n  \
         \"additionalProperties\": false,\n  \"properties\": {{\n    \"message\": {{\"type\": \"string\"}}{}\n  \
         }}\n}}\n",
        numbers.collect::<String>()
    )
}

/// Reads all values, so that none is unknown, and prints nothing.
const READ_ALL: &str = "{{- range $key, $value := .Values }}{{- if not $value }}{{- fail $key }}{{- end }}{{- end }}";

/// The text that Helm renders from a template for a release.
fn rendering(template: &str, release: &str) -> String {
    template.replace(READ_ALL, "").replace("{{ .Release.Name }}", release).replace("{{ .Values.message }}", MESSAGE)
}

/// A template, its file, and the name of the golden with what it renders.
fn object(release: &str, number: usize, shape: Shape) -> (String, String, String) {
    if number == 0 {
        let text = format!(
            "apiVersion: v1\nkind: Service\nmetadata:\n  name: {{{{ .Release.Name }}}}\nspec:\n  type: ExternalName\n  \
             externalName: web.example.com{READ_ALL}\n"
        );
        return ("service.yaml".to_owned(), text, format!("service-{release}.yaml"));
    }
    let mut text = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{{{ .Release.Name }}}}-{number}\ndata:\n  message: \
         \"{{{{ .Values.message }}}}\"\n"
    );
    for line in 0..shape.lines {
        let _ = writeln!(text, "  line-{line}: \"line {line} of object {number}\"");
    }
    (format!("config-{number}.yaml"), text, format!("configmap-{release}-{number}.yaml"))
}

pub(super) fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder).map_err(|error| Diagnostic::io("create", folder, &error))?;
    std::fs::write(path, bytes).map_err(|error| Diagnostic::io("write", path, &error).into())
}

/// Copies the files of a directory, if it exists.
pub(super) fn copy(from: &Path, to: &Path) -> Result<()> {
    if !from.is_dir() {
        return Ok(());
    }
    for file in golden::store::files(from)? {
        let bytes = toolbox::regular_file::read(&file).map_err(|error| Diagnostic::io("read", &file, &error))?;
        put(&to.join(file.strip_prefix(from).unwrap_or(&file)), &bytes)?;
    }
    Ok(())
}

/// Changes a file of a workspace, and restores it when it is dropped.
pub(super) struct Edit {
    path: std::path::PathBuf,
    before: Vec<u8>,
}

impl Edit {
    /// Replaces a text in a file.
    pub(super) fn replace(root: &Path, file: &str, from: &str, to: &str) -> Result<Self> {
        let path = root.join(file);
        let before = toolbox::regular_file::read(&path).map_err(|error| Diagnostic::io("read", &path, &error))?;
        let text = String::from_utf8_lossy(&before).replacen(from, to, 1);
        put(&path, text.as_bytes())?;
        Ok(Self { path, before })
    }

    /// Changes the value that the templates of an Application print.
    pub(super) fn message(root: &Path, index: usize) -> Result<Self> {
        Self::replace(root, &values_file(index), MESSAGE, "goodbye")
    }

    /// The same, with goldens that contain the change.
    pub(super) fn accepted(root: &Path, cache: &Path, indexes: &[usize], shape: Shape) -> Result<Vec<Self>> {
        let mut edits = Vec::new();
        for index in indexes {
            edits.push(Self::message(root, *index)?);
            let target = format!("{}/{}/default", golden::FOLDER, name(*index));
            for number in 1..shape.objects {
                let file = format!("{target}/configmap-{}-{number}.yaml", name(*index));
                edits.push(Self::replace(root, &file, MESSAGE, "goodbye")?);
            }
            edits.push(Self::replace(root, &format!("{target}/{}", lock::FILE), "", "")?);
        }
        relock(root, cache, indexes)?;
        Ok(edits)
    }

    /// Changes a line of the first ConfigMap of an Application, in its template and in its golden.
    pub(super) fn one_line(root: &Path, cache: &Path, index: usize) -> Result<Vec<Self>> {
        let name = name(index);
        let target = format!("{}/{name}/default", golden::FOLDER);
        let files = [format!("charts/{name}/templates/config-1.yaml"), format!("{target}/configmap-{name}-1.yaml")];
        let mut edits = Vec::new();
        for file in files {
            edits.push(Self::replace(root, &file, "\"line 0 of", "\"another line of")?);
        }
        edits.push(Self::replace(root, &format!("{target}/{}", lock::FILE), "", "")?);
        relock(root, cache, &[index])?;
        Ok(edits)
    }
}

impl Drop for Edit {
    fn drop(&mut self) {
        let _ = std::fs::write(&self.path, &self.before);
    }
}

/// Writes the locks of some Applications again.
fn relock(root: &Path, cache: &Path, indexes: &[usize]) -> Result<()> {
    let (workspace, _) = Workspace::load(root, cache)?;
    let names: Vec<String> = indexes.iter().map(|index| name(*index)).collect();
    let (targets, found) = plan::plan(&workspace, workspace.config.argocd, &names);
    if found.has_errors() {
        return Err(found);
    }
    for target in targets {
        let golden = golden::Golden::load(root, &target.id)?;
        let digests =
            golden.files.iter().map(|(name, bytes)| (name.as_str().into(), golden::digest_of(bytes).into())).collect();
        let lock = Lock::of(target.inputs.all(), digests, &[]);
        put(&root.join(&golden.folder).join(lock::FILE), lock.to_text().as_bytes())?;
    }
    Ok(())
}

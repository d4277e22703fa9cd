//! What the tool tells people: a code, a message, a place, and a way out.
//!
//! Every problem, in any stage, is a [`Diagnostic`]. Stages collect them and go on where they can; only `report`
//! prints them. A diagnostic's [`Code`] decides how bad it is and which exit code it leads to.
//!
//! Deliberately absent: printing, colours, and any knowledge of what a stage does.

pub mod fold;

use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

pub use self::fold::Origin;

/// A text that diagnostics point into: a file of the workspace, by the name that people know it by.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// Path relative to the workspace root where it lies inside, else absolute.
    pub name: String,
    /// The whole text.
    pub text: String,
}

impl Source {
    /// A source from its name and text.
    #[must_use]
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { name: name.into(), text: text.into() })
    }
}

/// Where something was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub source: Arc<Source>,
    /// Bytes of the text that are meant; `None` means the file as a whole.
    pub span: Option<Range<usize>>,
}

impl Place {
    /// A stretch of a file.
    #[must_use]
    pub fn new(source: &Arc<Source>, span: Range<usize>) -> Self {
        Self { source: Arc::clone(source), span: Some(span) }
    }

    /// A file as a whole, or one whose text is of no use (binary, missing).
    #[must_use]
    pub fn file(name: impl Into<String>) -> Self {
        Self { source: Source::new(name, ""), span: None }
    }

    /// A line of a file, from its first to its last character that is not white space; `line` counts from 1.
    #[must_use]
    pub fn line(source: &Arc<Source>, line: usize) -> Self {
        let mut start = 0;
        for (index, text) in source.text.split_inclusive('\n').enumerate() {
            if index + 1 == line {
                let indent = text.len() - text.trim_start().len();
                let end = start + text.trim_end().len();
                return Self::new(source, (start + indent).min(end)..end);
            }
            start += text.len();
        }
        Self { source: Arc::clone(source), span: None }
    }

    /// Line and column, both counted from 1, the column in characters.
    #[must_use]
    pub fn position(&self) -> Option<(usize, usize)> {
        let start = self.span.as_ref()?.start.min(self.source.text.len());
        let before = self.source.text.get(..start)?;
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Some((line, column))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position() {
            Some((line, column)) => write!(f, "{}:{line}:{column}", self.source.name),
            None => f.write_str(&self.source.name),
        }
    }
}

/// Which exit code a diagnostic leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Told, and nothing more: the exit code stays 0.
    Warning,
    /// A check found something: 1.
    Finding,
    /// Usage or configuration, including what Helm refuses of a chart or its values: 2.
    Configuration,
    /// A tool, a dependency or a cluster could not be had, or failed: 3.
    Unavailable,
}

macro_rules! codes {
    ($($variant:ident $name:literal $class:ident $about:literal)*) => {
        /// The kind of a diagnostic. Codes are part of the tool's interface: `--format json` carries them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $(#[doc = $about] $variant,)*
        }

        impl Code {
            /// All codes, in order of name.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name people see: `error[values-file-missing]`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// How bad it is.
            #[must_use]
            pub fn class(self) -> Class {
                match self { $(Self::$variant => Class::$class),* }
            }

            /// One line on what it means.
            #[must_use]
            pub fn about(self) -> &'static str {
                match self { $(Self::$variant => $about),* }
            }
        }
    };
}

codes! {
    AnnotationUnknown "annotation-unknown" Finding "an annotation that Argo CD does not know, or a value that it passes over"
    ApplicationDestination "application-destination" Finding "an Application does not say plainly where it is deployed"
    ApplicationDuplicate "application-duplicate" Configuration "two Applications have one name"
    ApplicationFinalizer "application-finalizer" Finding "an Application that defines kinds deletes what it deployed when it is deleted"
    ApplicationInvalid "application-invalid" Configuration "an Argo CD Application says something that cannot be"
    ApplicationProject "application-project" Finding "an Application has no project of its own"
    ApplicationRelease "application-release" Finding "the name of a release is not set once, or two Applications share one"
    ApplicationSync "application-sync" Finding "a sync policy leaves open what Argo CD does"
    ApplicationUnsupported "application-unsupported" Configuration "an Application uses something that this tool does not render yet"
    ArchiveTampered "archive-tampered" Unavailable "a chart archive is not what charts.lock pins"
    ArchiveUnsafe "archive-unsafe" Unavailable "an archive holds a path that would leave its folder"
    ArgocdField "argocd-field" Finding "a field of an Application or AppProject that Argo CD does not know, or cannot read"
    BranchUncovered "branch-uncovered" Finding "a branch of a template, or a whole template, that no case renders"
    ChartInvalid "chart-invalid" Configuration "a chart's own files do not hold together"
    ChartLockOutdated "chart-lock-outdated" Configuration "Chart.lock does not match Chart.yaml"
    ChartMissing "chart-missing" Configuration "an Application points at a folder that is no chart"
    ChartVersionUnraised "chart-version-unraised" Finding "a chart changed since the base revision, and its version did not rise"
    ClusterBusy "cluster-busy" Unavailable "another run uses the cluster"
    ClusterFailed "cluster-failed" Unavailable "a cluster could not be made, or stopped answering"
    ClusterImage "cluster-image" Unavailable "an image that the cluster needs could not be had"
    ClusterLeft "cluster-left" Unavailable "a cluster could not be removed"
    ClusterRefused "cluster-refused" Unavailable "this machine cannot carry a cluster"
    ConfigInvalid "config-invalid" Configuration "charts.toml, or a lock file, says something that cannot be"
    ConfigSyntax "config-syntax" Configuration "a TOML file cannot be read"
    ConfigUnknownKey "config-unknown-key" Configuration "a key that this tool does not know"
    DependencyUnavailable "dependency-unavailable" Unavailable "a chart dependency could not be had"
    DependencyUnlocked "dependency-unlocked" Configuration "a chart dependency has no pin in charts.lock"
    EditRefused "edit-refused" Configuration "a text that cannot be changed without changing more than was asked"
    FieldUnknown "field-unknown" Finding "an object has a field that its kind does not have"
    GoldenDiffers "golden-differs" Finding "what is rendered now is not what was recorded"
    GoldenEdited "golden-edited" Finding "a golden was changed by hand"
    GoldenLeftover "golden-leftover" Finding "a file among the goldens that nothing renders"
    GoldenMissing "golden-missing" Finding "nothing is recorded yet, or a golden was deleted"
    GoldenOrphan "golden-orphan" Finding "a folder of goldens that no target owns"
    HelmFailed "helm-failed" Unavailable "helm ended in a way that is not its own error message"
    HelmLint "helm-lint" Finding "`helm lint --strict` found something"
    HelmRefused "helm-refused" Configuration "helm refused the chart or its values"
    ImageFailed "image-failed" Unavailable "an image could not be built, or its base could not be had"
    ImageInvalid "image-invalid" Finding "what a container names as its image is no image reference"
    ImageUnpinned "image-unpinned" Finding "an image by a tag that moves, or by none"
    IntegerAsFloat "integer-as-float" Finding "an integer of the values that Helm printed as a float"
    Interrupted "interrupted" Unavailable "ended by a signal"
    Io "io" Unavailable "a file or folder could not be read or written"
    KeyDuplicate "key-duplicate" Finding "a key stands twice in one mapping of an object"
    KubeconformFailed "kubeconform-failed" Unavailable "kubeconform ended in a way that is no verdict"
    LockOutdated "lock-outdated" Finding "render.lock does not name today's inputs, though the output is the same"
    ManifestInvalid "manifest-invalid" Configuration "helm wrote something that is no Kubernetes object"
    ManifestUndeployed "manifest-undeployed" Finding "a folder of manifests that is not there, or misses an Application or a project"
    NameTaken "name-taken" Configuration "something of this name is there already"
    NamespaceLabel "namespace-label" Finding "a label of Pod Security that Kubernetes refuses or passes over"
    NamespaceMismatch "namespace-mismatch" Finding "a rendered object names a namespace other than that of its Application"
    NetworkPolicyOpen "network-policy-open" Finding "a NetworkPolicy that allows everything without saying so"
    NullIgnored "null-ignored" Finding "a null in values.yaml that does nothing in Helm 4"
    ObjectDuplicate "object-duplicate" Configuration "two rendered objects have one identity"
    ObjectInvalid "object-invalid" Finding "an object is not what the schema of its kind allows"
    ObjectRefused "object-refused" Finding "an object that the API server refuses, whatever its schema allows"
    ObjectShared "object-shared" Finding "one object has two owners"
    OutputRefused "output-refused" Configuration "the folder for --output holds files of others"
    ParametersOverlap "parameters-overlap" Warning "Helm parameters whose order decides, while Argo CD's is random"
    ProcessFailed "process-failed" Unavailable "a program could not be started, or did not end in time"
    ProjectForbids "project-forbids" Finding "a project does not allow what its Application needs"
    ProjectUnused "project-unused" Finding "a project that no Application uses, or that Argo CD does not see"
    RenderUnstable "render-unstable" Finding "what is rendered differs from one render to the next"
    RepositoryLeft "repository-left" Warning "a repository URL that was left as it is"
    RepositoryMismatch "repository-mismatch" Configuration "a repository URL other than the one in charts.toml"
    RepositoryMoved "repository-moved" Finding "a repository URL that is known to be dead or to have moved"
    RevisionUnknown "revision-unknown" Warning "the render depends on the commit, which only Argo CD knows"
    ScenarioFailed "scenario-failed" Finding "a step of a scenario did not show what it should"
    ScenarioInvalid "scenario-invalid" Configuration "a scenario under tests/kind says something that cannot be"
    ScenarioSkipped "scenario-skipped" Warning "steps of a scenario were skipped because the cluster lacks what they need"
    SchemaBroken "schema-broken" Configuration "schemas/ is not there, or a schema cannot be used"
    SchemaMissing "schema-missing" Finding "a kind that no schema describes"
    SchemasOutdated "schemas-outdated" Finding "schemas/ is not what the targets need"
    ScopeUnknown "scope-unknown" Warning "nobody says whether objects of a kind belong to a namespace"
    SealedSecretInvalid "sealed-secret-invalid" Finding "a SealedSecret that nothing can unseal"
    SealedSecretScope "sealed-secret-scope" Finding "a SealedSecret that is not bound to its name and namespace, or to others than where it lands"
    SealedSecretWave "sealed-secret-wave" Finding "nothing makes Argo CD wait for a Secret before it starts what uses it"
    SecretPlain "secret-plain" Finding "a Secret whose values are in Git or in a render"
    SilenceUnused "silence-unused" Finding "a silence in charts.toml that nothing needs"
    TargetUnknown "target-unknown" Configuration "no target has this name"
    ToolUnavailable "tool-unavailable" Unavailable "a pinned tool could not be had"
    ToolVersion "tool-version" Warning "a tool on PATH has another version than the pinned one"
    UncheckedUnused "unchecked-unused" Finding "an allowance in charts.toml to go without a schema that nothing needs"
    Usage "usage" Configuration "the command line asks for something that cannot be done"
    ValueDuplicate "value-duplicate" Finding "a key stands twice in one mapping of a values file"
    ValueUncovered "value-uncovered" Finding "a documented value that no case changes"
    ValueUndocumented "value-undocumented" Finding "a value that nobody says the meaning of"
    ValuesFileMissing "values-file-missing" Configuration "an Application names a values file that is not there"
    ValuesSchemaInvalid "values-schema-invalid" Finding "values.schema.json is no sound JSON Schema"
    ValuesSchemaMissing "values-schema-missing" Finding "a chart without values.schema.json"
    ValuesSchemaOpen "values-schema-open" Finding "values.schema.json lets misspelt values through"
    ValuesTableOutdated "values-table-outdated" Finding "the table of values in a README is not what values.yaml says"
    VendoredDrift "vendored-drift" Finding "a vendored chart no longer equals where it came from"
    VendoredVersion "vendored-version" Configuration "what lies in charts/ is not what Chart.lock names"
    VersionVulnerable "version-vulnerable" Finding "a version with a published vulnerability"
    WorkspaceMissing "workspace-missing" Configuration "no charts.toml around the current directory"
    YamlSyntax "yaml-syntax" Configuration "a YAML file cannot be read"
}

/// One thing to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// What kind it is.
    pub code: Code,
    /// What was found: a lowercase sentence without a full stop, names in backticks.
    pub message: String,
    /// Where; the first place is the main one.
    pub places: Vec<(Place, String)>,
    /// What it concerns: a target as `<app>/<case>`, an Application as `<app>`, or a chart as `charts/<chart>`.
    pub target: Option<String>,
    /// More facts, a line or a block each.
    pub notes: Vec<String>,
    /// Ways out: commands or edits.
    pub helps: Vec<String>,
    /// The rendered object that it is about.
    pub origin: Option<Origin>,
}

impl Diagnostic {
    /// A diagnostic without a place.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            places: Vec::new(),
            target: None,
            notes: Vec::new(),
            helps: Vec::new(),
            origin: None,
        }
    }

    /// Adds a place, with a few words to stand under it (empty for none).
    #[must_use]
    pub fn at(mut self, place: Place, label: impl Into<String>) -> Self {
        self.places.push((place, label.into()));
        self
    }

    /// Says which target it concerns.
    #[must_use]
    pub fn target(mut self, target: impl fmt::Display) -> Self {
        self.target = Some(target.to_string());
        self
    }

    /// Adds a fact.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Adds a way out.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.helps.push(help.into());
        self
    }

    /// A failed file operation: what was tried, on which path.
    #[must_use]
    pub fn io(doing: &str, path: &Path, error: &std::io::Error) -> Self {
        Self::new(Code::Io, format!("cannot {doing} `{}`: {error}", path.display()))
    }

    /// The order in which people read them: by file and place, then target, then code.
    fn sort_key(&self) -> (String, usize, Option<String>, Code, String) {
        let (name, start) = match self.places.first() {
            Some((place, _)) => (place.source.name.clone(), place.span.as_ref().map_or(0, |span| span.start)),
            None => (String::new(), 0),
        };
        (name, start, self.target.clone(), self.code, self.message.clone())
    }
}

/// Some diagnostics: what a fallible function returns when it fails, and what a collecting one gathers.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Diagnostics(pub Vec<Diagnostic>);

/// The result of what can fail with one or more diagnostics.
pub type Result<T> = std::result::Result<T, Diagnostics>;

impl Diagnostics {
    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// Adds all of another list.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Keeps the value of a result, or gathers what went wrong.
    pub fn take<T>(&mut self, result: Result<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(diagnostics) => {
                self.extend(diagnostics);
                None
            }
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether any of them is more than a warning.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|diagnostic| diagnostic.code.class() > Class::Warning)
    }

    /// The worst class among them.
    #[must_use]
    pub fn worst(&self) -> Class {
        self.0.iter().map(|diagnostic| diagnostic.code.class()).max().unwrap_or(Class::Warning)
    }

    /// `Ok` when nothing here is worse than a warning.
    pub fn into_result<T>(self, value: T) -> Result<T> {
        if self.has_errors() { Err(self) } else { Ok(value) }
    }

    /// Says of each which target it concerns, where that is not said yet.
    #[must_use]
    pub fn for_target(mut self, target: &impl fmt::Display) -> Self {
        for diagnostic in &mut self.0 {
            diagnostic.target.get_or_insert_with(|| target.to_string());
        }
        self
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

/// The candidate nearest to what was typed, where one is near enough to be meant.
#[must_use]
pub fn nearest<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (edit_distance(&typed.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.chars().count().min(typed.chars().count()) / 4)
        .min()
        .map(|(_, candidate)| candidate)
}

/// A help line for a name that is not among the known ones: the one that was meant, or all of them.
#[must_use]
pub fn suggestion<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    if let Some(near) = nearest(typed, known.iter().copied()) {
        return format!("did you mean `{near}`?");
    }
    let names: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "there are none".to_owned() } else { format!("known: {}", names.join(", ")) }
}

/// Edits (insertion, deletion, replacement, swap of neighbours) that lead from one word to the other.
fn edit_distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut rows = vec![(0..=right.len()).collect::<Vec<_>>()];
    for (i, a) in left.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let mut best = (rows[i][j + 1] + 1).min(row[j] + 1).min(rows[i][j] + usize::from(a != b));
            if i > 0 && j > 0 && *a == right[j - 1] && left[i - 1] == *b {
                best = best.min(rows[i - 1][j - 1] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[left.len()][right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_sorted() {
        let names: Vec<_> = Code::ALL.iter().map(|code| code.name()).collect();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(names, sorted);
    }

    #[test]
    fn a_place_knows_its_line_and_column() {
        let source = Source::new("charts.toml", "a = 1\nbé = 2\n");
        assert_eq!(Place::new(&source, 6..8).to_string(), "charts.toml:2:1");
        assert_eq!(Place::new(&source, 12..13).to_string(), "charts.toml:2:6");
        assert_eq!(Place::line(&source, 2).span, Some(6..13));
        assert_eq!(Place::line(&source, 9).to_string(), "charts.toml");
    }

    #[test]
    fn the_nearest_name_is_offered_only_when_near() {
        let known = ["valueFiles", "values", "valuesObject"];
        assert_eq!(nearest("valuefiles", known), Some("valueFiles"));
        assert_eq!(nearest("vlaues", known), Some("values"));
        assert_eq!(nearest("chart", known), None);
    }
}

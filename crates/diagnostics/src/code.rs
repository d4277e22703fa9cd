//! The codes of diagnostics, and their classes. docs/checks.md describes each code.

/// The severity of a diagnostic, which determines the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// A warning: 0.
    Warning,
    /// A finding about a convention, which `lint.conventions = false` in charts.toml turns off: 1.
    Convention,
    /// A finding of a check: 1.
    Finding,
    /// An error in usage or configuration, including charts and values that Helm rejects: 2.
    Configuration,
    /// A tool, a dependency, or a cluster that is unavailable or failed: 3.
    Unavailable,
}

macro_rules! codes {
    ($($variant:ident $name:literal $class:ident $about:literal)*) => {
        /// The kind of a diagnostic. Codes are part of the tool's interface: `--format json` prints them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $(#[doc = $about] $variant,)*
        }

        impl Code {
            /// All codes, sorted by name.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name, as in `error[values-file-missing]`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// The severity.
            #[must_use]
            pub fn class(self) -> Class {
                match self { $(Self::$variant => Class::$class),* }
            }

            /// The meaning, in one line.
            #[must_use]
            pub fn about(self) -> &'static str {
                match self { $(Self::$variant => $about),* }
            }
        }
    };
}

impl Code {
    /// Whether the code asks to record or describe a change, which comes after all that is wrong with the change itself.
    #[must_use]
    pub fn is_bookkeeping(self) -> bool {
        matches!(
            self,
            Self::ChartVersionUnraised
                | Self::GoldenDiffers
                | Self::GoldenMissing
                | Self::GoldenDirectoryOrphaned
                | Self::LockOutdated
                | Self::ValuesTableOutdated
        )
    }
}

codes! {
    AlertInvalid "alert-invalid" Finding "Prometheus rejects a rule of a `PrometheusRule`"
    AnnotationUnknown "annotation-unknown" Finding "an Argo CD or Helm annotation, label, or finalizer is unknown, or its value has no effect"
    ApplicationChart "application-chart" Finding "an Application deploys the chart of another Application"
    ApplicationDestination "application-destination" Finding "an Application's destination is incomplete or ambiguous"
    ApplicationDuplicate "application-duplicate" Configuration "two Applications have the same name and namespace"
    ApplicationFinalizer "application-finalizer" Finding "an Application that installs CustomResourceDefinitions has a cascading finalizer"
    ApplicationInvalid "application-invalid" Configuration "an Argo CD Application is invalid"
    ApplicationMissing "application-missing" Configuration "the repository contains no Application"
    ApplicationProject "application-project" Finding "the project of an Application is not defined"
    ApplicationRelease "application-release" Finding "an Application's release name is overridden or already in use"
    ApplicationSetInvalid "application-set-invalid" Configuration "an Argo CD ApplicationSet is invalid, or its Applications cannot be generated"
    ApplicationSync "application-sync" Finding "an Application's sync policy contradicts itself"
    ArchiveTampered "archive-tampered" Unavailable "an archive does not match its pinned digest, or cannot be read"
    ArchiveUnsafe "archive-unsafe" Unavailable "an archive contains an entry that is not safe to unpack"
    ArgocdField "argocd-field" Finding "a field of an Application or AppProject is unknown to Argo CD, or has an invalid value"
    AutoscalerIneffective "autoscaler-ineffective" Warning "an autoscaler cannot scale its workload"
    BranchUncovered "branch-uncovered" Convention "no case renders a template, or a branch of it"
    CacheDiffers "cache-differs" Finding "a cached render differs from a new one"
    ChangeAdmission "change-admission" Warning "a change weakens admission, or makes it reject running pods"
    ChangeDataAbandoned "change-data-abandoned" Warning "a change leaves the data of a volume behind"
    ChangeDataLoss "change-data-loss" Finding "a change deletes data, custom resources, or a namespace"
    ChangeDisruptive "change-disruptive" Warning "a change interrupts running workloads or their clients"
    ChangeIncomplete "change-incomplete" Finding "a change renames or moves something that is still used under its old name"
    ChangeManagement "change-management" Warning "a change affects how Argo CD manages an Application"
    ChangeNetwork "change-network" Warning "a change exposes pods, or isolates them for the first time"
    ChangePermissions "change-permissions" Warning "a change grants RBAC permissions, or makes a project allow more"
    ChangePrivileges "change-privileges" Warning "a change gives pods privileges or access to their node"
    ChangeRefused "change-refused" Finding "the API server rejects a change to an existing object"
    ChangeResources "change-resources" Warning "a change creates, deletes, or configures objects"
    ChangeRestart "change-restart" Warning "a change replaces running pods, or does not reach them"
    ChangeSevere "change-severe" Finding "a change is at least as severe as `--fail-on` allows"
    ChangeStorageClass "change-storage-class" Warning "a change sets the storage class of an existing claim"
    ChangeVersion "change-version" Warning "a change updates an image or a chart"
    CharacterMisleading "character-misleading" Finding "a file contains a misleading or invisible character"
    ChartInvalid "chart-invalid" Configuration "the files of a chart are invalid or inconsistent"
    ChartLockOutdated "chart-lock-outdated" Configuration "Chart.lock does not match Chart.yaml"
    ChartMissing "chart-missing" Configuration "the chart that an Application or an image refers to does not exist"
    ChartVersionUnraised "chart-version-unraised" Convention "a chart changed since the base revision without a version bump"
    ClaimShared "claim-shared" Warning "several pods share a PersistentVolumeClaim that only one node or one pod can use"
    ClusterBusy "cluster-busy" Unavailable "another run is using the kind cluster"
    ClusterFailed "cluster-failed" Unavailable "the kind cluster could not be created, or stopped responding"
    ClusterImage "cluster-image" Unavailable "an image that the kind cluster needs is unavailable"
    ClusterLeft "cluster-left" Unavailable "the kind cluster could not be deleted"
    ClusterRefused "cluster-refused" Unavailable "a requirement for running a kind cluster is not met"
    ClusterUnused "cluster-unused" Finding "a `[[cluster]]` entry in charts.toml is not needed"
    CommandInvalid "command-invalid" Finding "a container command cannot run as written, or uses an undefined variable"
    ConditionIneffective "condition-ineffective" Finding "Helm ignores the condition of a dependency"
    ConfigDeprecated "config-deprecated" Warning "charts.toml uses a deprecated key"
    ConfigInvalid "config-invalid" Configuration "a value in charts.toml or in a lock file is invalid"
    ConfigSyntax "config-syntax" Configuration "a TOML file cannot be parsed"
    ConfigUnknownKey "config-unknown-key" Configuration "charts.toml or a lock file contains an unknown key"
    ConflictMarker "conflict-marker" Finding "a file of a chart contains merge conflict markers"
    DashboardInvalid "dashboard-invalid" Finding "a query of a Grafana dashboard is invalid, or uses an undefined variable"
    DefaultIneffective "default-ineffective" Finding "`default` never uses a value, since its other argument is never empty"
    DependencyOmitted "dependency-omitted" Warning "a dependency of a `file://` dependency is not rendered"
    DependencyUnavailable "dependency-unavailable" Unavailable "a chart dependency or another repository could not be downloaded"
    DependencyUnlocked "dependency-unlocked" Configuration "a chart dependency is not pinned in charts.lock"
    DirectoryEmpty "directory-empty" Warning "the directory of an Application contains no manifests"
    DisruptionBlocked "disruption-blocked" Warning "a PodDisruptionBudget blocks every node drain"
    DockerfileInvalid "dockerfile-invalid" Finding "an image cannot be built from its Dockerfile"
    DocumentLost "document-lost" Finding "two objects are in one YAML document, so the first one is lost"
    DurationInvalid "duration-invalid" Finding "a duration is invalid for the program that reads it, such as `30d`"
    EditRefused "edit-refused" Configuration "a file cannot be edited automatically"
    EngineDiffers "engine-differs" Finding "the render engine renders a chart differently from the helm command"
    EngineFailed "engine-failed" Warning "the render engine failed, and the helm command rendered instead"
    ExternalUnused "external-unused" Finding "an `[[external]]` entry in charts.toml is not needed"
    FieldUnknown "field-unknown" Finding "an object has a field that its schema does not define"
    FormatInvalid "format-invalid" Finding "a template calls `printf` with the wrong arguments"
    GlobInvalid "glob-invalid" Warning "a glob of an Application is invalid and matches nothing"
    GoldenDiffers "golden-differs" Finding "the rendered output differs from the goldens"
    GoldenDirectoryOrphaned "golden-directory-orphaned" Finding "a directory under tests/golden belongs to no target"
    GoldenEdited "golden-edited" Finding "a golden was edited by hand"
    GoldenFileOrphaned "golden-file-orphaned" Finding "a golden belongs to no rendered object"
    GoldenMissing "golden-missing" Finding "a target has no goldens yet, or a golden was deleted"
    HelmFailed "helm-failed" Unavailable "helm crashed, or failed without a recognizable error message"
    HelmLint "helm-lint" Finding "`helm lint` reported a problem"
    HelmRefused "helm-refused" Configuration "helm cannot render the chart with these values"
    HookDeleted "hook-deleted" Finding "Argo CD deletes a hook that a workload needs"
    IgnoreDifferencesUnmatched "ignore-differences-unmatched" Finding "an entry of `ignoreDifferences` matches nothing that its Application renders"
    ImageFailed "image-failed" Unavailable "an image could not be built or pushed, or its base image is unavailable"
    ImageInvalid "image-invalid" Finding "a container has no image, or an invalid image reference"
    ImageUnpinned "image-unpinned" Finding "an image has a mutable tag, or no tag"
    IngressConflict "ingress-conflict" Finding "two Ingresses have the same host and path"
    IngressTls "ingress-tls" Finding "the TLS hosts of an Ingress do not match the hosts of its rules"
    IntegerAsFloat "integer-as-float" Finding "Helm rendered an integer as a float, such as `1e+06`"
    Interrupted "interrupted" Unavailable "the run was interrupted by a signal"
    Io "io" Unavailable "a file or directory could not be read or written"
    JsonInvalid "json-invalid" Finding "a JSON file in a ConfigMap cannot be parsed"
    KeyDuplicate "key-duplicate" Finding "an object contains a duplicate key"
    KeyMisspelled "key-misspelled" Finding "a label, annotation, taint, or other well-known name is misspelled"
    KubeconformFailed "kubeconform-failed" Unavailable "kubeconform failed, or its output could not be understood"
    KustomizeFailed "kustomize-failed" Unavailable "kustomize crashed, or failed without a recognizable error message"
    KustomizeRefused "kustomize-refused" Configuration "kustomize cannot build a kustomization"
    KustomizeUnmatched "kustomize-unmatched" Finding "an entry of a kustomization matches nothing that it could change"
    LockOutdated "lock-outdated" Finding "render.lock is out of date, although the output is unchanged"
    ManifestInvalid "manifest-invalid" Configuration "the output of a template is not a valid Kubernetes object"
    ManifestPassedOver "manifest-passed-over" Warning "Argo CD ignores a file in a directory of manifests"
    ManifestUndeployed "manifest-undeployed" Finding "the root Application does not deploy a manifest under argocd/"
    MergeKeyDuplicate "merge-key-duplicate" Warning "two entries of a list have the same merge key, in an Application without `ServerSideApply=true`"
    MonitorInvalid "monitor-invalid" Finding "the Prometheus Operator rejects or ignores a field of a monitor"
    NameTaken "name-taken" Configuration "a name or namespace is already in use"
    NamespaceLabel "namespace-label" Finding "a Pod Security label has an unknown key, level, or version, or two different levels"
    NamespaceLimits "namespace-limits" Finding "a `LimitRange` or `ResourceQuota` rejects objects that are deployed to its namespace"
    NamespaceMismatch "namespace-mismatch" Convention "a rendered object sets a namespace that its Application does not deploy into"
    NetworkPolicyDns "network-policy-dns" Finding "a NetworkPolicy allows DNS over TCP only"
    NetworkPolicyOpen "network-policy-open" Finding "a NetworkPolicy implicitly allows all traffic"
    NodeImageDiffers "node-image-differs" Finding "the kind node image has a different Kubernetes version than the cluster"
    NodePortRange "node-port-range" Warning "a node port is outside of the default range"
    NotRendered "not-rendered" Finding "an Application is not rendered"
    NullIgnored "null-ignored" Finding "Helm 4 ignores a null in values.yaml"
    ObjectDuplicate "object-duplicate" Finding "a target renders the same object twice"
    ObjectInvalid "object-invalid" Finding "an object does not match its schema"
    ObjectRefused "object-refused" Finding "the API server would reject an object, although it matches its schema"
    ObjectShared "object-shared" Finding "two Applications render the same object"
    OtherRepositoryUnused "other-repository-unused" Finding "an `[[other-repository]]` entry in charts.toml is not needed"
    OutputRefused "output-refused" Configuration "the `--output` directory contains files that this tool did not write, or belongs to something else"
    ParametersOverlap "parameters-overlap" Warning "Helm parameters overlap, so the result depends on their order"
    PatternUnmatched "pattern-unmatched" Finding "a pattern in charts.toml or in an app of apps matches nothing"
    PluginFailed "plugin-failed" Unavailable "a config management plugin failed, or cannot run"
    PodSecurity "pod-security" Finding "a workload violates the Pod Security level that its namespace enforces"
    PodUnstartable "pod-unstartable" Finding "a pod cannot start, although the API server accepts it"
    PolicyFailed "policy-failed" Unavailable "a policy checker failed, or its output cannot be read"
    PolicyViolated "policy-violated" Finding "a policy checker reports a violation that is not in the base revision"
    PortDuplicate "port-duplicate" Warning "two containers of a pod declare the same port"
    PortUndeclared "port-undeclared" Warning "a probe, a lifecycle hook, or a NetworkPolicy uses a port that is not declared"
    PreStopTooLong "pre-stop-too-long" Finding "a preStop hook sleeps longer than the grace period of its pod"
    ProcessFailed "process-failed" Unavailable "a program could not be started, or failed"
    ProjectDefault "project-default" Convention "an Application uses the project `default`"
    ProjectForbids "project-forbids" Finding "an AppProject does not permit what an Application deploys"
    ProjectUnused "project-unused" Finding "no Application uses an AppProject, or Argo CD ignores it"
    QuantitySuspicious "quantity-suspicious" Finding "a quantity is valid but almost certainly a mistake, such as `memory: 256m`"
    RbacCreateByName "rbac-create-by-name" Warning "an RBAC rule permits `create` only for some names"
    RbacRuleUnknown "rbac-rule-unknown" Finding "an RBAC rule names a verb, resource, or API group that does not exist"
    ReferenceKey "reference-key" Finding "an object refers to a key that a ConfigMap or Secret does not have"
    ReferenceMissing "reference-missing" Finding "an object refers to another object that does not exist"
    ReferencePort "reference-port" Finding "an object refers to a port that does not exist"
    RenderUnstable "render-unstable" Finding "a target renders differently each time"
    RepositoryLeft "repository-left" Warning "`argocd set-repository` left a repository URL unchanged"
    RepositoryMismatch "repository-mismatch" Configuration "a repository URL differs from `repository` in charts.toml"
    RepositoryMoved "repository-moved" Finding "a repository has moved or no longer exists"
    RevisionUnknown "revision-unknown" Warning "the output depends on the commit hash, which only Argo CD knows"
    ScenarioFailed "scenario-failed" Finding "a step of an end-to-end scenario failed"
    ScenarioInvalid "scenario-invalid" Configuration "a scenario under tests/kind is invalid"
    ScenarioSkipped "scenario-skipped" Warning "steps were skipped because the cluster lacks what they need"
    SchemaBroken "schema-broken" Configuration "a schema cannot be used"
    SchemaMissing "schema-missing" Finding "there is no schema for a kind"
    SchemasOutdated "schemas-outdated" Finding "schemas/ does not match the API server, or the kinds that the targets render"
    ScopeUnknown "scope-unknown" Warning "cannot tell whether a kind is namespaced"
    SealedSecretInvalid "sealed-secret-invalid" Finding "a SealedSecret cannot be unsealed"
    SealedSecretScope "sealed-secret-scope" Finding "a SealedSecret is not strictly bound to the name and namespace it is deployed with"
    SealedSecretUndecryptable "sealed-secret-undecryptable" Finding "the controller of a cluster cannot decrypt a SealedSecret"
    SealedSecretWave "sealed-secret-wave" Convention "Argo CD may start a workload before the SealedSecret that it uses"
    SealingCertificateExpiring "sealing-certificate-expiring" Warning "the certificate for sealing expires within 60 days"
    SealingCertificateInvalid "sealing-certificate-invalid" Finding "the certificate for sealing is missing, invalid, or expired"
    SecretPlain "secret-plain" Finding "the values of a Secret are readable in Git or in the rendered output"
    SelectorDoubtful "selector-doubtful" Warning "a selector requires a label that Kubernetes does not set"
    SelectorUnmatched "selector-unmatched" Finding "a selector matches nothing"
    SuppressionExpired "suppression-expired" Finding "the last day of a suppression in charts.toml has passed"
    SuppressionUnused "suppression-unused" Finding "a suppression in charts.toml matches no finding"
    SymlinkOutside "symlink-outside" Finding "a symbolic link leads out of the repository, which Argo CD rejects"
    SyncOrder "sync-order" Finding "Argo CD waits for a workload before it applies an object that the workload needs"
    SyncPolicyImplicit "sync-policy-implicit" Convention "an automated sync policy leaves `prune`, `selfHeal`, or `retry` to its default"
    TargetRevisionDiffers "target-revision-differs" Warning "an Application tracks a different branch than the others, or none"
    TargetRevisionUnknown "target-revision-unknown" Finding "an Application's `targetRevision` is most likely misspelled"
    TargetUnknown "target-unknown" Configuration "there is no target with this name"
    TemplateDuplicate "template-duplicate" Finding "a named template is defined more than once in a chart"
    TemplateFileMissing "template-file-missing" Finding "a template prints a file that is not in the chart"
    TemplateUnindented "template-unindented" Finding "a template indents only the first line of a block of YAML"
    TemplateUnrendered "template-unrendered" Finding "Helm does not render a template of a chart"
    TestDeployed "test-deployed" Finding "a chart test is deployed because it is not a Helm hook"
    ToolUnavailable "tool-unavailable" Unavailable "a required tool is unavailable"
    ToolVersion "tool-version" Warning "a tool on PATH is not the pinned version"
    UncheckedUnused "unchecked-unused" Finding "a `[[validate.unchecked]]` entry in charts.toml is not needed"
    UnrenderedUnused "unrendered-unused" Finding "an `[[unrendered]]` entry in charts.toml is not needed"
    Usage "usage" Configuration "the command line is invalid, or the command cannot run"
    ValueDuplicate "value-duplicate" Finding "a values file contains a duplicate key"
    ValueMisread "value-misread" Finding "YAML reads an unquoted value or key as something other than its text"
    ValueUncovered "value-uncovered" Convention "no case changes a documented value from its default"
    ValueUndefined "value-undefined" Finding "a template reads a value that is not defined"
    ValueUndocumented "value-undocumented" Convention "a value in values.yaml is not documented"
    ValueUnknown "value-unknown" Finding "no template reads a value that is set"
    ValuesFileMissing "values-file-missing" Configuration "a value file that an Application names does not exist"
    ValuesSchemaInvalid "values-schema-invalid" Finding "values.schema.json is invalid, or contains an unknown keyword"
    ValuesSchemaMissing "values-schema-missing" Convention "a chart has no values.schema.json"
    ValuesSchemaOpen "values-schema-open" Convention "values.schema.json allows unknown keys"
    ValuesTableOutdated "values-table-outdated" Finding "the values table in a README does not match values.yaml"
    VariableShadowed "variable-shadowed" Finding "a block of a template declares a variable again, where the outer one was to be set"
    VendoredDrift "vendored-drift" Finding "a vendored chart differs from its source or its pin"
    VendoredVersion "vendored-version" Configuration "a chart in charts/ does not match Chart.lock or Chart.yaml"
    VersionVulnerable "version-vulnerable" Finding "a pinned version has a known vulnerability"
    WorkflowInvalid "workflow-invalid" Finding "GitHub or Renovate would reject a workflow or configuration file"
    WorkspaceMissing "workspace-missing" Configuration "no charts.toml in the current directory or above it"
    YamlSyntax "yaml-syntax" Configuration "a YAML file cannot be parsed"
}

//! The kinds that Argo CD ignores by default.

/// The API groups and kinds that `resource.exclusions` of Argo CD 3.5 lists. Each kind is excluded in each group of its row.
const EXCLUDED: &[(&[&str], &[&str])] = &[
    (&["", "discovery.k8s.io"], &["Endpoints", "EndpointSlice"]),
    (&["coordination.k8s.io"], &["Lease"]),
    (
        &["authentication.k8s.io", "authorization.k8s.io"],
        &[
            "LocalSubjectAccessReview",
            "SelfSubjectAccessReview",
            "SelfSubjectReview",
            "SelfSubjectRulesReview",
            "SubjectAccessReview",
            "TokenReview",
        ],
    ),
    (&["certificates.k8s.io"], &["CertificateSigningRequest"]),
    (&["cert-manager.io"], &["CertificateRequest"]),
    (&["cilium.io"], &["CiliumEndpoint", "CiliumEndpointSlice", "CiliumIdentity"]),
    (
        &["kyverno.io", "reports.kyverno.io", "wgpolicyk8s.io"],
        &[
            "AdmissionReport",
            "BackgroundScanReport",
            "ClusterAdmissionReport",
            "ClusterBackgroundScanReport",
            "ClusterEphemeralReport",
            "ClusterPolicyReport",
            "EphemeralReport",
            "PolicyReport",
            "UpdateRequest",
        ],
    ),
];

/// Whether Argo CD ignores a kind, unless its configuration says otherwise.
#[must_use]
pub fn is_excluded(group: &str, kind: &str) -> bool {
    EXCLUDED.iter().any(|(groups, kinds)| groups.contains(&group) && kinds.contains(&kind))
}

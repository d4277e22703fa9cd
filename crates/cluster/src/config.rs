//! kind's configuration of the cluster: kind's defaults, with a control plane that starts faster.
//!
//! The differences do not change how the cluster treats an application's objects.

/// For Kubernetes before 1.36, which kind configures with `kubeadm.k8s.io/v1beta3`.
///
/// - With one control plane, leader election only costs the wait for a lease.
/// - Before they start, the controllers request their service accounts one by one, by default 20 per second.
/// - ECDSA keys are generated faster than RSA keys.
const BEFORE_1_36: &str = r#"
  kind: ClusterConfiguration
  apiVersion: kubeadm.k8s.io/v1beta3
  featureGates: {PublicKeysECDSA: true}
  controllerManager:
    extraArgs: {leader-elect: "false", kube-api-qps: "1000", kube-api-burst: "1000"}
  scheduler:
    extraArgs: {leader-elect: "false"}
"#;

/// The same for 1.36 and later. A list replaces kind's own, so kind's argument is repeated.
const SINCE_1_36: &str = r#"
  kind: ClusterConfiguration
  apiVersion: kubeadm.k8s.io/v1beta4
  encryptionAlgorithm: ECDSA-P256
  controllerManager:
    extraArgs:
    - {name: enable-hostpath-provisioner, value: "true"}
    - {name: leader-elect, value: "false"}
    - {name: kube-api-qps, value: "1000"}
    - {name: kube-api-burst, value: "1000"}
  scheduler:
    extraArgs:
    - {name: leader-elect, value: "false"}
"#;

/// kube-proxy applies changes to Services at once; kind's default is at most once a second.
const NETWORK: &str = r"
  kind: KubeProxyConfiguration
  apiVersion: kubeproxy.config.k8s.io/v1alpha1
  iptables: {minSyncPeriod: 0s}
";

/// The configuration in YAML, with the port of the API server on this machine; any free port when absent. kind ignores
/// patches for another version.
#[must_use]
pub fn config(port: Option<u16>) -> String {
    let mut config = "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n".to_owned();
    if let Some(port) = port {
        config.push_str(&format!("networking:\n  apiServerPort: {port}\n"));
    }
    config.push_str("kubeadmConfigPatches:\n");
    for patch in [BEFORE_1_36, SINCE_1_36, NETWORK] {
        config.push_str(&format!("- |{patch}"));
    }
    config
}

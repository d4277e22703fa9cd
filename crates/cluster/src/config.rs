//! How kind is asked for the cluster: as it comes, but for what makes a control plane of one node slow to start.
//!
//! What it does with the objects of an application is the same; only waiting goes.
//!
//! Deliberately absent: more nodes, another network, and whatever a user may want of a cluster of his own.

/// For Kubernetes before 1.36, which kind configures in this version.
///
/// - Nobody else is there to lead, so nobody waits for a lease.
/// - The controllers ask for their accounts one by one, at 20 requests a second, before the first of them works.
/// - Keys on curves are made faster than those of RSA.
const BEFORE_1_36: &str = r#"
  kind: ClusterConfiguration
  apiVersion: kubeadm.k8s.io/v1beta3
  featureGates: {PublicKeysECDSA: true}
  controllerManager:
    extraArgs: {leader-elect: "false", kube-api-qps: "1000", kube-api-burst: "1000"}
  scheduler:
    extraArgs: {leader-elect: "false"}
"#;

/// The same for 1.36 and later. A list replaces kind's own, so what stands there is said again.
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

/// How often a change of Services is written down at most; kind says once a second.
const NETWORK: &str = r"
  kind: KubeProxyConfiguration
  apiVersion: kubeproxy.config.k8s.io/v1alpha1
  iptables: {minSyncPeriod: 0s}
";

/// The configuration, in YAML, with the API server at a port of this machine, a free one when absent. kind leaves out
/// what is for another version.
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

package main

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// The cluster-scoped kinds of Kubernetes.
const clusterScoped = " Namespace Node PersistentVolume ComponentStatus ClusterRole.rbac.authorization.k8s.io" +
	" ClusterRoleBinding.rbac.authorization.k8s.io CustomResourceDefinition.apiextensions.k8s.io" +
	" APIService.apiregistration.k8s.io MutatingWebhookConfiguration.admissionregistration.k8s.io" +
	" ValidatingWebhookConfiguration.admissionregistration.k8s.io ValidatingAdmissionPolicy.admissionregistration.k8s.io" +
	" ValidatingAdmissionPolicyBinding.admissionregistration.k8s.io CertificateSigningRequest.certificates.k8s.io" +
	" FlowSchema.flowcontrol.apiserver.k8s.io PriorityLevelConfiguration.flowcontrol.apiserver.k8s.io" +
	" IngressClass.networking.k8s.io RuntimeClass.node.k8s.io PriorityClass.scheduling.k8s.io CSIDriver.storage.k8s.io" +
	" CSINode.storage.k8s.io StorageClass.storage.k8s.io VolumeAttachment.storage.k8s.io "

// scope knows which kinds are cluster-scoped: those of Kubernetes, and those that the objects define.
type scope map[schema.GroupKind]bool

func scopes(objects []*unstructured.Unstructured) scope {
	custom := scope{}
	for _, object := range objects {
		if object.GetKind() == "CustomResourceDefinition" {
			group, _, _ := unstructured.NestedString(object.Object, "spec", "group")
			kind, _, _ := unstructured.NestedString(object.Object, "spec", "names", "kind")
			where, _, _ := unstructured.NestedString(object.Object, "spec", "scope")
			custom[schema.GroupKind{Group: group, Kind: kind}] = where == "Cluster"
		}
	}
	return custom
}

// IsNamespaced implements the interface of Argo CD.
func (s scope) IsNamespaced(kind schema.GroupKind) (bool, error) {
	return !s[kind] && !strings.Contains(clusterScoped, " "+kind.String()+" "), nil
}

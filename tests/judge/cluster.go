package main

import (
	"context"
	"errors"
	"strings"

	"github.com/argoproj/argo-cd/v3/common"
	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/util/db"
	"github.com/argoproj/argo-cd/v3/util/helm"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// database answers what Argo CD asks its own cluster: which clusters and repositories there are. It panics if it is asked
// anything else.
type database struct {
	db.ArgoDB
	clusters []cluster
}

func (d *database) GetRepository(_ context.Context, url, _ string) (*v1alpha1.Repository, error) {
	repository := &v1alpha1.Repository{Repo: url}
	// Argo CD users declare OCI registries of charts.
	if helm.IsHelmOciRepo(url) {
		repository.Type, repository.EnableOCI = "helm", true
	}
	return repository, nil
}

// GetCluster knows every cluster if none is declared.
func (d *database) GetCluster(_ context.Context, server string) (*v1alpha1.Cluster, error) {
	if len(d.clusters) == 0 || server == v1alpha1.KubernetesInternalAPIServerAddr {
		return &v1alpha1.Cluster{Server: server}, nil
	}
	for _, cluster := range d.clusters {
		if strings.TrimRight(cluster.Server, "/") == server {
			return &v1alpha1.Cluster{Server: cluster.Server, Name: cluster.Name, Project: cluster.Project}, nil
		}
	}
	return nil, errors.New("cluster not found")
}

func (d *database) GetClusterServersByName(_ context.Context, name string) ([]string, error) {
	if name == v1alpha1.KubernetesInClusterName {
		return []string{v1alpha1.KubernetesInternalAPIServerAddr}, nil
	}
	if len(d.clusters) == 0 {
		return []string{"https://" + name}, nil
	}
	var servers []string
	for _, cluster := range d.clusters {
		if cluster.Name == name {
			servers = append(servers, cluster.Server)
		}
	}
	return servers, nil
}

func (d *database) GetProjectClusters(context.Context, string) ([]*v1alpha1.Cluster, error) {
	return nil, nil
}

// secret is the Secret that declares a cluster.
func (c cluster) secret() *corev1.Secret {
	secret := &corev1.Secret{ObjectMeta: meta("cluster-" + c.Name), Data: map[string][]byte{
		"name": []byte(c.Name), "server": []byte(c.Server),
	}}
	if c.Project != "" {
		secret.Data["project"] = []byte(c.Project)
	}
	secret.Annotations = c.Annotations
	secret.Labels = map[string]string{common.LabelKeySecretType: common.LabelValueSecretTypeCluster}
	for key, value := range c.Labels {
		secret.Labels[key] = value
	}
	return secret
}

func meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Namespace: controlPlane}
}

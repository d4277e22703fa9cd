package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/utils/kube"
	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/util/git"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// The namespace of Argo CD.
const controlPlane = "argocd"

// request is a workspace to judge.
type request struct {
	// Root is its directory.
	Root string `json:"root"`
	// Mirror is a directory with the chart archives of all chart repositories.
	Mirror string `json:"mirror"`
	// Applied lists the files and directories that are applied to the cluster of Argo CD; default: `argocd`.
	Applied []string `json:"applied"`
}

// settings are the parts of charts.toml that Argo CD needs to know.
type settings struct {
	// Repository is the URL of the workspace. Without it, every Git repository is the workspace.
	Repository string
	Kubernetes struct {
		Version     string
		APIVersions []string `toml:"api-versions"`
	}
	Kustomize struct {
		BuildOptions string `toml:"build-options"`
	}
	ArgoCD struct {
		NewGlobbing bool `toml:"new-git-file-globbing"`
	}
	// Repositories are other repositories, with the directory of a checkout.
	Repositories []struct {
		URL  string
		Path string
	} `toml:"other-repository"`
	Clusters []cluster `toml:"cluster"`
	Samples  []sample  `toml:"sample"`
}

// cluster is a cluster that is known to Argo CD.
type cluster struct {
	Name, Server, Project string
	Labels, Annotations   map[string]string
}

// workspace is what a request contains.
type workspace struct {
	request
	settings
	objects []*unstructured.Unstructured
	// folder is where Argo CD works.
	folder string
	// chart is the path that is being rendered.
	chart string
}

func open(request request) (*workspace, error) {
	w := &workspace{request: request}
	_, err := toml.DecodeFile(filepath.Join(w.Root, "charts.toml"), &w.settings)
	if err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("charts.toml: %w", err)
	}
	if len(w.Applied) == 0 {
		w.Applied = []string{controlPlane}
	}
	for _, path := range w.Applied {
		err := filepath.WalkDir(filepath.Join(w.Root, path), func(path string, entry os.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			switch filepath.Ext(path) {
			case ".yaml", ".yml", ".json":
			default:
				return nil
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			objects, err := kube.SplitYAML(text)
			if err != nil {
				return fmt.Errorf("%s: %w", strings.TrimPrefix(path, w.Root+"/"), err)
			}
			w.objects = append(w.objects, flat(objects)...)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return w, nil
}

// flat replaces lists by their items.
func flat(objects []*unstructured.Unstructured) []*unstructured.Unstructured {
	var all []*unstructured.Unstructured
	for _, object := range objects {
		if !object.IsList() {
			all = append(all, object)
			continue
		}
		_ = object.EachListItem(func(item runtime.Object) error {
			all = append(all, flat([]*unstructured.Unstructured{item.(*unstructured.Unstructured)})...)
			return nil
		})
	}
	return all
}

// checkout returns the directory of a Git repository. Argo CD would clone it by the given protocol; the content is the same.
func (w *workspace) checkout(url string) (string, error) {
	for _, other := range w.Repositories {
		if place(other.URL) == place(url) {
			return filepath.Join(w.Root, other.Path), nil
		}
	}
	if w.Repository == "" || place(w.Repository) == place(url) {
		return w.Root, nil
	}
	return "", fmt.Errorf("repository %s is unknown", url)
}

// place is a URL without its protocol and user.
func place(url string) string {
	url = git.NormalizeGitURL(url)
	if _, after, found := strings.Cut(url, "://"); found {
		url = after
	}
	if _, after, found := strings.Cut(url, "@"); found {
		url = after
	}
	return url
}

// permissive is a project that permits everything: lint compares Applications with their project.
func permissive(name string) *v1alpha1.AppProject {
	return &v1alpha1.AppProject{Spec: v1alpha1.AppProjectSpec{
		SourceRepos:  []string{"*"},
		Destinations: []v1alpha1.ApplicationDestination{{Server: "*", Name: "*", Namespace: "*"}},
	}, ObjectMeta: meta(name)}
}

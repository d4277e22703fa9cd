package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"sort"
	"strings"

	"github.com/argoproj/argo-cd/gitops-engine/pkg/sync/hook"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/sync/ignore"
	"github.com/argoproj/argo-cd/v3/applicationset/services"
	"github.com/argoproj/argo-cd/v3/controller"
	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/reposerver/apiclient"
	"github.com/argoproj/argo-cd/v3/util/argo"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// verdict is what Argo CD makes of a workspace.
type verdict struct {
	Root            string            `json:"root"`
	Error           string            `json:"error,omitempty"`
	ApplicationSets []*applicationSet `json:"applicationSets"`
	Applications    []*application    `json:"applications"`
}

type applicationSet struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Parent is the Application that deploys it.
	Parent string `json:"parent,omitempty"`
	// Error is the condition that the controller sets. Nevertheless, it may have created some Applications.
	Error string `json:"error,omitempty"`
	// Applications are the instance names of those that it generates.
	Applications []string `json:"applications"`
	set          *v1alpha1.ApplicationSet
}

type application struct {
	// Instance is the name by which Argo CD knows it: with the namespace if that is not Argo CD's.
	Instance string `json:"instance"`
	// Parent is the Application that deploys it, and Generator the ApplicationSet that generates it.
	Parent    string   `json:"parent,omitempty"`
	Generator string   `json:"generator,omitempty"`
	Resource  manifest `json:"resource"`
	// Error says why nothing is rendered.
	Error   string    `json:"error,omitempty"`
	Sources []source  `json:"sources"`
	Objects []*object `json:"objects"`
}

// manifest is an Application as it is in the cluster, without its status.
type manifest struct {
	*v1alpha1.Application
}

func (m manifest) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]any{"metadata": m.ObjectMeta, "spec": m.Spec})
}

type source struct {
	// Type is Helm, Kustomize, Directory, or Plugin; empty if the source renders nothing.
	Type     string   `json:"type"`
	Commands []string `json:"commands"`
}

type object struct {
	// Source is the index of the source that renders it.
	Source   int                        `json:"source"`
	Manifest *unstructured.Unstructured `json:"manifest"`
	// Namespace is where it is applied; empty if the kind is cluster-scoped.
	Namespace string `json:"namespace"`
	// Hooks are the phases in which it runs, if it is a hook.
	Hooks []hookType `json:"hooks,omitempty"`
	// Ignored objects are never applied.
	Ignored bool `json:"ignored,omitempty"`
	// Replaced objects are rendered again later; the last one is applied.
	Replaced bool `json:"replaced,omitempty"`
}

type hookType = string

// judge lets Argo CD work on a workspace. A panic is an error of this workspace alone.
func judge(request request, scratch string, only bool) (result verdict) {
	result.Root = request.Root
	defer func() {
		if problem := recover(); problem != nil {
			result.Error = fmt.Sprintf("panic: %v\n%s", problem, debug.Stack())
		}
	}()
	folder, err := os.MkdirTemp(scratch, "workspace-")
	if err != nil {
		result.Error = err.Error()
		return result
	}
	defer remove(folder)
	w, err := open(request)
	if err != nil {
		result.Error = err.Error()
		return result
	}
	w.folder = folder
	service := newService(w, folder)
	session := session{
		workspace: w,
		server:    &local{service: service},
		database:  &database{clusters: w.Clusters},
		projects:  map[string]*v1alpha1.AppProject{"default": permissive("default")},
		verdict:   &result,
		only:      only,
	}
	session.repos = services.NewArgoCDService(session.database, false, session.server, w.ArgoCD.NewGlobbing)
	if err := session.run(); err != nil {
		result.Error = err.Error()
	}
	return result
}

// remove deletes a directory in which Argo CD took away permissions.
func remove(folder string) {
	entries, _ := os.ReadDir(folder)
	for _, entry := range entries {
		_ = os.Chmod(filepath.Join(folder, entry.Name()), 0o700)
	}
	_ = os.RemoveAll(folder)
}

type session struct {
	workspace *workspace
	server    *local
	database  *database
	repos     services.Repos
	projects  map[string]*v1alpha1.AppProject
	verdict   *verdict
	only      bool

	sets  []*applicationSet
	ready []*application
}

// run renders all Applications, those that the rendered ones contain, and so on.
func (s *session) run() error {
	s.apply(s.workspace.objects, controlPlane, "")
	known := map[string]bool{}
	for len(s.sets) > 0 || len(s.ready) > 0 {
		sets, ready := s.sets, s.ready
		s.sets, s.ready = nil, nil
		for _, set := range sets {
			key := "set/" + set.Namespace + "/" + set.Name
			if known[key] {
				continue
			}
			known[key] = true
			s.verdict.ApplicationSets = append(s.verdict.ApplicationSets, set)
			ready = append(ready, s.expand(set)...)
		}
		for _, next := range ready {
			if known[next.Instance] {
				continue
			}
			known[next.Instance] = true
			s.verdict.Applications = append(s.verdict.Applications, next)
			if s.only || next.Error != "" {
				continue
			}
			if err := s.render(next); err != nil {
				next.Error = err.Error()
				next.Objects = nil
				continue
			}
			var children []*unstructured.Unstructured
			for _, object := range next.Objects {
				if !object.Replaced && !object.Ignored {
					children = append(children, object.Manifest)
				}
			}
			s.apply(children, next.Resource.Spec.Destination.Namespace, next.Instance)
		}
	}
	sort.SliceStable(s.verdict.Applications, func(i, j int) bool {
		return s.verdict.Applications[i].Instance < s.verdict.Applications[j].Instance
	})
	return nil
}

// apply takes the objects of Argo CD from those that are applied to its cluster.
func (s *session) apply(objects []*unstructured.Unstructured, namespace, parent string) {
	for _, object := range objects {
		if object.GroupVersionKind().Group != "argoproj.io" {
			continue
		}
		if object.GetNamespace() == "" {
			object = object.DeepCopy()
			object.SetNamespace(namespace)
		}
		switch object.GetKind() {
		case "Application":
			resource := &v1alpha1.Application{}
			err := convert(object, resource)
			resource.Namespace, resource.Name = object.GetNamespace(), object.GetName()
			next := &application{Parent: parent, Resource: manifest{resource}, Instance: resource.InstanceName(controlPlane)}
			if err != nil {
				next.Error = err.Error()
			}
			s.ready = append(s.ready, next)
		case "ApplicationSet":
			set := &v1alpha1.ApplicationSet{}
			err := convert(object, set)
			next := &applicationSet{Namespace: object.GetNamespace(), Name: object.GetName(), Parent: parent, set: set}
			if err != nil {
				next.Error, next.set = err.Error(), nil
			}
			s.sets = append(s.sets, next)
		case "AppProject":
			project := &v1alpha1.AppProject{}
			if convert(object, project) == nil && project.Namespace == controlPlane {
				s.projects[project.Name] = project
			}
		}
	}
}

func convert(object *unstructured.Unstructured, into any) error {
	text, err := object.MarshalJSON()
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	return err
}

// expand generates the Applications of an ApplicationSet.
func (s *session) expand(set *applicationSet) []*application {
	set.Applications = []string{}
	if set.set == nil {
		return nil
	}
	var projects []*v1alpha1.AppProject
	for _, project := range s.projects {
		projects = append(projects, project)
	}
	generated, err := generate(set.set, projects, s.workspace, s.repos)
	if err != nil {
		set.Error = s.clean(err.Error())
	}
	var all []*application
	for index := range generated {
		resource := manifest{&generated[index]}
		name := resource.InstanceName(controlPlane)
		set.Applications = append(set.Applications, name)
		all = append(all, &application{Generator: set.Name, Parent: set.Parent, Resource: resource, Instance: name})
	}
	return all
}

// render generates the objects of an Application, as the application controller asks the repo server for them.
func (s *session) render(a *application) error {
	ctx := context.Background()
	spec := argo.NormalizeApplicationSpec(&a.Resource.Spec)
	conditions, err := argo.ValidatePermissions(ctx, spec, permissive(spec.Project), s.database)
	if err != nil {
		return err
	}
	if len(conditions) > 0 {
		return errors.New(conditions[0].Message)
	}
	sources := spec.GetSources()
	if spec.SourceHydrator != nil {
		// What the hydrator renders: it is in no branch yet.
		sources = v1alpha1.ApplicationSources{spec.SourceHydrator.GetDrySource()}
	}
	references, err := argo.GetRefSources(ctx, sources, spec.Project, s.database.GetRepository, nil)
	if err != nil {
		return err
	}
	var all []*unstructured.Unstructured
	for index := range sources {
		// The repo server changes it.
		next := sources[index].DeepCopy()
		repository, err := s.database.GetRepository(ctx, next.RepoURL, spec.Project)
		if err != nil {
			return err
		}
		s.workspace.chart = next.Path
		response, err := s.server.GenerateManifest(ctx, &apiclient.ManifestRequest{
			Repo:               repository,
			Revision:           next.TargetRevision,
			NoCache:            true,
			NoRevisionCache:    true,
			AppName:            a.Instance,
			Namespace:          spec.Destination.Namespace,
			ApplicationSource:  next,
			KubeVersion:        s.workspace.Kubernetes.Version,
			ApiVersions:        s.workspace.Kubernetes.APIVersions,
			KustomizeOptions:   &v1alpha1.KustomizeOptions{BuildOptions: s.workspace.Kustomize.BuildOptions},
			HelmOptions:        &v1alpha1.HelmOptions{ValuesFileSchemes: []string{"https", "http"}},
			HasMultipleSources: spec.HasMultipleSources(),
			RefSources:         references,
			ProjectName:        spec.Project,
			ProjectSourceRepos: []string{"*"},
		})
		if err != nil {
			return errors.New(s.clean(fmt.Sprintf("source %d of %d: %v", index+1, len(sources), err)))
		}
		a.Sources = append(a.Sources, source{Type: response.SourceType, Commands: response.Commands})
		for _, text := range response.Manifests {
			manifest, err := v1alpha1.UnmarshalToUnstructured(text)
			if err != nil {
				return err
			}
			all = append(all, manifest)
			a.Objects = append(a.Objects, &object{Source: index, Manifest: manifest.DeepCopy()})
		}
	}
	return a.classify(all, spec.Destination.Namespace)
}

// classify lets the application controller decide what becomes of the objects. It changes their namespaces.
func (a *application) classify(all []*unstructured.Unstructured, namespace string) error {
	none := func(*unstructured.Unstructured) error { return nil }
	kept, _, err := controller.NormalizeTargetObjects(namespace, all, scopes(all), none)
	if err != nil {
		return err
	}
	last := map[*unstructured.Unstructured]bool{}
	for _, manifest := range kept {
		last[manifest] = true
	}
	for index, manifest := range all {
		object := a.Objects[index]
		object.Namespace = manifest.GetNamespace()
		object.Replaced = !last[manifest]
		object.Ignored = ignore.Ignore(manifest) || hook.Skip(manifest)
		if hook.IsHook(manifest) {
			for _, kind := range hook.Types(manifest) {
				object.Hooks = append(object.Hooks, hookType(kind))
			}
		}
	}
	return nil
}

// clean removes temporary paths from a message.
func (s *session) clean(message string) string {
	message = strings.ReplaceAll(message, s.workspace.Root, ".")
	return strings.ReplaceAll(message, s.workspace.folder+"/", "")
}

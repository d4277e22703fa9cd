package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"
	"github.com/argoproj/argo-cd/v3/util/helm"
	utilio "github.com/argoproj/argo-cd/v3/util/io"
	"github.com/argoproj/argo-cd/v3/util/io/files"
	"github.com/argoproj/argo-cd/v3/util/oci"
	argo "github.com/argoproj/argo-cd/v3/util/versions"
	"sigs.k8s.io/yaml"
)

// mirror is a chart repository: a directory with the archives of charts, which stands for every repository.
type mirror struct {
	directory, url, scratch string
}

// versions are the versions of each chart.
func versions(directory string) (map[string]helm.Entries, error) {
	all := map[string]helm.Entries{}
	archives, err := filepath.Glob(filepath.Join(directory, "*.tgz"))
	for _, archive := range archives {
		name := strings.TrimSuffix(filepath.Base(archive), ".tgz")
		for index, char := range name {
			if char != '-' {
				continue
			}
			if _, err := semver.StrictNewVersion(name[index+1:]); err == nil {
				all[name[:index]] = append(all[name[:index]], helm.Entry{Version: name[index+1:]})
				break
			}
		}
	}
	return all, err
}

func (m *mirror) CleanChartCache(string, string) error { return nil }
func (m *mirror) TestHelmOCI() (bool, error)           { return true, nil }

func (m *mirror) GetIndex(bool, int64) (*helm.Index, error) {
	entries, err := versions(m.directory)
	return &helm.Index{Entries: entries}, err
}

func (m *mirror) GetTags(chart string, _ bool) ([]string, error) {
	entries, err := versions(m.directory)
	return entries[path.Base(chart)].Tags(), err
}

// ExtractChart resolves ranges like `helm pull`: for Argo CD, `1.1` is a version.
func (m *mirror) ExtractChart(chart, version string, _ bool, limit int64, _ bool) (string, utilio.Closer, error) {
	name := path.Base(chart)
	known, err := versions(m.directory)
	if err != nil {
		return "", nil, err
	}
	if tags := known[name].Tags(); !slices.Contains(tags, version) {
		version = newest(tags, version)
	}
	archive, err := os.Open(filepath.Join(m.directory, name+"-"+version+".tgz"))
	if err != nil {
		return "", nil, fmt.Errorf("chart %s %s of %s is unavailable: %w", chart, version, m.url, err)
	}
	defer archive.Close()
	folder, err := os.MkdirTemp(m.scratch, "chart-")
	if err != nil {
		return "", nil, err
	}
	if err := files.Untgz(folder, archive, limit, false); err != nil {
		return "", nil, err
	}
	return filepath.Join(folder, name), utilio.NewCloser(func() error { return os.RemoveAll(folder) }), nil
}

// registry is an OCI repository with one chart, in the versions of the mirror.
type registry struct {
	oci.Client
	mirror *mirror
}

func (r *registry) CleanCache(string) error { return nil }

func (r *registry) ResolveRevision(_ context.Context, revision string, _ bool) (string, error) {
	tags, err := r.mirror.GetTags(r.mirror.url, true)
	if err != nil || slices.Contains(tags, revision) {
		return revision, err
	}
	return argo.MaxVersion(revision, tags, "")
}

func (r *registry) Extract(_ context.Context, version string) (string, utilio.Closer, error) {
	return r.mirror.ExtractChart(r.mirror.url, version, false, 1<<30, false)
}

// vendor puts the dependencies of a chart where `helm dependency build` puts them, which needs the network. What lies there
// already stays.
func vendor(chart, mirror string) error {
	text, err := os.ReadFile(filepath.Join(chart, "Chart.yaml"))
	if errors.Is(err, os.ErrNotExist) || mirror == "" {
		return nil
	}
	var metadata, lock struct {
		Dependencies []struct{ Name, Version, Repository string }
	}
	if err == nil {
		err = yaml.Unmarshal(text, &metadata)
	}
	if err != nil {
		// Helm reports it.
		return nil
	}
	if text, err := os.ReadFile(filepath.Join(chart, "Chart.lock")); err == nil {
		_ = yaml.Unmarshal(text, &lock)
	}
	known, err := versions(mirror)
	if err != nil {
		return err
	}
	for index, dependency := range metadata.Dependencies {
		if dependency.Repository == "" || strings.HasPrefix(dependency.Repository, "file://") {
			continue
		}
		if vendored(chart, dependency.Name) {
			continue
		}
		version := newest(known[dependency.Name].Tags(), dependency.Version)
		if index < len(lock.Dependencies) && lock.Dependencies[index].Name == dependency.Name {
			version = lock.Dependencies[index].Version
		}
		name := dependency.Name + "-" + version + ".tgz"
		archive, err := os.ReadFile(filepath.Join(mirror, name))
		if err != nil {
			continue
		}
		if err := os.MkdirAll(filepath.Join(chart, "charts"), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(chart, "charts", name), archive, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func vendored(chart, name string) bool {
	if _, err := os.Stat(filepath.Join(chart, "charts", name)); err == nil {
		return true
	}
	archives, _ := filepath.Glob(filepath.Join(chart, "charts", name+"-[0-9v]*.tgz"))
	return len(archives) > 0
}

// newest is the newest version in a range.
func newest(tags []string, constraint string) string {
	allowed, err := semver.NewConstraint(constraint)
	if err != nil {
		return constraint
	}
	var best *semver.Version
	for _, tag := range tags {
		version, err := semver.NewVersion(tag)
		if err == nil && allowed.Check(version) && (best == nil || best.LessThan(version)) {
			best = version
		}
	}
	if best == nil {
		return constraint
	}
	return best.Original()
}

package main

import (
	"slices"

	"example.com/engine/worker"
	"helm.sh/helm/v3/pkg/chart"
)

// private copies a chart, except for the bytes of its files, which no render changes. Rendering changes the rest: Helm
// removes disabled dependencies and merges values in place, and templates can set values.
func private(original *chart.Chart) (*chart.Chart, bool) {
	return copied(original), true
}

func copied(original *chart.Chart) *chart.Chart {
	private := &chart.Chart{
		Raw:       files(original.Raw),
		Metadata:  metadata(original.Metadata),
		Templates: files(original.Templates),
		Schema:    original.Schema,
		Files:     files(original.Files),
	}
	if original.Lock != nil {
		lock := *original.Lock
		lock.Dependencies = dependencies(lock.Dependencies)
		private.Lock = &lock
	}
	if original.Values != nil {
		private.Values = value(original.Values).(map[string]any)
	}
	for _, dependency := range original.Dependencies() {
		private.AddDependency(copied(dependency))
	}
	return private
}

func files(originals []*chart.File) []*chart.File {
	return each(originals, func(file chart.File) chart.File { return file })
}

func dependencies(originals []*chart.Dependency) []*chart.Dependency {
	return each(originals, func(dependency chart.Dependency) chart.Dependency {
		dependency.Tags = slices.Clone(dependency.Tags)
		if dependency.ImportValues != nil {
			dependency.ImportValues = value(dependency.ImportValues).([]any)
		}
		return dependency
	})
}

func metadata(original *chart.Metadata) *chart.Metadata {
	if original == nil {
		return nil
	}
	metadata := *original
	metadata.Sources = slices.Clone(original.Sources)
	metadata.Keywords = slices.Clone(original.Keywords)
	metadata.Maintainers = each(original.Maintainers, func(it chart.Maintainer) chart.Maintainer { return it })
	metadata.Annotations = cloned(original.Annotations)
	metadata.Dependencies = dependencies(original.Dependencies)
	return &metadata
}

func cloned(original map[string]string) map[string]string {
	if original == nil {
		return nil
	}
	clone := make(map[string]string, len(original))
	for key, value := range original {
		clone[key] = value
	}
	return clone
}

// each copies a slice of pointers, and what they point to.
func each[T any](originals []*T, copied func(T) T) []*T {
	if originals == nil {
		return nil
	}
	copies := make([]*T, len(originals))
	for index, original := range originals {
		if original != nil {
			copy := copied(*original)
			copies[index] = &copy
		}
	}
	return copies
}

// value copies a tree of values as they come from YAML.
func value(original any) any {
	switch original := original.(type) {
	case map[string]any:
		if original == nil {
			return original
		}
		copied := make(map[string]any, len(original))
		for key, child := range original {
			copied[key] = value(child)
		}
		return copied
	case []any:
		if original == nil {
			return original
		}
		copied := make([]any, len(original))
		for index, child := range original {
			copied[index] = value(child)
		}
		return copied
	default:
		return original
	}
}

// ofBuild is whether a template of a chart or of its dependencies may print how Helm was built.
func ofBuild(original *chart.Chart) bool {
	template := func(file *chart.File) bool { return worker.OfBuild(file.Data) }
	return slices.ContainsFunc(original.Templates, template) || slices.ContainsFunc(original.Dependencies(), ofBuild)
}

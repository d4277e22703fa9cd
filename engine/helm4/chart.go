package main

import (
	"slices"

	"example.com/engine/worker"
	"helm.sh/helm/v4/pkg/chart"
	"helm.sh/helm/v4/pkg/chart/common"
	v2 "helm.sh/helm/v4/pkg/chart/v2"
)

// private copies a chart, except for the bytes of its files, which no render changes. Rendering changes the rest: Helm
// removes disabled dependencies and merges values in place, and templates can set values.
func private(charter chart.Charter) (chart.Charter, bool) {
	original, known := charter.(*v2.Chart)
	if !known {
		return charter, false
	}
	return copied(original), true
}

func copied(original *v2.Chart) *v2.Chart {
	private := &v2.Chart{
		Raw:           files(original.Raw),
		Metadata:      metadata(original.Metadata),
		Templates:     files(original.Templates),
		Schema:        original.Schema,
		SchemaModTime: original.SchemaModTime,
		Files:         files(original.Files),
		ModTime:       original.ModTime,
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

func files(originals []*common.File) []*common.File {
	return each(originals, func(file common.File) common.File { return file })
}

func dependencies(originals []*v2.Dependency) []*v2.Dependency {
	return each(originals, func(dependency v2.Dependency) v2.Dependency {
		dependency.Tags = slices.Clone(dependency.Tags)
		if dependency.ImportValues != nil {
			dependency.ImportValues = value(dependency.ImportValues).([]any)
		}
		return dependency
	})
}

func metadata(original *v2.Metadata) *v2.Metadata {
	if original == nil {
		return nil
	}
	metadata := *original
	metadata.Sources = slices.Clone(original.Sources)
	metadata.Keywords = slices.Clone(original.Keywords)
	metadata.Maintainers = each(original.Maintainers, func(it v2.Maintainer) v2.Maintainer { return it })
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
func ofBuild(charter chart.Charter) bool {
	chart, known := charter.(*v2.Chart)
	if !known {
		return true
	}
	template := func(file *common.File) bool { return worker.OfBuild(file.Data) }
	dependency := func(chart *v2.Chart) bool { return ofBuild(chart) }
	return slices.ContainsFunc(chart.Templates, template) || slices.ContainsFunc(chart.Dependencies(), dependency)
}

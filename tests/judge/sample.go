package main

import (
	"encoding/json"
	"maps"
	"strings"

	"github.com/argoproj/argo-cd/v3/applicationset/generators"
	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// sample contains the parameters that a generator would return if it could ask somebody.
type sample struct {
	Set        string `toml:"application-set"`
	Generator  string
	Parameters []map[string]any
}

// sampled is a generator with declared parameters.
type sampled struct {
	generators.Generator
	parameters []map[string]any
}

func (s sampled) GenerateParams(*v1alpha1.ApplicationSetGenerator, *v1alpha1.ApplicationSet, client.Client) ([]map[string]any, error) {
	// The parameters are JSON, as in the answer of a plugin. Generators that contain this one change them.
	text, err := json.Marshal(s.parameters)
	if err != nil {
		return nil, err
	}
	var copied []map[string]any
	return copied, json.Unmarshal(text, &copied)
}

// withSamples replaces the generators of an ApplicationSet for which there are samples, also in matrix and merge.
func withSamples(all map[string]generators.Generator, samples []sample, set string) map[string]generators.Generator {
	terminal := maps.Clone(all)
	delete(terminal, "Matrix")
	delete(terminal, "Merge")
	for name, generator := range terminal {
		for _, sample := range samples {
			if sample.Set == set && strings.EqualFold(sample.Generator, name) {
				terminal[name] = sampled{generator, sample.Parameters}
			}
		}
	}
	nested, top := maps.Clone(terminal), maps.Clone(terminal)
	nested["Matrix"], nested["Merge"] = generators.NewMatrixGenerator(terminal), generators.NewMergeGenerator(terminal)
	top["Matrix"], top["Merge"] = generators.NewMatrixGenerator(nested), generators.NewMergeGenerator(nested)
	return top
}

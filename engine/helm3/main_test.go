package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"example.com/engine/worker"
)

const template = `{{- if .Values.first }}{{ $_ := set .Values "first" false }}{{ $_ := set .Values.nested "list" (append .Values.nested.list 2) }}{{ end -}}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}
  namespace: {{ .Release.Namespace }}
data:
  nested: {{ toJson .Values.nested | quote }}
  version: {{ .Capabilities.KubeVersion.Version }}
`

func TestRendersAreIndependent(t *testing.T) {
	t.Chdir(t.TempDir())
	for path, text := range map[string]string{
		"Chart.yaml":                  "apiVersion: v2\nname: web\nversion: 1.0.0\ndependencies:\n  - {name: sub, version: 1.0.0, condition: sub.enabled}\n",
		"values.yaml":                 "first: true\nsub: {enabled: false}\nnested: {list: [1]}\n",
		"templates/map.yaml":          template,
		"charts/sub/Chart.yaml":       "apiVersion: v2\nname: sub\nversion: 1.0.0\n",
		"charts/sub/templates/a.yaml": "kind: Sub\n",
	} {
		if index := strings.LastIndex(path, "/"); index > 0 {
			if err := os.MkdirAll(path[:index], 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(200 * time.Millisecond)
	run := func(more ...string) string {
		t.Helper()
		options, err := worker.Parse(append([]string{"template", ".", "--name-template", "web", "--namespace", "ns", "--kube-version", "1.34.11"}, more...))
		if err != nil {
			t.Fatal(err)
		}
		output, err := render(options)
		if err != nil {
			return err.Error()
		}
		return string(output)
	}
	first := run()
	if !strings.Contains(first, `nested: "{\"list\":[1,2]}"`) || strings.Contains(first, "kind: Sub") {
		t.Error(first)
	}
	if with := run("--set", "sub.enabled=true,nested.other=null"); !strings.Contains(with, "kind: Sub") {
		t.Error(with)
	}
	// What a template set, and which dependencies were removed, does not affect the next render.
	for range 2 {
		if again := run(); again != first {
			t.Error(again)
		}
	}
	if wrong := run("--set", "nested=1"); !strings.Contains(wrong, "templates/map.yaml:1:") {
		t.Error(wrong)
	}
}

package worker

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func lines(t *testing.T, requests ...Request) string {
	t.Helper()
	var input strings.Builder
	for _, request := range requests {
		line, err := json.Marshal(request)
		if err != nil {
			t.Fatal(err)
		}
		input.Write(append(line, '\n'))
	}
	return input.String()
}

func TestRequestsAreAnsweredInOrder(t *testing.T) {
	t.Chdir(t.TempDir())
	stderr, err := os.Create("stderr")
	if err != nil {
		t.Fatal(err)
	}
	real := os.Stderr
	os.Stderr = stderr
	defer func() { os.Stderr = real }()
	render := func(options *Options) ([]byte, error) {
		fmt.Fprintln(os.Stderr, "about", options.NameTemplate)
		switch options.NameTemplate {
		case "broken":
			return nil, errors.New("is broken")
		case "left":
			return nil, Left("is left")
		}
		return []byte("\xff" + options.Namespace), nil
	}
	arguments := func(name string) []string {
		return []string{"template", ".", "--name-template", name, "--namespace", "ns"}
	}
	input := lines(t, Request{".", arguments("one")}, Request{".", arguments("broken")}, Request{".", arguments("left")},
		Request{".", []string{"version"}}, Request{"/nonexistent/here", arguments("one")})
	var output bytes.Buffer
	if err := Serve(strings.NewReader(input), &output, stderr, Hello{Protocol: Protocol}, render); err != nil {
		t.Fatal(err)
	}
	expected := `{"protocol":1,"helm":"","go":"","commandGo":""}
{"code":0,"stdout":3,"stderr":10}
` + "\xffns" + `about one
{"code":1,"stdout":0,"stderr":30}
about broken
Error: is broken
{"code":0,"stdout":0,"stderr":0,"refused":"is left"}
{"code":0,"stdout":0,"stderr":0,"refused":"only ` + "`template .`" + ` is supported"}
{"code":0,"stdout":0,"stderr":0,"refused":"chdir /nonexistent/here: no such file or directory"}
`
	if output.String() != expected {
		t.Errorf("got %s", output.String())
	}
}

func TestFlagsAreThoseOfHelm(t *testing.T) {
	options, err := Parse([]string{
		"template", ".", "--name-template", "web", "--set", "a=1,b=2", "--set", "c=3", "--values", `a.yaml,"b,c.yaml"`,
		"--api-versions", "x/v1,y/v1", "--include-crds", "--skip-tests=false",
	})
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%q %q %q %v %v", options.Values, options.ValueFiles, options.APIVersions, options.IncludeCRDs, options.SkipTests)
	if got != `["a=1,b=2" "c=3"] ["a.yaml" "b,c.yaml"] ["x/v1" "y/v1"] true false` {
		t.Error(got)
	}
	for _, flag := range []string{"--debug", "--validate", "--post-renderer=x", "--dry-run=server", "--values=https://example.com/x"} {
		if _, err := Parse([]string{"template", ".", "--name-template", "web", flag}); err == nil {
			t.Error(flag, "is not left to Helm")
		}
	}
}

func TestUsesOfTheBuildAreFound(t *testing.T) {
	for text, expected := range map[string]bool{
		"{{ .Capabilities.KubeVersion.Version }}{{ .Capabilities.APIVersions.Has \"x\" }}": false,
		"{{ .Capabilities.HelmVersion.GoVersion }}":                                        true,
		"{{ toYaml $.Capabilities }}":                                                      true,
		"{{ .Capabilities.KubeVersionX }}":                                                 true,
	} {
		if OfBuild([]byte(text)) != expected {
			t.Error(text)
		}
	}
}

func TestChartsAreKeptUntilAFileChanges(t *testing.T) {
	directory := t.TempDir()
	path := filepath.Join(directory, "values.yaml")
	old := time.Now().Add(-time.Hour)
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
	}
	loads := 0
	charts := Charts[string]{
		Load: func(directory string) (string, error) {
			loads++
			bytes, err := os.ReadFile(filepath.Join(directory, "values.yaml"))
			return string(bytes), err
		},
		Copy: func(chart string) (string, bool) { return chart, true },
	}
	expect := func(text string, count int) {
		t.Helper()
		if chart, err := charts.Get(directory); err != nil || chart != text || loads != count {
			t.Errorf("%q after %d loads, %v", chart, loads, err)
		}
	}
	write("one")
	// A file that changed just now may change again without a visible difference.
	expect("one", 1)
	expect("one", 2)
	time.Sleep(2 * settled)
	expect("one", 3)
	expect("one", 3)
	// The size and the modification time are the same.
	write("two")
	expect("two", 4)
	time.Sleep(2 * settled)
	expect("two", 5)
	expect("two", 5)
	if err := os.Symlink("values.yaml", filepath.Join(directory, "link")); err != nil {
		t.Fatal(err)
	}
	expect("two", 6)
	expect("two", 6+1)
}

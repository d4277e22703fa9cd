// Checks the reports that the fixtures expect against the schemas of their formats.
//
// The SARIF schema, the protocol of reviewdog, and a reader of JUnit reports come from libraries that other tools use to
// read such reports. GitLab publishes no schema for Code Quality reports; the type here has the keys that its documentation
// requires.
package schemas

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/joshdk/go-junit"
	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
	"github.com/reviewdog/reviewdog/proto/rdf"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/tools/txtar"
	"google.golang.org/protobuf/encoding/protojson"
)

// How a report is checked, by the name of its file in a fixture.
var formats = map[string]func([]byte) error{
	"expected/report.sarif":      checkSarif,
	"expected/rdjson.json":       checkRdjson,
	"expected/junit.xml":         checkJunit,
	"expected/code-quality.json": checkCodeQuality,
}

func TestReports(t *testing.T) {
	checked := map[string]int{}
	for _, file := range fixtures(t) {
		for _, part := range read(t, file).Files {
			check, ok := formats[part.Name]
			if !ok {
				continue
			}
			checked[part.Name]++
			t.Run(name(file)+"/"+filepath.Base(part.Name), func(t *testing.T) {
				if err := check(part.Data); err != nil {
					t.Error(err)
				}
			})
		}
	}
	for name := range formats {
		if checked[name] == 0 {
			t.Errorf("no fixture has %s", name)
		}
	}
}

// The standard output of every fixture that asks for JSON.
func TestJSON(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("../../docs/json.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, file := range fixtures(t) {
		archive := read(t, file)
		if !strings.Contains(string(archive.Comment), " --format json") {
			continue
		}
		for _, part := range archive.Files {
			if part.Name != "expected.stdout" {
				continue
			}
			checked++
			t.Run(name(file), func(t *testing.T) {
				value, err := jsonschema.UnmarshalJSON(bytes.NewReader(part.Data))
				if err != nil {
					t.Fatal(err)
				}
				if err := schema.Validate(value); err != nil {
					t.Error(err)
				}
			})
		}
	}
	if checked == 0 {
		t.Error("no fixture asks for JSON")
	}
}

func fixtures(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../fixtures/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func name(file string) string {
	return strings.TrimSuffix(filepath.Base(file), ".txtar")
}

func read(t *testing.T, file string) *txtar.Archive {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return archive
}

// The library validates what it has read. Since no key is unknown to it, that is the whole report.
func checkSarif(data []byte) error {
	if err := strict(data, &sarif.Report{}); err != nil {
		return err
	}
	report, err := sarif.FromBytes(data)
	if err != nil {
		return err
	}
	// The library writes empty values for what a report leaves out, also where the schema does not allow them. These are the
	// defaults of the standard.
	for _, run := range report.Runs {
		run.Language = "en-US"
		run.Tool.Driver.Language = "en-US"
		run.NewlineSequences = []string{"\r\n", "\n"}
	}
	return report.Validate()
}

func checkRdjson(data []byte) error {
	var result rdf.DiagnosticResult
	if err := protojson.Unmarshal(data, &result); err != nil {
		return err
	}
	for _, diagnostic := range result.Diagnostics {
		if diagnostic.Message == "" {
			return fmt.Errorf("a diagnostic has no message: %v", diagnostic)
		}
	}
	return nil
}

func checkJunit(data []byte) error {
	suites, err := junit.Ingest(data)
	if err != nil {
		return err
	}
	for _, suite := range suites {
		for _, test := range suite.Tests {
			if test.Name == "" {
				return fmt.Errorf("suite %q has a test without a name", suite.Name)
			}
		}
	}
	return nil
}

type codeQualityIssue struct {
	Description string `json:"description"`
	CheckName   string `json:"check_name"`
	Fingerprint string `json:"fingerprint"`
	Severity    string `json:"severity"`
	Location    struct {
		Path  string `json:"path"`
		Lines struct {
			Begin int `json:"begin"`
			End   int `json:"end"`
		} `json:"lines"`
	} `json:"location"`
}

func checkCodeQuality(data []byte) error {
	var issues []codeQualityIssue
	if err := strict(data, &issues); err != nil {
		return err
	}
	severities := map[string]bool{"info": true, "minor": true, "major": true, "critical": true, "blocker": true}
	known := map[string]bool{}
	for _, issue := range issues {
		switch {
		case issue.Description == "", issue.CheckName == "", issue.Location.Path == "", issue.Location.Lines.Begin < 1:
			return fmt.Errorf("an issue is incomplete: %+v", issue)
		case !severities[issue.Severity]:
			return fmt.Errorf("GitLab has no severity %q", issue.Severity)
		case known[issue.Fingerprint]:
			return fmt.Errorf("two issues have the fingerprint %s", issue.Fingerprint)
		}
		known[issue.Fingerprint] = true
	}
	return nil
}

// Reads JSON without unknown keys.
func strict(data []byte, value any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	return decoder.Decode(value)
}

package worker

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"
)

// Options are the flags of `helm template` that a worker understands.
type Options struct {
	NameTemplate         string
	Namespace            string
	KubeVersion          string
	ValueFiles           []string
	Values               []string
	StringValues         []string
	FileValues           []string
	JSONValues           []string
	APIVersions          []string
	IncludeCRDs          bool
	SkipSchemaValidation bool
	SkipTests            bool
}

// Refusal is why a command line is left to Helm: it must be `template .` with flags.
func Refusal(arguments []string) string {
	if len(arguments) < 2 || arguments[0] != "template" || arguments[1] != "." {
		return "only `template .` is supported"
	}
	return ""
}

// Parse reads the flags as Helm does. What it does not know fails, and is left to Helm, as are mistakes.
func Parse(arguments []string) (*Options, error) {
	options := &Options{}
	flags := pflag.NewFlagSet("template", pflag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&options.NameTemplate, "name-template", "", "")
	flags.StringVarP(&options.Namespace, "namespace", "n", "", "")
	flags.StringVar(&options.KubeVersion, "kube-version", "", "")
	flags.StringSliceVarP(&options.ValueFiles, "values", "f", []string{}, "")
	flags.StringArrayVar(&options.Values, "set", []string{}, "")
	flags.StringArrayVar(&options.StringValues, "set-string", []string{}, "")
	flags.StringArrayVar(&options.FileValues, "set-file", []string{}, "")
	flags.StringArrayVar(&options.JSONValues, "set-json", []string{}, "")
	flags.StringSliceVarP(&options.APIVersions, "api-versions", "a", []string{}, "")
	flags.BoolVar(&options.IncludeCRDs, "include-crds", false, "")
	flags.BoolVar(&options.SkipSchemaValidation, "skip-schema-validation", false, "")
	flags.BoolVar(&options.SkipTests, "skip-tests", false, "")
	if err := flags.Parse(arguments[1:]); err != nil {
		return nil, err
	}
	if flags.NArg() != 1 || options.NameTemplate == "" {
		return nil, fmt.Errorf("only `template . --name-template NAME` is supported")
	}
	for _, file := range options.ValueFiles {
		if strings.Contains(file, "://") {
			return nil, fmt.Errorf("value files with a URL are left to Helm")
		}
	}
	for _, file := range options.FileValues {
		if strings.Contains(file, "://") {
			return nil, fmt.Errorf("files with a URL are left to Helm")
		}
	}
	return options, nil
}

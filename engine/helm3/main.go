// Renders charts with the packages of Helm 3, as `helm template` does.
package main

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"os"
	"slices"
	"strings"

	"example.com/engine/worker"
	"github.com/pkg/errors"
	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/cli"
	"helm.sh/helm/v3/pkg/cli/values"
	"helm.sh/helm/v3/pkg/getter"
	"helm.sh/helm/v3/pkg/release"
)

var charts = worker.Charts[*chart.Chart]{Load: loader.Load, Copy: private}

func main() {
	log.SetFlags(log.Lshortfile)
	worker.Main("helm.sh/helm/v3", render)
}

func render(options *worker.Options) ([]byte, error) {
	settings := cli.New()
	if options.Namespace != "" {
		settings.SetNamespace(options.Namespace)
	}
	configuration := &action.Configuration{Log: func(string, ...any) {}}
	client := action.NewInstall(configuration)
	if options.KubeVersion != "" {
		version, err := chartutil.ParseKubeVersion(options.KubeVersion)
		if err != nil {
			return nil, fmt.Errorf("invalid kube version '%s': %s", options.KubeVersion, err)
		}
		client.KubeVersion = version
	}
	client.DryRun = true
	client.DryRunOption = "true"
	client.Replace = true
	client.ClientOnly = true
	client.NameTemplate = options.NameTemplate
	client.APIVersions = chartutil.VersionSet(options.APIVersions)
	client.IncludeCRDs = options.IncludeCRDs
	client.SkipSchemaValidation = options.SkipSchemaValidation

	rendered, err := install(client, settings, options)
	if err != nil {
		if rendered != nil {
			err = fmt.Errorf("%w\n\nUse --debug flag to render out invalid YAML", err)
		}
		return nil, err
	}
	if rendered == nil {
		return nil, nil
	}
	var output bytes.Buffer
	fmt.Fprintln(&output, strings.TrimSpace(rendered.Manifest))
	for _, hook := range rendered.Hooks {
		if options.SkipTests && slices.Contains(hook.Events, release.HookTest) {
			continue
		}
		fmt.Fprintf(&output, "---\n# Source: %s\n%s\n", hook.Path, hook.Manifest)
	}
	return output.Bytes(), nil
}

func install(client *action.Install, settings *cli.EnvSettings, options *worker.Options) (*release.Release, error) {
	name, reference, err := client.NameAndChart([]string{"."})
	if err != nil {
		return nil, err
	}
	client.ReleaseName = name
	path, err := client.ChartPathOptions.LocateChart(reference, settings)
	if err != nil {
		return nil, err
	}
	given := values.Options{
		ValueFiles: options.ValueFiles, Values: options.Values, StringValues: options.StringValues,
		FileValues: options.FileValues, JSONValues: options.JSONValues,
	}
	merged, err := given.MergeValues(getter.All(settings))
	if err != nil {
		return nil, err
	}
	loaded, err := charts.Get(path)
	if err != nil {
		return nil, err
	}
	if ofBuild(loaded) {
		return nil, worker.Left("the chart may print how Helm was built")
	}
	if kind := loaded.Metadata.Type; kind != "" && kind != "application" {
		return nil, errors.Errorf("%s charts are not installable", kind)
	}
	if loaded.Metadata.Deprecated {
		fmt.Fprintln(os.Stderr, "WARNING: This chart is deprecated")
	}
	if required := loaded.Metadata.Dependencies; required != nil {
		if err := action.CheckDependencies(loaded, required); err != nil {
			return nil, errors.Wrap(err, "An error occurred while checking for chart dependencies. You may need to run `helm dependency build` to fetch missing dependencies")
		}
	}
	client.Namespace = settings.Namespace()
	return client.RunWithContext(context.Background(), loaded, merged)
}

// Renders charts with the packages of Helm 4, as `helm template` does.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"

	"example.com/engine/worker"
	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/loader"
	"helm.sh/helm/v4/pkg/cli"
	"helm.sh/helm/v4/pkg/cli/values"
	"helm.sh/helm/v4/pkg/getter"
	"helm.sh/helm/v4/pkg/release"
	v1 "helm.sh/helm/v4/pkg/release/v1"
)

var charts = worker.Charts[chart.Charter]{Load: loader.Load, Copy: private}

func main() {
	// As Helm's own: without times and debug messages.
	handler := slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{
		Level: slog.LevelInfo,
		ReplaceAttr: func(_ []string, attribute slog.Attr) slog.Attr {
			if attribute.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return attribute
		},
	})
	slog.SetDefault(slog.New(handler))
	worker.Main("helm.sh/helm/v4", render)
}

func render(options *worker.Options) ([]byte, error) {
	settings := cli.New()
	if options.Namespace != "" {
		settings.SetNamespace(options.Namespace)
	}
	configuration := action.NewConfiguration()
	configuration.SetLogger(slog.Default().Handler())
	client := action.NewInstall(configuration)
	if options.KubeVersion != "" {
		version, err := common.ParseKubeVersion(options.KubeVersion)
		if err != nil {
			return nil, fmt.Errorf("invalid kube version '%s': %w", options.KubeVersion, err)
		}
		client.KubeVersion = version
	}
	client.DryRunStrategy = action.DryRunClient
	client.Replace = true
	client.NameTemplate = options.NameTemplate
	client.APIVersions = common.VersionSet(options.APIVersions)
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
		if options.SkipTests && slices.Contains(hook.Events, v1.HookTest) {
			continue
		}
		fmt.Fprintf(&output, "---\n# Source: %s\n%s\n", hook.Path, hook.Manifest)
	}
	return output.Bytes(), nil
}

func install(client *action.Install, settings *cli.EnvSettings, options *worker.Options) (*v1.Release, error) {
	name, reference, err := client.NameAndChart([]string{"."})
	if err != nil {
		return nil, err
	}
	client.ReleaseName = name
	path, err := client.LocateChart(reference, settings)
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
	accessor, err := chart.NewAccessor(loaded)
	if err != nil {
		return nil, err
	}
	if kind := accessor.MetadataAsMap()["Type"]; kind != "" && kind != "application" {
		return nil, fmt.Errorf("%s charts are not installable", kind)
	}
	if accessor.Deprecated() {
		slog.Warn("this chart is deprecated")
	}
	if required := accessor.MetaDependencies(); len(required) > 0 {
		if err := action.CheckDependencies(loaded, required); err != nil {
			return nil, fmt.Errorf("an error occurred while checking for chart dependencies. You may need to run 'helm dependency build' to fetch missing dependencies: %w", err)
		}
	}
	client.Namespace = settings.Namespace()
	rendered, err := client.RunWithContext(context.Background(), loaded, merged)
	switch rendered := rendered.(type) {
	case nil:
		return nil, err
	case *v1.Release:
		return rendered, err
	case release.Releaser:
		return nil, errors.Join(err, fmt.Errorf("unsupported release type: %T", rendered))
	}
	return nil, err
}

package worker

import "regexp"

// capabilities finds uses of the capabilities. Besides what the command line sets, they contain how Helm was built.
var capabilities = regexp.MustCompile(`Capabilities(\.KubeVersion\b|\.APIVersions\b)?`)

// OfBuild is whether a text may print how Helm was built, which differs between Helm and a worker.
func OfBuild(text []byte) bool {
	for _, found := range capabilities.FindAll(text, -1) {
		if len(found) == len("Capabilities") {
			return true
		}
	}
	return false
}

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"time"
	"unsafe"

	"github.com/argoproj/argo-cd/v3/reposerver/apiclient"
	"github.com/argoproj/argo-cd/v3/reposerver/cache"
	"github.com/argoproj/argo-cd/v3/reposerver/metrics"
	"github.com/argoproj/argo-cd/v3/reposerver/repository"
	cacheutil "github.com/argoproj/argo-cd/v3/util/cache"
	"github.com/argoproj/argo-cd/v3/util/git"
	"github.com/argoproj/argo-cd/v3/util/helm"
	utilio "github.com/argoproj/argo-cd/v3/util/io"
	"github.com/argoproj/argo-cd/v3/util/oci"
	"google.golang.org/grpc"
	"k8s.io/apimachinery/pkg/api/resource"
)

// The commit of a workspace that is not a Git repository.
const commit = "0000000000000000000000000000000000000000"

// newService returns a repo server that reads the workspace instead of Git repositories, and the mirror instead of chart
// repositories.
func newService(w *workspace, folder string) *repository.Service {
	memory := cacheutil.NewCache(cacheutil.NewInMemoryCache(time.Hour))
	constants := repository.RepoServerInitConstants{
		MaxCombinedDirectoryManifestsSize: resource.MustParse("10M"),
		HelmManifestMaxExtractedSize:      1 << 30,
		HelmRegistryMaxIndexSize:          1 << 30,
		// A repo server has it, too: without it, Git would read the configuration of this machine.
		EnableBuiltinGitConfig: true,
	}
	service := repository.NewService(
		metrics.NewMetricsServer(), cache.NewCache(memory, time.Hour, time.Hour, time.Minute), constants, git.NoopCredsStore{}, folder)
	replace(service, "newGitClient", func(url, root string, _ git.Creds, _, _ bool, _, _ string, options ...git.ClientOpts) (git.Client, error) {
		directory, err := w.checkout(url)
		if err != nil {
			return nil, err
		}
		real, err := git.NewClientExt("file://"+directory, root, git.NopCreds{}, false, false, "", "", options...)
		if err != nil {
			return nil, err
		}
		if _, err := os.Stat(filepath.Join(directory, ".git")); err == nil {
			return &history{real}, nil
		}
		return &plain{Client: real, directory: directory, workspace: w}, nil
	})
	replace(service, "newHelmClient", func(url string, _ helm.Creds, _ bool, _, _ string, _ ...helm.ClientOpts) helm.Client {
		return &mirror{directory: w.Mirror, url: url, scratch: folder}
	})
	replace(service, "newOCIClient", func(url string, _ oci.Creds, _, _ string, _ []string, _ ...oci.ClientOpts) (oci.Client, error) {
		return &registry{mirror: &mirror{directory: w.Mirror, url: url, scratch: folder}}, nil
	})
	return service
}

// history is Argo CD's own Git client, without the program that verifies signatures.
type history struct {
	git.Client
}

func (h *history) VerifyCommitSignature(string) (string, error) { return "", nil }

// replace sets a field that Argo CD's own tests set from inside of its package.
func replace[T any](service *repository.Service, name string, value T) {
	field := reflect.ValueOf(service).Elem().FieldByName(name)
	*(*T)(unsafe.Pointer(field.UnsafeAddr())) = value
}

// plain is a Git client whose repository is a directory without history: every revision is its content.
type plain struct {
	git.Client
	directory string
	workspace *workspace
}

func (p *plain) Init() error                                  { return nil }
func (p *plain) Fetch(string, int64) error                    { return nil }
func (p *plain) IsRevisionPresent(string) bool                { return true }
func (p *plain) IsAnnotatedTag(string) bool                   { return false }
func (p *plain) LsRemote(string) (string, error)              { return commit, nil }
func (p *plain) CommitSHA() (string, error)                   { return commit, nil }
func (p *plain) VerifyCommitSignature(string) (string, error) { return "", nil }

// Checkout replaces the content of the root, in which Argo CD works. Kustomize changes files there.
func (p *plain) Checkout(string, bool, bool) (string, error) {
	if err := os.RemoveAll(p.Root()); err != nil {
		return "", err
	}
	if err := copyTree(p.directory, p.Root()); err != nil {
		return "", err
	}
	return "", vendor(filepath.Join(p.Root(), p.workspace.chart), p.workspace.Mirror)
}

// LsFiles lists files with Argo CD's own code. Its older way asks Git.
func (p *plain) LsFiles(path string, globbing bool) ([]string, error) {
	if !globbing {
		if _, err := os.Stat(filepath.Join(p.Root(), ".git")); err != nil {
			if err := commitAll(p.Root()); err != nil {
				return nil, err
			}
		}
	}
	return p.Client.LsFiles(path, globbing)
}

// commitAll makes a directory a Git repository whose index contains all files.
func commitAll(root string) error {
	for _, arguments := range [][]string{{"init", "--quiet"}, {"add", "--all"}} {
		command := exec.Command("git", arguments...)
		command.Dir = root
		command.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
		if output, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("git %s: %w: %s", arguments[0], err, output)
		}
	}
	return nil
}

// copyTree copies a directory with its links, and without what Git does not contain.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(to, strings.TrimPrefix(path, from))
		switch {
		case entry.IsDir() && entry.Name() == ".git":
			return filepath.SkipDir
		case entry.IsDir():
			return os.MkdirAll(target, 0o755)
		case entry.Type()&os.ModeSymlink != 0:
			link, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return os.Symlink(link, target)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, content, 0o644)
	})
}

// local is a client of the repo server that calls it directly.
type local struct {
	apiclient.RepoServerServiceClient
	service *repository.Service
}

func (l *local) NewRepoServerClient() (utilio.Closer, apiclient.RepoServerServiceClient, error) {
	return utilio.NopCloser, l, nil
}

func (l *local) GetGitFiles(ctx context.Context, request *apiclient.GitFilesRequest, _ ...grpc.CallOption) (*apiclient.GitFilesResponse, error) {
	return l.service.GetGitFiles(ctx, request)
}

func (l *local) GetGitDirectories(ctx context.Context, request *apiclient.GitDirectoriesRequest, _ ...grpc.CallOption) (*apiclient.GitDirectoriesResponse, error) {
	return l.service.GetGitDirectories(ctx, request)
}

func (l *local) GenerateManifest(ctx context.Context, request *apiclient.ManifestRequest, _ ...grpc.CallOption) (response *apiclient.ManifestResponse, err error) {
	response, err = l.service.GenerateManifest(ctx, request)
	if response == nil && err == nil {
		err = errors.New("the repo server returned nothing")
	}
	return response, err
}

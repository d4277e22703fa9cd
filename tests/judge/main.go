// Prints what Argo CD makes of a workspace: the Applications that its ApplicationSet controller generates, and the objects
// that its repo server generates. README.md describes its input and output.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	log "github.com/sirupsen/logrus"
	"k8s.io/klog/v2"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "judge:", err)
		os.Exit(1)
	}
}

func run() error {
	var given tools
	flag.StringVar(&given.helm, "helm", "", "path of Helm; default: from PATH")
	flag.StringVar(&given.kustomize, "kustomize", "", "path of Kustomize; default: from PATH")
	mirror := flag.String("mirror", "", "directory with the chart archives of all chart repositories")
	only := flag.Bool("applicationsets", false, "evaluate ApplicationSets only, render nothing")
	verbose := flag.Bool("verbose", false, "print Argo CD's own log")
	jobs := flag.Int("jobs", runtime.NumCPU(), "number of workspaces at a time")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: judge [OPTION…] [DIRECTORY…]\nwithout directories, reads one JSON document per workspace and line")
		flag.PrintDefaults()
	}
	flag.Parse()

	silence(*verbose)
	scratch, err := os.MkdirTemp("", "judge-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	if err := given.install(scratch); err != nil {
		return err
	}

	var waiting sync.WaitGroup
	var output sync.Mutex
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	queue := make(chan request)
	for range *jobs {
		waiting.Go(func() {
			for workspace := range queue {
				verdict := judge(workspace, scratch, *only)
				output.Lock()
				if err := encoder.Encode(verdict); err != nil {
					log.Fatal(err)
				}
				output.Unlock()
			}
		})
	}
	err = enqueue(queue, flag.Args(), *mirror)
	close(queue)
	waiting.Wait()
	return err
}

// silence discards the logs of Argo CD and its libraries, or sends them to standard error.
func silence(verbose bool) {
	if !verbose {
		// For the programs that it runs, Argo CD makes loggers of its own.
		_ = os.Setenv("ARGOCD_LOG_LEVEL", "error")
	}
	log.SetOutput(io.Discard)
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
	if verbose {
		log.SetOutput(os.Stderr)
		log.SetLevel(log.DebugLevel)
	}
}

// enqueue reads the workspaces to judge, from arguments or from standard input. Each is judged at once, not at the end of
// the input.
func enqueue(queue chan<- request, directories []string, mirror string) error {
	for _, directory := range directories {
		root, err := filepath.Abs(directory)
		if err != nil {
			return err
		}
		queue <- request{Root: root, Mirror: mirror}
	}
	if len(directories) > 0 {
		return nil
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		next := request{Mirror: mirror}
		if err := json.Unmarshal(lines.Bytes(), &next); err != nil {
			return fmt.Errorf("%s: %w", lines.Text(), err)
		}
		queue <- next
	}
	return lines.Err()
}

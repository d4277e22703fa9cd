// Package worker renders charts for another program, many in one process. The protocol is in ../README.md.
//
// A worker renders one chart at a time: Helm has global state, and a template cannot be ended without its process.
package worker

import (
	"bufio"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// Protocol is the version of the protocol.
const Protocol = 1

// Renders is the number of renders after which a worker ends, so that whatever leaks does not accumulate.
const Renders = 2000

// Memory is the size of the process, in bytes, above which it ends after a render.
const Memory = 512 << 20

// Hello is the first line that a worker writes.
type Hello struct {
	Protocol int `json:"protocol"`
	// Helm is the version of the Helm module, such as v4.2.1.
	Helm string `json:"helm"`
	// Go is the version of Go, such as go1.26.8: templates are part of Go.
	Go string `json:"go"`
	// CommandGo is the version of Go of the helm command in whose place the worker renders.
	CommandGo string `json:"commandGo"`
}

// Request is a command line of Helm.
type Request struct {
	// Directory is its working directory.
	Directory string `json:"directory"`
	// Arguments are those after the name of the program.
	Arguments []string `json:"arguments"`
}

// Response is what the command would have written, whose bytes follow it: Stdout, then Stderr.
type Response struct {
	// Code is the exit code.
	Code int `json:"code"`
	// Stdout and Stderr are numbers of bytes.
	Stdout int `json:"stdout"`
	Stderr int `json:"stderr"`
	// Refused is why the worker leaves the command to Helm; then nothing follows.
	Refused string `json:"refused,omitempty"`
	// Last is set if the worker ends after this response.
	Last bool `json:"last,omitempty"`
}

// Left is an error with the reason why a chart is left to Helm.
type Left string

func (left Left) Error() string { return string(left) }

// Render returns the standard output of a command. It may write to os.Stderr. The error is what Helm prints.
type Render func(options *Options) ([]byte, error)

// Main serves requests from standard input until its end, with the arguments `serve` and the path of the helm command.
// With the argument `version`, it prints the version of Helm.
func Main(module string, render Render) {
	hello := Hello{Protocol: Protocol, Helm: version(module), Go: runtime.Version()}
	if len(os.Args) == 2 && os.Args[1] == "version" {
		fmt.Println(hello.Helm)
		return
	}
	facts, err := os.Stderr.Stat()
	if len(os.Args) != 3 || os.Args[1] != "serve" || err != nil || !facts.Mode().IsRegular() {
		fmt.Fprintln(os.Stderr, "usage: helm-engine (version | serve HELM); renders charts for `cargo xtask`, with a file as standard error")
		os.Exit(2)
	}
	if command, err := buildinfo.ReadFile(os.Args[2]); err == nil {
		hello.CommandGo = command.GoVersion
	}
	go endWith(os.Getppid())
	if err := Serve(os.Stdin, os.Stdout, os.Stderr, hello, render); err != nil {
		os.Exit(1)
	}
}

// endWith ends this process soon after its parent, also during a render, whose result nobody reads any more.
func endWith(parent int) {
	for os.Getppid() == parent {
		time.Sleep(200 * time.Millisecond)
	}
	os.Exit(1)
}

// Serve answers requests. Standard error is a file: each render starts with an empty one.
func Serve(in io.Reader, out io.Writer, stderr *os.File, hello Hello, render Render) error {
	input := bufio.NewReaderSize(in, 1<<16)
	output := bufio.NewWriterSize(out, 1<<16)
	if err := answer(output, hello); err != nil {
		return err
	}
	for rendered := 1; ; rendered++ {
		line, err := input.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return nil
		}
		if err != nil {
			return err
		}
		var request Request
		if err := json.Unmarshal(line, &request); err != nil {
			return err
		}
		if err := empty(stderr); err != nil {
			return err
		}
		response := Response{}
		var stdout, said []byte
		if refused := Refusal(request.Arguments); refused != "" {
			response.Refused = refused
		} else if options, err := Parse(request.Arguments); err != nil {
			response.Refused = err.Error()
		} else if err := os.Chdir(request.Directory); err != nil {
			response.Refused = err.Error()
		} else {
			var failed error
			stdout, failed = render(options)
			var left Left
			if errors.As(failed, &left) {
				response.Refused = left.Error()
			} else if failed != nil {
				response.Code = 1
				fmt.Fprintln(os.Stderr, "Error:", failed.Error())
			}
			if response.Refused == "" {
				if said, err = read(stderr); err != nil {
					return err
				}
			}
		}
		response.Stdout, response.Stderr = len(stdout), len(said)
		response.Last = rendered >= Renders || size() > Memory
		if err := answer(output, response, stdout, said); err != nil {
			return err
		}
		if response.Last {
			return nil
		}
	}
}

func answer(output *bufio.Writer, header any, bodies ...[]byte) error {
	line, err := json.Marshal(header)
	if err != nil {
		return err
	}
	for _, bytes := range append([][]byte{append(line, '\n')}, bodies...) {
		if _, err := output.Write(bytes); err != nil {
			return err
		}
	}
	return output.Flush()
}

// empty truncates a file, and sets its position to its start.
func empty(file *os.File) error {
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err := file.Seek(0, io.SeekStart)
	return err
}

func read(file *os.File) ([]byte, error) {
	facts, err := file.Stat()
	if err != nil || facts.Size() == 0 {
		return nil, err
	}
	bytes := make([]byte, facts.Size())
	_, err = file.ReadAt(bytes, 0)
	return bytes, err
}

// size is the memory that the process has and has not returned to the system.
func size() uint64 {
	samples := []metrics.Sample{
		{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"},
	}
	metrics.Read(samples)
	return samples[0].Value.Uint64() - samples[1].Value.Uint64()
}

// version is the version of a module in this program.
func version(module string) string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dependency := range info.Deps {
			if dependency.Path == module {
				return dependency.Version
			}
		}
	}
	return "unknown"
}

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// tools are the programs that Argo CD runs. It finds them on PATH by their names.
type tools struct {
	helm, kustomize string
}

// install puts the given programs first on PATH.
func (t tools) install(scratch string) error {
	bin := filepath.Join(scratch, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		return err
	}
	for name, path := range map[string]string{"helm": t.helm, "kustomize": t.kustomize} {
		if path == "" {
			continue
		}
		path, err := exec.LookPath(path)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if path, err = filepath.Abs(path); err != nil {
			return err
		}
		if err := os.Symlink(path, filepath.Join(bin, name)); err != nil {
			return err
		}
	}
	return os.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
}

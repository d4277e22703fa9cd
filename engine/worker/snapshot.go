package worker

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// settled is the age from which on a change of a file is visible in its times: they are those of the kernel's tick.
const settled = 100 * time.Millisecond

// Snapshot identifies the state of all files below a directory by their names, sizes, times, and inodes.
type Snapshot struct {
	entries []entry
}

type entry struct {
	name          string
	mode          fs.FileMode
	size          int64
	changed       int64
	modified      int64
	device, inode uint64
}

// Take reads the state of a directory. It fails on symbolic links, which Helm follows to files elsewhere, and on entries
// that changed just now, whose next change might not be visible.
func Take(directory string, now time.Time) (*Snapshot, bool) {
	snapshot := &Snapshot{}
	sound := true
	err := filepath.WalkDir(directory, func(path string, found fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		facts, err := found.Info()
		if err != nil {
			return err
		}
		status, known := facts.Sys().(*syscall.Stat_t)
		if !known || facts.Mode()&os.ModeSymlink != 0 {
			sound = false
			return fs.SkipAll
		}
		changed := changed(status)
		if now.Sub(changed) < settled || now.Sub(facts.ModTime()) < settled {
			sound = false
			return fs.SkipAll
		}
		snapshot.entries = append(snapshot.entries, entry{
			name: path, mode: facts.Mode(), size: facts.Size(), changed: changed.UnixNano(),
			modified: facts.ModTime().UnixNano(), device: uint64(status.Dev), inode: uint64(status.Ino),
		})
		return nil
	})
	return snapshot, err == nil && sound
}

// Equal compares two states.
func (snapshot *Snapshot) Equal(other *Snapshot) bool {
	if len(snapshot.entries) != len(other.entries) {
		return false
	}
	for index, entry := range snapshot.entries {
		if entry != other.entries[index] {
			return false
		}
	}
	return true
}

package worker

import (
	"io"
	"os"
	"time"
)

// kept is the number of charts that a worker keeps.
const kept = 32

// Charts keeps loaded charts as long as none of their files changes.
type Charts[C any] struct {
	// Load reads a chart.
	Load func(directory string) (C, error)
	// Copy returns a private copy of a chart, or false for one that cannot be copied.
	Copy func(chart C) (C, bool)

	known map[string]loaded[C]
}

type loaded[C any] struct {
	snapshot *Snapshot
	chart    C
}

// Get returns a private copy of the chart in a directory.
func (charts *Charts[C]) Get(directory string) (C, error) {
	before, sound := Take(directory, time.Now())
	if sound {
		if known, found := charts.known[directory]; found && known.snapshot.Equal(before) {
			chart, _ := charts.Copy(known.chart)
			return chart, nil
		}
	}
	written := position()
	chart, err := charts.Load(directory)
	// Helm prints warnings while it loads some charts, each time.
	if err != nil || !sound || position() != written {
		return chart, err
	}
	private, ok := charts.Copy(chart)
	// A chart that changed while it was read is not kept.
	if after, sound := Take(directory, time.Now()); ok && sound && after.Equal(before) {
		if charts.known == nil || len(charts.known) >= kept {
			charts.known = map[string]loaded[C]{}
		}
		charts.known[directory] = loaded[C]{snapshot: before, chart: private}
	}
	return chart, nil
}

// position is how much was written to standard error.
func position() int64 {
	offset, err := os.Stderr.Seek(0, io.SeekCurrent)
	if err != nil {
		return -1
	}
	return offset
}

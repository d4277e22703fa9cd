package worker

import (
	"syscall"
	"time"
)

func changed(status *syscall.Stat_t) time.Time {
	return time.Unix(int64(status.Ctim.Sec), int64(status.Ctim.Nsec))
}

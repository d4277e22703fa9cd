package worker

import (
	"syscall"
	"time"
)

func changed(status *syscall.Stat_t) time.Time {
	return time.Unix(status.Ctimespec.Sec, status.Ctimespec.Nsec)
}

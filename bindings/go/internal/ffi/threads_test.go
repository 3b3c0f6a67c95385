package ffi

import (
	"os"
	"testing"
)

// threadCount of this process; the test is skipped where it cannot be told.
func threadCount(t *testing.T) int {
	t.Helper()
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Skip("no /proc to count threads in")
	}
	return len(threads)
}

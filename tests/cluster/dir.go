// The cluster's folder: claiming it, logging into it, writing into it.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const logFile = "cluster.log"

// terminal is where the caller reads: the process's first standard output and standard error.
type terminal struct{ out, err *os.File }

// enterDir makes dir the working folder of the process, claims it for this process alone, and sends
// standard output and standard error (so also what libraries print, and a panic) to its log.
// Returns the absolute path of dir.
func enterDir(dir string) (string, terminal, error) {
	term := terminal{os.Stdout, os.Stderr}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return dir, term, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return dir, term, err
	}
	if err := os.Chdir(dir); err != nil {
		return dir, term, err
	}
	log, err := os.OpenFile(logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return dir, term, err
	}
	defer log.Close()
	// The claim lives as long as the log is open, and below that becomes as long as the process lives.
	if err := unix.Flock(int(log.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		return dir, term, fmt.Errorf("another cluster runs in %s", dir)
	} else if err != nil {
		return dir, term, err
	}
	for fd, kept := range map[int]**os.File{unix.Stdout: &term.out, unix.Stderr: &term.err} {
		copied, err := unix.Dup(fd)
		if err != nil {
			return dir, term, err
		}
		*kept = os.NewFile(uintptr(copied), "terminal")
		if err := unix.Dup2(int(log.Fd()), fd); err != nil {
			return dir, term, err
		}
	}
	return dir, term, nil
}

// writeFile replaces the file at path as a whole: whoever reads it, even after a kill, sees the old or the new.
func writeFile(path string, content []byte) error {
	next := path + ".new"
	if err := os.WriteFile(next, content, 0o600); err != nil {
		return err
	}
	return os.Rename(next, path)
}

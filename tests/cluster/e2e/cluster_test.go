// Starts, stops and finds again the binary under test, for the tests in this folder. It is a process of its
// own, from FERRY_CLUSTER_BIN or else from build.sh, so `go test` never links kube-apiserver a second time.
package e2e

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	startTimeout = 2 * time.Minute // as generous as the binary's own, for busy machines
	endTimeout   = 10 * time.Second
)

// binary returns the path of ferry-cluster.
var binary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("FERRY_CLUSTER_BIN"); path != "" {
		return path, nil
	}
	build := exec.Command("../build.sh")
	build.Stderr = os.Stderr
	out, err := build.Output()
	return strings.TrimSpace(string(out)), err
})

// command is `ferry-cluster ARGUMENTS`, not started.
func command(t *testing.T, arguments ...string) *exec.Cmd {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatalf("build.sh: %v", err)
	}
	return exec.Command(path, arguments...)
}

// cluster is a running `ferry-cluster serve` and the line that it printed.
type cluster struct {
	Server           string
	CAFile           string
	AdminKubeconfig  string
	TokenKubeconfig  string
	ReaderKubeconfig string
	PID              int

	process *exec.Cmd
	stdin   io.Closer
	ended   chan error
}

// startCluster returns when the cluster is ready. It is killed at the end of the test if it still runs.
func startCluster(t *testing.T, dir string, arguments ...string) *cluster {
	t.Helper()
	c := &cluster{ended: make(chan error, 1)}
	c.process = command(t, append([]string{"serve", "--dir", dir, "--exit-with-stdin"}, arguments...)...)
	c.process.Stderr = os.Stderr
	stdin, err := c.process.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.stdin = stdin
	stdout, err := c.process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.process.Process.Kill() })

	line := make(chan []byte, 1)
	go func() {
		first, _ := bufio.NewReader(stdout).ReadBytes('\n')
		line <- first
		c.ended <- c.process.Wait()
	}()
	select {
	case first := <-line:
		if err := json.Unmarshal(first, c); err != nil {
			t.Fatalf("the ready line %q: %v\n%s", first, err, logTail(dir))
		}
	case <-time.After(startTimeout):
		t.Fatalf("not ready\n%s", logTail(dir))
	}
	return c
}

// waitEnd returns how the process ended, as exec.Cmd.Wait does.
func (c *cluster) waitEnd(t *testing.T) error {
	t.Helper()
	select {
	case err := <-c.ended:
		return err
	case <-time.After(endTimeout):
		t.Fatal("the cluster still runs")
		return nil
	}
}

// client speaks with the rights of a kubeconfig.
func client(t *testing.T, kubeconfig string) *kubernetes.Clientset {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	clientset, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return clientset
}

func logTail(dir string) string {
	log, err := os.ReadFile(filepath.Join(dir, "cluster.log"))
	if err != nil {
		return err.Error()
	}
	lines := strings.SplitAfter(string(log), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "")
}

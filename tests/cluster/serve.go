// `ferry-cluster serve`: one cluster's life from its folder to its end. Starts etcd, then kube-apiserver,
// tells the caller where they are, and ends on SIGTERM, on SIGINT, or when standard input closes.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"k8s.io/client-go/tools/clientcmd"
)

// drainTimeout bounds a polite end. An end may also be a kill, so nothing depends on more.
const drainTimeout = 2 * time.Second

// readyLine is the one line on standard output. Its names are what test harnesses parse.
type readyLine struct {
	Server           string `json:"server"`
	CAFile           string `json:"caFile"`
	AdminKubeconfig  string `json:"adminKubeconfig"`
	TokenKubeconfig  string `json:"tokenKubeconfig"`
	ReaderKubeconfig string `json:"readerKubeconfig"`
	PID              int    `json:"pid"`
}

// serve runs a cluster until it is told to end. It reports its error on the terminal, because os.Stderr
// has become the log by then.
func serve(options serveOptions) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(40) // a fifth less memory; the extra work is not noticeable
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if options.exitWithStdin {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			stop()
		}()
	}
	dir, term, err := enterDir(options.dir)
	if err == nil {
		err = runCluster(ctx, dir, options, term.out)
	}
	if err != nil {
		fmt.Fprintf(term.err, "ferry-cluster: %v (log: %s)\n", err, filepath.Join(dir, logFile))
	}
	return err
}

// runCluster writes the ready line to out, and returns nil when ctx ended the cluster.
func runCluster(ctx context.Context, dir string, options serveOptions, out io.Writer) error {
	keys, err := loadKeys(options.address)
	if err != nil {
		return err
	}
	tokens, err := loadTokens(options.token)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", netip.AddrPortFrom(options.address, options.port).String())
	if err != nil {
		return err
	}
	server := "https://" + listener.Addr().String()
	configs, err := kubeconfigs(server, keys, tokens)
	if err != nil {
		return err
	}
	admin, err := clientcmd.NewDefaultClientConfig(configs[adminKubeconfig], nil).ClientConfig()
	if err != nil {
		return err
	}

	if err := startEtcd(ctx); err != nil {
		return unlessDone(ctx, err)
	}
	ended := make(chan error, 1)
	running, failed := context.WithCancelCause(ctx)
	go func() {
		err := runAPIServer(ctx, listener, keys)
		failed(fmt.Errorf("kube-apiserver ended: %w", err))
		ended <- err
	}()
	if err := waitReady(running, admin); err != nil {
		return unlessDone(ctx, errors.Join(err, context.Cause(running)))
	}
	if err := writeKubeconfigs(configs); err != nil {
		return err
	}
	if err := json.NewEncoder(out).Encode(readyLine{
		Server:           server,
		CAFile:           filepath.Join(dir, keys.authority.certFile),
		AdminKubeconfig:  filepath.Join(dir, adminKubeconfig),
		TokenKubeconfig:  filepath.Join(dir, tokenKubeconfig),
		ReaderKubeconfig: filepath.Join(dir, readerKubeconfig),
		PID:              os.Getpid(),
	}); err != nil {
		return err
	}

	<-running.Done()
	select {
	case err := <-ended:
		return unlessDone(ctx, err)
	case <-time.After(drainTimeout):
		return nil
	}
}

// unlessDone forgives every error of a cluster that was told to end.
func unlessDone(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

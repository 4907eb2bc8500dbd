// `ferry-cluster serve`: one cluster's life from its folder to its end. Starts etcd, then kube-apiserver,
// tells the caller where they are, and ends on SIGTERM, on SIGINT, or when standard input closes.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"

	"k8s.io/client-go/tools/clientcmd"
)

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
		debug.SetGCPercent(40) // 250 MiB resident instead of 310, for work that does not show
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
	running, ended := context.WithCancelCause(ctx)
	go func() {
		ended(fmt.Errorf("kube-apiserver ended: %v", runAPIServer(ctx, listener, keys)))
	}()
	if err := waitReady(running, admin); err != nil {
		if running.Err() != nil {
			err = context.Cause(running)
		}
		return unlessDone(ctx, err)
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
	// No draining: callers want the end at once, and data that outlives a kill outlives this.
	return unlessDone(ctx, context.Cause(running))
}

// unlessDone forgives every error of a cluster that was told to end.
func unlessDone(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

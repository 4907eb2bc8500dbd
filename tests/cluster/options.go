// The command line of `ferry-cluster serve`: parsed and checked here, before anything is written.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
)

// serveOptions is what the caller of `serve` chose.
type serveOptions struct {
	dir           string
	address       netip.Addr // loopback
	port          uint16     // 0: a free one
	token         string     // of the admin user; empty: the one that dir has, or a random one
	exitWithStdin bool
}

// parseServeOptions returns flag.ErrHelp after it has printed the help that was asked for.
func parseServeOptions(arguments []string) (serveOptions, error) {
	var options serveOptions
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // it would print the whole help with every error
	flags.StringVar(&options.dir, "dir", "",
		"`folder` of the cluster's state, certificates, kubeconfigs and log; made if missing, reused if not")
	address := flags.String("address", "127.0.0.1", "loopback `IP` to listen on")
	port := flags.Uint("port", 0, "`port` to listen on; 0 takes a free one")
	flags.StringVar(&options.token, "token", "",
		"bearer `token` of the cluster admin; by default the one in DIR, or a random one")
	flags.BoolVar(&options.exitWithStdin, "exit-with-stdin", false,
		"end when standard input closes, as it does when the parent that holds the pipe dies")

	if err := flags.Parse(arguments); errors.Is(err, flag.ErrHelp) {
		fmt.Print("usage: ferry-cluster serve --dir DIR [options]\n\n" +
			"Prints one line of JSON when the cluster is ready, and logs to DIR/cluster.log.\n\n")
		flags.SetOutput(os.Stdout)
		flags.PrintDefaults()
		return options, err
	} else if err != nil {
		return options, err
	}
	if flags.NArg() > 0 {
		return options, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if options.dir == "" {
		return options, errors.New("--dir is missing")
	}
	var err error
	if options.address, err = netip.ParseAddr(*address); err != nil || !options.address.IsLoopback() {
		return options, fmt.Errorf("--address %s is not a loopback IP", *address)
	}
	if *port > 65535 {
		return options, fmt.Errorf("--port %d is out of range", *port)
	}
	options.port = uint16(*port)
	if strings.ContainsAny(options.token, " \t\r\n") {
		return options, errors.New("--token contains white space")
	}
	return options, nil
}

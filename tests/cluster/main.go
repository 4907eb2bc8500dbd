// Command ferry-cluster is a real Kubernetes cluster's API in one file: kube-apiserver, the etcd it
// stores in, and kubectl. Ferry's tests and its demo start it as a child process; it needs no container
// runtime, no root and no network beyond loopback. There are no nodes and no controllers: objects are
// stored, watched and authorised, and nothing ever runs them.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

const usage = `ferry-cluster: a Kubernetes API server with its etcd, and kubectl, in one binary

  ferry-cluster serve --dir DIR [options]   run a cluster that keeps its state in DIR
  ferry-cluster kubectl ARGUMENTS           kubectl; also when the program is called by that name

"ferry-cluster serve --help" lists the options of serve.
`

func main() {
	if filepath.Base(os.Args[0]) == "kubectl" {
		kubectl(os.Args[1:])
		return
	}
	command := ""
	if len(os.Args) > 1 {
		command = os.Args[1]
	}
	switch command {
	case "serve":
		options, err := parseServeOptions(os.Args[2:])
		if errors.Is(err, flag.ErrHelp) {
			return
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "ferry-cluster serve: %v\n", err)
			os.Exit(2)
		}
		if err := serve(options); err != nil {
			os.Exit(1)
		}
	case "kubectl":
		kubectl(os.Args[2:])
	case "help", "--help", "-h":
		fmt.Print(usage)
	default:
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
}

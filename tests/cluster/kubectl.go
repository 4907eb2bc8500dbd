// kubectl, as its own main function starts it. It is here because programs that Ferry works beside
// spawn kubectl, and the tests should not depend on the version that a machine happens to have.
package main

import (
	"os"

	_ "k8s.io/client-go/plugin/pkg/client/auth" // credential plugins named in a kubeconfig
	"k8s.io/component-base/cli"
	"k8s.io/component-base/logs"
	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
)

// kubectl runs the command line `kubectl ARGUMENTS` and exits with kubectl's code when it fails.
func kubectl(arguments []string) {
	// cobra and kubectl's look-up of plugins both read os.Args.
	os.Args = append([]string{"kubectl"}, arguments...)
	// kubectl logs while it builds its commands, before its flags are parsed. A bad -v is reported there.
	_, _ = logs.GlogSetter(cmd.GetLogVerbosity(os.Args))
	if err := cli.RunNoErrOutput(cmd.NewDefaultKubectlCommand()); err != nil {
		util.CheckErr(err)
	}
}

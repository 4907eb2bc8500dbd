// kube-apiserver, started through its own options and flags, so that it is the server of a real cluster
// with real defaults. What differs: no endpoint reconciler (there is one server) and no ServiceAccount
// admission (nothing here would create the default accounts that it waits for).
package main

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	logsapi "k8s.io/component-base/logs/api/v1"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
	"k8s.io/kubernetes/cmd/kube-apiserver/app/options"
)

// readyTimeout is generous: a start takes a few seconds, but tests share their machine with compilers.
const readyTimeout = 2 * time.Minute

// runAPIServer serves on listener until ctx is done and the requests in flight are answered.
func runAPIServer(ctx context.Context, listener net.Listener, keys keys) error {
	server := options.NewServerRunOptions()
	flags := pflag.NewFlagSet("kube-apiserver", pflag.ContinueOnError)
	for _, set := range server.Flags().FlagSets {
		flags.AddFlagSet(set)
	}
	if err := flags.Parse([]string{
		"--etcd-servers=" + etcdEndpoint,
		"--advertise-address=" + listener.Addr().(*net.TCPAddr).IP.String(),
		"--endpoint-reconciler-type=none",
		"--service-cluster-ip-range=10.96.0.0/16",
		"--cert-dir=" + keysDir,
		"--tls-cert-file=" + keys.server.certFile,
		"--tls-private-key-file=" + keys.server.keyFile,
		"--client-ca-file=" + keys.authority.certFile,
		"--token-auth-file=" + tokensFile,
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + keys.serviceAccounts.certFile,
		"--service-account-signing-key-file=" + keys.serviceAccounts.keyFile,
		"--authorization-mode=RBAC",
		"--disable-admission-plugins=ServiceAccount",
	}); err != nil {
		return err
	}
	// Its own --secure-port cannot be 0; a listener that is already bound can.
	server.SecureServing.Listener = listener

	if err := server.GenericServerRunOptions.ComponentGlobalsRegistry.Set(); err != nil {
		return err
	}
	if err := logsapi.ValidateAndApply(server.Logs, utilfeature.DefaultFeatureGate); err != nil {
		return err
	}
	rest.SetDefaultWarningHandler(rest.NoWarnings{})
	completed, err := server.Complete(ctx)
	if err != nil {
		return err
	}
	if errs := completed.Validate(); len(errs) > 0 {
		return utilerrors.NewAggregate(errs)
	}
	return runUnderAliases(ctx, completed)
}

// runUnderAliases is app.Run, with the aliases before everything else.
func runUnderAliases(ctx context.Context, options options.CompletedOptions) error {
	config, err := app.NewConfig(options)
	if err != nil {
		return err
	}
	completed, err := config.Complete()
	if err != nil {
		return err
	}
	server, err := app.CreateServerChain(completed)
	if err != nil {
		return err
	}
	handler := server.GenericAPIServer.Handler
	handler.FullHandlerChain = underAliases(handler.FullHandlerChain)
	prepared, err := server.PrepareRun()
	if err != nil {
		return err
	}
	return prepared.Run(ctx)
}

// waitReady returns when /readyz is ok and the namespace `default`, which /readyz does not wait for, exists.
func waitReady(ctx context.Context, config *rest.Config) error {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	var notYet error
	err = wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, readyTimeout, true, func(ctx context.Context) (bool, error) {
		notYet = client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
		if notYet == nil {
			_, notYet = client.CoreV1().Namespaces().Get(ctx, metav1.NamespaceDefault, metav1.GetOptions{})
		}
		return notYet == nil, nil
	})
	if err != nil {
		return fmt.Errorf("kube-apiserver is not ready: %w (last answer: %v)", err, notYet)
	}
	return nil
}

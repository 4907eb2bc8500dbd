// What Ferry's other tests rely on: rights, watches, kubectl, and a cluster that comes back after a kill.
package e2e

import (
	"errors"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

const plantedToken = "planted-token-0123456789"

func TestClusterSurvivesAKill(t *testing.T) {
	// Longer than the path of a unix socket may be.
	dir := filepath.Join(t.TempDir(), strings.Repeat("d", 120))

	first := startCluster(t, dir, "--token", plantedToken)
	if first.PID != first.process.Process.Pid {
		t.Errorf("pid %d, want %d", first.PID, first.process.Process.Pid)
	}
	checkKubeconfigIsInline(t, first.TokenKubeconfig)
	holder := client(t, first.TokenKubeconfig)
	createAndWatch(t, holder)
	checkRights(t, first)
	checkKubectl(t, first)
	checkAliases(t, first)
	checkDirIsClaimed(t, dir)

	if err := first.process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.waitEnd(t)

	server, err := url.Parse(first.Server)
	if err != nil {
		t.Fatal(err)
	}
	second := startCluster(t, dir, "--port", server.Port())
	if second.Server != first.Server {
		t.Errorf("server %s, want %s", second.Server, first.Server)
	}
	// The client of before the kill: same port, same authority, same token.
	found, err := holder.CoreV1().ConfigMaps("default").Get(t.Context(), "kept", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if found.Data["key"] != "value" {
		t.Errorf("data %v", found.Data)
	}

	if err := second.process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := second.waitEnd(t); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
}

// checkAliases asks the same cluster under another URL: a list, a watch, discovery, and a path with an escape.
func checkAliases(t *testing.T, c *cluster) {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", c.TokenKubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	config.Host += "/clusters/some-name"
	alias, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	found, err := alias.CoreV1().ConfigMaps("default").List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	changes, err := alias.CoreV1().ConfigMaps("default").Watch(t.Context(), metav1.ListOptions{ResourceVersion: "0"})
	if err != nil {
		t.Fatal(err)
	}
	defer changes.Stop()
	first := <-changes.ResultChan()
	if len(found.Items) == 0 || first.Type != watch.Added {
		t.Errorf("%d config maps, then %v", len(found.Items), first.Type)
	}
	if _, err := alias.Discovery().ServerPreferredResources(); err != nil {
		t.Error(err)
	}
	plain, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{
		"/clusters/other": 200,
		// What is escaped stays so.
		"/clusters/other/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode": 200,
		"/clusters/other/api/nothing": 404,
		"/clusters":                   404,
		"/clusters/":                  404,
		"/clusters//api":              404,
	} {
		answer, err := plain.Get(c.Server + path)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, answer.StatusCode, want)
		}
	}
}

func TestClusterEndsWithItsParentsPipe(t *testing.T) {
	c := startCluster(t, t.TempDir())
	if err := c.stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.waitEnd(t); err != nil {
		t.Errorf("after stdin closed: %v", err)
	}
}

func TestServeRefusesWhatItCannotDo(t *testing.T) {
	for name, arguments := range map[string][]string{
		"no folder":          {"serve"},
		"not loopback":       {"serve", "--dir", t.TempDir(), "--address", "0.0.0.0"},
		"no such port":       {"serve", "--dir", t.TempDir(), "--port", "65536"},
		"token with a space": {"serve", "--dir", t.TempDir(), "--token", "a b"},
		"unknown option":     {"serve", "--dir", t.TempDir(), "--etcd"},
		"unknown command":    {"start"},
	} {
		t.Run(name, func(t *testing.T) {
			err := command(t, arguments...).Run()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 2 {
				t.Errorf("%v, want exit code 2", err)
			}
		})
	}
}

// createAndWatch leaves the ConfigMap `kept` behind.
func createAndWatch(t *testing.T, client *kubernetes.Clientset) {
	t.Helper()
	configMaps := client.CoreV1().ConfigMaps("default")
	watcher, err := configMaps.Watch(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer watcher.Stop()
	if _, err := configMaps.Create(t.Context(), &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "kept"},
		Data:       map[string]string{"key": "value"},
	}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	timeout := time.After(30 * time.Second)
	for {
		select {
		case event, open := <-watcher.ResultChan():
			if !open {
				t.Fatal("the watch ended")
			}
			if object, ok := event.Object.(*corev1.ConfigMap); ok && event.Type == watch.Added && object.Name == "kept" {
				return
			}
		case <-timeout:
			t.Fatal("the watch did not show the ConfigMap")
		}
	}
}

// checkRights: the admin's certificate may do everything, the reader's token is known and may do nothing.
func checkRights(t *testing.T, c *cluster) {
	t.Helper()
	if _, err := client(t, c.AdminKubeconfig).CoreV1().Secrets("").List(t.Context(), metav1.ListOptions{}); err != nil {
		t.Errorf("admin: %v", err)
	}
	_, err := client(t, c.ReaderKubeconfig).CoreV1().ConfigMaps("default").List(t.Context(), metav1.ListOptions{})
	if !apierrors.IsForbidden(err) {
		t.Errorf("reader: %v, want 403", err)
	}
}

// checkKubeconfigIsInline: a copy of the file, far from DIR, says everything.
func checkKubeconfigIsInline(t *testing.T, kubeconfig string) {
	t.Helper()
	config, err := clientcmd.LoadFromFile(kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	context := config.Contexts[config.CurrentContext]
	user, cluster := config.AuthInfos[context.AuthInfo], config.Clusters[context.Cluster]
	if user.Token != plantedToken || user.TokenFile != "" {
		t.Errorf("token %q, file %q", user.Token, user.TokenFile)
	}
	if len(cluster.CertificateAuthorityData) == 0 || cluster.CertificateAuthority != "" {
		t.Errorf("authority of %d bytes, file %q", len(cluster.CertificateAuthorityData), cluster.CertificateAuthority)
	}
}

// checkKubectl runs it in both ways: as a subcommand, and by the name of the link beside the binary.
func checkKubectl(t *testing.T, c *cluster) {
	t.Helper()
	arguments := []string{"--kubeconfig", c.TokenKubeconfig, "get", "configmap", "kept", "-o", "jsonpath={.data.key}"}
	subcommand := command(t, append([]string{"kubectl"}, arguments...)...)
	link := filepath.Join(t.TempDir(), "kubectl")
	if err := os.Symlink(subcommand.Path, link); err != nil {
		t.Fatal(err)
	}
	for _, run := range []*exec.Cmd{subcommand, exec.Command(link, arguments...)} {
		run.Stderr = os.Stderr
		if out, err := run.Output(); err != nil || string(out) != "value" {
			t.Errorf("%s printed %q: %v", run, out, err)
		}
	}
}

// checkDirIsClaimed: two clusters never write to one folder.
func checkDirIsClaimed(t *testing.T, dir string) {
	t.Helper()
	second := command(t, "serve", "--dir", dir)
	message, err := second.CombinedOutput()
	if err == nil || !strings.Contains(string(message), "another cluster runs") {
		t.Errorf("a second cluster in the folder: %v, %q", err, message)
	}
}

// Who may use the cluster, and the kubeconfigs that say so: an admin with a client certificate, the same
// admin with a static token, and a reader whose token is known but has no rights, so RBAC answers 403.
// The kubeconfigs hold everything inline; they can be copied anywhere.
package main

import (
	"bytes"
	"crypto/rand"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

const (
	tokensFile = "tokens.csv"
	adminUser  = "ferry-admin"
	adminGroup = "system:masters" // RBAC lets this group do everything
	readerUser = "ferry-reader"

	adminKubeconfig  = "admin.kubeconfig"
	tokenKubeconfig  = "token.kubeconfig"
	readerKubeconfig = "reader.kubeconfig"
)

// tokens are bearer tokens of users, kept in DIR/tokens.csv.
type tokens struct{ admin, reader string }

// loadTokens keeps the tokens of earlier starts, except that admin, unless empty, replaces the admin's.
func loadTokens(admin string) (tokens, error) {
	t := tokens{admin: admin}
	file, err := os.ReadFile(tokensFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return t, err
	}
	reader := csv.NewReader(bytes.NewReader(file))
	reader.FieldsPerRecord = 4 // token, user, uid, groups
	rows, err := reader.ReadAll()
	if err != nil {
		return t, fmt.Errorf("%s: %w", tokensFile, err)
	}
	for _, row := range rows {
		switch user := row[1]; {
		case user == adminUser && t.admin == "":
			t.admin = row[0]
		case user == readerUser:
			t.reader = row[0]
		}
	}
	if t.admin == "" {
		t.admin = rand.Text()
	}
	if t.reader == "" {
		t.reader = rand.Text()
	}
	var out bytes.Buffer
	if err := csv.NewWriter(&out).WriteAll([][]string{
		{t.admin, adminUser, adminUser, adminGroup},
		{t.reader, readerUser, readerUser, ""},
	}); err != nil {
		return t, err
	}
	return t, writeFile(tokensFile, out.Bytes())
}

// kubeconfigs returns the contents of the kubeconfigs of a cluster at the URL server, by file name.
func kubeconfigs(server string, keys keys, tokens tokens) (map[string]clientcmdapi.Config, error) {
	ca := pemBlock("CERTIFICATE", keys.authority.Leaf.Raw)
	adminKey, err := os.ReadFile(keys.admin.keyFile)
	if err != nil {
		return nil, err
	}
	one := func(user string, auth clientcmdapi.AuthInfo) clientcmdapi.Config {
		config := *clientcmdapi.NewConfig()
		config.Clusters["ferry-cluster"] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: ca}
		config.AuthInfos[user] = &auth
		config.Contexts["ferry-cluster"] = &clientcmdapi.Context{Cluster: "ferry-cluster", AuthInfo: user}
		config.CurrentContext = "ferry-cluster"
		return config
	}
	return map[string]clientcmdapi.Config{
		adminKubeconfig: one(adminUser, clientcmdapi.AuthInfo{
			ClientCertificateData: pemBlock("CERTIFICATE", keys.admin.Leaf.Raw),
			ClientKeyData:         adminKey,
		}),
		tokenKubeconfig:  one(adminUser, clientcmdapi.AuthInfo{Token: tokens.admin}),
		readerKubeconfig: one(readerUser, clientcmdapi.AuthInfo{Token: tokens.reader}),
	}, nil
}

// writeKubeconfigs writes them all into the working folder.
func writeKubeconfigs(configs map[string]clientcmdapi.Config) error {
	for name, config := range configs {
		content, err := clientcmd.Write(config)
		if err != nil {
			return err
		}
		if err := writeFile(name, content); err != nil {
			return err
		}
	}
	return nil
}

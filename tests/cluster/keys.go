// The keys and certificates of one cluster, in DIR/pki: made on the first start, reused by every later one,
// so that kubeconfigs and service account tokens outlive a restart. A pair that is missing, half written,
// expired or not of this authority is made anew.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"
)

const (
	keysDir  = "pki"
	validity = 10 * 365 * 24 * time.Hour
)

// keys is everything that is signed or signs.
type keys struct {
	authority       pair
	server          pair
	admin           pair // client certificate of a user in system:masters
	serviceAccounts pair // signs tokens; its certificate only carries the public key
}

// pair is a certificate and its key, in memory and as files relative to DIR.
type pair struct {
	tls.Certificate
	certFile, keyFile string
}

// loadKeys also makes sure that the server's certificate is valid for address.
func loadKeys(address netip.Addr) (keys, error) {
	var k keys
	if err := os.MkdirAll(keysDir, 0o700); err != nil {
		return k, err
	}
	var err error
	if k.authority, err = loadOrIssue("ca", nil, x509.Certificate{
		Subject:               pkix.Name{CommonName: "ferry-cluster"},
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}); err != nil {
		return k, err
	}
	if k.server, err = loadOrIssue("server", &k.authority, x509.Certificate{
		Subject:     pkix.Name{CommonName: "kube-apiserver"},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"},
		IPAddresses: []net.IP{address.AsSlice(), net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}); err != nil {
		return k, err
	}
	if k.admin, err = loadOrIssue("admin", &k.authority, x509.Certificate{
		Subject:     pkix.Name{CommonName: adminUser, Organization: []string{adminGroup}},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}); err != nil {
		return k, err
	}
	k.serviceAccounts, err = loadOrIssue("service-accounts", &k.authority, x509.Certificate{
		Subject:  pkix.Name{CommonName: "service-accounts"},
		KeyUsage: x509.KeyUsageDigitalSignature,
	})
	return k, err
}

// loadOrIssue returns the pair called name, signed by issuer, or by itself where issuer is nil.
func loadOrIssue(name string, issuer *pair, template x509.Certificate) (pair, error) {
	p := pair{
		certFile: filepath.Join(keysDir, name+".crt"),
		keyFile:  filepath.Join(keysDir, name+".key"),
	}
	var err error
	if p.Certificate, err = tls.LoadX509KeyPair(p.certFile, p.keyFile); err == nil && p.usable(issuer, template.IPAddresses) {
		return p, nil
	}
	if err := p.issue(issuer, template); err != nil {
		return p, fmt.Errorf("make the certificate %s: %w", p.certFile, err)
	}
	p.Certificate, err = tls.LoadX509KeyPair(p.certFile, p.keyFile)
	return p, err
}

// usable: signed by issuer, in its time of validity, and good for all these addresses.
func (p pair) usable(issuer *pair, addresses []net.IP) bool {
	if issuer == nil {
		issuer = &p
	}
	roots := x509.NewCertPool()
	roots.AddCert(issuer.Leaf)
	if _, err := p.Leaf.Verify(x509.VerifyOptions{
		Roots:     roots,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}); err != nil {
		return false
	}
	for _, address := range addresses {
		if p.Leaf.VerifyHostname(address.String()) != nil {
			return false
		}
	}
	return true
}

// issue makes a new key and certificate and writes both files.
func (p pair) issue(issuer *pair, template x509.Certificate) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil {
		return err
	}
	template.NotBefore = time.Now().Add(-time.Hour)
	template.NotAfter = template.NotBefore.Add(validity)

	parent, signer := &template, any(key)
	if issuer != nil {
		parent, signer = issuer.Leaf, issuer.PrivateKey
		template.NotAfter = issuer.Leaf.NotAfter
	}
	certDER, err := x509.CreateCertificate(rand.Reader, &template, parent, key.Public(), signer)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	if err := writeFile(p.keyFile, pemBlock("EC PRIVATE KEY", keyDER)); err != nil {
		return err
	}
	return writeFile(p.certFile, pemBlock("CERTIFICATE", certDER))
}

func pemBlock(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// The etcd that kube-apiserver stores in, inside this process. It listens on one unix socket and has no
// peers. Nothing is ever synced to the disk: a killed process loses nothing, a machine that loses power may.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/storage/wal"
)

// etcdEndpoint is relative to the working folder, the cluster's DIR, because the path of a unix socket may
// have 107 bytes at most and DIR may well be longer. It is also how both etcd and kube-apiserver, which
// parse it in their own ways, come to the same file.
const etcdEndpoint = "unix://etcd.sock"

// startEtcd returns when etcd serves the data in the folder `etcd`. From then on it ends with the process.
func startEtcd(ctx context.Context) error {
	// Every start preallocates a segment; 64 MB of zeroes is a lot for a test's temporary folder.
	wal.SegmentSizeBytes = 1 << 20

	config := embed.NewConfig()
	config.Dir = "etcd"
	config.LogLevel = "warn"
	config.WarningUnaryRequestDuration = embed.DefaultWarningUnaryRequestDuration // else it warns of every request
	config.UnsafeNoFsync = true
	config.ListenPeerUrls = nil
	config.ListenClientUrls = []url.URL{{Scheme: "unix", Host: "etcd.sock"}}
	// Nobody calls these, but etcd insists that a member can be reached and that the name has a port.
	nowhere := []url.URL{{Scheme: "unix", Host: "localhost:0"}}
	config.AdvertisePeerUrls, config.AdvertiseClientUrls = nowhere, nowhere
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	// A member without peers elects itself; the defaults only make that wait longer.
	config.TickMs, config.ElectionMs = 20, 100

	etcd, err := embed.StartEtcd(config)
	if err != nil {
		return fmt.Errorf("start etcd: %w", err)
	}
	select {
	case <-etcd.Server.ReadyNotify():
		return nil
	case err = <-etcd.Err():
	case <-etcd.Server.StopNotify():
		err = errors.New("stopped before it was ready")
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	etcd.Close()
	return fmt.Errorf("start etcd: %w", err)
}

#!/usr/bin/env bash
# Builds ferry-cluster into the cache, unless it is there already, and prints the path of the binary and
# nothing else on standard output. Beside the binary lies a link `kubectl`, which behaves as kubectl.
# Needs Go and flock(1). Two at once wait for each other and build once.
set -euo pipefail

cache=$(realpath -m "${FERRY_CACHE:-$HOME/.cache/ferry}")
cd "$(dirname "${BASH_SOURCE[0]}")"
key=$({ go version; sha256sum go.mod go.sum ./*.go build.sh; } | sha256sum | cut -c1-16)
dir=$cache/cluster-$key

if [ ! -x "$dir/ferry-cluster" ]; then
  mkdir -p "$cache"
  exec 9>"$cache/cluster.lock"
  flock 9
fi
if [ ! -x "$dir/ferry-cluster" ]; then
  # Kubernetes' own build stamps its version in; without it the server would claim to be v0.0.0.
  version=$(awk '$1 == "k8s.io/kubernetes" { print $2 }' go.mod)
  IFS=. read -r major minor _ <<<"${version#v}"
  stamp=()
  for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    stamp+=(-X "$package.gitVersion=$version" -X "$package.gitMajor=$major" -X "$package.gitMinor=$minor")
  done

  echo "building ferry-cluster (Kubernetes $version); the first time takes minutes" >&2
  rm -rf "$dir.part"
  mkdir "$dir.part"
  CGO_ENABLED=0 nice go build -trimpath -buildvcs=false -ldflags "-s -w ${stamp[*]}" \
    -o "$dir.part/ferry-cluster" . >&2
  ln -s ferry-cluster "$dir.part/kubectl"
  rm -rf "$dir"
  mv "$dir.part" "$dir"

  # Other worktrees may need the one before.
  find "$cache" -maxdepth 1 -type d -name 'cluster-*' -mtime +7 -exec rm -rf {} +
  echo "built $dir/ferry-cluster" >&2
fi
echo "$dir/ferry-cluster"

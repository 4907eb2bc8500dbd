#!/usr/bin/env bash
# images.sh [ARCHITECTURE...]: builds what the images of deploy/ hold, for amd64 and arm64 or those
# named: static programs, into target/images/ARCHITECTURE. Fails when one is not static.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=${CARGO_TARGET_DIR:-target}
declare -A machines=([amd64]=x86_64 [arm64]=aarch64)
[ $# -gt 0 ] || set -- amd64 arm64
targets=()
for architecture in "$@"; do
  targets+=("--target=${machines[$architecture]}-unknown-linux-musl")
done

scripts/need.sh cargo cc objdump
scripts/zig.sh cargo zigbuild --locked --release -p ferry-sidecar -p ferry-agent --bins \
  "${targets[@]}"
for architecture in "$@"; do
  for program in ferry-sidecar ferry-agent; do
    built=$target/${machines[$architecture]}-unknown-linux-musl/release/$program
    if objdump -p "$built" | grep -E 'INTERP|NEEDED'; then
      echo "$built is not static" >&2
      exit 1
    fi
    install -D -m 755 "$built" "$target/images/$architecture/$program"
    ls -sh "$target/images/$architecture/$program"
  done
done

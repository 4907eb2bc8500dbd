#!/usr/bin/env bash
# zig.sh COMMAND...: runs a command that cross-compiles. On its PATH are cargo-zigbuild and zig, of pinned
# versions, kept in ~/.cache/ferry; rustup has the standard libraries of Ferry's targets.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

zigbuild=0.23.4 zig=0.15.2
home=${FERRY_CACHE:-$HOME/.cache/ferry}/zig-$zig-$zigbuild

scripts/need.sh rustup python-venv
rustup --quiet target add {x86_64,aarch64}-unknown-linux-{gnu,musl}
if [ ! -e "$home/complete" ]; then
  rm -rf "$home"
  python3 -m venv "$home"
  "$home/bin/pip" install --quiet "cargo-zigbuild==$zigbuild" "ziglang==$zig"
  ln -s "$("$home/bin/python" -c 'import ziglang; print(*ziglang.__path__)')/zig" "$home/bin/zig"
  touch "$home/complete"
fi
# Else each of a thousand C files would start Python first.
export CARGO_ZIGBUILD_ZIG_PATH=$home/bin/zig
PATH=$home/bin:$PATH exec "$@"

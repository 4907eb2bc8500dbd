#!/usr/bin/env bash
# native.sh [PROFILE]: builds the native libraries of the plugin's jar, for both processors and both C
# libraries, with cargo's profile `library` or this one, into
# target/native/PROFILE/CLASSIFIER/libferry_ffi.so, and prints their sizes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

profile=${1:-library}
target=${CARGO_TARGET_DIR:-target}
# A library that is loaded into a program must take its C library from that program.
export CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_RUSTFLAGS="-C target-feature=-crt-static"
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_RUSTFLAGS="-C target-feature=-crt-static"

scripts/zig.sh cargo zigbuild --locked --profile "$profile" -p ferry-ffi --lib \
  --target={x86_64,aarch64}-unknown-linux-{gnu.2.17,musl}
for machine in {x86_64,aarch64}-{gnu,musl}; do
  built=$target/${machine%-*}-unknown-linux-${machine#*-}/$profile/libferry_ffi.so
  install -D -m 644 "$built" "$target/native/$profile/linux-$machine/libferry_ffi.so"
  printf 'linux-%-14s %5.1f MiB\n' "$machine" \
    "$(stat -c %s "$built" | awk '{ print $1 / 1048576 }')"
done

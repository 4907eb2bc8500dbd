#!/usr/bin/env bash
# need.sh PROGRAM...: makes sure that these programs are here.
# On Debian and its kin, as root or with sudo, it installs what is missing. Elsewhere it names what
# is missing and how to get it, and fails.
set -euo pipefail

# The Debian package of a program; none for what Debian is too old for.
package() {
  case $1 in
  cc) echo "gcc libc6-dev" ;;
  c++) echo g++ ;;
  javac) echo openjdk-17-jdk-headless ;;
  mariadb) echo mariadb-server ;;
  tinyproxy) echo tinyproxy-bin ;;
  flock) echo util-linux ;;
  objdump) echo binutils ;;
  python-venv) echo python3-venv ;;
  qemu-*-static) echo qemu-user-static ;;
  cargo | rustup | rustfmt | clippy | go) ;;
  *) echo "$1" ;;
  esac
}

# How a person gets it.
advice() {
  case $1 in
  cargo) echo "Rust 1.94 or newer, with rustup" ;;
  rustup) echo "rustup, which has Rust's libraries for other processors" ;;
  rustfmt | clippy) echo "$1: rustup component add $1" ;;
  go) echo "Go 1.26 or newer" ;;
  javac) echo "JDK 17" ;;
  gradle) echo "gradle, 4.4.1 or newer" ;;
  cc) echo "a C compiler with its headers, gcc or clang" ;;
  c++) echo "a C++ compiler" ;;
  objdump) echo "objdump, of binutils" ;;
  qemu-*-static) echo "$1, of qemu's user mode emulation" ;;
  python-venv) echo "Python 3 with its module venv" ;;
  mariadb) echo "MariaDB's server and client" ;;
  postgresql) echo "PostgreSQL's server and client" ;;
  *) echo "$1" ;;
  esac
}

here() {
  case $1 in
  clippy) command -v cargo-clippy ;;
  python-venv) python3 -c 'import ensurepip, venv' ;;
  mariadb) PATH=$PATH:/usr/sbin command -v mariadbd && command -v mariadb ;;
  postgresql) command -v initdb || compgen -G '/usr/lib/postgresql/*/bin/initdb' ;;
  *) command -v "$1" ;;
  esac >/dev/null 2>&1
}

if [ "$(uname -s)" != Linux ]; then
  echo "This needs Linux: the parts' memory is read from /proc." >&2
  exit 1
fi

missing=() packages=() strange=()
for program in "$@"; do
  here "$program" && continue
  missing+=("$program")
  read -r -a names <<<"$(package "$program")"
  if [ ${#names[@]} -eq 0 ]; then
    strange+=("$program")
  else
    packages+=("${names[@]}")
  fi
done
[ ${#missing[@]} -gt 0 ] || exit 0

if command -v apt-get >/dev/null && [ ${#strange[@]} -eq 0 ]; then
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    as_root=(sudo)
  fi
  if [ ${#as_root[@]} -eq 0 ] || command -v sudo >/dev/null; then
    echo "installing ${packages[*]}" >&2
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
      apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
    exit 0
  fi
fi

echo "Missing here:" >&2
for program in "${missing[@]}"; do
  echo "  $(advice "$program")" >&2
done
if command -v apt-get >/dev/null && [ ${#packages[@]} -gt 0 ]; then
  echo "As root: apt-get install ${packages[*]}" >&2
fi
exit 1

#!/usr/bin/env bash
# libc.sh: unpacks Debian's C libraries, glibc and musl, for both processors, and prints where: a folder
# with a root for each. Nothing is installed, and the machine's own package lists stay as they are.
set -euo pipefail

home=${FERRY_CACHE:-$HOME/.cache/ferry}/libc
if [ -e "$home/complete" ]; then
  echo "$home"
  exit
fi
command -v apt-get dpkg-deb >/dev/null || {
  echo "This needs Debian: its packages libc6 and musl, for amd64 and arm64" >&2
  exit 1
}
rm -rf "$home"
for machine in x86_64:amd64 aarch64:arm64; do
  root=$home/${machine%:*} apt=$home/apt
  mkdir -p "$root" "$apt"/{lists,cache/archives}/partial
  options=(-qq -o "APT::Architecture=${machine#*:}" -o "APT::Architectures=${machine#*:}"
    -o "Dir::State::Lists=$apt/lists" -o "Dir::Cache=$apt/cache" -o Dir::State::Status=/dev/null
    -o "APT::Sandbox::User=$(id -un)")
  apt-get "${options[@]}" update >&2
  (cd "$apt" && apt-get "${options[@]}" download libc6 musl >&2)
  for package in "$apt"/*.deb; do
    dpkg-deb -x "$package" "$root"
  done
  rm -r "$apt"
done
touch "$home/complete"
echo "$home"

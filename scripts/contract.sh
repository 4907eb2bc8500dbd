#!/usr/bin/env bash
# contract.sh LOGS: holds tests/contract/table.tsv against what the stages said whose logs are in
# the folder LOGS. Each line of the table says what is documented and either which tests show it, or
# `todo`, or `not ours` and why. A test that is named has to have run, and passed.
#
# A name is PROGRAM::PATH, as cargo names the test program and the test. A module stands for the tests
# in it: one at least passed, and none failed. A case of the contract, contract::MODULE::CASE, is to have
# passed at both doors; one that runs at one door alone is named with its place. A Java test is
# java::CLASS::METHOD.
set -euo pipefail
table=$(dirname "${BASH_SOURCE[0]}")/../tests/contract/table.tsv
logs=$1

# What ran: `ok` or `FAILED`, and its name.
ran() {
  awk '/^ +Running .*\/deps\/.*\)$/ { program = $NF; sub(/.*\//, "", program); sub(/-[0-9a-f]+\)$/, "", program) }
    /^test [^ ]+ \.\.\. (ok|FAILED)$/ { print $4 "\t" program "::" $2 }' \
    "$logs"/{unit,unit-outside,agent,integration}.log
  awk '/^\| [+'\''`]-- [A-Za-z]+( [0-9]+ ms)? \[OK\]/ { class = $3 }
    /^\| [| ] [+'\''`]-- [A-Za-z0-9]+\(.*\)( [0-9]+ ms)? \[OK\]/ { sub(/.*-- /, ""); sub(/\(.*/, ""); print "ok\tjava::" class "::" $0 }' \
    "$logs/java.log"
}

ran | awk -F '\t' '
  # Why a test that is named does not count; empty: it does.
  function lacks(test) {
    if (test in failed) return "failed, or one in it"
    if (test in passed) return ""
    if (!(test in holds)) return "did not run"
    if (test !~ /^contract::/) return ""
    if (!((test, "sidecar") in doors)) return "passed at no sidecar"
    if (!((test, "plugin") in doors)) return "passed at no plugin"
    return ""
  }
  NR == FNR {
    name = $2
    if ($1 == "ok") passed[name]; else failed[name]
    place = name
    sub(/.*::/, "", place); sub(/_.*/, "", place)
    sub(/::[^:]*$/, "", name)
    if ($1 == "ok") doors[name, place]
    do { if ($1 == "ok") holds[name]; else failed[name] } while (sub(/::[^:]*$/, "", name))
    next
  }
  /^#/ || /^$/ { next }
  { lines++ }
  NF != 3 { print "line " FNR ": three columns, parted by tabs"; bad++; next }
  ids[$1]++ { print $1 ": is there twice"; bad++ }
  $3 ~ /^todo: / { todo++; bad++; print "todo " $1 ": " $2 " (" substr($3, 7) ")"; next }
  $3 ~ /^not ours: / { others++; next }
  {
    tested++
    count = split($3, tests, " ")
    if (!count) { print $1 ": names no test"; bad++ }
    for (i = 1; i <= count; i++)
      if (why = lacks(tests[i])) { print $1 ": " tests[i] " " why; bad++ }
  }
  END {
    printf "%d lines: %d tested, %d not ours, %d to do\n", lines, tested, others, todo
    exit bad > 0 || lines == 0
  }' - "$table"

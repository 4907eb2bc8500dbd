#!/usr/bin/env bash
# contract.sh LOGS: holds tests/contract/table.tsv against what the stages said whose logs are in
# the folder LOGS. Each line of the table says what is documented and either which tests show it, or
# `todo`, or `not ours` and why. A test that is named has to have run, and passed.
#
# A name is PROGRAM::PATH, as cargo names the test program and the test; a module stands for all
# tests in it. A Java test is java::CLASS::METHOD.
set -euo pipefail
table=$(dirname "${BASH_SOURCE[0]}")/../tests/contract/table.tsv
logs=$1

# What ran and passed, by name.
ran() {
  awk '/^ +Running .*\/deps\/.*\)$/ { program = $NF; sub(/.*\//, "", program); sub(/-[0-9a-f]+\)$/, "", program) }
    /^test [^ ]+ \.\.\. ok$/ { print program "::" $2 }' "$logs"/{unit,unit-outside,agent,integration}.log
  awk '/^\| [+'\''`]-- [A-Za-z]+ \[OK\]/ { class = $3 }
    /^\| [| ] [+'\''`]-- [A-Za-z0-9]+\(.*\) \[OK\]/ { sub(/.*-- /, ""); sub(/\(.*/, ""); print "java::" class "::" $0 }' \
    "$logs/java.log"
}

ran | awk -F '\t' '
  NR == FNR { ran[$0]; while (sub(/::[^:]*$/, "")) ran[$0]; next }
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
      if (!(tests[i] in ran)) { print $1 ": " tests[i] " did not run or did not pass"; bad++ }
  }
  END {
    printf "%d lines: %d tested, %d not ours, %d to do\n", lines, tested, others, todo
    exit bad > 0 || lines == 0
  }' - "$table"

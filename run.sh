#!/usr/bin/env bash
# bash run.sh            make the demo, run the pipeline on it, open the dashboard
# bash run.sh SOURCE...  the same on your own footage
# bash run.sh test       install what is missing and run every test
set -euo pipefail
cd "$(dirname "$0")"
python=.venv/bin/python
port=${EGOCLEAN_PORT:-8501}
# Where bytecode may not be written, every process compiles torch and transformers anew: half a minute each.
unset PYTHONDONTWRITEBYTECODE

say() { printf 'egoclean: %s\n' "$*"; }

system_python() {
  for candidate in python3.13 python3.12 python3.11 python3; do
    if command -v "$candidate" >/dev/null 2>&1 &&
      "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  say "needs Python 3.11 or newer; on Debian or Ubuntu: sudo apt-get install python3 python3-venv" >&2
  exit 2
}

make_venv() {
  [ -x "$python" ] && "$python" -m pip --version >/dev/null 2>&1 && return
  local base
  base=$(system_python)
  if ! "$base" -c 'import venv, ensurepip' 2>/dev/null; then
    say "this Python has no venv; install it with: sudo apt-get install $(basename "$("$base" -c 'import sys; print(f"python{sys.version_info[0]}.{sys.version_info[1]}")')")-venv" >&2
    exit 2
  fi
  "$base" -m venv .venv
}

# Python's own client, since a bare machine may lack curl.
answers() {
  "$python" - "$1" 2>/dev/null <<'PYTHON'
import sys, urllib.request
urllib.request.urlopen(sys.argv[1], timeout=5).read(1)
PYTHON
}

pip_install() { "$python" -m pip install --quiet --no-compile --disable-pip-version-check "$@"; }

# A CPU build of torch spares gigabytes where there is no NVIDIA GPU; where the index has none, the plain build serves.
install_torch() {
  "$python" -c 'import torch' 2>/dev/null && return
  local wanted index=https://download.pytorch.org/whl/cpu
  wanted=$(grep '^torch' requirements.txt)
  if ! { command -v nvidia-smi && nvidia-smi; } >/dev/null 2>&1 && answers "$index/torch/"; then
    pip_install "$wanted" --extra-index-url "$index" && return
  fi
  pip_install "$wanted"
}

# The stamp holds what was installed, so that a second start asks no package index anything.
install() {
  local extra=$1 stamp=.venv/installed-$1
  if [ -f "$stamp" ] && cmp -s "$stamp" <(cat requirements.txt pyproject.toml); then return; fi
  make_venv
  say "installing packages into .venv (once, a few minutes)"
  install_torch
  if [ "$extra" = dev ]; then pip_install -e '.[dev]'; else pip_install -e .; fi
  cat requirements.txt pyproject.toml >"$stamp"
}

ensure_browser() {
  command -v chromium >/dev/null 2>&1 && return
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    say "installing Debian's chromium for the browser tests"
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium fonts-dejavu-core; } \
      >/tmp/egoclean-apt.log 2>&1 || say "chromium could not be installed (see /tmp/egoclean-apt.log)"
  fi
  command -v chromium >/dev/null 2>&1 || say "no chromium: the tests in tests/browser are skipped"
}

run_tests() {
  install dev
  ensure_browser
  local clips=${EGOCLEAN_TEST_CLIPS:-}
  [ -n "$clips" ] || say "EGOCLEAN_TEST_CLIPS is not set: tests on real footage are skipped"
  if [ $# -eq 0 ]; then set -- -n 2 --dist worksteal; fi
  "$python" -m pytest -rs "$@"
}

start() {
  install run
  local address="http://127.0.0.1:$port"
  if answers "$address/_stcore/health"; then
    "$python" -m egoclean run "$@" --project project --background >/dev/null
    say "a dashboard already answers at $address; EGOCLEAN_PORT names another port for a second one"
    exit 0
  fi
  "$python" -m egoclean app --project project --port "$port" &
  local dashboard=$!
  trap 'kill "$dashboard" 2>/dev/null; "$python" -m egoclean stop --project project >/dev/null 2>&1; exit 130' INT TERM
  "$python" -m egoclean run "$@" --project project --background >/dev/null
  say "the dashboard is at $address (Ctrl+C stops it and the run; running again goes on where it stopped)"
  wait "$dashboard"
}

case "${1:-}" in
  test) shift; run_tests "$@" ;;
  -h | --help) sed -n '2,4s/^# //p' "$0" ;;
  "") start demo: ;;
  *) start "$@" ;;
esac

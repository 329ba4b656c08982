#!/usr/bin/env bash
# Compares `chartsentry replay`, every detector on, with DuckDB running only the two headline rules in SQL
# over the same files.
#
#   benches/duckdb/run.sh [DIR] [options of compare.py]
#
# DIR holds context/*.csv and access.csv (access.ndjson and access.parquet are made from it where missing).
# Without DIR a hospital of about 5 million accesses is generated once. Everything goes to target/bench.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
data=''
if [[ $# -gt 0 && $1 != -* ]]; then
  data=$(realpath "$1")
  shift
fi
cd "$here/../.."
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
work=$target/bench
mkdir -p "$work"

cargo build --release --quiet

if [[ ! -x $work/venv/bin/python ]] || ! cmp -s "$here/requirements.txt" "$work/venv/requirements.txt"; then
  rm -rf "$work/venv"
  python3 -m venv "$work/venv"
  "$work/venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
  cp "$here/requirements.txt" "$work/venv/requirements.txt"
fi

if [[ -z $data ]]; then
  data=$work/hospital
  if [[ ! -f $data/access.csv ]]; then
    rm -rf "$data.new"
    "$target/release/chartsentry" generate --out "$data.new" --patients 200000 --staff 8000 --days 30 --seed 1
    rm -rf "$data"
    mv "$data.new" "$data"
  fi
fi

exec "$work/venv/bin/python" "$here/compare.py" "$data" \
  --chartsentry "$target/release/chartsentry" --work "$work" "$@"

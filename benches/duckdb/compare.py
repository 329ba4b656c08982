"""Times DuckDB and chartsentry on the same access log and context, in turn, and prints medians.

DuckDB decides two rules: no care relationship, and the same family name among those. chartsentry
runs everything it has. DuckDB's time leaves out the start of Python; chartsentry's is the whole process.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import duckdb

FORMATS = ("csv", "ndjson", "parquet")
COLUMNS = ("event_id", "occurred_at", "user_id", "patient_id", "department")

# Grace before and after a relationship's dates, as chartsentry ships it.
CONTEXT = """
CREATE TEMP TABLE workforce AS
  SELECT user_id, department AS home, lower(strip_accents(trim(family_name))) AS family
  FROM read_csv('{context}/workforce.csv', header = true, all_varchar = true);
CREATE TEMP TABLE patients AS
  SELECT patient_id, lower(strip_accents(trim(family_name))) AS family
  FROM read_csv('{context}/patients.csv', header = true, all_varchar = true);
CREATE TEMP TABLE related AS
  SELECT patient_id, user_id, department,
    starts_at - INTERVAL 2 HOUR AS starts,
    coalesce(ends_at + CASE WHEN kind IN ('encounter', 'care-team') THEN INTERVAL 72 HOUR ELSE INTERVAL 24 HOUR END,
      'infinity'::TIMESTAMP) AS ends
  FROM read_csv('{context}/relationships.csv', header = true, types = {{
    'patient_id': 'VARCHAR', 'user_id': 'VARCHAR', 'department': 'VARCHAR', 'kind': 'VARCHAR',
    'starts_at': 'TIMESTAMP', 'ends_at': 'TIMESTAMP'}});
"""

# Three anti-joins on equalities: in DuckDB nearly twice as fast as one join with an OR.
RULES = """
COPY (
  WITH access AS (
    SELECT log.*, workforce.home, workforce.family
    FROM (SELECT {columns} FROM {log}) AS log LEFT JOIN workforce USING (user_id)
    WHERE patient_id IS NOT NULL),
  unexplained AS (
    SELECT access.* FROM access
    ANTI JOIN (SELECT * FROM related WHERE user_id IS NOT NULL) AS direct
      ON direct.patient_id = access.patient_id AND direct.user_id = access.user_id
      AND access.occurred_at BETWEEN direct.starts AND direct.ends
    ANTI JOIN (SELECT * FROM related WHERE department IS NOT NULL) AS placed
      ON placed.patient_id = access.patient_id AND placed.department = access.department
      AND access.occurred_at BETWEEN placed.starts AND placed.ends
    ANTI JOIN (SELECT * FROM related WHERE department IS NOT NULL) AS home
      ON home.patient_id = access.patient_id AND home.department = access.home
      AND access.occurred_at BETWEEN home.starts AND home.ends)
  SELECT event_id, occurred_at, user_id, unexplained.patient_id,
    coalesce(unexplained.family = patients.family, false) AS same_surname
  FROM unexplained LEFT JOIN patients USING (patient_id)
) TO '{out}' (FORMAT parquet)
"""


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="directory with context/*.csv and access.csv")
    parser.add_argument("--chartsentry", type=Path, help="the program; without it only DuckDB is timed")
    parser.add_argument("--work", type=Path, default=Path("target/bench"), help="where results go")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--formats", default=",".join(FORMATS), help="which of csv,ndjson,parquet")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="DuckDB's threads")
    return parser.parse_args()


def connect(threads):
    connection = duckdb.connect()
    connection.execute(f"SET threads = {threads}; SET TimeZone = 'UTC'; SET preserve_insertion_order = false")
    return connection


def reader(log):
    """DuckDB's fastest way to read a log: types given, nothing guessed."""
    types = {name: "TIMESTAMP" if name == "occurred_at" else "VARCHAR" for name in COLUMNS}
    if log.suffix == ".csv":
        return f"read_csv('{log}', header = true, types = {types})"
    if log.suffix == ".ndjson":
        return f"read_json('{log}', format = 'newline_delimited', columns = {types})"
    return f"(SELECT * REPLACE (occurred_at::TIMESTAMP AS occurred_at) FROM read_parquet('{log}'))"


def prepare(data, threads):
    """Makes the formats that are missing, and tells the day after everything has settled."""
    connection = connect(threads)
    csv = data / "access.csv"
    if not csv.exists():
        sys.exit(f"{csv} does not exist; give a directory made by `chartsentry generate`")
    rows = f"read_csv('{csv}', header = true, all_varchar = true)"
    if not (data / "access.ndjson").exists():
        connection.execute(f"COPY (SELECT * FROM {rows}) TO '{data}/access.ndjson' (FORMAT json)")
    if not (data / "access.parquet").exists():
        typed = f"SELECT * REPLACE (occurred_at::TIMESTAMPTZ AS occurred_at) FROM {rows}"
        connection.execute(f"COPY ({typed}) TO '{data}/access.parquet' (FORMAT parquet, COMPRESSION zstd)")
    query = f"SELECT max(occurred_at) + INTERVAL 10 DAY FROM {reader(csv)}"
    return connection.execute(query).fetchone()[0].strftime("%Y-%m-%dT%H:%M:%SZ")


def time_duckdb(data, log, out, threads):
    start = time.perf_counter()
    connection = connect(threads)
    connection.execute(CONTEXT.format(context=data / "context"))
    connection.execute(RULES.format(columns=", ".join(COLUMNS), log=reader(log), out=out))
    seconds = time.perf_counter() - start
    decided = connection.execute(f"SELECT count(patient_id) FROM {reader(log)}").fetchone()[0]
    flagged = connection.execute(f"SELECT count(*), count(*) FILTER (same_surname) FROM '{out}'").fetchone()
    return seconds, decided, f"{flagged[0]} unexplained, {flagged[1]} of the same surname"


def time_chartsentry(program, data, log, out, as_of):
    command = [program, "replay", "--context", data / "context", "--out", out, "--as-of", as_of, log]
    start = time.perf_counter()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    seconds = time.perf_counter() - start
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stderr.decode()}")
    summary = json.loads((out / "summary.json").read_text())
    flagged = f"{summary['unexplained'] + summary['suspicious']} unexplained or suspicious"
    return seconds, summary["accesses"], flagged


def show(name, runs):
    seconds = statistics.median(run[0] for run in runs)
    decided, flagged = runs[-1][1:]
    spread = f"{min(run[0] for run in runs):.2f}-{max(run[0] for run in runs):.2f}"
    print(f"  {name:<12} {seconds:7.2f} s ({spread})  {decided / seconds:12,.0f} events/s"
          f"  {decided:,} decided, {flagged}")
    return seconds


def main():
    options = arguments()
    options.work.mkdir(parents=True, exist_ok=True)
    as_of = prepare(options.data, options.threads)
    print(f"DuckDB {duckdb.__version__} with {options.threads} threads, two rules; "
          f"chartsentry with every detector; {options.rounds} rounds in turn")
    for name in options.formats.split(","):
        log = options.data / f"access.{name}"
        log.read_bytes()  # both find it in the page cache
        sql, program = [], []
        for _ in range(options.rounds):
            sql.append(time_duckdb(options.data, log, options.work / "flagged.parquet", options.threads))
            if options.chartsentry:
                program.append(time_chartsentry(options.chartsentry, options.data, log, options.work / "replay", as_of))
        print(f"{name}, {log.stat().st_size / 1e6:,.0f} MB")
        base = show("DuckDB", sql)
        if program:
            print(f"  chartsentry is {base / show('chartsentry', program):.2f} times as fast as DuckDB")


if __name__ == "__main__":
    main()

#!/usr/bin/env bash
# Runs one real Apache Kafka broker (KRaft, broker and controller in one process) on free loopback ports.
#
#   broker.sh fetch                            only fetches Kafka (done once, then offline)
#   broker.sh start [--partitions N] [--dir D] starts it; prints BOOTSTRAP=, PID= and DIR=
#   broker.sh run   [--partitions N]           the same, then stops it when standard input ends
#   broker.sh stop  PID|DIR [--keep]           ends exactly that process; removes its directory unless --keep
#
# `start --dir D` on a directory that an earlier `stop --keep` (or a crash) left starts the same broker
# again: same data, same ports. Exit status 77: Java, Maven or Kafka is missing, so tests may be skipped.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../../target}
libraries=$target/kafka/lib
stamp=$target/kafka/fetched
minimum_java=17
start_seconds=60

skip() { echo "broker.sh: $*" >&2; exit 77; }
fail() { echo "broker.sh: $*" >&2; exit 1; }

require_java() {
  command -v java >/dev/null || skip "no java found; install a Java runtime, version $minimum_java or later"
  local version
  version=$(java -version 2>&1 | sed -n 's/^[^"]*version "\([0-9]*\).*/\1/p')
  [[ ${version:-0} -ge $minimum_java ]] || skip "java is version ${version:-unknown}; Kafka needs $minimum_java or later"
}

# Fetches the jars once for each version of pom.xml. Test programs may start at the same time: one fetches.
fetch() {
  mkdir -p "$target/kafka"
  exec 9>"$target/kafka/lock"
  flock 9
  local wanted
  wanted=$(cksum <"$here/pom.xml")
  if [[ ! -f $stamp || $(cat "$stamp") != "$wanted" ]]; then
    command -v mvn >/dev/null || skip "no mvn found; install Maven so that it can fetch Kafka"
    rm -rf "$libraries"
    mvn --batch-mode --quiet --file "$here/pom.xml" dependency:copy-dependencies \
      -DincludeScope=runtime "-DoutputDirectory=$(realpath "$target")/kafka/lib" >"$target/kafka/fetch.log" 2>&1 9>&- ||
      skip "Maven could not fetch Kafka; see $target/kafka/fetch.log"
    echo "$wanted" >"$stamp"
  fi
  exec 9>&-
}

java_with() {
  exec java -Xms64m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto \
    -Dorg.slf4j.simpleLogger.defaultLogLevel=warn \
    -Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info \
    -cp "$libraries/*" "$@"
}

# A port below the range that systems hand out for outgoing connections, on which nobody listens now.
free_port() {
  local port
  while true; do
    port=$((20000 + RANDOM % 12000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  echo "$port"
}

write_settings() {
  local dir=$1 partitions=$2 port controller
  port=$(free_port)
  controller=$(free_port)
  cat >"$dir/server.properties" <<EOF
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller
advertised.listeners=PLAINTEXT://127.0.0.1:$port
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$dir/data
num.partitions=$partitions
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
log.cleaner.dedupe.buffer.size=16777216
log.cleaner.backoff.ms=500
EOF
  java_format "$dir"
}

java_format() {
  (java_with kafka.tools.StorageTool format -t "$(head -c 16 /dev/urandom | base64 | tr '+/' 'AA' | tr -d '=')" \
    -c "$1/server.properties") >"$1/format.log" 2>&1 || fail "Kafka could not format its storage; see $1/format.log"
}

# Starts the process of a prepared directory and waits for Kafka's own word that it serves.
# Returns 1 when another process took one of its ports in between.
launch() {
  local dir=$1 pid
  : >"$dir/server.log"
  (cd "$dir" && java_with kafka.Kafka "$dir/server.properties") </dev/null >"$dir/server.log" 2>&1 &
  pid=$!
  echo "$pid" >"$dir/pid"
  for ((tenths = 0; tenths < start_seconds * 10; tenths++)); do
    if grep -q 'Kafka Server started' "$dir/server.log"; then
      return 0
    elif ! kill -0 "$pid" 2>/dev/null; then
      if grep -q 'Address already in use' "$dir/server.log"; then return 1; fi
      tail -n 20 "$dir/server.log" >&2
      fail "Kafka ended while starting; its log is $dir/server.log"
    fi
    sleep 0.1
  done
  kill -KILL "$pid" 2>/dev/null || true
  fail "Kafka did not start within $start_seconds s; its log is $dir/server.log"
}

start() {
  local partitions=1 dir=''
  while [[ $# -gt 0 ]]; do
    case $1 in
      --partitions) partitions=$2; shift 2 ;;
      --dir) dir=$2; shift 2 ;;
      *) fail "unknown option $1" ;;
    esac
  done
  require_java
  fetch
  dir=${dir:-$(mktemp -d "${TMPDIR:-/tmp}/chartsentry-kafka.XXXXXX")}
  mkdir -p "$dir"
  dir=$(realpath "$dir")
  if [[ -f $dir/server.properties ]]; then
    launch "$dir" || fail "the ports of the broker in $dir are taken; start a fresh one"
  else
    local attempt=1
    write_settings "$dir" "$partitions"
    until launch "$dir"; do
      [[ $((attempt++)) -lt 5 ]] || fail "found no free ports in five attempts"
      rm -rf "$dir/data"
      write_settings "$dir" "$partitions"
    done
  fi
  echo "BOOTSTRAP=$(sed -n 's|^advertised.listeners=PLAINTEXT://||p' "$dir/server.properties")"
  echo "PID=$(cat "$dir/pid")"
  echo "DIR=$dir"
}

# The directory of a running broker, from its command line; nothing when the id is not a broker of ours.
directory_of() {
  [[ -r /proc/$1/cmdline ]] || return 0
  tr '\0' '\n' <"/proc/$1/cmdline" | sed -n '/^kafka\.Kafka$/{n;s|/server\.properties$||p;}'
}

stop() {
  local pid dir keep=${2:-}
  if [[ -d $1 ]]; then
    dir=$(realpath "$1")
    [[ -f $dir/server.properties ]] || fail "$dir is not a broker's directory"
    pid=$(cat "$dir/pid" 2>/dev/null || true)
  else
    pid=$1
    dir=$(directory_of "$pid")
    [[ -n $dir ]] || fail "process $pid is not a broker started by this script"
  fi
  # An id may have been given to another process since.
  if [[ -n $pid && $(directory_of "$pid") == "$dir" ]]; then
    kill -TERM "$pid" 2>/dev/null || true
    for ((tenths = 0; tenths < 100; tenths++)); do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.1
    done
    if [[ $(directory_of "$pid") == "$dir" ]]; then kill -KILL "$pid" 2>/dev/null || true; fi
  fi
  rm -f "$dir/pid"
  [[ $keep == --keep ]] || rm -rf "$dir"
}

# Serves until the process that holds the other end of standard input closes it or ends, however it ends.
run() {
  local answer
  answer=$(start "$@") || exit $?
  running=$(sed -n 's/^DIR=//p' <<<"$answer")
  trap 'stop "$running"' EXIT
  trap 'exit 130' INT TERM HUP
  echo "$answer"
  exec >/dev/null
  cat >/dev/null
}

command=${1:-}
shift || true
case $command in
  fetch) require_java; fetch ;;
  start) start "$@" ;;
  run) run "$@" ;;
  stop) [[ $# -ge 1 ]] || fail "stop needs a process id or a directory"; stop "$@" ;;
  *) sed -n '2,12s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac

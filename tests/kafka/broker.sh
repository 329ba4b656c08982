#!/usr/bin/env bash
# Runs real Apache Kafka brokers (KRaft, each broker and controller in one process) on free loopback ports.
#
#   broker.sh fetch               only fetches Kafka (done once, then offline)
#   broker.sh start [OPTION...]   starts; prints BOOTSTRAP=, PID= (one id for each broker) and, last, DIR=
#   broker.sh run [OPTION...]     the same, then stops when standard input ends
#   broker.sh stop PID|DIR [--keep]
#                                 ends exactly that broker, or that directory's; removes the directory unless --keep
#
#   --partitions N   of topics that do not say how many
#   --brokers N      a cluster; each broker has its own directory DIR/1, DIR/2, ... with its id in the file `pid`
#   --security DIR   also prints BOOTSTRAP_SSL=, _MTLS= (asks for a certificate), _SCRAM= (user "watcher") and
#                    _OAUTH= (takes unsigned tokens). DIR holds PEM files: ca.pem (whom to trust) and server.pem (key
#                    and certificate); and the user's password in scram.password. It is copied to `security` in D
#   --dir D          where; on a directory that an earlier `stop --keep` or a crash left, the same brokers again:
#                    same data, same ports. Of a cluster, D/1 is its first broker alone
#
# Exit status 77: Java, Maven or Kafka is missing, so tests may be skipped.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../../target}
libraries=$target/kafka/lib
stamp=$target/kafka/fetched
# A directory that holds this file, with its own path in it, was made here and may be removed here.
marker=made-by-broker.sh
minimum_java=17
start_seconds=60
# Ports that were picked for brokers which do not listen yet.
taken=' '

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

# Picks a port below the range that systems hand out for outgoing connections, on which nobody listens now.
pick_port() {
  while true; do
    port=$((20000 + RANDOM % 12000))
    [[ $taken == *" $port "* ]] && continue
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  taken+="$port "
}

is_ours() { [[ -f $1/$marker && $(cat "$1/$marker") == "$1" ]]; }

# Makes a directory ours. One that holds anything else is left alone.
claim() {
  mkdir -p "$1"
  if is_ours "$1"; then return; fi
  [[ -z $(ls -A "$1") ]] || fail "$1 is not empty; give an empty directory, or one that an earlier start made"
  echo "$1" >"$1/$marker"
}

# The directories of the brokers below a directory: itself, or those of a cluster.
homes_in() {
  local home
  for home in "$1" "$1"/[0-9]*; do
    if [[ -f $home/server.properties ]]; then echo "$home"; fi
  done
}

# Lays out fresh brokers; leaves their directories in `homes`.
prepare() {
  local dir=$1 partitions=$2 brokers=$3 security=$4 id home cluster voters=''
  local controllers=()
  cluster=$(head -c 16 /dev/urandom | base64 | tr '+/' 'AA' | tr -d '=')
  homes=()
  for ((id = 1; id <= brokers; id++)); do
    pick_port
    controllers[id]=$port
    voters+=${voters:+,}$id@127.0.0.1:$port
    if [[ $brokers -eq 1 ]]; then homes+=("$dir"); else homes+=("$dir/$id"); fi
  done
  for ((id = 1; id <= brokers; id++)); do
    home=${homes[id - 1]}
    claim "$home"
    rm -rf "${home:?}/data"
    write_settings "$home" "$id" "${controllers[id]}" "$voters" "$partitions" "$brokers" "$security"
    format "$home" "$cluster" "$security"
  done
}

write_settings() {
  local home=$1 id=$2 controller=$3 voters=$4 partitions=$5 brokers=$6 security=$7
  local copies=$((brokers < 3 ? brokers : 3)) name listeners map
  local in_step=$((copies < 3 ? 1 : 2))
  pick_port
  listeners=PLAINTEXT://127.0.0.1:$port
  map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
  if [[ -n $security ]]; then
    for name in SSL MTLS SCRAM OAUTH; do
      pick_port
      listeners+=,$name://127.0.0.1:$port
    done
    map+=,SSL:SSL,MTLS:SSL,SCRAM:SASL_SSL,OAUTH:SASL_SSL
  fi
  cat >"$home/server.properties" <<EOF
process.roles=broker,controller
node.id=$id
controller.quorum.voters=$voters
controller.listener.names=CONTROLLER
listeners=$listeners,CONTROLLER://127.0.0.1:$controller
advertised.listeners=$listeners
listener.security.protocol.map=$map
log.dirs=$home/data
num.partitions=$partitions
default.replication.factor=$copies
min.insync.replicas=$in_step
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.num.partitions=1
offsets.topic.replication.factor=$copies
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=$copies
transaction.state.log.min.isr=$in_step
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=$copies
share.coordinator.state.topic.min.isr=$in_step
log.cleaner.dedupe.buffer.size=16777216
log.cleaner.backoff.ms=500
EOF
  if [[ -n $security ]]; then write_security "$security" >>"$home/server.properties"; fi
}

# A connection that a token opened ends with the token, unless the client hands in a new one.
write_security() {
  local oauth=org.apache.kafka.common.security.oauthbearer
  local scram=org.apache.kafka.common.security.scram
  cat <<EOF
ssl.keystore.type=PEM
ssl.keystore.location=$1/server.pem
ssl.truststore.type=PEM
ssl.truststore.location=$1/ca.pem
listener.name.mtls.ssl.client.auth=required
listener.name.scram.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.scram.scram-sha-512.sasl.jaas.config=$scram.ScramLoginModule required;
listener.name.oauth.sasl.enabled.mechanisms=OAUTHBEARER
listener.name.oauth.oauthbearer.sasl.jaas.config=$oauth.OAuthBearerLoginModule required \\
  unsecuredLoginStringClaim_sub="broker";
listener.name.oauth.oauthbearer.sasl.server.callback.handler.class=\\
  $oauth.internals.unsecured.OAuthBearerUnsecuredValidatorCallbackHandler
listener.name.oauth.oauthbearer.connections.max.reauth.ms=3600000
EOF
}

format() {
  local home=$1 cluster=$2 security=$3
  local user=()
  if [[ -n $security ]]; then
    user=(--add-scram "SCRAM-SHA-512=[name=watcher,password=$(cat "$security/scram.password")]")
  fi
  (java_with kafka.tools.StorageTool format -t "$cluster" -c "$home/server.properties" "${user[@]}") \
    >"$home/format.log" 2>&1 || fail "Kafka could not format its storage; see $home/format.log"
}

# Starts the processes of prepared directories and waits for Kafka's own word that they serve.
# Returns 1 when another process took one of their ports in between; then none of them runs.
launch() {
  local home outcome=0
  for home in "$@"; do
    : >"$home/server.log"
    (cd "$home" && java_with kafka.Kafka "$home/server.properties") </dev/null >"$home/server.log" 2>&1 &
    echo "$!" >"$home/pid"
  done
  for home in "$@"; do
    await "$home" || { outcome=$?; break; }
  done
  [[ $outcome -ne 0 ]] || return 0
  for home in "$@"; do end "$home"; done
  [[ $outcome -eq 1 ]] || exit 1
  return 1
}

await() {
  local home=$1 pid tenths
  pid=$(cat "$home/pid")
  for ((tenths = 0; tenths < start_seconds * 10; tenths++)); do
    if grep -q 'Kafka Server started' "$home/server.log"; then
      return 0
    elif ! kill -0 "$pid" 2>/dev/null; then
      if grep -q 'Address already in use' "$home/server.log"; then return 1; fi
      tail -n 20 "$home/server.log" >&2
      echo "broker.sh: Kafka ended while starting; its log is $home/server.log" >&2
      return 2
    fi
    sleep 0.1
  done
  echo "broker.sh: Kafka did not start within $start_seconds s; its log is $home/server.log" >&2
  return 2
}

start() {
  local partitions=1 brokers=1 security='' dir='' attempt=1
  while [[ $# -gt 0 ]]; do
    [[ $# -ge 2 ]] || fail "$1 needs a value"
    case $1 in
      --partitions) partitions=$2 ;;
      --brokers) brokers=$2 ;;
      --security) security=$(realpath "$2") ;;
      --dir) dir=$2 ;;
      *) fail "unknown option $1" ;;
    esac
    shift 2
  done
  require_java
  fetch
  dir=${dir:-$(mktemp -d "${TMPDIR:-/tmp}/chartsentry-kafka.XXXXXX")}
  mkdir -p "$dir"
  dir=$(realpath "$dir")
  claim "$dir"
  mapfile -t homes < <(homes_in "$dir")
  if [[ ${#homes[@]} -gt 0 ]]; then
    launch "${homes[@]}" || fail "a port of the broker in $dir is taken; start a fresh one"
  else
    if [[ -n $security ]]; then
      cp -r "$security" "$dir/security"
      security=$dir/security
    fi
    prepare "$dir" "$partitions" "$brokers" "$security"
    until launch "${homes[@]}"; do
      [[ $((attempt++)) -lt 5 ]] || fail "found no free ports in five attempts"
      prepare "$dir" "$partitions" "$brokers" "$security"
    done
  fi
  answer "$dir"
}

answer() {
  local dir=$1 name home addresses
  for name in PLAINTEXT SSL MTLS SCRAM OAUTH; do
    addresses=$(for home in "${homes[@]}"; do
      sed -n 's/^advertised.listeners=//p' "$home/server.properties" | tr ',' '\n' | sed -n "s|^$name://||p"
    done | paste -sd, -)
    if [[ $name == PLAINTEXT ]]; then
      echo "BOOTSTRAP=$addresses"
    elif [[ -n $addresses ]]; then
      echo "BOOTSTRAP_$name=$addresses"
    fi
  done
  echo "PID=$(for home in "${homes[@]}"; do cat "$home/pid"; done | paste -sd' ' -)"
  echo "DIR=$dir"
}

# The directory of a running broker, from its command line; nothing when the id is not a broker of ours.
directory_of() {
  [[ -r /proc/$1/cmdline ]] || return 0
  tr '\0' '\n' <"/proc/$1/cmdline" | sed -n '/^kafka\.Kafka$/{n;s|/server\.properties$||p;}'
}

# Ends the process of one broker. Its id may have been given to another process since.
end() {
  local home=$1 pid tenths
  pid=$(cat "$home/pid" 2>/dev/null || true)
  if [[ -n $pid && $(directory_of "$pid") == "$home" ]]; then
    kill -TERM "$pid" 2>/dev/null || true
    for ((tenths = 0; tenths < 100; tenths++)); do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.1
    done
    if [[ $(directory_of "$pid") == "$home" ]]; then kill -KILL "$pid" 2>/dev/null || true; fi
  fi
  rm -f "$home/pid"
}

stop() {
  local dir home keep=${2:-}
  if [[ -d $1 ]]; then
    dir=$(realpath "$1")
  else
    dir=$(directory_of "$1")
    [[ -n $dir ]] || fail "process $1 is not a broker started by this script"
  fi
  is_ours "$dir" || fail "$dir is not a broker's directory: this script did not make it"
  mapfile -t homes < <(homes_in "$dir")
  # All at once: a broker that has lost its majority ends slowly.
  for home in "${homes[@]}"; do end "$home" & done
  wait
  [[ $keep == --keep ]] || rm -rf "${dir:?}"
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
  *) sed -n '2,19s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac

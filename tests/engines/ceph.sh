#!/bin/bash
# A small real Ceph cluster on 127.0.0.1 with two S3 gateways, for tests. No systemd.
# 1 mon, 1 mgr (optional), 3 osd (bluestore on sparse files, size 3 /
# min_size 2, failure domain osd), 2 radosgw in the same zone, cephx off.
#
#   ceph.sh DIR start        create the cluster if DIR is new, then start whatever
#                            is not running; returns when both gateways answer
#                            and the user and the bucket are there. Idempotent.
#   ceph.sh DIR stop         stop everything (TERM, then KILL), data is kept
#   ceph.sh DIR wipe         stop and delete DIR
#   ceph.sh DIR status       processes, OSD map and cluster state
#   ceph.sh DIR kill-osd N   kill -9 one OSD (N = 0..2)
#   ceph.sh DIR start-osd N  start it again; returns when the new process is "up"
#   ceph.sh DIR kill-rgw N   kill -9 one gateway (N = 0..1)
#   ceph.sh DIR start-rgw N  start it again; returns when it answers
#   ceph.sh DIR wait-clean   wait until all placement groups are active+clean
#                            (needs the mgr)
#   ceph.sh DIR ceph ARG...  run the ceph command line on this cluster
#   ceph.sh DIR admin ARG..  the same for radosgw-admin
#
# Pids: DIR/pid/{mon.a,mgr.x,osd.0,osd.1,osd.2,rgw.0,rgw.1}. A test may kill -9
# those itself. Endpoints, keys, bucket: DIR/env (KEY=VALUE lines, sourceable).
# Logs: DIR/log. All of it listens on 127.0.0.1 only.
#
# Settings from the environment, used when DIR is created and kept in DIR/env:
#   CEPH_PORT_BASE  first of 100 ports (17300): +0 mon, +1 and +2 the gateways,
#                   +10..+99 osd and mgr
#   CEPH_OSD_GB     size of each OSD's sparse file in GiB (4)
#   CEPH_MGR        1 or 0: run a mgr (1). Without it all S3 work is the same, but
#                   "ceph -s", wait-clean and "ceph df" know nothing of the PGs
#   CEPH_ACCESS_KEY, CEPH_SECRET_KEY, CEPH_BUCKET
#
# Packages: apt-get install --no-install-recommends \
#             ceph-mon ceph-osd ceph-mgr radosgw ceph-common
set -eu

usage() { sed -n '2,/^set -eu/{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2; }
die()   { echo "ceph.sh: $*" >&2; exit 1; }

[ $# -ge 2 ] || usage
D=$(realpath -m -- "$1"); CMD=$2; shift 2
case $D in
    / | "$HOME" | /tmp) die "refusing to use $D: give a private folder" ;;
    *[!A-Za-z0-9_./-]*) die "only letters, digits and _.-/ in the folder's name: $D" ;;
esac
# A unix socket's path has at most 107 characters.
[ ${#D} -le 85 ] || die "path too long for the admin sockets: $D"
CONF=$D/ceph.conf
OSDS="0 1 2"
RGWS="0 1"

# ---------------------------------------------------------------- settings

if [ -f "$D/env" ]; then
    . "$D/env"                 # settled when the cluster was created
else
    PORT_BASE=${CEPH_PORT_BASE:-17300}
    OSD_GB=${CEPH_OSD_GB:-4}
    MGR=${CEPH_MGR:-1}
    ACCESS_KEY=${CEPH_ACCESS_KEY:-testaccess}
    SECRET_KEY=${CEPH_SECRET_KEY:-testsecret}
    BUCKET=${CEPH_BUCKET:-test}
    REGION=us-east-1
    ENDPOINT_0=http://127.0.0.1:$((PORT_BASE + 1))
    ENDPOINT_1=http://127.0.0.1:$((PORT_BASE + 2))
fi

write_env() {
    for v in PORT_BASE OSD_GB MGR ACCESS_KEY SECRET_KEY BUCKET REGION \
             ENDPOINT_0 ENDPOINT_1; do
        printf '%s=%q\n' "$v" "${!v}"
    done > "$D/env.new"
    mv "$D/env.new" "$D/env"
}

write_conf() {
    cat > "$CONF" <<END
[global]
fsid = $1
mon_host = [v2:127.0.0.1:$PORT_BASE/0]
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
ms_bind_msgr1 = false
ms_bind_port_min = $((PORT_BASE + 10))
ms_bind_port_max = $((PORT_BASE + 99))
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
# radosgw asks for "secure" by default, which without cephx never connects
ms_mon_client_mode = crc
# the mon gathers changes for this long (s) before it commits them; 1 by default
paxos_propose_interval = 0.05
# nothing outside DIR
run_dir = $D/run
crash_dir = $D/crash
keyring = $D/keyring
log_to_stderr = false
err_to_stderr = true
log_to_file = true
mon_cluster_log_file = $D/log/cluster.log
mon_cluster_log_to_syslog = false
# replication 3, at least 2 to acknowledge, the copies on any three OSDs
osd_pool_default_size = 3
osd_pool_default_min_size = 2
osd_crush_chooseleaf_type = 0
osd_pool_default_pg_num = 8
osd_pool_default_pgp_num = 8
osd_pool_default_pg_autoscale_mode = off
rgw_rados_pool_pg_num_min = 8
rgw_rados_pool_autoscale_bias = 1
# a dead OSD is noticed in seconds, and never moved out of the map. The grace is
# global because mon and osd both read it.
osd_heartbeat_interval = 1
osd_heartbeat_grace = 5
mon_osd_min_down_reporters = 1
mon_osd_reporter_subtree_level = osd
mon_osd_adjust_heartbeat_grace = false
mon_osd_adjust_down_out_interval = false
mon_osd_down_out_interval = 864000
# the OSDs forget a killed gateway after this long (s; 30 by default); until then
# creating or deleting a bucket waits for it
osd_client_watch_timeout = 10

[mon]
mon_data = $D/mon.a
log_file = $D/log/\$type.\$id.log
admin_socket = $D/run/\$type.\$id.asok
mon_allow_pool_delete = true
# else the mon stops itself when the host's disk is 95 % full
mon_data_avail_warn = 2
mon_data_avail_crit = 1
mon_warn_on_pool_no_redundancy = false
mon_warn_on_insecure_global_id_reclaim = false
mon_warn_on_insecure_global_id_reclaim_allowed = false

[mgr]
mgr_data = $D/mgr.x
log_file = $D/log/\$type.\$id.log
admin_socket = $D/run/\$type.\$id.asok
mgr_initial_modules =
# the PG states for wait-clean and status come at this period (s)
mgr_tick_period = 1
mgr_stats_period = 1

[osd]
osd_data = $D/osd.\$id
log_file = $D/log/\$type.\$id.log
admin_socket = $D/run/\$type.\$id.asok
osd_objectstore = bluestore
bluestore_block_size = $((OSD_GB << 30))
bluestore_block_preallocate_file = false
bluestore_fsck_on_mount = false
bluestore_fsck_on_umount = false
osd_crush_initial_weight = 1
# small: about 100-200 MiB per OSD
bluestore_cache_autotune = false
bluestore_cache_size = 67108864
osd_memory_target = 939524096
osd_op_num_shards = 2
osd_op_num_threads_per_shard = 1
# an OSD marked down while alive must come back, however often
osd_max_markdown_count = 1000000
# small journals: a killed OSD replays them when it starts, twice (with the
# defaults that grew to 10-20 s after some thousand PUTs)
bluefs_log_compact_min_size = 1048576
bluestore_rocksdb_options = compression=kNoCompression,max_write_buffer_number=4,min_write_buffer_number_to_merge=1,recycle_log_file_num=4,write_buffer_size=4194304,max_total_wal_size=16777216,writable_file_max_buffer_size=0,compaction_readahead_size=2097152,max_background_compactions=2
# recovery at full speed (on "hdd" it sleeps 0.1 s after every object by default)
osd_recovery_sleep_hdd = 0
osd_recovery_sleep_ssd = 0
osd_recovery_sleep_hybrid = 0
osd_recovery_max_active = 10
osd_max_backfills = 10
osd_scrub_load_threshold = 0.01

[client.rgw.0]
rgw_frontends = beast endpoint=127.0.0.1:$((PORT_BASE + 1))
[client.rgw.1]
rgw_frontends = beast endpoint=127.0.0.1:$((PORT_BASE + 2))
[client]
log_file = $D/log/\$name.log
rgw_data = $D/\$name
rgw_thread_pool_size = 64
rgw_dynamic_resharding = false
rgw_enable_usage_log = false
rgw_enable_ops_log = false
rgw_verify_ssl = false
END
    # admin sockets for the gateways only (radosgw-admin and ceph are clients too)
    for n in $RGWS; do
        sed -i "/^\[client.rgw.$n\]/a admin_socket = $D/run/rgw.$n.asok" "$CONF"
    done
}

# --------------------------------------------------------------- processes

# Prints the pid of NAME if that very process of this cluster is alive. A pid
# from the file that now belongs to something else does not count.
alive() {
    local p
    p=$(cat "$D/pid/$1" 2>/dev/null) && [ -n "$p" ] || return 1
    grep -qzxF -- "$CONF" "/proc/$p/cmdline" 2>/dev/null || return 1
    case $(sed 's/.*) //' "/proc/$p/stat" 2>/dev/null) in ''|Z*|X*) return 1;; esac
    echo "$p"
}

# launch NAME PROGRAM ARG...: in its own session, in the foreground of it, no
# inherited descriptors (a test that reads our output must not wait for daemons).
launch() {
    local name=$1; shift
    alive "$name" >/dev/null && return 0
    setsid "$@" -c "$CONF" -f </dev/null >>"$D/log/$name.out" 2>&1 3>&- 4>&- 5>&- \
        6>&- 7>&- 8>&- 9>&- &
    local p=$! i
    echo $p > "$D/pid/$name"
    disown
    # until the fork has become the program (alive() looks at the command line)
    for i in {1..50}; do
        if alive "$name" >/dev/null || ! kill -0 $p 2>/dev/null; then break; fi
        sleep 0.05
    done
}

# Nobody else may have the port: with cephx off we would talk to their cluster.
free_port() {
    ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null ||
        die "port $1 is in use: set another CEPH_PORT_BASE"
}

launch_mon() {
    alive mon.a >/dev/null || { free_port "$PORT_BASE"; launch mon.a ceph-mon -i a; }
}
launch_mgr() { launch mgr.x ceph-mgr -i x; }
launch_osd() { launch "osd.$1" ceph-osd -i "$1"; }
launch_rgw() {
    alive "rgw.$1" >/dev/null || {
        free_port $((PORT_BASE + 1 + $1))
        launch "rgw.$1" radosgw -n "client.rgw.$1"
    }
}

c()     { ceph -c "$CONF" --connect-timeout 30 "$@"; }
admin() { radosgw-admin -c "$CONF" --no-mon-config "$@"; }

# wait_for SECONDS WHAT COMMAND...
wait_for() {
    local end=$((SECONDS + $1)) what=$2; shift 2
    until "$@"; do
        [ $SECONDS -lt $end ] || die "timed out waiting for $what; see $D/log"
        sleep 0.2
    done
}

osd_up() {  # the address in the map ends in /NONCE, and the nonce is the pid
    local p
    p=$(alive "osd.$1") || die "osd.$1 died; see $D/log/osd.$1.log and .out"
    c osd dump 2>/dev/null | grep -q "^osd\.$1 up .*/$p[] ,]"
}
all_osds_up() { for n in $OSDS; do osd_up "$n" || return 1; done; }

rgw_answers() {
    alive "rgw.$1" >/dev/null || die "rgw.$1 died; see $D/log"
    python3 - "$((PORT_BASE + 1 + $1))" 2>/dev/null <<'END'
import sys, http.client
c = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=5)
c.request("GET", "/")
sys.exit(c.getresponse().status != 200)
END
}

# PUT of the bucket, signed the old way (v2): needs nothing but Python's library
make_bucket() {
    python3 - "$((PORT_BASE + 1))" "$ACCESS_KEY" "$SECRET_KEY" "$BUCKET" <<'END'
import sys, http.client, hmac, hashlib, base64, email.utils
port, ak, sk, bucket = sys.argv[1:]
date = email.utils.formatdate(usegmt=True)
sig = hmac.new(sk.encode(), f"PUT\n\n\n{date}\n/{bucket}".encode(), hashlib.sha1)
c = http.client.HTTPConnection("127.0.0.1", int(port), timeout=60)
c.request("PUT", "/" + bucket, headers={"Date": date, "Authorization":
          f"AWS {ak}:{base64.b64encode(sig.digest()).decode()}"})
r = c.getresponse()
if r.status != 200:
    sys.exit(f"bucket: {r.status} {r.read()!r}")
END
}

pgs_clean() {
    c pg stat -f json 2>/dev/null | python3 -c '
import sys, json
s = json.load(sys.stdin)
s = s.get("pg_summary", s)
st = {x["name"]: x["num"] for x in s["num_pg_by_state"]}
sys.exit(not (s["num_pgs"] and set(st) <= {"active+clean",
    "active+clean+scrubbing", "active+clean+scrubbing+deep"}))'
}

# ---------------------------------------------------------------- commands

create() {
    mkdir -p "$D"
    [ -z "$(ls -A "$D")" ] || [ -f "$D/.ceph.sh" ] ||
        die "$D is not empty and not mine"
    if [ -d "$D/pid" ]; then stop; fi       # left from a creation cut short
    find "$D" -mindepth 1 -delete
    touch "$D/.ceph.sh"
    mkdir "$D"/{log,run,pid,crash,mon.a,mgr.x,osd.0,osd.1,osd.2}
    touch "$D/keyring"
    local fsid; fsid=$(cat /proc/sys/kernel/random/uuid)
    write_conf "$fsid"
    monmaptool --create --addv a "[v2:127.0.0.1:$PORT_BASE/0]" --fsid "$fsid" \
        "$D/monmap" >/dev/null
    ceph-mon -c "$CONF" --mkfs -i a --monmap "$D/monmap" >>"$D/log/mkfs.out" 2>&1
    launch_mon
    # The formatting mostly waits for a timer: all at once.
    local n pids=
    for n in $OSDS; do
        (   u=$(cat /proc/sys/kernel/random/uuid)
            c osd new "$u" "$n"
            ceph-osd -c "$CONF" -i "$n" --mkfs --osd-uuid "$u"
        ) >>"$D/log/mkfs.osd.$n.out" 2>&1 &
        pids="$pids $!"
    done
    for n in $pids; do wait "$n" || die "an OSD was not made; see $D/log/mkfs.*"; done
}

start() {
    for p in ceph-mon ceph-osd radosgw radosgw-admin ceph monmaptool; do
        command -v "$p" >/dev/null || die "no $p: see the package list in this file"
    done
    local new=0
    if [ ! -f "$D/env" ]; then new=1; create; fi
    launch_mon
    if [ "$MGR" = 1 ]; then launch_mgr; fi
    for n in $OSDS; do launch_osd "$n"; done
    wait_for 60 "the OSDs" all_osds_up
    if [ $new = 1 ]; then
        # makes the zone and its pools too, before two gateways could race for it
        admin user create --uid test --display-name test \
            --access-key "$ACCESS_KEY" --secret-key "$SECRET_KEY" \
            >>"$D/log/mkfs.out" 2>&1 || die "no user made; see $D/log/mkfs.out"
    fi
    for n in $RGWS; do launch_rgw "$n"; done
    for n in $RGWS; do wait_for 90 "rgw.$n" rgw_answers "$n"; done
    make_bucket
    # last: only a finished cluster has an env file, an unfinished one is made anew
    [ $new = 0 ] || write_env
    echo "$ENDPOINT_0 $ENDPOINT_1 bucket=$BUCKET access_key=$ACCESS_KEY" \
         "secret_key=$SECRET_KEY region=$REGION path-style"
}

# Every process that has this cluster's ceph.conf as an argument, by /proc:
# finds the daemons also when a pid file was lost.
mine() {
    local f p
    for f in /proc/[0-9]*/cmdline; do
        p=${f#/proc/}; p=${p%/cmdline}
        grep -qzxF -- "$CONF" "$f" 2>/dev/null || continue
        case $(cat "/proc/$p/comm" 2>/dev/null) in
            ceph-mon|ceph-mgr|ceph-osd|radosgw) echo "$p" ;;
        esac
    done
    return 0
}

running() {  # alive and not a zombie
    case $(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) in ''|Z*|X*) return 1;; esac
}

# end TENTHS SIGNAL PID...: signal them, wait until they are gone
end() {
    local tenths=$1 sig=$2 i p left; shift 2
    for p in "$@"; do kill "-$sig" "$p" 2>/dev/null || :; done
    for ((i = 0; i <= tenths; i++)); do
        left=
        for p in "$@"; do if running "$p"; then left=1; fi; done
        [ -n "$left" ] || return 0
        sleep 0.1
    done
    return 1
}

stop() {
    local kind f p ps
    # gateways, then OSDs, while the mon still answers them; then the rest
    for kind in rgw osd; do
        ps=
        for f in "$D"/pid/$kind.*; do
            p=$(alive "${f##*/}") && ps="$ps $p" || :
        done
        end 100 TERM $ps || end 50 KILL $ps || :
    done
    ps=$(mine)
    end 100 TERM $ps || end 50 KILL $ps || :
    ps=$(mine)
    [ -z "$ps" ] || die "still running: $ps"
    rm -f "$D"/pid/* "$D"/run/*
}

# kill_hard NAME
kill_hard() {
    local p
    p=$(alive "$1") || die "$1 is not running"
    end 50 KILL "$p" || die "$1 does not die"
    rm -f "$D/pid/$1"
}

known() {  # known N LIST
    case " $2 " in *" ${1:-none} "*) ;; *) die "one of $2 is needed, not '${1:-}'" ;; esac
}

created() { [ -f "$D/env" ] || die "no cluster in $D: start first"; }

case $CMD in
    start) start ;;
    stop)  [ ! -f "$D/.ceph.sh" ] || stop ;;
    wipe)
        if [ -e "$D" ]; then
            [ -f "$D/.ceph.sh" ] || die "$D is not mine"
            stop
            rm -rf -- "$D"
        fi ;;
    status)
        created
        for n in mon.a mgr.x osd.0 osd.1 osd.2 rgw.0 rgw.1; do
            echo "$n $(alive $n || echo -)"
        done
        if alive mon.a >/dev/null; then c -s; c osd dump | grep '^osd'; fi ;;
    kill-osd)  created; known "${1:-}" "$OSDS"; kill_hard "osd.$1" ;;
    kill-rgw)  created; known "${1:-}" "$RGWS"; kill_hard "rgw.$1" ;;
    start-osd) created; known "${1:-}" "$OSDS"
               launch_osd "$1"; wait_for 60 "osd.$1" osd_up "$1" ;;
    start-rgw) created; known "${1:-}" "$RGWS"
               launch_rgw "$1"; wait_for 90 "rgw.$1" rgw_answers "$1" ;;
    wait-clean) created; wait_for 120 "active+clean" pgs_clean ;;
    ceph)  created; c "$@" ;;
    admin) created; admin "$@" ;;
    *) usage ;;
esac

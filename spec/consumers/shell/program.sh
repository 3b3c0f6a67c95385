#!/bin/sh
# etcdctl as scripts use it: found on PATH, its output read by line.
set -eu
export ETCDCTL_ENDPOINTS="$1"

etcdctl put greeting hello > /dev/null
echo "get greeting = $(etcdctl get greeting --print-value-only)"

for name in a b c; do
  etcdctl put "app/$name" "$(echo "$name" | tr a-c A-C)" > /dev/null
done
echo "prefix $(etcdctl get app/ --prefix | paste -d= - - | paste -sd' ' -)"

answer=$(printf 'value("greeting") = "hello"\n\nput greeting bye\n\ndel greeting\n\n' | etcdctl txn | head -n 1)
if [ "$answer" = SUCCESS ]; then echo "transaction succeeded"; else echo "transaction failed"; fi
echo "deleted $(etcdctl del app/ --prefix)"

lease=$(etcdctl lease grant 60 | cut -d' ' -f2)
etcdctl put --lease="$lease" session here > /dev/null
echo "session $(etcdctl get session --print-value-only)"
etcdctl lease revoke "$lease" > /dev/null
if [ -z "$(etcdctl get session)" ]; then echo "session gone"; else echo "session left"; fi

revision=$(etcdctl get greeting -w json | sed 's/.*"revision":\([0-9]*\).*/\1/')
etcdctl put watched 1 > /dev/null
etcdctl del watched > /dev/null
events=$(mktemp)
etcdctl watch watched --rev "$((revision + 1))" > "$events" &
watcher=$!
# PUT, key, value, DELETE, key and an empty value.
until [ "$(wc -l < "$events")" -ge 6 ]; do sleep 0.05; done
kill "$watcher"
paste -sd' ' "$events" | sed 's/^PUT \([^ ]*\) \([^ ]*\) DELETE \([^ ]*\).*/event put \1=\2\nevent delete \3/'
rm "$events"

etcdctl lock job echo locked

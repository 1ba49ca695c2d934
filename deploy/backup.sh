#!/bin/sh
# Copy a company's folder while nothing writes into it; its keys are not in the copy.
# usage: backup.sh COMPANY COPY
set -eu
company=$1 copy=$2
exec 9< "$company/data/lock" # that of a night; made by root it would keep the next one out
flock -w 21600 9 || { echo "$company/data/lock: held for 6 hours: $(cat "$company/data/lock")" >&2; exit 3; }
echo "{\"pid\": $$, \"run\": \"backup\"}" > "$company/data/lock"
mkdir -p -m 700 "$copy"
# work/ is swept by any night, dagster/ is written at all times and holds nothing that a night needs
rsync -a --delete --delete-excluded \
    --exclude /data/keys --exclude /data/work --exclude /data/dagster --exclude /data/lock \
    "$company/" "$copy/"
: > "$company/data/lock"

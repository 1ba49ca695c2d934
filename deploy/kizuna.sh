#!/bin/sh
# `kizuna` as the services run it: their user, their environment. Belongs at /usr/local/bin/kizuna.
set -eua
. /etc/kizuna/kizuna.env
umask 077
exec runuser -u kizuna -- /opt/kizuna/.venv/bin/kizuna "$@"

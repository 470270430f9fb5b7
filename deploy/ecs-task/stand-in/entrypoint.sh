#!/bin/sh
# Starts as the application does: not without its provider config. Tells what it finds, and serves /health.
set -eu

[ "$1" = server ] || { echo "no such command: $1"; exit 64; }
: "${MANAGEMENT_TOKEN:?}" "${DATABASE_URL:?}" "${REDIS_ADDR:?}" "${REDIS_CACHE_URL:?}" "${DB_DRIVER:?}" "${LOG_LEVEL:?}"
grep -q '^apis:' "$API_CONFIG_PATH" || { echo "no provider config in $API_CONFIG_PATH"; exit 1; }

echo "user $(id -u):$(id -g)"
echo "config $(sha256sum <"$API_CONFIG_PATH" | cut -d' ' -f1)"
echo "driver $DB_DRIVER, level $LOG_LEVEL, redis $REDIS_ADDR"
if touch "$(dirname "$API_CONFIG_PATH")/probe" 2>/dev/null; then echo "volume writable"; else echo "volume read-only"; fi
echo "process 1 is $(cat /proc/1/comm)"
exec httpd -f -p 8080 -h /app/www

#!/bin/sh
# A task of the old kind: the AWS CLI and goose under a lock, by the steps and with the
# conditions of the script that llm-proxy-init replaces. For tests and benchmarks only.
#
# Beside AWS's variables it reads CONFIG_PATH, DATABASE_URL, MIGRATIONS, POLL_INTERVAL
# and MAX_WAIT. `aws` and `goose` are those that PATH finds first.
set -u

now() {
    date +%s
}

take() {
    aws dynamodb put-item --table-name llm-proxy-locks \
        --item "{\"lock_id\": {\"S\": \"init\"}, \"expires_at\": {\"N\": \"$(($(now) + 300))\"}}" \
        --condition-expression 'attribute_not_exists(lock_id) OR expires_at < :now' \
        --expression-attribute-values "{\":now\": {\"N\": \"$(now)\"}}"
}

waited=0
until take; do
    if [ "$waited" -ge "$MAX_WAIT" ]; then
        echo "gave up"
        exit 1
    fi
    sleep "$POLL_INTERVAL"
    waited=$((waited + POLL_INTERVAL))
done
echo "lock acquired"

aws ssm get-parameter --name /llm-proxy/api-providers \
    --with-decryption --query Parameter.Value --output text >"$CONFIG_PATH"

goose -dir "$MIGRATIONS" postgres "$DATABASE_URL" up
code=$?

# Whoever's it is: the old task does not look.
aws dynamodb delete-item --table-name llm-proxy-locks --key '{"lock_id": {"S": "init"}}'
echo "lock released"
exit "$code"

#!/bin/sh
# What the init container needs of an AWS account. LocalStack runs it once it is ready.
set -eu
export AWS_DEFAULT_REGION=eu-west-1

awslocal dynamodb create-table --table-name llm-proxy-locks --billing-mode PAY_PER_REQUEST \
    --attribute-definitions AttributeName=lock_id,AttributeType=S --key-schema AttributeName=lock_id,KeyType=HASH
awslocal dynamodb update-time-to-live --table-name llm-proxy-locks \
    --time-to-live-specification Enabled=true,AttributeName=expires_at
awslocal ssm put-parameter --name /llm-proxy/api-providers --type SecureString \
    --value file:///etc/llm-proxy/api_providers.yaml

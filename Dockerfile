# syntax=docker/dockerfile:1
#
# The image of the init container, for both architectures:
#
#   docker buildx build --platform linux/arm64,linux/amd64 .
#
# The compiler always runs on the builder's own processor and builds for the other one where need be.
# A binary that is built already takes the place of the first stages by --build-context parts=FOLDER,
# with llm-proxy-init, ca-certificates.crt and an empty folder `config` in it.

ARG RUST_IMAGE=docker.io/library/rust:1.96.0-alpine3.23

FROM --platform=$BUILDPLATFORM ${RUST_IMAGE} AS toolchain
# Alpine keeps one version of a package for each release, so that a pinned one soon is not to be had.
# hadolint ignore=DL3018
RUN apk add --no-cache ca-certificates musl-dev py3-pip \
    && pip install --no-cache-dir --break-system-packages ziglang==0.17.1 \
    && cargo install --locked --version 0.24.0 cargo-zigbuild
WORKDIR /src
ARG TARGETARCH
RUN case "$TARGETARCH" in \
        arm64) echo aarch64-unknown-linux-musl ;; \
        amd64) echo x86_64-unknown-linux-musl ;; \
        *) echo "no image for $TARGETARCH" >&2 && exit 1 ;; \
    esac >/target \
    && rustup target add "$(cat /target)"

# What the source needs, built with empty sources in its place: a layer that stays while
# Cargo.lock does.
FROM toolchain AS dependencies
COPY scripts/static-binary scripts/
COPY Cargo.toml Cargo.lock ./
COPY tests/testbed/Cargo.toml tests/testbed/
RUN mkdir -p src tests/testbed/src \
    && touch src/lib.rs tests/testbed/src/lib.rs \
    && echo 'fn main() {}' >src/main.rs \
    && scripts/static-binary "$(cat /target)"

FROM dependencies AS build
COPY src src
COPY migrations migrations
# Cargo goes by the time of change, and what is copied may be older than what was built.
RUN find src -name '*.rs' -exec touch {} + \
    && mkdir -p /parts/config \
    && cp "$(scripts/static-binary "$(cat /target)")" /etc/ssl/certs/ca-certificates.crt /parts/

FROM scratch AS parts
COPY --from=build /parts /

FROM scratch
COPY image/passwd image/group /etc/
# For AWS's endpoints, and for Amazon RDS.
COPY --from=parts /ca-certificates.crt /etc/ssl/certs/
COPY certs/rds-global-bundle.pem /etc/ssl/certs/
ENV PGSSLROOTCERT=/etc/ssl/certs/rds-global-bundle.pem
# Fargate gives a volume that is mounted here the owner and the mode that the folder has in the
# image. They are those of the application's own user.
COPY --from=parts --chown=100:101 /config /config
COPY --from=parts --chmod=0755 /llm-proxy-init /
VOLUME /config
USER 100:101
ENTRYPOINT ["/llm-proxy-init"]

ARG VERSION=0.0.0-dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="llm-proxy-init" \
    org.opencontainers.image.description="Prepares an ECS task before llm-proxy starts: lock, provider config, migrations, release" \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"

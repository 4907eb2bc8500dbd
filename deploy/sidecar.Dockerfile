# ferry-sidecar, and the authorities that a system trusts. scripts/images.sh makes the binaries.
#   docker build -f deploy/sidecar.Dockerfile -t ferry-sidecar target/images
FROM alpine:3.22 AS system
FROM scratch
ARG TARGETARCH
COPY --from=system /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY ${TARGETARCH}/ferry-sidecar /ferry-sidecar
USER 65532:65532
# Where the tables lie when they are in a file: a volume, or --tmpfs to try it.
WORKDIR /var/lib/ferry
ENTRYPOINT ["/ferry-sidecar"]

# ferry-sidecar and nothing else. scripts/images.sh makes the binaries.
#   docker build -f deploy/sidecar.Dockerfile -t ferry-sidecar target/images
FROM scratch
ARG TARGETARCH
COPY ${TARGETARCH}/ferry-sidecar /ferry-sidecar
USER 65532:65532
# Where the tables lie when they are in a file: a volume, or --tmpfs to try it.
WORKDIR /var/lib/ferry
ENTRYPOINT ["/ferry-sidecar"]

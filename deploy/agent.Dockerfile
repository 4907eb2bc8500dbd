# ferry-agent, and the authorities that a system trusts. scripts/images.sh makes the binaries.
# Kubeconfigs that start a program for their credentials need an image of your own that has it:
# COPY --from=ferry-agent /ferry-agent.
#   docker build -f deploy/agent.Dockerfile -t ferry-agent target/images
FROM alpine:3.22 AS system
FROM scratch
ARG TARGETARCH
COPY --from=system /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY ${TARGETARCH}/ferry-agent /ferry-agent
USER 65532:65532
ENTRYPOINT ["/ferry-agent"]

# ferry-agent and nothing else. scripts/images.sh makes the binaries. Kubeconfigs that start a program
# for their credentials need an image of your own that has it: COPY --from=ferry-agent /ferry-agent.
#   docker build -f deploy/agent.Dockerfile -t ferry-agent target/images
FROM scratch
ARG TARGETARCH
COPY ${TARGETARCH}/ferry-agent /ferry-agent
USER 65532:65532
ENTRYPOINT ["/ferry-agent"]

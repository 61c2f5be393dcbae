# plantar as a container. Every step is docker/steps.sh, which the tests run too.
#   docker build -t plantar .                                            everything, S3 and Dask among it
#   docker build -t plantar --build-arg LOCK=requirements-demo.lock .    orders from files on this machine, a small image
FROM python:3.12-slim-bookworm
ARG LOCK=requirements.lock
COPY . /src
RUN /src/docker/steps.sh system
RUN /src/docker/steps.sh install /opt/plantar "$LOCK"
RUN /src/docker/steps.sh check /opt/plantar
WORKDIR /work
ENTRYPOINT ["/opt/plantar/bin/plantar"]
CMD ["--help"]

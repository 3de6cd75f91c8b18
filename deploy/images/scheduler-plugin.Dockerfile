# scheduler-plugin: the kube-scheduler extender.
# Built from the repository's root: docker build -f deploy/images/scheduler-plugin.Dockerfile .
FROM python:3.11-slim AS build
WORKDIR /src
COPY constraints.txt ./
COPY protos protos
COPY libs/core libs/core
COPY libs/features libs/features
COPY libs/forecasting libs/forecasting
COPY libs/placement libs/placement
COPY libs/anomaly libs/anomaly
COPY libs/lifecycle libs/lifecycle
COPY libs/serving libs/serving
COPY services/scheduler-plugin services/scheduler-plugin
RUN python -m venv /opt/hydatis \
 && /opt/hydatis/bin/pip install --no-cache-dir -c constraints.txt \
    ./protos ./libs/core ./libs/features ./libs/forecasting ./libs/placement ./libs/anomaly ./libs/lifecycle ./libs/serving[otlp] ./services/scheduler-plugin

FROM python:3.11-slim
LABEL org.opencontainers.image.title="hydatis-scheduler-plugin" org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/hydatis /opt/hydatis
ENV PATH=/opt/hydatis/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE
# inside a container every interface of its own network is the service's; outside, ports are published on loopback
RUN mkdir /decisions && chown 10001:10001 /decisions
ENV HYDATIS_SCHEDULER_PLUGIN_HOST=0.0.0.0
USER 10001:10001
EXPOSE 7080
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s CMD ["python", "-m", "hydatis_serving.probe", "http://127.0.0.1:7080/readyz"]
ENTRYPOINT ["python", "-m", "hydatis_scheduler_plugin"]

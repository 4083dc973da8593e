# vsm-server alone: no compiler, no client, no root.
FROM python:3.11-slim-bookworm AS build
WORKDIR /build
RUN python -m venv /opt/vsm
COPY requirements/server.txt requirements/
RUN /opt/vsm/bin/pip install --no-cache-dir --requirement requirements/server.txt
COPY generated/python generated/python
COPY server server
RUN /opt/vsm/bin/pip install --no-cache-dir --no-deps ./generated/python ./server \
    && /opt/vsm/bin/pip uninstall --yes pip

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home vsm \
    && install --directory --owner=vsm --group=vsm --mode=0700 /var/lib/vsm
COPY --from=build /opt/vsm /opt/vsm
USER 10001
VOLUME /var/lib/vsm
EXPOSE 50051 4000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
    CMD ["/opt/vsm/bin/python", "-c", "import os, ssl, urllib.request; \
        scheme = 'https' if os.environ.get('VSM_TLS_CERT') else 'http'; \
        urllib.request.urlopen(scheme + '://127.0.0.1:4000/healthz', timeout=2, context=ssl._create_unverified_context())"]
# Other machines reach these addresses, so it starts only with VSM_TLS_CERT and VSM_TLS_KEY, or, said knowingly, VSM_INSECURE=true.
ENV VSM_DATA_DIR=/var/lib/vsm VSM_LISTEN=0.0.0.0:50051 VSM_HTTP=0.0.0.0:4000
ENTRYPOINT ["/opt/vsm/bin/vsm-server"]
CMD ["serve"]

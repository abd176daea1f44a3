# One image for web, worker, sweeper and the one-shot services. LOCK=gpu builds the CUDA variant.
FROM python:3.12-slim-bookworm AS build
ARG LOCK=runtime
WORKDIR /build
COPY requirements/ requirements/
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --require-hashes -r requirements/uv.lock \
    && VIRTUAL_ENV=/opt/venv /opt/venv/bin/uv pip install --no-cache --compile-bytecode --require-hashes -r "requirements/${LOCK}.lock" \
    && /opt/venv/bin/pip uninstall --yes uv

FROM python:3.12-slim-bookworm
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PNEUMO_DATA_DIR=/data
# A fixed number, so that the volume's owner is the same on every machine.
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin pneumo \
    && install --directory --owner pneumo --group pneumo --mode 0700 /data
COPY --from=build /opt/venv /opt/venv
WORKDIR /app
COPY manage.py ./
COPY ml/ ml/
COPY models/ models/
COPY diagnosis/ diagnosis/
COPY worker/ worker/
COPY pneumo_site/ pneumo_site/
COPY templates/ templates/
COPY static/ static/
RUN python -m compileall -q ml diagnosis worker pneumo_site
USER pneumo
VOLUME /data
EXPOSE 8000
CMD ["gunicorn", "pneumo_site.wsgi", "--bind", "0.0.0.0:8000", "--workers", "2", "--threads", "4"]

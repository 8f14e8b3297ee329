# syntax=docker/dockerfile:1
# The app for a lab; compose.yaml builds and runs it, docs/deploy.md says how.
# CUDA instead of CPU: --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu130
FROM python:3.11-slim AS build
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
# Set to anything for jobs on a Ray cluster (requirements-ray.txt).
ARG RAY=
# kenlm is built from source; the compiler stays in this stage. Debian moves its versions on under
# the tag, so they are not pinned; what results depend on is, in constraints.txt.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY requirements.txt requirements-ray.txt constraints.txt ./
# torch alone comes from its own index; with two indexes at once any package could come from either.
RUN python -m venv /opt/venv \
    && grep "^torch==" requirements.txt > torch.txt \
    && /opt/venv/bin/pip install --no-cache-dir --no-deps --index-url "$TORCH_INDEX" -r torch.txt \
    && /opt/venv/bin/pip install --no-cache-dir -c constraints.txt -r requirements.txt \
        ${RAY:+-r requirements-ray.txt}

FROM python:3.11-slim
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 memsig \
    && install --directory --owner memsig --group memsig /srv/cache
COPY --from=build /opt/venv /opt/venv
WORKDIR /srv/app
# Readable for user 1000 whatever the umask that the checkout was made with.
COPY --chmod=u=rwX,go=rX . .
ENV PATH=/opt/venv/bin:$PATH MEMSIG_CACHE=/srv/cache PYTHONDONTWRITEBYTECODE=1
USER 1000:1000
VOLUME /srv/cache
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD \
    ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8501/readyz', timeout=4)"]
CMD ["scripts/serve.sh"]

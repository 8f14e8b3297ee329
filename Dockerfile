# The app for a lab: docker build -t memory-signatures . ; docker run -p 8501:8501 -v cache:/srv/cache …
# CUDA instead of CPU: --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu130
FROM python:3.11-slim AS build
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
# kenlm is built from source; the compiler stays in this stage.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ make \
    && rm -rf /var/lib/apt/lists/*
COPY requirements.txt .
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --extra-index-url "$TORCH_INDEX" -r requirements.txt

FROM python:3.11-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 memsig \
    && install --directory --owner memsig /srv/cache
COPY --from=build /opt/venv /opt/venv
WORKDIR /srv/app
COPY . .
ENV PATH=/opt/venv/bin:$PATH MEMSIG_CACHE=/srv/cache PYTHONDONTWRITEBYTECODE=1
USER memsig
VOLUME /srv/cache
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD \
    ["python", "-c", "import urllib.request as u; u.urlopen('http://localhost:8501/readyz', timeout=4)"]
# Inside the container every address is the container's own; publish the port as narrowly as you want.
CMD ["streamlit", "run", "app/main.py", "--server.address=0.0.0.0", "--server.port=8501"]

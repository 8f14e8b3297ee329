#!/bin/sh
# What the container runs: the app, and on a lab's cluster a node of it that computes nothing.
set -eu
cd "$(dirname "$0")/.."
if [ -n "${RAY_ADDRESS:-}" ]; then
    ray start --address="$RAY_ADDRESS" --num-cpus=0 --num-gpus=0 --disable-usage-stats
fi
set --
for host in $(echo "${MEMSIG_HOSTS:-}" | tr ',' ' '); do
    set -- "$@" "--server.allowedHosts=$host"
done
# Inside the container every address is the container's own: what is published decides.
exec streamlit run app/main.py --server.address=0.0.0.0 --server.port="${PORT:-8501}" "$@"

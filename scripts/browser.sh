#!/bin/sh
# A Chromium for the browser tests: one that is there, else the distribution's, else playwright's.
# Where none can be had, this says so and the tests that need one are skipped.
for name in "${CHROMIUM:-chromium}" chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null 2>&1 && exit 0
done
ls "$HOME"/.cache/ms-playwright/chromium* >/dev/null 2>&1 && exit 0
echo "Installing Chromium for the browser tests."
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null && exit 0
fi
.venv/bin/python -m playwright install chromium >/dev/null 2>&1 && exit 0
echo "NO CHROMIUM CAN BE HAD: the browser tests will be SKIPPED. Install chromium to run them." >&2

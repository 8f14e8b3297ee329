#!/bin/sh
# Says what is missing before pip fails half-way: check.sh PYTHON
python=$1
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
    echo "Python 3.11 or newer is needed; install it (Debian: apt-get install python3 python3-venv)" \
        "or say where it is: make PYTHON=/path/to/python3.11" >&2
    exit 1
}
"$python" -c 'import ensurepip' 2>/dev/null || {
    echo "Python's venv module is missing; install it (Debian: apt-get install python3-venv)." >&2
    exit 1
}
.venv/bin/python -c 'import kenlm' 2>/dev/null && exit 0
for compiler in "${CXX:-c++}" g++ clang++; do
    command -v "$compiler" >/dev/null 2>&1 && exit 0
done
echo "kenlm is built from source and there is no C++ compiler; install one" \
    "(Debian and Ubuntu: apt-get install g++ make; Fedora: dnf install gcc-c++ make;" \
    "macOS: xcode-select --install)." >&2
exit 1

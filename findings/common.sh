# Sourced by each finding. Works in a temporary folder that is removed at the end; any failed command fails the finding.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# python_with PACKAGE==VERSION ...   makes env/bin/python
python_with() {
    "${PYTHON:-python3}" -m venv env
    env/bin/python -m pip install --quiet --disable-pip-version-check "$@" 2>pip.log || { cat pip.log >&2; exit 1; }
}

# node_with PACKAGE@VERSION ...   makes node_modules
node_with() {
    npm init --yes >/dev/null
    npm install --silent --no-audit --no-fund "$@"
}

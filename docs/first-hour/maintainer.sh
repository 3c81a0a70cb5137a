#!/usr/bin/env bash
# A maintainer's first hour: add a panel to the dashboards, add a field to every document, and see what else changes.
#
#   docs/first-hour/maintainer.sh     in a clone, after `make venv`, with .venv/bin in PATH; needs git
#
# It works on a copy of the clone, in the folder `copy` of the current folder. docs/architecture.md lists more changes.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

say() { printf '\n== %s\n' "$*"; }

say "Copy the clone"
mkdir copy
tar -C "$here/../.." --exclude=./.git --exclude=./.venv --exclude=./.demo --exclude=./build -cf - . | tar -C copy -xf -
cd copy

say "Declare a panel. Kibana and the console draw it from there."
cat "$here/panel.patch"
git apply "$here/panel.patch"

say "Write the generated pages and the digests of Kibana's objects, as make format and make golden do, and run the tests"
python -m docs.generate
OVERSIGHT_GOLDEN=rewrite python -m pytest -q -p no:cacheprovider tests/unit/kibana/test_golden.py
grep "Highest risk" docs/panels.md
python -m pytest -q -p no:cacheprovider tests/unit/kibana

say "It is among the objects that Kibana imports"
python -m oversight kibana export --output dashboards.ndjson
grep -c "Highest risk" dashboards.ndjson

say "Declare a field. Mapping, checks and docs are made from there."
cat "$here/field.patch"
git apply "$here/field.patch"
python -m docs.generate
grep "organization.name" docs/fields.md
python -m pytest -q -p no:cacheprovider tests/unit/contract

say "Before you open a pull request: make check && make test, a line in CHANGELOG.md, and a reason in the commit message"

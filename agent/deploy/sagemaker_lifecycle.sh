#!/bin/bash
# A lifecycle configuration (on start) of a SageMaker notebook instance: runs the agent beside the notebook. Set
# ARCHIVE to the agent archive's S3 URL; the notebook's role needs the agent stack's policy.
# Never keeps the notebook from starting: SageMaker gives a script five minutes and fails the start with it, so the
# work is done in the background and what went wrong is in the log.
# (SageMaker developer guide, "Customization of a SageMaker notebook instance using an LCC script".)
set -u
ARCHIVE="${ARCHIVE:-s3://BUCKET/KEY.zip}"
home=/opt/mlwarden-agent
log=/var/log/mlwarden-agent.log

install_and_run() {
  set -euo pipefail
  umask 022
  work="$(mktemp -d)"
  trap 'rm -rf "$work"' EXIT
  python=""
  for candidate in python3.14 python3.13 python3.12 python3.11 python3 /home/ec2-user/anaconda3/bin/python; do
    if "$candidate" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      python="$candidate"
      break
    fi
  done
  [ -n "$python" ] || { echo "mlwarden-agent: Python 3.11 or newer with its venv module was not found" >&2; exit 1; }
  if [ ! -x "$home/bin/mlwarden-agent" ]; then
    aws s3 cp --only-show-errors "$ARCHIVE" "$work/agent.zip"
    "$python" -m zipfile -e "$work/agent.zip" "$work"
    "$python" -m venv "$home"
    "$home/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
      --requirement "$work/requirements.txt"
    "$home/bin/python" -m pip install --quiet --disable-pip-version-check --no-index --no-deps \
      "$work"/mlwarden_agent-*.whl
  fi
  # The host below is not an instance of this account: the notebook's own name tells it apart.
  name="$("$python" -c 'import json; print(json.load(open("/opt/ml/metadata/resource-metadata.json"))["ResourceName"])')"
  printf 'host = "%s"\nstate_dir = "/var/lib/mlwarden-agent"\ndisk_paths = ["/", "/home/ec2-user/SageMaker"]\n' "$name" \
    >"$home/agent.toml"
  "$home/bin/mlwarden-agent" check-config --config "$home/agent.toml"
  rm -rf "$work"
  exec nice -n 10 "$home/bin/mlwarden-agent" run --config "$home/agent.toml"
}

export ARCHIVE home
export -f install_and_run
nohup bash -c install_and_run >>"$log" 2>&1 </dev/null &
exit 0

#!/bin/bash
# Installs or updates the agent on a host, as root; what is already right is left alone.
# Told by its environment: ARCHIVE (S3 URL of the agent's zip), RELEASE (names its content), PARAMETER (SSM), AWS_REGION.
set -euo pipefail
umask 022

home=/opt/mlwarden-agent
release="$home/$RELEASE"
settings=/etc/mlwarden
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

fail() { echo "mlwarden-agent: $*" >&2; exit 1; }

command -v aws >/dev/null || fail "the AWS CLI is needed and was not found"
python=""
for candidate in python3.14 python3.13 python3.12 python3.11 python3; do
  if "$candidate" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    python="$candidate"
    break
  fi
done
[ -n "$python" ] || fail "Python 3.11 or newer with its venv module is needed and was not found"

changed=""
if [ ! -x "$release/bin/mlwarden-agent" ]; then
  aws s3 cp --only-show-errors "$ARCHIVE" "$work/agent.zip"
  "$python" -m zipfile -e "$work/agent.zip" "$work"
  rm -rf "$release"
  mkdir -p "$home"
  "$python" -m venv "$release"
  pip() { "$release/bin/python" -m pip install --quiet --disable-pip-version-check "$@"; }
  cp "$work/mlwarden-agent.service" "$release/"
  pip --require-hashes --only-binary :all: --requirement "$work/requirements.txt"
  pip --no-index --no-deps "$work"/mlwarden_agent-*.whl
fi
if [ "$(readlink "$home/current" || true)" != "$release" ]; then
  ln -sfn "$release" "$home/current"
  changed=yes
fi

put() { # put SOURCE TARGET: install the file unless it is there already
  cmp --silent "$1" "$2" && return
  mkdir -p "$(dirname "$2")"
  install --mode 0644 "$1" "$2"
  changed=yes
}

aws ssm get-parameter --name "$PARAMETER" --query Parameter.Value --output text >"$work/agent.toml"
"$home/current/bin/mlwarden-agent" check-config --config "$work/agent.toml"
echo "AWS_REGION=$AWS_REGION" >"$work/agent.env"
# The agent reads its settings again without a restart; what waits to be sent is not touched either way.
settings_changed=""
if ! cmp --silent "$work/agent.toml" "$settings/agent.toml"; then
  mkdir -p "$settings"
  install --mode 0644 "$work/agent.toml" "$settings/agent.toml"
  settings_changed=yes
fi
put "$work/agent.env" "$settings/agent.env"
put "$release/mlwarden-agent.service" /etc/systemd/system/mlwarden-agent.service

# Devices may belong to a group; one that the host lacks must not be named.
groups="$(getent group video render | cut -d: -f1 | xargs || true)"
printf '[Service]\nSupplementaryGroups=%s\n' "$groups" >"$work/groups.conf"
put "$work/groups.conf" /etc/systemd/system/mlwarden-agent.service.d/groups.conf

if [ -n "$changed" ]; then
  systemctl daemon-reload
  systemctl enable --quiet mlwarden-agent
  systemctl restart mlwarden-agent
elif [ -n "$settings_changed" ]; then
  systemctl reload-or-restart mlwarden-agent
fi
systemctl is-active --quiet mlwarden-agent || systemctl start mlwarden-agent

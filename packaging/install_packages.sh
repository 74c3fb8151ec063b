#!/bin/sh
# Installs what is missing of the Debian packages that the named purposes need (see packages.txt beside this file):
#   install_packages.sh PURPOSE...
# No service is started by it.
set -eu
list=$(dirname "$0")/packages.txt
missing=
for purpose in "$@"; do
  for package in $(awk -v purpose="$purpose" '!/^#/ { for (i = 2; i <= NF; i++) if ($i == purpose) print $1 }' "$list"); do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing="$missing $package"
  done
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ]; then
  echo "These packages are missing:$missing. Run this as root, or install them with apt." >&2
  exit 1
fi
log=$(mktemp)
policy=/usr/sbin/policy-rc.d
made_policy=
clean_up() {
  rm -f "$log"
  [ -z "$made_policy" ] || rm -f "$policy"
}
trap clean_up EXIT
trap 'exit 130' INT TERM
if [ ! -e "$policy" ]; then
  made_policy=yes
  printf '#!/bin/sh\nexit 101\n' > "$policy"
  chmod 755 "$policy"
fi
echo "Installing:$missing"
export DEBIAN_FRONTEND=noninteractive
{ apt-get -q update && apt-get -qy install --no-install-recommends $missing; } > "$log" 2>&1 || {
  cat "$log"
  echo "apt could not install the packages; the lines above say why." >&2
  exit 1
}

#!/bin/bash
# Fetches etcd, containerd, runc, CNI plugins and busybox as Debian packages and unpacks them under the state folder.
# Nothing is installed on the system: apt works on lists of its own, with the system's keyring and mirror.
. "$(dirname "$(readlink -f "$0")")/common.sh"

SUITE=${DEBIAN_SUITE:-forky} # the first with containerd 2
[ ! -e "$PACKAGES/complete" ] || exit 0
command -v apt-get >/dev/null || die "needs apt-get to fetch etcd, containerd and runc"

mirror=$(awk '/^URIs:/ {print $2; exit}' /etc/apt/sources.list.d/debian.sources 2>/dev/null ||
  awk '$1 == "deb" {print $2; exit}' /etc/apt/sources.list)
# runc comes from the host's own release, because it needs that release's C library; the others run with older ones.
release=$(. /etc/os-release && echo "$VERSION_CODENAME")
apt=$PACKAGES/apt
rm -rf "$PACKAGES"
mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/packages"
: >"$apt/status"
for suite in $(printf '%s\n' "$SUITE" "$release" | sort -u); do
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main"
done >"$apt/sources.list"
cat >"$apt/apt.conf" <<CONF
Dir::State "$apt"; Dir::State::lists "$apt/lists"; Dir::State::status "$apt/status"; Dir::Cache "$apt/cache";
Dir::Etc::sourcelist "$apt/sources.list"; Dir::Etc::sourceparts "/dev/null"; Dir::Etc::preferencesparts "/dev/null";
Acquire::Languages "none"; APT::Sandbox::User "root";
CONF
export APT_CONFIG=$apt/apt.conf
apt-get -qq update
cd "$apt/packages"
apt-get -qq download "etcd-server/$SUITE" "containerd/$SUITE" "containernetworking-plugins/$SUITE" \
  "runc/$release" "busybox-static/$release"
for package in *.deb; do dpkg -x "$package" "$PACKAGES"; done
rm -rf "$apt"
touch "$PACKAGES/complete"

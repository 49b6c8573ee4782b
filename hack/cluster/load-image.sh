#!/bin/bash
# load-image.sh ARCHIVE...: imports image archives (OCI or Docker) into the cluster's containerd.
. "$(dirname "$(readlink -f "$0")")/common.sh"

for archive in "$@"; do
  inside "$PACKAGES/usr/bin/ctr" --address "$CRI_SOCKET" --namespace k8s.io images import --local "$archive" >/dev/null
done

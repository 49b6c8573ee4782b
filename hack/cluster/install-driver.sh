#!/bin/bash
# install-driver.sh [HELM_ARGUMENT...]: loads the driver's image into the cluster and installs (or changes) its release from
# the chart. For example: install-driver.sh --set driverConfig.groupBy=socket --set-string driverConfig.reservedCPUs=0
. "$(dirname "$(readlink -f "$0")")/common.sh"

cd "$HERE/../.."
IMAGE_ARCHIVE=${IMAGE_ARCHIVE:-dist/dra-driver-cpu.tar}
[ -s "$IMAGE_ARCHIVE" ] || die "no image archive '$IMAGE_ARCHIVE': run 'make image', or set IMAGE_ARCHIVE"
"$HERE/load-image.sh" "$IMAGE_ARCHIVE"
# Another image of the same name must have new pods.
digest=$(sha256sum <"$IMAGE_ARCHIVE" | cut -c1-16)
helm=$(npm --silent exec -- node hack/helm.ts)
export KUBECONFIG=$STATE/kubeconfig
"$helm" upgrade --install dracpu "deployment/helm/dra-driver-cpu" --namespace kube-system \
  --set fullnameOverride=dracpu --set podLabels.app=dracpu \
  --set "nodeSelector.kubernetes\.io/hostname=$NODE" --set-string podAnnotations.image-archive="$digest" --wait --timeout 5m "$@" >&2

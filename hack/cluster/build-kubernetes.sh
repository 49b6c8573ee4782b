#!/bin/bash
# Builds the Kubernetes components that are missing in $KUBE_BIN from their Go modules: 11 minutes on two idle cores.
. "$(dirname "$(readlink -f "$0")")/common.sh"

VERSION=${KUBERNETES_VERSION:-v1.37.1}
PUBLISHED=v0.${VERSION#v1.} # version of the modules that the same release publishes from its staging folder
MODULE=$CLUSTER_DIR/kubernetes-module
COMPONENTS=(kubectl kubelet kube-apiserver kube-scheduler kube-controller-manager)
command -v go >/dev/null || die "needs go to build Kubernetes; or set KUBE_BIN to a folder that has ${COMPONENTS[*]}"

mkdir -p "$MODULE" "$KUBE_BIN"
cd "$MODULE"
export GOFLAGS=-buildvcs=false CGO_ENABLED=0
description=$(cd / && go mod download -json "k8s.io/kubernetes@$VERSION")
field() { sed -n "s/.*\"$1\": \"\(.*\)\".*/\1/p" <<<"$description"; }
# A module that only needs Kubernetes: the release's own requirements, with its staging folders replaced by what it published.
sed -e 's#^module .*#module cluster.local/kubernetes#' \
  -e "s#=> ./staging/src/\(k8s.io/[a-z0-9-]*\)#=> \1 $PUBLISHED#" "$(field GoMod)" >go.mod
cat "$(field Dir)/go.sum" >go.sum
printf '//go:build tools\n\npackage kubernetes\n\nimport _ "k8s.io/kubernetes/cmd/kubelet"\n' >tools.go
go mod edit -require="k8s.io/kubernetes@$VERSION"

flags="-s -w"
minor=${VERSION#v1.}
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
  flags+=" -X $package.gitVersion=$VERSION -X $package.gitMajor=1 -X $package.gitMinor=${minor%%.*}"
done
for component in "${COMPONENTS[@]}"; do
  [ ! -x "$KUBE_BIN/$component" ] || continue
  echo "building $component $VERSION" >&2
  nice go build -mod=mod -trimpath -ldflags "$flags" -o "$KUBE_BIN/$component" "k8s.io/kubernetes/cmd/$component"
done

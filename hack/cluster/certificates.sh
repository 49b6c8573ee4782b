#!/bin/bash
# certificates.sh [NODE ADDRESS]: makes the cluster's authority, its certificates and kubeconfigs, once; or those of a node.
. "$(dirname "$(readlink -f "$0")")/common.sh"

mkdir -p "$STATE/pki"
cd "$STATE/pki"
umask 077

key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"; }

# certificate NAME SUBJECT [ALTERNATIVE_NAMES]
certificate() {
  key "$1"
  openssl req -new -key "$1.key" -subj "$2" -out "$1.csr"
  printf '%s\n' 'basicConstraints=CA:FALSE' 'extendedKeyUsage=serverAuth,clientAuth' ${3:+"subjectAltName=$3"} >"$1.ext"
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 365 -extfile "$1.ext" -out "$1.crt" 2>/dev/null
}

# kubeconfig NAME FILE, self-contained, so that it can be copied anywhere
kubeconfig() {
  cat >"$2" <<CONFIG
apiVersion: v1
kind: Config
clusters:
- name: dracpu
  cluster: {server: "https://$API_ADDRESS", certificate-authority-data: $(base64 -w0 ca.crt)}
users:
- name: $1
  user: {client-certificate-data: $(base64 -w0 "$1.crt"), client-key-data: $(base64 -w0 "$1.key")}
contexts:
- name: dracpu
  context: {cluster: dracpu, user: $1}
current-context: dracpu
CONFIG
}

node() { # NAME ADDRESS
  [ -s "$STATE/kubelet-$1.kubeconfig" ] && return
  certificate "kubelet-$1" "/O=system:nodes/CN=system:node:$1" "IP:$2,DNS:$1"
  kubeconfig "kubelet-$1" "$STATE/kubelet-$1.kubeconfig"
}

if [ $# = 2 ]; then
  node "$1" "$2"
  exit 0
fi
[ ! -s "$STATE/kubeconfig" ] || exit 0

key ca
openssl req -x509 -new -key ca.key -subj /CN=dracpu-cluster -days 365 -out ca.crt \
  -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
dns=DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local
certificate apiserver /CN=kube-apiserver "IP:127.0.0.1,IP:$SERVICE_ADDRESS,IP:$API_ADDRESS,$dns"
openssl ecparam -name prime256v1 -genkey -noout -out service-account.key
openssl ec -in service-account.key -pubout -out service-account.pub 2>/dev/null
for name in kube-controller-manager kube-scheduler; do
  certificate "$name" "/CN=system:$name"
  kubeconfig "$name" "$STATE/$name.kubeconfig"
done
node "$NODE" "$NODE_ADDRESS"
certificate admin /O=system:masters/CN=admin
kubeconfig admin "$STATE/kubeconfig"

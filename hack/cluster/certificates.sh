#!/bin/bash
# Makes the cluster's authority, its certificates and kubeconfigs, once.
. "$(dirname "$(readlink -f "$0")")/common.sh"

[ ! -s "$STATE/kubeconfig" ] || exit 0
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

# kubeconfig NAME FILE SERVER, self-contained, so that it can be copied anywhere
kubeconfig() {
  cat >"$2" <<CONFIG
apiVersion: v1
kind: Config
clusters:
- name: dracpu
  cluster: {server: "https://$3", certificate-authority-data: $(base64 -w0 ca.crt)}
users:
- name: $1
  user: {client-certificate-data: $(base64 -w0 "$1.crt"), client-key-data: $(base64 -w0 "$1.key")}
contexts:
- name: dracpu
  context: {cluster: dracpu, user: $1}
current-context: dracpu
CONFIG
}

key ca
openssl req -x509 -new -key ca.key -subj /CN=dracpu-cluster -days 365 -out ca.crt \
  -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
dns=DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local
certificate apiserver /CN=kube-apiserver "IP:127.0.0.1,IP:$SERVICE_ADDRESS,IP:$NODE_ADDRESS,$dns"
certificate admin /O=system:masters/CN=admin
certificate kube-controller-manager /CN=system:kube-controller-manager
certificate kube-scheduler /CN=system:kube-scheduler
certificate kubelet "/O=system:nodes/CN=system:node:$NODE" "IP:$NODE_ADDRESS,DNS:$NODE"
openssl ecparam -name prime256v1 -genkey -noout -out service-account.key
openssl ec -in service-account.key -pubout -out service-account.pub 2>/dev/null
for name in kube-controller-manager kube-scheduler kubelet; do
  kubeconfig "$name" "$STATE/$name.kubeconfig" "$SERVICE_ADDRESS"
done
kubeconfig admin "$STATE/kubeconfig" "$NODE_ADDRESS"

# Images, manifests and kind clusters. Names of targets and variables are the reference's where it has them.
CLUSTER_NAME ?= dra-driver-cpu
HELM_CHART := deployment/helm/dra-driver-cpu
# The image's name and tag, wherever it is used; a tag of the version unless given.
IMAGE_REPO ?= localhost/dra-driver-cpu
TAG ?= v$(shell sed -n 's/^  "version": "\(.*\)",/\1/p' package.json)
IMAGE := $(IMAGE_REPO):$(TAG)
# Architectures of "make image"; one that this machine cannot make is left out with the reason.
IMAGE_ARCHS ?= amd64 arm64
LOCAL_ARCH := $(if $(filter aarch64 arm64,$(shell uname -m)),arm64,amd64)
# The gates of the kind configurations need 1.37 or later.
KIND_K8S_VERSION ?= v1.37.1
KIND_IMAGE := kindest/node:$(KIND_K8S_VERSION)
# OVERRIDE_IMAGE=true puts IMAGE into the manifests.
OVERRIDE_IMAGE ?= false

DRACPU_E2E_CPU_DEVICE_MODE ?= grouped
DRACPU_E2E_CPU_GROUP_BY ?= numanode
DRACPU_E2E_RESERVED_CPUS ?= 0
DRACPU_E2E_NODE_ALLOCATABLE_MAPPING ?= false
# Any text makes ci-kind-setup and test-e2e-kind say what they do.
DRACPU_E2E_VERBOSE ?=
export IMAGE_REPO TAG OVERRIDE_IMAGE

# Ends a recipe with the reason when a program is not there: $(call need,PROGRAM,WHERE TO GET IT)
need = command -v $(1) >/dev/null || { echo "make $@: needs $(1), which is not installed ($(2))" >&2; exit 1; }
need_docker = $(call need,docker,https://docs.docker.com/engine/install) && { docker info >/dev/null 2>&1 || \
	{ echo "make $@: needs a Docker daemon, and none answers" >&2; exit 1; }; }
need_kind = $(need_docker) && $(call need,kind,https://kind.sigs.k8s.io) && $(call need,kubectl,https://kubernetes.io/docs/tasks/tools)
say = $(if $(DRACPU_E2E_VERBOSE),echo "$(1)",:)

.PHONY: image docker-image manifests helm-lint helm-package kind-cluster kind-node-image kind-load-image \
	kind-install-cpu-dra kind-uninstall-cpu-dra ci-kind-setup delete-kind-cluster test-e2e-kind quickstart

image: dist/dracpu.cjs ## images as archives in dist/, without Docker (IMAGE_ARCHS, IMAGE_REPO, TAG)
	@$(NPM) exec -- node hack/image/build-image.ts $(IMAGE_ARCHS)

docker-image: ## the driver's image with Docker
	@$(need_docker)
	docker build --build-arg GIT_COMMIT=$$(git rev-parse --short HEAD) --tag $(IMAGE) .

manifests: $(INSTALLED) ## dist/install.yaml, and dist/helm-manifest.yaml where helm is installed
	@$(NPM) exec -- node hack/manifests.ts

helm-lint: $(INSTALLED) ## helm lint of the chart
	@helm=$$($(NPM) exec -- node hack/helm.ts) && "$$helm" lint --strict --kube-version 1.37.0 $(HELM_CHART)

helm-package: $(INSTALLED) ## the chart as a package in dist/
	@mkdir -p dist
	@helm=$$($(NPM) exec -- node hack/helm.ts) && "$$helm" package $(HELM_CHART) --destination dist

quickstart: $(INSTALLED) ## steps 3 and 4 of docs/tasks/install.md, as they stand there, on the cluster of KUBECONFIG
	@$(call need,kubectl,https://kubernetes.io/docs/tasks/tools)
	@$(NPM) exec -- node hack/quickstart.ts

kind-node-image:
	@$(need_kind)
	@docker image inspect $(KIND_IMAGE) >/dev/null 2>&1 || docker pull $(KIND_IMAGE) 2>/dev/null || \
		kind build node-image --image=$(KIND_IMAGE) $(KIND_K8S_VERSION)

kind-cluster: kind-node-image ## a kind cluster with two workers (needs Docker)
	@kind create cluster --name $(CLUSTER_NAME) --image=$(KIND_IMAGE) --config hack/kind.yaml

kind-load-image: ## the images into the kind cluster
	@$(need_kind)
	@$(MAKE) image IMAGE_ARCHS=$(LOCAL_ARCH)
	@for archive in dist/dra-driver-cpu.tar dist/dra-driver-cpu-test.tar; do \
		kind load image-archive $$archive --name $(CLUSTER_NAME) || exit 1; done

kind-install-cpu-dra: kind-load-image ## the driver into the kind cluster (HELM_ARGS)
	@helm=$$($(NPM) exec -- node hack/helm.ts) && "$$helm" upgrade --install dra-driver-cpu $(HELM_CHART) \
		--namespace kube-system --set fullnameOverride=dracpu --set podLabels.app=dracpu \
		--set image.repository=$(IMAGE_REPO) --set image.tag=$(TAG) --wait --timeout 3m $(HELM_ARGS)

kind-uninstall-cpu-dra: $(INSTALLED) ## the driver out of the kind cluster
	@$(need_kind)
	@helm=$$($(NPM) exec -- node hack/helm.ts) && "$$helm" uninstall dra-driver-cpu --namespace kube-system --ignore-not-found

ci-kind-setup: kind-node-image ## a kind cluster with the driver, as DRACPU_E2E_* say
	@$(call say,creating kind cluster $(CLUSTER_NAME) with $(KIND_IMAGE))
	@kind create cluster --name $(CLUSTER_NAME) --image=$(KIND_IMAGE) --config hack/ci/kind-ci.yaml
	@kubectl wait --for=create node/$(CLUSTER_NAME)-worker --timeout=120s
	@kubectl label --overwrite node $(CLUSTER_NAME)-worker node-role.kubernetes.io/worker=''
	@$(call say,installing the driver: mode $(DRACPU_E2E_CPU_DEVICE_MODE) grouped by $(DRACPU_E2E_CPU_GROUP_BY))
	@$(MAKE) kind-install-cpu-dra HELM_ARGS="--set args.logLevel=6 --set args.exposePCIeRoots=true \
		--set driverConfig.cpuDeviceMode=$(DRACPU_E2E_CPU_DEVICE_MODE) --set driverConfig.groupBy=$(DRACPU_E2E_CPU_GROUP_BY) \
		--set-string driverConfig.reservedCPUs=$(DRACPU_E2E_RESERVED_CPUS) \
		--set driverConfig.publishNodeAllocatableResourceMapping=$(DRACPU_E2E_NODE_ALLOCATABLE_MAPPING)"
	@kubectl get resourceslices

delete-kind-cluster: ## remove the kind cluster
	@$(call need,kind,https://kind.sigs.k8s.io)
	@kind delete cluster --name $(CLUSTER_NAME)

test-e2e-kind: ci-kind-setup ## the end-to-end suite on a new kind cluster
	@$(MAKE) test-e2e DRACPU_E2E_CPU_DEVICE_MODE=$(DRACPU_E2E_CPU_DEVICE_MODE) \
		DRACPU_E2E_CPU_GROUP_BY=$(DRACPU_E2E_CPU_GROUP_BY) DRACPU_E2E_RESERVED_CPUS=$(DRACPU_E2E_RESERVED_CPUS)

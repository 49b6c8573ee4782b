# The driver's image where Docker exists; "make image" makes one of the same files without it. Neither has a shell.
FROM node:24-bookworm-slim AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY . .
# What "dracpu --version" says; there is no git here.
ARG GIT_COMMIT=unknown
RUN GIT_COMMIT=$GIT_COMMIT npm run build && node hack/image/build-image.ts --rootfs /rootfs

FROM scratch
COPY --from=build /rootfs/ /
# A flag that holds only from the start of the process (docs/decisions/0002-v8-flags.md).
ENV NODE_OPTIONS="--max-semi-space-size=1"
USER 0:0
CMD ["/dracpu"]

/** Images as archives: the OCI image layout 1.0, with the manifest that `docker load` reads beside it. */
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { type TarEntry, writeTar } from './tar.ts';
import { START_FLAGS } from '../v8-flags.ts';

/** A compressed layer. */
export interface Layer {
  /** Digest of the uncompressed tar, by which the runtime names it. */
  readonly diffId: string;
  readonly blob: Buffer;
}

/** What an image says of itself. */
export interface ImageOptions {
  /** With tag, such as "localhost/dra-driver-cpu:v0.1.0". */
  readonly name: string;
  /** As Go calls it: "amd64" or "arm64". */
  readonly architecture: string;
  readonly layers: readonly Layer[];
  readonly command: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

const digest = (bytes: Uint8Array) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** Compresses entries. @param level of gzip, 1 to 9. */
export function writeLayer(entries: ReadonlyMap<string, TarEntry>, level = 9): Layer {
  const tar = writeTar(entries);
  return { diffId: digest(tar), blob: gzipSync(tar, { level }) };
}

/** The archive of an image, for `ctr images import`, `kind load image-archive`, `skopeo copy oci-archive:` and `docker load`. */
export function writeImage({ name, architecture, layers, command, labels }: ImageOptions): Buffer {
  const entries = new Map<string, TarEntry>();
  const addFile = (path: string, content: Uint8Array) => entries.set(path, { kind: 'file', content, mode: 0o644 });
  const addBlob = (mediaType: string, content: Uint8Array) => {
    addFile(blobPath(digest(content)), content);
    return { mediaType, digest: digest(content), size: content.length };
  };
  const blobPath = (id: string) => `blobs/${id.replace(':', '/')}`;
  const json = (value: unknown) => Buffer.from(JSON.stringify(value));

  const config = addBlob(
    'application/vnd.oci.image.config.v1+json',
    json({
      architecture,
      os: 'linux',
      created: '1970-01-01T00:00:00Z',
      config: {
        Cmd: command,
        Env: ['PATH=/usr/local/bin:/', `NODE_OPTIONS=${START_FLAGS.join(' ')}`],
        Labels: labels,
        User: '0:0',
        WorkingDir: '/',
      },
      rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
      history: layers.map(() => ({ created: '1970-01-01T00:00:00Z' })),
    }),
  );
  const blobs = layers.map(({ blob }) => addBlob('application/vnd.oci.image.layer.v1.tar+gzip', blob));
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const manifest = addBlob(mediaType, json({ schemaVersion: 2, mediaType, config, layers: blobs }));
  const annotations = {
    'io.containerd.image.name': name,
    'org.opencontainers.image.ref.name': name.slice(name.lastIndexOf(':') + 1),
  };
  const platform = { architecture, os: 'linux' };
  addFile('oci-layout', json({ imageLayoutVersion: '1.0.0' }));
  addFile('index.json', json({ schemaVersion: 2, manifests: [{ ...manifest, annotations, platform }] }));
  const dockerManifest = {
    Config: blobPath(config.digest),
    RepoTags: [name],
    Layers: blobs.map((blob) => blobPath(blob.digest)),
  };
  addFile('manifest.json', json([dockerManifest]));
  return writeTar(entries);
}

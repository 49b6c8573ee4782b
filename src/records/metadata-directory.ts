import { mkdir, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { KeyedQueue } from '../lib/keyed-queue.ts';
import { writeWhole } from '../lib/write-whole.ts';
import {
  type DeviceMetadata,
  formatDeviceMetadata,
  formatMetadataSpec,
  METADATA_FOLDER,
  type MetadataClaim,
  metadataClaimPath,
  METADATA_FILE,
  metadataFilePath,
  metadataSpecFileName,
  metadataSpecPrefix,
  parseDeviceMetadata,
  type ReadMetadata,
} from './device-metadata.ts';

/** Where metadata goes. */
export interface MetadataDirectoryOptions {
  readonly driverName: string;
  /** The plugin's data directory, such as /var/lib/kubelet/plugins/dra.cpu, by the same name on the host. */
  readonly dataDirectory: string;
  /** The directory of CDI specs. */
  readonly cdiDirectory: string;
}

/** Writes a file that nobody looks for before the claim is prepared. */
async function writeInto(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text, { mode: 0o644 });
}

/**
 * What containers are told of their devices (KEP-5304): a file per claim and request, and a CDI spec per file that mounts it.
 * Paths are those of Kubernetes' Go helper. Nothing here is needed to recover a claim, so that nothing is synced; but the files
 * outlive a reboot, which the CDI specs do not.
 */
export class MetadataDirectory {
  readonly #options: MetadataDirectoryOptions;
  /** By folder: a claim and the one that was made again under its name write and remove one after the other. */
  readonly #perFolder = new KeyedQueue();

  constructor(options: MetadataDirectoryOptions) {
    this.#options = options;
  }

  /** Writes the metadata of every request of a claim. Rejects with the system's error. */
  async write(
    claim: MetadataClaim,
    requests: readonly { readonly request: string; readonly devices: readonly DeviceMetadata[] }[],
  ): Promise<void> {
    const { driverName, dataDirectory, cdiDirectory } = this.#options;
    await this.#perFolder.run(metadataClaimPath(claim), async () => {
      const writes = requests.flatMap(({ request, devices }) => {
        const hostPath = join(dataDirectory, metadataFilePath(claim, request));
        const specPath = join(cdiDirectory, metadataSpecFileName(driverName, claim.uid, request));
        return [
          writeInto(hostPath, formatDeviceMetadata(driverName, claim, { request, devices })),
          // The runtime reads the directory whenever it likes.
          writeWhole(specPath, formatMetadataSpec(driverName, claim, { request, hostPath }), { mode: 0o644 }),
        ];
      });
      // The queue goes on, and the caller may clean up, only when nothing is being written any more.
      const failed = (await Promise.allSettled(writes)).find((write) => write.status === 'rejected');
      if (failed) throw failed.reason;
    });
  }

  /** Removes a claim's metadata; none is no error. What belongs to a later claim of the same name stays. */
  async remove(claim: Omit<MetadataClaim, 'podClaimName'>): Promise<void> {
    const { driverName, cdiDirectory } = this.#options;
    const prefix = metadataSpecPrefix(driverName, claim.uid);
    const names = await readdir(cdiDirectory).catch(() => []);
    const specs = names.filter((name) => name.startsWith(prefix));
    await Promise.all(specs.map((name) => rm(join(cdiDirectory, name), { force: true })));
    await this.#perFolder.run(metadataClaimPath(claim), () => this.#removeFiles(claim));
  }

  /** Every file that can be read, in no order; files of claims that are gone may be among them. */
  async readAll(): Promise<ReadMetadata[]> {
    const folder = join(this.#options.dataDirectory, METADATA_FOLDER);
    const names = await readdir(folder, { recursive: true }).catch(() => []);
    const files = names.filter((name) => basename(name) === METADATA_FILE);
    const texts = await Promise.all(files.map((name) => readFile(join(folder, name), 'utf8').catch(() => '')));
    return texts.flatMap((text) => parseDeviceMetadata(text) ?? []);
  }

  /** The folder has the claim's name, so that only the files tell whose they are. */
  async #removeFiles(claim: Omit<MetadataClaim, 'podClaimName'>): Promise<void> {
    const folder = join(this.#options.dataDirectory, metadataClaimPath(claim));
    for (const request of await readdir(folder).catch(() => [])) {
      const text = await readFile(join(folder, request, METADATA_FILE), 'utf8').catch(() => '');
      const owner = parseDeviceMetadata(text)?.uid;
      if (owner === undefined || owner === claim.uid) await rm(join(folder, request), { recursive: true, force: true });
    }
    await rmdir(folder).catch(() => undefined);
  }
}

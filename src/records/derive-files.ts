import type { PreparedClaim } from '../claims/prepared-claim.ts';
import { claimSpecFileName, formatClaimSpec, toClaimSpec } from './cdi-spec.ts';
import {
  type DescribedRequest,
  formatDeviceMetadata,
  formatMetadataSpec,
  metadataFilePath,
  metadataSpecFileName,
} from './device-metadata.ts';
import { isSafeName } from './safe-name.ts';

/** A file that follows from a claim's record. */
export interface DerivedFile {
  readonly path: string;
  readonly text: string;
}

/** Where derived files are. */
export interface DerivedPlaces {
  readonly driverName: string;
  /** The plugin's data directory, such as /var/lib/kubelet/plugins/dra.cpu, by the same name on the host. */
  readonly dataDirectory: string;
  /** The directory of CDI specs. */
  readonly cdiDirectory: string;
}

/**
 * The files that follow from a claim: its CDI spec, and for each request the metadata that containers read with the CDI spec that
 * mounts it (KEP-5304). A claim of another driver's files has no requests yet, and one with unusable names is described nowhere.
 */
export function deriveFiles(
  claim: PreparedClaim,
  requests: readonly DescribedRequest[],
  { driverName, dataDirectory, cdiDirectory }: DerivedPlaces,
): DerivedFile[] {
  const { uid, cpus, podClaimName } = claim;
  const files: DerivedFile[] = [];
  if (!cpus.isEmpty) {
    files.push({ path: `${cdiDirectory}/${claimSpecFileName(uid)}`, text: formatClaimSpec(toClaimSpec(claim)) });
  }
  const metadataClaim = { ...claim, podClaimName };
  for (const { request, devices } of requests) {
    if (![claim.namespace, claim.name, ...request.split('/')].every(isSafeName)) continue;
    const hostPath = `${dataDirectory}/${metadataFilePath(metadataClaim, request)}`;
    files.push(
      { path: hostPath, text: formatDeviceMetadata(driverName, metadataClaim, { request, devices }) },
      {
        path: `${cdiDirectory}/${metadataSpecFileName(driverName, uid, request)}`,
        text: formatMetadataSpec(driverName, metadataClaim, { request, hostPath }),
      },
    );
  }
  return files;
}

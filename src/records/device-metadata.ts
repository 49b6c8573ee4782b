/** Where containers find the metadata of their devices (KEP-5304; k8s.io/dynamic-resource-allocation api/metadata, 0.37). */
const CONTAINER_DIRECTORY = '/var/run/kubernetes.io/dra-device-attributes';
const METADATA_GROUP = 'metadata.resource.k8s.io';
/** What the reference writes; its readers take the file for one JSON document. */
const METADATA_VERSION = 'v1beta1';
/** The version that the Go helper writes for its bind mounts. */
const CDI_VERSION = '0.5.0';

/** A device attribute as ResourceSlices have it (resource.k8s.io/v1 DeviceAttribute, lists of KEP-5491). */
export type MetadataAttribute =
  | { readonly int: number }
  | { readonly bool: boolean }
  | { readonly string: string }
  | { readonly ints: readonly number[] }
  | { readonly strings: readonly string[] };

/** What is told of one prepared device. */
export interface DeviceMetadata {
  readonly pool: string;
  readonly device: string;
  readonly attributes: Readonly<Record<string, MetadataAttribute>>;
}

/** A request of a claim with what its container is told of the devices. */
export interface DescribedRequest {
  /** Request name, or `request/subrequest`. */
  readonly request: string;
  readonly devices: readonly DeviceMetadata[];
}

/** The claim whose devices are described. */
export interface MetadataClaim {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  /** The claim's name in the pod's spec when it was made from a template (annotation resource.kubernetes.io/pod-claim-name). */
  readonly podClaimName: string | undefined;
}

/** "request" of "request/subrequest". */
function baseRequest(request: string): string {
  return request.split('/', 1)[0] ?? request;
}

/** Folder of all metadata below the plugin's data directory. */
export const METADATA_FOLDER = 'dra-device-metadata';

/** Folder of a claim's metadata below the plugin's data directory. */
function metadataClaimPath({ namespace, name }: Pick<MetadataClaim, 'namespace' | 'name'>): string {
  return `${METADATA_FOLDER}/${namespace}_${name}`;
}

/** Name of a request's metadata file. */
export const METADATA_FILE = 'metadata.json';

/** A request's metadata file below the plugin's data directory. */
export function metadataFilePath(claim: MetadataClaim, request: string): string {
  return `${metadataClaimPath(claim)}/${baseRequest(request)}/${METADATA_FILE}`;
}

/** What the names of a claim's metadata CDI specs begin with. */
export function metadataSpecPrefix(driverName: string, uid: string): string {
  return `${driverName}_metadata_${uid}_`;
}

/** File name of the CDI spec that mounts a request's metadata. */
export function metadataSpecFileName(driverName: string, uid: string, request: string): string {
  return `${metadataSpecPrefix(driverName, uid)}${baseRequest(request)}.json`;
}

/** The claim UID in the file name of a metadata CDI spec; undefined when the name is not one. */
export function parseMetadataSpecFileName(driverName: string, fileName: string): string | undefined {
  const prefix = `${driverName}_metadata_`;
  const end = fileName.lastIndexOf('_');
  const isOne = fileName.startsWith(prefix) && fileName.endsWith('.json') && end > prefix.length;
  return isOne ? fileName.slice(prefix.length, end) : undefined;
}

/** Fully qualified CDI device name of a request's metadata, what the kubelet passes to the runtime. */
export function metadataCdiDeviceId(driverName: string, uid: string, request: string): string {
  return `${driverName}/metadata=${uid}_${baseRequest(request)}`;
}

/** Where a container finds the file. */
function containerPath(driverName: string, claim: MetadataClaim, request: string): string {
  const folder = claim.podClaimName ? `resourceclaimtemplates/${claim.podClaimName}` : `resourceclaims/${claim.name}`;
  return `${CONTAINER_DIRECTORY}/${folder}/${baseRequest(request)}/${driverName}-metadata.json`;
}

/** The text of a request's metadata file: one JSON document (DeviceMetadata, metadata.resource.k8s.io/v1beta1). */
export function formatDeviceMetadata(
  driverName: string,
  claim: MetadataClaim,
  { request, devices }: { readonly request: string; readonly devices: readonly DeviceMetadata[] },
): string {
  const { uid, namespace, name, podClaimName } = claim;
  const document = {
    kind: 'DeviceMetadata',
    apiVersion: `${METADATA_GROUP}/${METADATA_VERSION}`,
    metadata: { name, namespace, uid, generation: 1 },
    ...(podClaimName === undefined ? {} : { podClaimName }),
    requests: [
      {
        name: request,
        devices: devices.map(({ pool, device, attributes }) => ({
          driver: driverName,
          pool,
          name: device,
          attributes,
        })),
      },
    ],
  };
  return `${JSON.stringify(document)}\n`;
}

/** The text of the CDI spec that mounts a request's metadata file into the container. */
export function formatMetadataSpec(
  driverName: string,
  claim: MetadataClaim,
  { request, hostPath }: { readonly request: string; readonly hostPath: string },
): string {
  const mount = { hostPath, containerPath: containerPath(driverName, claim, request), options: ['ro', 'bind'] };
  const device = { name: `${claim.uid}_${baseRequest(request)}`, containerEdits: { mounts: [mount] } };
  return `${JSON.stringify({ cdiVersion: CDI_VERSION, kind: `${driverName}/metadata`, devices: [device] }, undefined, 2)}\n`;
}

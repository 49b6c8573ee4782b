/** Where containers find the metadata of their devices (KEP-5304; k8s.io/dynamic-resource-allocation api/metadata, 0.37). */
const CONTAINER_DIRECTORY = '/var/run/kubernetes.io/dra-device-attributes';
const METADATA_GROUP = 'metadata.resource.k8s.io';
/** Oldest last: a reader takes the first it knows. */
const METADATA_VERSIONS = ['v1beta1', 'v1alpha1'] as const;
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
export function metadataClaimPath({ namespace, name }: Pick<MetadataClaim, 'namespace' | 'name'>): string {
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

/** Fully qualified CDI device name of a request's metadata, what the kubelet passes to the runtime. */
export function metadataCdiDeviceId(driverName: string, uid: string, request: string): string {
  return `${driverName}/metadata=${uid}_${baseRequest(request)}`;
}

/** Where a container finds the file. */
function containerPath(driverName: string, claim: MetadataClaim, request: string): string {
  const folder = claim.podClaimName ? `resourceclaimtemplates/${claim.podClaimName}` : `resourceclaims/${claim.name}`;
  return `${CONTAINER_DIRECTORY}/${folder}/${baseRequest(request)}/${driverName}-metadata.json`;
}

/** The text of a request's metadata file: one JSON object a line, the same in each version. */
export function formatDeviceMetadata(
  driverName: string,
  claim: MetadataClaim,
  { request, devices }: { readonly request: string; readonly devices: readonly DeviceMetadata[] },
): string {
  const { uid, namespace, name, podClaimName } = claim;
  const lines = METADATA_VERSIONS.map((version) =>
    JSON.stringify({
      kind: 'DeviceMetadata',
      apiVersion: `${METADATA_GROUP}/${version}`,
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
    }),
  );
  return `${lines.join('\n')}\n`;
}

/** What is read back of a metadata file. */
export interface ReadMetadata {
  /** UID of the claim that it was written for. */
  readonly uid: string;
  /** The devices' attributes, in the order of the file. */
  readonly attributes: readonly Readonly<Record<string, unknown>>[];
}

interface MetadataDocument {
  readonly metadata?: { readonly uid?: unknown };
  readonly requests?: readonly { readonly devices?: readonly { readonly attributes?: Record<string, unknown> }[] }[];
}

/** Reads a metadata file back; undefined when it does not say for which claim it was written, as after a power cut. */
export function parseDeviceMetadata(text: string): ReadMetadata | undefined {
  try {
    const { metadata, requests = [] } = JSON.parse(text.split('\n', 1)[0] ?? '') as MetadataDocument;
    const devices = requests.flatMap((request) => request.devices ?? []);
    if (typeof metadata?.uid !== 'string') return undefined;
    return { uid: metadata.uid, attributes: devices.map(({ attributes = {} }) => attributes) };
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined;
    throw error;
  }
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

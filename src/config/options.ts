import {
  absolutePath,
  bindAddressValue,
  booleanValue,
  countValue,
  cpuListValue,
  moduleVerbosityValue,
  nodeNameValue,
  objectNameValue,
  oneOf,
  optionalPath,
  secondsValue,
  uidValue,
  type ValueKind,
  verbosityValue,
} from './values.ts';

/** One thing that can be set. */
export interface Option<T> {
  /** Its key in the configuration file, or the key people would try there. */
  readonly key?: string;
  /** Set when the key may not stand in the file: what to do instead. */
  readonly notInFile?: string;
  /** Its flag, without dashes. */
  readonly flag?: string;
  /** Its environment variable. */
  readonly environment?: string;
  readonly value: ValueKind<T>;
  /** The text it has when nothing sets it. */
  readonly default: string;
  /** What an empty default amounts to, for readers. */
  readonly defaultMeans?: string;
  /** Set when an empty text leaves the option to the layer below it. */
  readonly emptyIsUnset?: true;
  /** What it does, in one or two sentences. */
  readonly help: string;
  /** Set when the flag is on its way out in favour of the key. */
  readonly deprecatedFlag?: true;
}

/** The one version of the configuration file (the reference's). */
export const CONFIG_API_VERSION = 'v1alpha1';

/**
 * Everything that can be set, in the order readers see it. Types, flags, help, the file's parser, its JSON schema and the
 * documentation come from here. Names, defaults and what the file may hold are those of kubernetes-sigs/dra-driver-cpu at
 * de98098 (internal/driverconfig), so that its users' files and charts go on working; `groupBy: l3cache` and the rows
 * from `nriSocket` on are additions.
 */
export const options = {
  configFile: {
    flag: 'config',
    value: optionalPath,
    default: '',
    defaultMeans: 'no file',
    help: 'YAML file with the configuration. Defaults are replaced by the environment, this by the file, this by flags.',
  },
  kubeconfig: {
    key: 'kubeconfig',
    flag: 'kubeconfig',
    value: optionalPath,
    default: '',
    defaultMeans: "the pod's service account",
    help: 'kubeconfig file for the connection to the API server.',
  },
  nodeName: {
    key: 'hostnameOverride',
    flag: 'hostname-override',
    environment: 'NODE_NAME',
    value: nodeNameValue,
    default: '',
    defaultMeans: "the host's name, in lower case",
    emptyIsUnset: true,
    help: "Name of this machine's Node object.",
    deprecatedFlag: true,
  },
  cpuDeviceMode: {
    key: 'cpuDeviceMode',
    flag: 'cpu-device-mode',
    value: oneOf('grouped', 'individual'),
    default: 'grouped',
    help: 'What a device is: a group of CPUs of which claims take a number, or a single CPU.',
    deprecatedFlag: true,
  },
  groupBy: {
    key: 'groupBy',
    flag: 'group-by',
    value: oneOf('numanode', 'socket', 'machine', 'l3cache'),
    default: 'numanode',
    help: 'What a group is in grouped mode. With "machine" a claim names its CPUs itself (opaque parameters).',
    deprecatedFlag: true,
  },
  reservedCpus: {
    key: 'reservedCPUs',
    flag: 'reserved-cpus',
    value: cpuListValue,
    default: '',
    defaultMeans: 'none',
    help: 'CPUs that no claim gets, for the system and the kubelet. As many as kubeReserved and systemReserved set aside.',
    deprecatedFlag: true,
  },
  sysfsOverlay: {
    key: 'sysfsOverlay',
    flag: 'sysfs-overlay',
    value: optionalPath,
    default: '',
    defaultMeans: 'none',
    help: 'YAML file with texts that stand in for files below /sys, for tests.',
    deprecatedFlag: true,
  },
  publishNodeAllocatableResourceMapping: {
    key: 'publishNodeAllocatableResourceMapping',
    value: booleanValue,
    default: 'false',
    help: 'Map devices to the node resource "cpu" (KEP-5517). The cluster needs feature gate DRANodeAllocatableResources.',
  },
  exposePcieRoots: {
    key: 'exposePCIeRoots',
    notInFile: 'use --expose-pcie-roots (args.exposePCIeRoots of the chart)',
    flag: 'expose-pcie-roots',
    value: booleanValue,
    default: 'false',
    help: 'Publish the PCIe roots near each device. The cluster needs feature gate DRAListTypeAttributes.',
  },
  kubeletRootDirectory: {
    key: 'kubeletRootDir',
    notInFile: 'use --kubelet-root-dir (kubeletRootDir at the top of the values of the chart, which mounts it)',
    flag: 'kubelet-root-dir',
    value: absolutePath,
    default: '/var/lib/kubelet',
    help: "The kubelet's --root-dir. Sockets lie in its plugins_registry and plugins/dra.cpu.",
  },
  bindAddress: {
    key: 'bindAddress',
    notInFile: 'use --bind-address (healthzPort of the chart, which probes it)',
    flag: 'bind-address',
    value: bindAddressValue,
    default: ':8080',
    help: 'Where HTTP serves /metrics and /healthz; ":8080" is every address, "" switches it off.',
  },
  nriSocket: {
    key: 'nriSocket',
    notInFile: 'use --nri-socket (its directory is a mount of the pod)',
    flag: 'nri-socket',
    value: absolutePath,
    default: '/var/run/nri/nri.sock',
    help: "The container runtime's NRI socket.",
  },
  cdiDirectory: {
    key: 'cdiDir',
    notInFile: 'use --cdi-dir (it is a mount of the pod)',
    flag: 'cdi-dir',
    value: absolutePath,
    default: '/var/run/cdi',
    help: 'Directory of CDI spec files, which the container runtime reads. The driver writes one per claim, and one per request of it.',
  },
  machinePlacement: {
    key: 'machinePlacement',
    value: oneOf('explicit', 'auto'),
    default: 'explicit',
    help: 'With groupBy "machine": whether a claim must name its CPUs, or the driver chooses them where it names none.',
  },
  fullPhysicalCores: {
    key: 'fullPhysicalCores',
    value: booleanValue,
    default: 'false',
    help:
      'Claims get whole physical cores only. The scheduler rounds requests up to them where the cores of a device have equally ' +
      'many threads.',
  },
  sharedPoolMinCpus: {
    key: 'sharedPoolMinCPUs',
    value: countValue,
    default: '0',
    help:
      'How many CPUs no claim gets so that containers without one always have them, besides reservedCPUs. Whole cores, so it may ' +
      'be some more.',
  },
  claimSharing: {
    key: 'claimSharing',
    value: oneOf('none', 'pod'),
    default: 'none',
    help: 'Whether several containers of one pod may use the same claim, and with it the same CPUs.',
  },
  unsolicitedUpdates: {
    key: 'unsolicitedUpdates',
    value: oneOf('auto', 'always', 'never'),
    default: 'auto',
    help:
      'Whether CPUs that a claim gives back are handed to running containers at once. "auto" does where the runtime\'s NRI ' +
      'is known to be safe (0.12.1); elsewhere it takes a few seconds more.',
  },
  startJitterSeconds: {
    key: 'startJitterSeconds',
    flag: 'start-jitter-seconds',
    value: secondsValue,
    default: '3',
    help: 'Slices are first published after a random part of this time, so that the nodes of a cluster do not ask all at once.',
  },
  hostRoot: {
    environment: 'HOST_ROOT',
    value: absolutePath,
    default: '/',
    emptyIsUnset: true,
    help: "Where the host's /sys and /proc are found.",
  },
  podUid: {
    environment: 'POD_UID',
    value: uidValue,
    default: '',
    defaultMeans: 'none',
    emptyIsUnset: true,
    help: 'UID of the pod of the driver. Set, sockets carry it in their names, so that an old and a new pod run side by side.',
  },
  podNamespace: {
    environment: 'POD_NAMESPACE',
    value: objectNameValue,
    default: '',
    defaultMeans: 'none',
    emptyIsUnset: true,
    help: 'Namespace of the pod of the driver.',
  },
  podName: {
    environment: 'POD_NAME',
    value: objectNameValue,
    default: '',
    defaultMeans: 'none',
    emptyIsUnset: true,
    help: 'Name of the pod of the driver; with it a second installation on the node is told from a rolling update.',
  },
  verbosity: {
    flag: 'v',
    value: verbosityValue,
    default: '0',
    help: 'Log verbosity as of klog: 4 and more tell every step.',
  },
  moduleVerbosity: {
    flag: 'vmodule',
    value: moduleVerbosityValue,
    default: '',
    defaultMeans: 'none',
    help: 'Verbosity of single modules, whose names log lines show.',
  },
  logFormat: {
    key: 'logFormat',
    flag: 'log-format',
    value: oneOf('text', 'json'),
    default: 'text',
    help: 'Log lines as text like klog or as JSON.',
  },
} as const satisfies Record<string, Option<unknown>>;

/** The name of an option in the program. */
export type OptionName = keyof typeof options;

/** Every option with its typed value. */
export type Settings = {
  readonly [Name in OptionName]: (typeof options)[Name]['value'] extends ValueKind<infer Value> ? Value : never;
};

/** The table's rows with their names, in order. */
export const optionRows: readonly (readonly [OptionName, Option<unknown>])[] = Object.entries(options) as [
  OptionName,
  Option<unknown>,
][];

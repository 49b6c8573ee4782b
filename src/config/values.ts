import { posix } from 'node:path';
import type { CpuSet } from '../cpuset/cpu-set.ts';
import { CpuListError, parseCpuList } from '../cpuset/parse.ts';

/** A value that was read, or what is wanted instead of the text that was given. */
type ReadValue<T> = { readonly value: T } | { readonly want: string };

/** A kind of option value: how it is written and what it becomes. */
export interface ValueKind<T> {
  /** The JSON type it has in the configuration file. */
  readonly type: 'string' | 'boolean' | 'integer';
  /** What help shows in place of the value. */
  readonly placeholder: string;
  /** All texts that are valid, where they can be listed. */
  readonly allowed?: readonly string[];
  /**
   * Regular expression that every valid text matches, in the syntax that ECMAScript and RE2 share; absent where every text is
   * valid. JSON schemas carry it. `read` may reject more, such as a reversed range.
   */
  readonly pattern?: string;
  /** Bounds of an integer, both inclusive. */
  readonly minimum?: number;
  readonly maximum?: number;
  read(text: string): ReadValue<T>;
}

/** Where an HTTP server listens; no host means every address of the machine. */
export interface BindAddress {
  readonly host: string | undefined;
  /** 0 means a free port of the kernel's choice. */
  readonly port: number;
}

/** A log level for the modules whose name matches. */
export interface ModuleVerbosity {
  /** A module's name, `*` and `?` as in a shell. */
  readonly pattern: string;
  readonly verbosity: number;
}

/** The highest verbosity klog reads (a 32-bit number). */
const VERBOSITY_MAX = 2 ** 31 - 1;
const PORT_MAX = 65_535;
/** Longest name of a Kubernetes object (RFC 1123 subdomain). */
const NODE_NAME_LENGTH_MAX = 253;

/** "a, b or c". */
function listWords(words: readonly string[]): string {
  const quoted = words.map((word) => JSON.stringify(word));
  return quoted.length < 2 ? quoted.join() : `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`;
}

/** One of a few words. */
export function oneOf<const Word extends string>(...words: Word[]): ValueKind<Word> {
  return {
    type: 'string',
    placeholder: words.join('|'),
    allowed: words,
    read: (text) => {
      const value = words.find((word) => word === text);
      return value === undefined ? { want: listWords(words) } : { value };
    },
  };
}

/** The texts that Go's strconv.ParseBool takes, and with it every flag of the reference (Go 1.24). */
const TRUE_TEXTS: readonly string[] = ['1', 't', 'T', 'TRUE', 'true', 'True'];
const FALSE_TEXTS: readonly string[] = ['0', 'f', 'F', 'FALSE', 'false', 'False'];

/** Yes or no. */
export const booleanValue: ValueKind<boolean> = {
  type: 'boolean',
  placeholder: '',
  pattern: `^(${[...TRUE_TEXTS, ...FALSE_TEXTS].join('|')})$`,
  read: (text) => {
    if (TRUE_TEXTS.includes(text)) return { value: true };
    return FALSE_TEXTS.includes(text) ? { value: false } : { want: '"true" or "false"' };
  },
};

/** The path of a file, "" for none. */
export const optionalPath: ValueKind<string | undefined> = {
  type: 'string',
  placeholder: 'PATH',
  pattern: '^[^\\x00]*$',
  read: (text) => (text.includes('\0') ? { want: 'a path' } : { value: text === '' ? undefined : text }),
};

/** An absolute path, cleaned of `..`, doubled and trailing slashes. */
export const absolutePath: ValueKind<string> = {
  type: 'string',
  placeholder: 'PATH',
  pattern: '^/[^\\x00]*$',
  read: (text) => {
    if (!text.startsWith('/') || text.includes('\0')) return { want: 'an absolute path, not empty' };
    const clean = posix.normalize(text);
    return { value: clean === '/' ? clean : clean.replace(/\/$/, '') };
  },
};

const CPU_RANGE = '[0-9]+(-[0-9]+)?';

/** A Linux CPU list, "" for no CPU. */
export const cpuListValue: ValueKind<CpuSet> = {
  type: 'string',
  placeholder: 'CPULIST',
  pattern: `^(${CPU_RANGE}(,${CPU_RANGE})*)?\\n?$`,
  read: (text) => {
    try {
      return { value: parseCpuList(text) };
    } catch (error) {
      if (!(error instanceof CpuListError)) throw error;
      return { want: 'a Linux CPU list such as "0-3,8", without spaces, strides or reversed ranges' };
    }
  },
};

const BIND_ADDRESS = /^(?:\[([0-9A-Fa-f:.%]+)\]|([^\s:[\]/]*)):(\d{1,5})$/;

/** `host:port`, `:port` for every address, "" for no server. */
export const bindAddressValue: ValueKind<BindAddress | undefined> = {
  type: 'string',
  placeholder: 'HOST:PORT',
  pattern: `^$|${BIND_ADDRESS.source}`,
  read: (text) => {
    if (text === '') return { value: undefined };
    const match = BIND_ADDRESS.exec(text);
    const port = Number(match?.[3]);
    if (!match || port > PORT_MAX) {
      return { want: `":PORT", "HOST:PORT" or "[IPV6]:PORT" with a port of 0 to ${PORT_MAX}, or "" for no server` };
    }
    return { value: { host: match[1] ?? (match[2] || undefined), port } };
  },
};

const NAME_LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const NODE_NAME = `${NAME_LABEL}(\\.${NAME_LABEL})*`;

/** The name of a node. Trimmed and lower-cased, as Kubernetes does with host names (component-helpers 0.37, GetHostname). */
export const nodeNameValue: ValueKind<string> = {
  type: 'string',
  placeholder: 'NAME',
  pattern: `^(\\s*${NODE_NAME.replaceAll('a-z', 'A-Za-z')}\\s*)?$`,
  read: (text) => {
    const value = text.trim().toLowerCase();
    const isName = value.length <= NODE_NAME_LENGTH_MAX && new RegExp(`^${NODE_NAME}$`).test(value);
    return isName ? { value } : { want: 'the name of a Node: letters, digits, "-" and "."' };
  },
};

const OBJECT_NAME = /^[a-z0-9](?:[-.a-z0-9]{0,251}[a-z0-9])?$/;

/** The name of a namespace or pod, "" for none. */
export const objectNameValue: ValueKind<string | undefined> = {
  type: 'string',
  placeholder: 'NAME',
  pattern: `^$|${OBJECT_NAME.source}`,
  read: (text) => {
    if (text === '') return { value: undefined };
    return OBJECT_NAME.test(text) ? { value: text } : { want: 'the name of a Kubernetes object' };
  },
};

const POD_UID = /^[0-9A-Za-z][-0-9A-Za-z]{0,62}$/;

/** A pod's UID, "" for none. It becomes part of socket names, so that nothing but name characters may be in it. */
export const uidValue: ValueKind<string | undefined> = {
  type: 'string',
  placeholder: 'UID',
  pattern: `^$|${POD_UID.source}`,
  read: (text) => {
    if (text === '') return { value: undefined };
    return POD_UID.test(text) ? { value: text } : { want: "a pod's UID" };
  },
};

/** Longest time an option may ask for, in seconds: a day. */
const SECONDS_MAX = 86_400;

/** A time in whole seconds. */
export const secondsValue: ValueKind<number> = {
  type: 'integer',
  placeholder: 'SECONDS',
  pattern: '^[0-9]{1,5}$',
  minimum: 0,
  maximum: SECONDS_MAX,
  read: (text) => {
    const value = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
    return value <= SECONDS_MAX ? { value } : { want: `a whole number of seconds, 0 to ${SECONDS_MAX}` };
  },
};

/** Most CPUs a machine can have (CONFIG_NR_CPUS of the kernel is at most 8192). */
const CPU_COUNT_MAX = 8192;

/** A number of CPUs. */
export const countValue: ValueKind<number> = {
  type: 'integer',
  placeholder: 'N',
  pattern: '^[0-9]{1,4}$',
  minimum: 0,
  maximum: CPU_COUNT_MAX,
  read: (text) => {
    const value = /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
    return value <= CPU_COUNT_MAX ? { value } : { want: `a whole number from 0 to ${CPU_COUNT_MAX}` };
  },
};

function readVerbosity(text: string): number | undefined {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  return value <= VERBOSITY_MAX ? value : undefined;
}

/** klog's verbosity: the higher, the more is told. */
export const verbosityValue: ValueKind<number> = {
  type: 'integer',
  placeholder: 'N',
  pattern: '^[0-9]{1,10}$',
  minimum: 0,
  maximum: VERBOSITY_MAX,
  read: (text) => {
    const value = readVerbosity(text);
    return value === undefined ? { want: 'a whole number, 0 or more' } : { value };
  },
};

const MODULE_LEVEL = '[^=,]+=[0-9]+';

/** klog's list of `pattern=N` pairs; empty items are skipped as klog does. */
export const moduleVerbosityValue: ValueKind<readonly ModuleVerbosity[]> = {
  type: 'string',
  placeholder: 'PATTERN=N,...',
  pattern: `^,*(${MODULE_LEVEL}(,+${MODULE_LEVEL})*,*)?$`,
  read: (text) => {
    const value: ModuleVerbosity[] = [];
    for (const item of text.split(',').filter((item) => item !== '')) {
      const [, pattern, level] = /^([^=]+)=(\d+)$/.exec(item) ?? [];
      const verbosity = readVerbosity(level ?? '');
      if (pattern === undefined || verbosity === undefined) {
        return { want: 'a list of PATTERN=N such as "nri=4,kubelet=2"' };
      }
      value.push({ pattern, verbosity });
    }
    return { value };
  },
};

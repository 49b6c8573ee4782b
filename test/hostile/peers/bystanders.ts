import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** The places of a node that the driver has to do with. */
export interface NodePlaces {
  /** Everything of the node lies below. */
  readonly root: string;
  readonly hostRoot: string;
  readonly kubeletRoot: string;
  readonly cdiDirectory: string;
  readonly nriSocket: string;
}

/** Where names with `..` in them lead from the driver's directories; each has what the driver's own folders have. */
function victimFolders({ root, kubeletRoot }: NodePlaces): string[] {
  return [join(root, 'victim'), join(kubeletRoot, 'victim'), join(kubeletRoot, 'plugins/victim')];
}

/** Files of others on the node, which must stay as they are. */
function bystanderFiles(places: NodePlaces): string[] {
  const { kubeletRoot, cdiDirectory } = places;
  return [
    ...victimFolders(places).flatMap((folder) =>
      ['keep.txt', 'cpus/metadata.json', 'cpus/keep.txt'].map((name) => join(folder, name)),
    ),
    join(kubeletRoot, 'pods/0001/volumes/data'),
    join(kubeletRoot, 'plugins/gpu.example.com/checkpoint.json'),
    join(kubeletRoot, 'plugins_registry/gpu.example.com-reg.sock.lock'),
    join(kubeletRoot, 'cpu_manager_state'),
    join(cdiDirectory, 'gpu.example.com-gpu.json'),
    join(cdiDirectory, 'dra.k8s.io-gpu_claim-1.json'),
  ];
}

/** What the driver may create, change and remove, relative to the node's root. */
function isDriverOwn(path: string, { root, kubeletRoot, cdiDirectory }: NodePlaces): boolean {
  const kubelet = relative(root, kubeletRoot);
  const cdi = relative(root, cdiDirectory);
  if (path === join(kubelet, 'plugins/dra.cpu') || path.startsWith(`${join(kubelet, 'plugins/dra.cpu')}/`)) return true;
  // Hidden names are sockets that are about to be renamed.
  if (path.startsWith(join(kubelet, 'plugins_registry/dra.cpu'))) return true;
  if (/\/\.[^/]*$/.test(path) && path.startsWith(join(kubelet, 'plugins_registry'))) return true;
  return path.startsWith(join(cdi, 'dra.k8s.io-cpu_claim-')) || path.startsWith(join(cdi, 'dra.cpu_metadata_'));
}

function describe(path: string): string {
  const found = lstatSync(path);
  if (found.isDirectory()) return 'directory';
  if (found.isSymbolicLink()) return `link to ${readlinkSync(path)}`;
  if (found.isFile()) return `file ${createHash('sha256').update(readFileSync(path)).digest('hex').slice(0, 12)}`;
  return 'special file';
}

/** Everything on the node that belongs to others: what it was, and what became of it. */
export class Bystanders {
  readonly #places: NodePlaces;
  #before = new Map<string, string>();

  constructor(places: NodePlaces) {
    this.#places = places;
    for (const path of bystanderFiles(places)) {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, path.endsWith('cpu_manager_state') ? '{"policyName":"none"}' : '{}\n');
    }
  }

  /** Remembers how things are; what the story itself puts there afterwards must be remembered again. */
  remember(): void {
    this.#before = this.#look();
  }

  /** What was created, changed or removed since. */
  differences(): string[] {
    const now = this.#look();
    const paths = new Set([...this.#before.keys(), ...now.keys()]);
    return [...paths]
      .filter((path) => this.#before.get(path) !== now.get(path))
      .map((path) => `${path}: ${this.#before.get(path) ?? 'nothing'} became ${now.get(path) ?? 'nothing'}`);
  }

  #look(): Map<string, string> {
    const { root, hostRoot, nriSocket, cdiDirectory } = this.#places;
    const found = new Map<string, string>();
    const visit = (directory: string) => {
      for (const name of readdirSync(directory)) {
        const path = join(directory, name);
        const short = relative(root, path);
        // The host's kernel files and the sockets of the suite are the suite's own.
        if (path === hostRoot || path === nriSocket || isDriverOwn(short, this.#places)) continue;
        const what = describe(path);
        // The CDI directory is made again when it is gone.
        if (path !== cdiDirectory) found.set(short, what);
        if (what === 'directory') visit(path);
      }
    };
    visit(root);
    return found;
  }
}

/** A page of docs/tutorials: the objects that its reader applies, and the results that it shows. */
import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';

/** A pod, or what a controller makes pods of. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly spec: Readonly<Record<string, unknown>>;
}

/** A row of the table of results: what the page says about a container. */
export type Result = Readonly<Record<string, string>>;

/** What a page has. */
export interface Tutorial {
  readonly manifests: readonly Manifest[];
  /** The keys of the configuration file of the nodes that run the pods. */
  readonly driverConfig: Readonly<Record<string, unknown>>;
  readonly results: readonly Result[];
}

interface Values {
  readonly driverConfig?: object;
  readonly nodeGroups?: readonly { readonly driverConfig?: object }[];
}

/** The fenced blocks of a language, without the indentation of the list that they are in. */
function listBlocks(text: string, language: string): readonly string[] {
  return [...text.matchAll(new RegExp(`^( *)\`\`\`${language}\\n(.*?)^ *\`\`\``, 'gms'))].map(
    ([, indent = '', block = '']) => block.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  );
}

function readResults(text: string): readonly Result[] {
  const [, head = '', rows = ''] = /^(\| pod \|.*)\n\| ---.*\n((?:\|.*\n)+)/m.exec(text) ?? [];
  const cells = (line: string) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', ''));
  const names = cells(head);
  return rows
    .trimEnd()
    .split('\n')
    .map((line) => Object.fromEntries(cells(line).map((cell, index) => [names[index] ?? '', cell])));
}

/** Reads a page of docs/tutorials by its name. */
export function readTutorial(name: string): Tutorial {
  const text = readFileSync(`docs/tutorials/${name}.md`, 'utf8');
  const documents = listBlocks(text, 'yaml').flatMap((block) =>
    parseAllDocuments(block).map((document) => (document as { toJS(): Manifest & Values }).toJS()),
  );
  const values = documents.filter(({ kind }) => kind === undefined);
  return {
    manifests: documents.filter(({ kind }) => kind !== undefined),
    driverConfig: Object.assign(
      {},
      ...values.flatMap(({ driverConfig = {}, nodeGroups = [] }) => [
        driverConfig,
        ...nodeGroups.map((group) => group.driverConfig ?? {}),
      ]),
    ) as Record<string, unknown>,
    results: readResults(text),
  };
}

interface Template {
  readonly spec: object;
}

/** The pods that the controller of an object makes of it, as its owner would name them. */
export function makePods(manifest: Manifest): readonly object[] {
  const { kind, metadata, spec } = manifest;
  const make = (name: string, { spec: podSpec }: Template) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: podSpec,
  });
  if (kind === 'Pod') return [manifest];
  if (kind === 'Deployment') return [make(metadata.name, spec['template'] as Template)];
  if (kind !== 'MPIJob') return [];
  const roles = spec['mpiReplicaSpecs'] as Record<'Launcher' | 'Worker', { replicas: number; template: Template }>;
  const { replicas, template } = roles.Worker;
  const workers = Array.from({ length: replicas }, (_, index) => make(`${metadata.name}-worker-${index}`, template));
  return [...workers, make(`${metadata.name}-launcher`, roles.Launcher.template)];
}

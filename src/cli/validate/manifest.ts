import { type Document, isMap, isScalar, isSeq, LineCounter, parseAllDocuments } from 'yaml';
import { errorText } from '../../lib/log.ts';
import type { FieldPath } from '../../resource-api/schema/read-object.ts';
import { type DriverSettings, type GivenSettings, joinSettings, readSettingsLine } from './settings.ts';

/** How bad an issue is: an error stops a pod or gives it wrong CPUs, a warning may, a note says what was not checked. */
export type Severity = 'error' | 'warning' | 'note';

/** A text with the name that messages call it by. */
export interface ManifestText {
  readonly file: string;
  readonly text: string;
}

/** Something about an object that its author should know. */
export interface Issue {
  readonly severity: Severity;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** "ResourceClaim shop/db", or "" for a file that cannot be read. */
  readonly object: string;
  /** "spec.devices.requests[0].name", or "". */
  readonly field: string;
  /** What stands there; undefined for nothing. */
  readonly value: unknown;
  /** What is wanted instead. */
  readonly want: string;
  /** What to do. */
  readonly remedy: string;
}

/** An object of a file. */
export interface Manifest {
  readonly file: string;
  readonly kind: string;
  readonly apiVersion: string;
  readonly namespace: string;
  readonly name: string;
  readonly root: Field;
  /** How the driver is set up that the file is for. */
  readonly settings: DriverSettings;
}

const KEY = /^[A-Za-z_][\w-]*$/;

/** A path as people write it. */
function formatPath(path: FieldPath): string {
  return path
    .map((step, i) => {
      if (typeof step === 'number') return `[${step}]`;
      if (!KEY.test(step)) return `[${JSON.stringify(step)}]`;
      return i === 0 ? step : `.${step}`;
    })
    .join('');
}

/** Where an object stands in a file. */
interface Source {
  readonly file: string;
  readonly document: Document;
  readonly lineCounter: LineCounter;
  /** Path of the object in its document: of a List's item. */
  readonly prefix: FieldPath;
  readonly settings: DriverSettings;
  object: string;
}

/** A field of an object, there or not, that knows where it stands. */
export class Field {
  readonly value: unknown;
  readonly path: FieldPath;
  readonly #source: Source;

  constructor(value: unknown, path: FieldPath, source: Source) {
    this.value = value;
    this.path = path;
    this.#source = source;
  }

  /** Whether there is anything. */
  get exists(): boolean {
    return this.value !== undefined && this.value !== null;
  }

  /** The text, undefined when it is none. */
  get text(): string | undefined {
    return typeof this.value === 'string' ? this.value : undefined;
  }

  /** A quantity as text: people write numbers too. */
  get quantity(): string | undefined {
    return typeof this.value === 'number' ? String(this.value) : this.text;
  }

  at(...steps: FieldPath): Field {
    let { value } = this;
    for (const step of steps) {
      value =
        typeof value === 'object' && value !== null ? (value as Record<string | number, unknown>)[step] : undefined;
    }
    return new Field(value, [...this.path, ...steps], this.#source);
  }

  /** The items of a list; none when it is no list. */
  get items(): Field[] {
    return Array.isArray(this.value) ? this.value.map((_, i) => this.at(i)) : [];
  }

  get keys(): string[] {
    const { value } = this;
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.keys(value) : [];
  }

  /** An issue about this field. */
  issue(severity: Severity, want: string, remedy: string): Issue {
    const { file, object } = this.#source;
    return { severity, file, ...this.#place(), object, field: formatPath(this.path), value: this.value, want, remedy };
  }

  /** An issue about the field's name, which stands where the field begins. */
  keyIssue(severity: Severity, want: string, remedy: string): Issue {
    const { document, prefix } = this.#source;
    const holder: unknown = document.getIn([...prefix, ...this.path.slice(0, -1)], true);
    const pair = isMap(holder)
      ? holder.items.find(({ key }) => isScalar(key) && key.value === this.path.at(-1))
      : undefined;
    const offset = isScalar(pair?.key) ? pair.key.range?.[0] : undefined;
    const issue = this.issue(severity, want, remedy);
    return offset === undefined ? issue : { ...issue, ...this.#lineOf(offset) };
  }

  #lineOf(offset: number): { line: number; column: number } {
    const { line, col } = this.#source.lineCounter.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  }

  /** Line and column of the field, or of the nearest field around it that is there. */
  #place(): { line: number; column: number } {
    const { document, prefix } = this.#source;
    for (let length = this.path.length; length >= 0; length -= 1) {
      const node = document.getIn([...prefix, ...this.path.slice(0, length)], true) as { range?: [number] } | undefined;
      const offset = node?.range?.[0];
      if (offset !== undefined) return this.#lineOf(offset);
    }
    return { line: 1, column: 1 };
  }
}

function createManifest(value: unknown, source: Source): Manifest {
  const root = new Field(value, [], source);
  const kind = root.at('kind').text ?? '';
  const namespace = root.at('metadata', 'namespace').text ?? 'default';
  const name = root.at('metadata', 'name').text ?? root.at('metadata', 'generateName').text ?? '';
  source.object = `${kind || 'object'} ${namespace}/${name}`;
  const { file, settings } = source;
  return { file, kind, apiVersion: root.at('apiVersion').text ?? '', namespace, name, root, settings };
}

/** A document with the text it stands in. */
type DocumentSource = Pick<Source, 'file' | 'document' | 'lineCounter' | 'settings'>;

/** The objects of one YAML document; a List stands for its items. */
function readDocument(source: DocumentSource): Manifest[] {
  const { document } = source;
  const json: unknown = document.toJS({ maxAliasCount: 100 });
  const create = (value: unknown, prefix: FieldPath) => createManifest(value, { ...source, prefix, object: '' });
  if (!isMap(document.contents)) return [];
  const items = document.get('items', true);
  const isList = String(document.get('kind')).endsWith('List') && isSeq(items);
  if (!isList) return [create(json, [])];
  return (json as { items: unknown[] }).items.map((item, i) => create(item, ['items', i]));
}

/**
 * Reads the objects of a YAML or JSON text, which may hold several documents. YAML 1.1, as kubectl reads it (sigs.k8s.io/yaml).
 * What is not YAML, or not an object, is an issue.
 */
export function readManifests(
  { file, text }: ManifestText,
  given: GivenSettings,
): { manifests: Manifest[]; issues: Issue[] } {
  const lineCounter = new LineCounter();
  const documents: readonly Document[] = parseAllDocuments(text, { version: '1.1', prettyErrors: false, lineCounter });
  const manifests: Manifest[] = [];
  const issues: Issue[] = [];
  const refuse = (offset: number, value: unknown, want: string, remedy = 'correct the file') => {
    const { line, col } = lineCounter.linePos(offset);
    const place = { line: Math.max(1, line), column: Math.max(1, col) };
    issues.push({ severity: 'error', file, ...place, object: '', field: '', value, want, remedy });
  };
  const stated = readSettingsLine(text);
  if (stated.kind === 'mistake') refuse(stated.offset, stated.text, 'options of dracpu validate', stated.message);
  const settings = joinSettings(given, stated.kind === 'settings' ? stated.settings : {});
  for (const document of documents) {
    for (const { message, pos } of document.errors) refuse(pos[0], message, 'YAML');
    if (document.errors.length > 0 || document.contents === null) continue;
    try {
      const found = readDocument({ file, document, lineCounter, settings });
      if (found.length === 0 && !isEmpty(document)) refuse(document.range?.[0] ?? 0, document.toJS(), 'an object');
      manifests.push(...found);
    } catch (error) {
      // Aliases that unfold to more than any manifest has.
      refuse(document.range?.[0] ?? 0, errorText(error), 'YAML');
    }
  }
  return { manifests, issues };
}

function isEmpty(document: Document): boolean {
  const items = document.get?.('items');
  return document.toJS() === null || (isSeq(items) && items.items.length === 0);
}

const VALUE_LENGTH_MAX = 80;

/** A value in a message; long ones are cut. */
function formatValue(value: unknown): string {
  if (value === undefined || value === null) return 'missing';
  const text = JSON.stringify(value);
  return text.length > VALUE_LENGTH_MAX ? `${text.slice(0, VALUE_LENGTH_MAX)}...` : text;
}

/** One line: place, object, field, value, what is wanted, what to do. */
export function formatIssue({ severity, file, line, column, object, field, value, want, remedy }: Issue): string {
  const subject = [object, field].filter((part) => part !== '').join(': ');
  return `${file}:${line}:${column}: ${severity}: ${subject}${subject === '' ? '' : ' is '}${formatValue(value)}; want ${want}; ${remedy}`;
}

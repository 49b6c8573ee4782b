import { nearestName, suggestName } from '../../lib/nearest-name.ts';
import { SCHEMAS, VERSIONS_OF_KIND } from '../../resource-api/schema/kinds.ts';
import { type FieldProblem, type ObjectReading, readObject } from '../../resource-api/schema/read-object.ts';
import { V1BETA1 } from '../../resource-api/versions.ts';
import type { Issue, Manifest } from './manifest.ts';

/** Types with more fields than this are too long for a message. */
const LISTED_FIELDS_MAX = 12;

/** What kind of value is wanted, in words. */
const VALUE_KINDS: Readonly<Record<string, string>> = {
  string: 'a string',
  time: 'a time such as "2026-01-31T12:00:00Z"',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  quantity: 'a quantity such as "4" or "2Gi"',
  intOrString: 'a whole number or a string',
};

/** How a field of another version is written in this one, by type and by whether this is v1beta1. */
function adviseForm(type: string, key: string, isBeta: boolean): string {
  if (type === 'DeviceRequest') return isBeta ? 'write its fields beside "name"' : `move it below "exactly"`;
  if (type === 'Device') return isBeta ? 'move it below "basic"' : 'write its fields beside "name"';
  return `remove ${JSON.stringify(key)}`;
}

/** The versions of a kind other than the one an object is written in. */
function otherVersions({ kind, apiVersion }: Manifest): readonly string[] {
  return (VERSIONS_OF_KIND.get(kind) ?? []).filter((version) => version !== apiVersion);
}

function listFields(type: string, version: string): readonly string[] {
  return [...(SCHEMAS.get(version)?.get(type)?.keys() ?? [])].sort();
}

/** What to do about a field that another version of the type has; undefined when none has it. */
function adviseVersion(type: string, key: string, manifest: Manifest): string | undefined {
  const other = otherVersions(manifest).find((version) => listFields(type, version).includes(key));
  if (other === undefined) return undefined;
  const isBeta = manifest.apiVersion === V1BETA1;
  return `this is the form of ${other}: ${adviseForm(type, key, isBeta)}, or set apiVersion to ${JSON.stringify(other)}`;
}

/** What to do about a field that no version has: the near name in this one, or else in another. */
function adviseName(type: string, key: string, manifest: Manifest): string {
  const remedy = 'correct or remove it: the API server does not keep it';
  const hint = suggestName(key, listFields(type, versionOf(manifest)));
  if (hint !== '') return `${remedy}${hint}`;
  const meant = nearestName(
    key,
    otherVersions(manifest).flatMap((version) => listFields(type, version)),
  );
  const form = meant === undefined ? undefined : adviseVersion(type, meant, manifest);
  return form === undefined ? remedy : `${remedy}; did you mean ${JSON.stringify(meant)}? ${form}`;
}

function unknownField({ path, type }: FieldProblem, manifest: Manifest): Issue {
  const key = String(path.at(-1));
  const known = listFields(type, versionOf(manifest));
  const listed = known.length > LISTED_FIELDS_MAX ? '' : ` (${known.join(', ')})`;
  const remedy = adviseVersion(type, key, manifest) ?? adviseName(type, key, manifest);
  return manifest.root.at(...path).keyIssue('error', `a field of ${type}${listed}`, remedy);
}

/** What to do about a value of another kind. */
function adviseValue({ value, type }: FieldProblem): string {
  if (type === 'string' && (typeof value === 'number' || typeof value === 'boolean')) return 'put it in quotes';
  if (type === 'a list' && typeof value === 'object') return 'begin its entries with "- "';
  const isQuoted = typeof value === 'string' && /^(?:-?\d+|true|false)$/.test(value);
  return isQuoted && ['integer', 'number', 'boolean'].includes(type) ? 'remove the quotes' : 'correct it';
}

function wrongValue(problem: FieldProblem, { root }: Manifest): Issue {
  return root.at(...problem.path).issue('error', VALUE_KINDS[problem.type] ?? problem.type, adviseValue(problem));
}

/** The version whose types an object is read by: its own, or the preferred one where its own is unknown. */
function versionOf({ kind, apiVersion }: Manifest): string {
  const versions = VERSIONS_OF_KIND.get(kind) ?? [];
  return versions.includes(apiVersion) ? apiVersion : (versions[0] ?? '');
}

function listVersions(versions: readonly string[]): string {
  return versions.map((version) => JSON.stringify(version)).join(' or ');
}

/** What is wrong with a kind that has no type here; others are none of our business. */
function checkKind({ kind, apiVersion, root }: Manifest): Issue[] {
  if (kind === '') return [root.at('kind').issue('error', 'the kind of a Kubernetes object', 'name it')];
  const inGroup = [...VERSIONS_OF_KIND].filter(([, versions]) => versions.includes(apiVersion)).map(([known]) => known);
  const meant = nearestName(kind, inGroup);
  if (meant === undefined) return [];
  return [
    root.at('kind').issue('warning', `a kind that ${apiVersion} has`, `if it is meant, write ${JSON.stringify(meant)}`),
  ];
}

function checkVersion({ kind, apiVersion, root }: Manifest, versions: readonly string[]): Issue[] {
  if (versions.includes(apiVersion)) return [];
  const field = root.at('apiVersion');
  const remedy = `correct it${apiVersion === '' ? '' : suggestName(apiVersion, versions)}`;
  return [field.issue('error', `an apiVersion of ${kind}: ${listVersions(versions)}`, remedy)];
}

/** What an object says, read by the types of its kind and version. */
export interface CheckedFields {
  /** Undefined for kinds that have no type here. */
  readonly reading: ObjectReading | undefined;
  readonly issues: readonly Issue[];
}

/** Checks kind, version and every field of an object against the types of the Kubernetes API. */
export function checkFields(manifest: Manifest): CheckedFields {
  const versions = VERSIONS_OF_KIND.get(manifest.kind);
  const schema = SCHEMAS.get(versionOf(manifest));
  if (!versions || !schema) return { reading: undefined, issues: checkKind(manifest) };
  const reading = readObject(manifest.root.value, manifest.kind, schema);
  const issues = reading.problems.map((problem) =>
    problem.kind === 'unknown' ? unknownField(problem, manifest) : wrongValue(problem, manifest),
  );
  return { reading, issues: [...checkVersion(manifest, versions), ...issues] };
}

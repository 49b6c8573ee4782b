/** Kubernetes' own OpenAPI documents, from its Go module, and what objects contradict in them. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The version whose documents are used: the one that the project is tested with. */
const KUBERNETES_VERSION = 'v1.37.1';
/** The module has 40 MiB. */
const DOWNLOAD_TIMEOUT_MS = 5 * 60_000;

interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly allOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly required?: readonly string[];
  readonly 'x-kubernetes-group-version-kind'?: readonly { group: string; version: string; kind: string }[];
}

type Schemas = Readonly<Record<string, Schema>>;

/** An object of the API. */
export interface ApiObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Record<string, string> };
}

/** Where the documents are, or why there are none. */
export function findOpenApi(): { readonly directory: string } | { readonly missing: string } {
  try {
    const args = ['mod', 'download', '-json', `k8s.io/kubernetes@${KUBERNETES_VERSION}`];
    const answer = execFileSync('go', args, {
      encoding: 'utf8',
      cwd: '/',
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: DOWNLOAD_TIMEOUT_MS,
    });
    const { Dir } = JSON.parse(answer) as { Dir: string };
    return { directory: join(Dir, 'api/openapi-spec/v3') };
  } catch (error) {
    return { missing: `no Go module of Kubernetes ${KUBERNETES_VERSION}: ${(error as Error).message.split('\n')[0]}` };
  }
}

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function matchesType(type: string, value: unknown): boolean {
  if (type === 'integer') return Number.isInteger(value);
  if (type === 'array') return Array.isArray(value);
  if (type === 'object') return isMap(value);
  return typeof value === type;
}

function findMapProblems(schemas: Schemas, schema: Schema, map: Record<string, unknown>, path: string): string[] {
  const { properties = {}, additionalProperties, required = [] } = schema;
  const missing = required.filter((key) => map[key] === undefined).map((key) => `${path}.${key}: is required`);
  const isClosed = schema.properties !== undefined && additionalProperties === undefined;
  const inside = Object.entries(map).flatMap(([key, value]) => {
    const known = Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (known) return findProblems(schemas, known, value, `${path}.${key}`);
    if (isMap(additionalProperties)) return findProblems(schemas, additionalProperties, value, `${path}.${key}`);
    return isClosed ? [`${path}.${key}: unknown field`] : [];
  });
  return [...missing, ...inside];
}

function findProblems(schemas: Schemas, schema: Schema, value: unknown, path: string): string[] {
  if (schema.$ref) {
    const name = schema.$ref.replace('#/components/schemas/', '');
    return findProblems(schemas, schemas[name] ?? {}, value, path);
  }
  const { allOf = [], oneOf = [], type } = schema;
  const problems = allOf.flatMap((part) => findProblems(schemas, part, value, path));
  if (oneOf.length > 0 && oneOf.every((part) => findProblems(schemas, part, value, path).length > 0)) {
    problems.push(`${path}: is ${JSON.stringify(value)}, fits none of ${JSON.stringify(oneOf)}`);
  }
  if (type !== undefined && !matchesType(type, value)) {
    return [...problems, `${path}: is ${JSON.stringify(value)}, want ${type}`];
  }
  if (schema.enum && !schema.enum.includes(value)) problems.push(`${path}: is ${JSON.stringify(value)}, not in enum`);
  if (Array.isArray(value)) {
    const { items = {} } = schema;
    return [...problems, ...value.flatMap((item, index) => findProblems(schemas, items, item, `${path}[${index}]`))];
  }
  return isMap(value) ? [...problems, ...findMapProblems(schemas, schema, value, path)] : problems;
}

/** Everything in an object that its kind's schema does not have: unknown fields, wrong types, absent fields. */
export function findObjectProblems(directory: string, object: ApiObject): readonly string[] {
  const [group, version] = object.apiVersion.includes('/') ? object.apiVersion.split('/') : ['', object.apiVersion];
  const file = group === '' ? `api__${version}_openapi.json` : `apis__${group}__${version}_openapi.json`;
  const text = readFileSync(join(directory, file), 'utf8');
  const { schemas } = (JSON.parse(text) as { components: { schemas: Schemas } }).components;
  const schema = Object.values(schemas).find((each) =>
    each['x-kubernetes-group-version-kind']?.some((gvk) => gvk.group === group && gvk.kind === object.kind),
  );
  return schema ? findProblems(schemas, schema, object, object.kind) : [`${object.kind}: no such kind in ${file}`];
}

/** Kubernetes' own OpenAPI documents and the definitions of custom resources, from their Go modules, and what objects contradict in them. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

/** The version whose documents are used: the one that the project is tested with. */
const KUBERNETES = 'k8s.io/kubernetes@v1.37.1';
/** Modules with the custom resources that the chart creates objects of, and the directory of their definitions. */
const CUSTOM_RESOURCES = {
  'monitoring.coreos.com': {
    module: 'github.com/prometheus-operator/prometheus-operator@v0.85.0',
    path: (plural: string) => `example/prometheus-operator-crd/monitoring.coreos.com_${plural}.yaml`,
  },
  'security.openshift.io': {
    module: 'github.com/openshift/api@v0.0.0-20260420151639-34e60874783e',
    path: (plural: string) => `security/v1/zz_generated.crd-manifests/0000_03_config-operator_01_${plural}.crd.yaml`,
  },
} as const;
/** The largest module has 40 MiB. */
const DOWNLOAD_TIMEOUT_MS = 5 * 60_000;

interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly nullable?: boolean;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
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

/** The directory of a Go module. @throws Error when it cannot be downloaded. */
function downloadModule(module: string): string {
  const answer = execFileSync('go', ['mod', 'download', '-json', module], {
    encoding: 'utf8',
    cwd: '/',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: DOWNLOAD_TIMEOUT_MS,
  });
  return (JSON.parse(answer) as { Dir: string }).Dir;
}

/** Where the documents of Kubernetes are, or why there are none. */
export function findOpenApi(): { readonly directory: string } | { readonly missing: string } {
  try {
    return { directory: join(downloadModule(KUBERNETES), 'api/openapi-spec/v3') };
  } catch (error) {
    return { missing: `no Go module ${KUBERNETES}: ${(error as Error).message.split('\n')[0]}` };
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
  if (value === null && schema.nullable) return [];
  const problems = allOf.flatMap((part) => findProblems(schemas, part, value, path));
  if (oneOf.length > 0 && oneOf.every((part) => findProblems(schemas, part, value, path).length > 0)) {
    problems.push(`${path}: is ${JSON.stringify(value)}, fits none of ${JSON.stringify(oneOf)}`);
  }
  if (type !== undefined && !matchesType(type, value)) {
    return [...problems, `${path}: is ${JSON.stringify(value)}, want ${type}`];
  }
  if (schema.enum && !schema.enum.includes(value)) problems.push(`${path}: is ${JSON.stringify(value)}, not in enum`);
  if (typeof value === 'string' && !new RegExp(schema.pattern ?? '').test(value)) {
    problems.push(`${path}: is ${JSON.stringify(value)}, does not match ${schema.pattern}`);
  }
  if (Array.isArray(value)) {
    const { items = {} } = schema;
    return [...problems, ...value.flatMap((item, index) => findProblems(schemas, items, item, `${path}[${index}]`))];
  }
  return isMap(value) ? [...problems, ...findMapProblems(schemas, schema, value, path)] : problems;
}

/** The schema of a kind of Kubernetes itself, and those that it refers to. */
function readBuiltIn(
  directory: string,
  { apiVersion, kind }: ApiObject,
): { schema: Schema | undefined; schemas: Schemas } {
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
  const file = group === '' ? `api__${version}_openapi.json` : `apis__${group}__${version}_openapi.json`;
  const text = readFileSync(join(directory, file), 'utf8');
  const { schemas } = (JSON.parse(text) as { components: { schemas: Schemas } }).components;
  const schema = Object.values(schemas).find((each) =>
    each['x-kubernetes-group-version-kind']?.some((gvk) => gvk.group === group && gvk.kind === kind),
  );
  return { schema, schemas };
}

/** The schema of a custom resource; undefined for a group whose definitions are not known. */
function readCustom({ apiVersion, kind }: ApiObject): Schema | undefined {
  const [group = '', version] = apiVersion.split('/');
  const source = Object.hasOwn(CUSTOM_RESOURCES, group)
    ? CUSTOM_RESOURCES[group as keyof typeof CUSTOM_RESOURCES]
    : undefined;
  if (!source) return undefined;
  const plural = `${kind.toLowerCase()}s`.replace(/ss$/, 's');
  const definition = parse(readFileSync(join(downloadModule(source.module), source.path(plural)), 'utf8')) as {
    spec: { versions: { name: string; schema: { openAPIV3Schema: Schema } }[] };
  };
  const { openAPIV3Schema } = definition.spec.versions.find(({ name }) => name === version)?.schema ?? {};
  // Definitions of custom resources leave the fields of metadata to the API server.
  return openAPIV3Schema && { ...openAPIV3Schema, properties: { ...openAPIV3Schema.properties, metadata: {} } };
}

/** Everything in an object that its kind's schema does not have: unknown fields, wrong types, absent fields. */
export function findObjectProblems(directory: string, object: ApiObject): readonly string[] {
  const custom = readCustom(object);
  if (custom) return findProblems({}, custom, object, object.kind);
  const { schema, schemas } = readBuiltIn(directory, object);
  return schema
    ? findProblems(schemas, schema, object, object.kind)
    : [`${object.kind}: no such kind in ${object.apiVersion}`];
}

/** A type of the API: its fields, and which of them are required. */
interface ApiType {
  readonly properties: Readonly<Record<string, object>>;
  readonly required?: readonly string[];
}

/** Documents with the types that values of the chart hold. */
const TYPE_FILES: readonly string[] = ['apis__apps__v1_openapi.json', 'apis__networking.k8s.io__v1_openapi.json'];

/** Every type of these documents by its name, such as "Toleration". */
export function readTypes(directory: string): ReadonlyMap<string, ApiType> {
  const entries = TYPE_FILES.flatMap((file) => {
    const document = JSON.parse(readFileSync(join(directory, file), 'utf8')) as { components: { schemas: Schemas } };
    return Object.entries(document.components.schemas);
  });
  return new Map(
    entries.flatMap(([name, { properties, required }]) => {
      const short = name.split('.').at(-1) ?? '';
      return properties ? [[short, { properties, ...(required && { required }) }] as const] : [];
    }),
  );
}

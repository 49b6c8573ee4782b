import { apiVersionOf, type ResourceKind } from '../kinds/resource-kind.ts';
import type { FieldType } from '../../../src/resource-api/schema/field-type.ts';
import { SCHEMA } from '../schema.ts';

/** JSON schemas of the primitives; a quantity may be written as a number. */
const PRIMITIVE_SCHEMAS = {
  string: { type: 'string' },
  integer: { type: 'integer', format: 'int64' },
  number: { type: 'number' },
  boolean: { type: 'boolean' },
  time: { type: 'string', format: 'date-time' },
  quantity: { oneOf: [{ type: 'string' }, { type: 'number' }] },
  intOrString: { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] },
  any: { type: 'object' },
} as const;

function schemaName(type: string): string {
  return `io.k8s.api.${type}`;
}

function fieldSchema(type: FieldType): object {
  switch (type.kind) {
    case 'primitive':
      return PRIMITIVE_SCHEMAS[type.of];
    case 'object':
      return { allOf: [{ $ref: `#/components/schemas/${schemaName(type.type)}` }], default: {} };
    case 'map':
      return { type: 'object', additionalProperties: fieldSchema(type.values) };
    case 'list': {
      const keys = type.merge?.keys ?? [];
      const merging = type.merge ? { 'x-kubernetes-list-type': keys.length === 0 ? 'set' : 'map' } : {};
      const mapKeys = keys.length === 0 ? {} : { 'x-kubernetes-list-map-keys': keys };
      const strategy = type.merge?.applyOnly === false ? { 'x-kubernetes-patch-strategy': 'merge' } : {};
      const mergeKey = keys.length === 1 ? { 'x-kubernetes-patch-merge-key': keys[0] } : {};
      return { type: 'array', items: fieldSchema(type.items), ...merging, ...mapKeys, ...strategy, ...mergeKey };
    }
  }
}

/** Adds the schema of a type and of all it refers to. */
function collectSchemas(type: string, schemas: Record<string, object>): void {
  const fields = SCHEMA.get(type);
  if (!fields || schemas[schemaName(type)]) return;
  const properties = Object.fromEntries([...fields].map(([name, field]) => [name, fieldSchema(field)]));
  schemas[schemaName(type)] = { type: 'object', properties };
  for (let field of fields.values()) {
    while (field.kind === 'list' || field.kind === 'map') field = field.kind === 'list' ? field.items : field.values;
    if (field.kind === 'object') collectSchemas(field.type, schemas);
  }
}

function queryParameter(name: string): object {
  return { name, in: 'query', schema: { type: 'string', uniqueItems: true } };
}

/** The paths of one kind, as far as clients look at them: which group, version and kind, and which options. */
function pathsOf(kind: ResourceKind): Record<string, object> {
  const root = kind.group === '' ? '/api' : '/apis';
  const scope = kind.namespaced ? '/namespaces/{namespace}' : '';
  const gvk = { group: kind.group, version: kind.version, kind: kind.kind };
  const operation = (action: string) => ({
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': gvk,
    parameters: ['dryRun', 'fieldManager', 'fieldValidation'].map(queryParameter),
    responses: { 200: { description: 'OK' } },
  });
  const collection = `${root}/${apiVersionOf(kind)}${scope}/${kind.plural}`;
  return {
    [collection]: { post: operation('post') },
    [`${collection}/{name}`]: { put: operation('put'), patch: operation('patch') },
  };
}

/** The index of the OpenAPI v3 documents: one per group version. */
export function openApiIndex(kinds: readonly ResourceKind[]): object {
  const versions = new Set(kinds.map((kind) => `${kind.group === '' ? 'api' : 'apis'}/${apiVersionOf(kind)}`));
  return {
    paths: Object.fromEntries([...versions].map((path) => [path, { serverRelativeURL: `/openapi/v3/${path}` }])),
  };
}

/** The OpenAPI v3 document of a group version ("apis/resource.k8s.io/v1"), undefined where there is none. */
export function openApiDocument(path: string, kinds: readonly ResourceKind[]): object | undefined {
  const served = kinds.filter((kind) => `${kind.group === '' ? 'api' : 'apis'}/${apiVersionOf(kind)}` === path);
  if (served.length === 0) return undefined;
  const schemas: Record<string, object> = {};
  for (const kind of served) {
    collectSchemas(kind.type, schemas);
    const gvk = { group: kind.group, version: kind.version, kind: kind.kind };
    schemas[schemaName(kind.type)] = { ...schemas[schemaName(kind.type)], 'x-kubernetes-group-version-kind': [gvk] };
  }
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: 'v1' },
    paths: Object.assign({}, ...served.map(pathsOf)) as object,
    components: { schemas },
  };
}

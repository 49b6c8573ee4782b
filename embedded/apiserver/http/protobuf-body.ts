import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import type { JsonObject } from '../../../src/resource-api/kube-object.ts';
import { StatusError } from '../status-error.ts';

/** How a field of a message is encoded: `strings` and `bytes` are maps of them. */
type ProtoField =
  | { readonly name: string; readonly of: 'string' | 'bool' | 'strings' | 'bytes' }
  | { readonly name: string; readonly of: 'message'; readonly fields: ProtoFields };

type ProtoFields = ReadonlyMap<number, ProtoField>;

/** Field numbers of metav1 ObjectMeta (generated.proto, 1.34) as far as clients write them. */
const OBJECT_META: ProtoFields = new Map<number, ProtoField>([
  [1, { name: 'name', of: 'string' }],
  [2, { name: 'generateName', of: 'string' }],
  [3, { name: 'namespace', of: 'string' }],
  [5, { name: 'uid', of: 'string' }],
  [6, { name: 'resourceVersion', of: 'string' }],
  [11, { name: 'labels', of: 'strings' }],
  [12, { name: 'annotations', of: 'strings' }],
]);
const METADATA: [number, ProtoField] = [1, { name: 'metadata', of: 'message', fields: OBJECT_META }];

/** Kinds that `kubectl create` sends as protobuf whatever it is told (core/v1 generated.proto, 1.34). */
const KINDS: ReadonlyMap<string, ProtoFields> = new Map([
  ['Namespace', new Map([METADATA])],
  ['ServiceAccount', new Map([METADATA, [4, { name: 'automountServiceAccountToken', of: 'bool' }]])],
  [
    'ConfigMap',
    new Map([
      METADATA,
      [2, { name: 'data', of: 'strings' }],
      [3, { name: 'binaryData', of: 'bytes' }],
      [4, { name: 'immutable', of: 'bool' }],
    ]),
  ],
]);

/** The envelope of every Kubernetes protobuf body: runtime.Unknown behind four bytes. */
const MAGIC = Buffer.from('k8s\0');
const TYPE_META: ProtoFields = new Map<number, ProtoField>([
  [1, { name: 'apiVersion', of: 'string' }],
  [2, { name: 'kind', of: 'string' }],
]);

function unsupported(why: string): StatusError {
  const accepted = 'application/json, application/yaml';
  return new StatusError(
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${accepted} (${why})`,
  );
}

/** An entry of a map field: key 1, value 2. */
function readEntry(bytes: Uint8Array, of: 'strings' | 'bytes'): JsonObject {
  const reader = new BinaryReader(bytes);
  let key = '';
  let value = '';
  while (reader.pos < reader.len) {
    const [number, wire] = reader.tag();
    if (number === 1) key = reader.string();
    else if (number === 2) value = of === 'strings' ? reader.string() : Buffer.from(reader.bytes()).toString('base64');
    else reader.skip(wire);
  }
  return { [key]: value };
}

function readField(reader: BinaryReader, field: ProtoField, before: unknown): unknown {
  switch (field.of) {
    case 'string':
      return reader.string();
    case 'bool':
      return reader.bool();
    case 'strings':
    case 'bytes':
      return { ...(before as JsonObject | undefined), ...readEntry(reader.bytes(), field.of) };
    case 'message':
      return readMessage(reader.bytes(), field.fields);
  }
}

function readMessage(bytes: Uint8Array, fields: ProtoFields): JsonObject {
  const reader = new BinaryReader(bytes);
  const message: JsonObject = {};
  while (reader.pos < reader.len) {
    const [number, wire] = reader.tag();
    const field = fields.get(number);
    if (!field) reader.skip(wire);
    else message[field.name] = readField(reader, field, message[field.name]);
  }
  // In Go an empty text is an absent one.
  return Object.fromEntries(Object.entries(message).filter(([, value]) => value !== ''));
}

/**
 * Reads an object that `kubectl create namespace`, `configmap` or `serviceaccount` sends as protobuf.
 * @throws StatusError UnsupportedMediaType for other kinds or bytes.
 */
export function readProtobufObject(bytes: Uint8Array): JsonObject {
  if (!MAGIC.equals(bytes.subarray(0, MAGIC.length))) throw unsupported('the protobuf body does not begin with "k8s"');
  try {
    const reader = new BinaryReader(bytes.subarray(MAGIC.length));
    let typeMeta: JsonObject = {};
    let raw: Uint8Array = new Uint8Array();
    while (reader.pos < reader.len) {
      const [number, wire] = reader.tag();
      if (number === 1 && wire === WireType.LengthDelimited) typeMeta = readMessage(reader.bytes(), TYPE_META);
      else if (number === 2 && wire === WireType.LengthDelimited) raw = reader.bytes();
      else reader.skip(wire);
    }
    const fields = KINDS.get(typeof typeMeta['kind'] === 'string' ? typeMeta['kind'] : '');
    if (!fields) throw unsupported(`protobuf is read for ${[...KINDS.keys()].join(', ')} only`);
    return { ...typeMeta, ...readMessage(raw, fields) };
  } catch (error) {
    if (error instanceof StatusError) throw error;
    throw unsupported('the protobuf body is damaged');
  }
}

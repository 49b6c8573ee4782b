import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { isJsonObject, type JsonObject } from '../../../src/resource-api/kube-object.ts';
import { StatusError } from '../status-error.ts';

/** Fields of a message by their numbers: a text, a map of texts, or a message of such fields. */
interface ProtoFields {
  readonly [number: number]: readonly [name: string, of: 'text' | 'texts' | ProtoFields];
}

/** metav1 ObjectMeta (generated.proto, 1.34) as far as `kubectl create` fills it in. */
const METADATA = [
  'metadata',
  { 1: ['name', 'text'], 3: ['namespace', 'text'], 11: ['labels', 'texts'], 12: ['annotations', 'texts'] },
] as const;

/** Kinds that `kubectl create KIND NAME` sends as protobuf whatever it is asked for (core/v1 generated.proto, 1.34). */
const KINDS: Readonly<Record<string, ProtoFields>> = {
  Namespace: { 1: METADATA },
  ConfigMap: { 1: METADATA, 2: ['data', 'texts'] },
};

/** runtime.Unknown, the envelope of every Kubernetes protobuf body behind four bytes. */
const MAGIC = Buffer.from('k8s\0');
const TYPE_META: ProtoFields = { 1: ['apiVersion', 'text'], 2: ['kind', 'text'] };

function unsupported(): StatusError {
  const accepted = `application/json, application/yaml, protobuf of ${Object.keys(KINDS).join(' and ')}`;
  const why = `the body of the request was in an unknown format - accepted media types include: ${accepted}`;
  return new StatusError('UnsupportedMediaType', why);
}

/** Calls `visit` with each field of a message that is text or bytes. */
function visitFields(bytes: Uint8Array, visit: (number: number, content: Uint8Array) => void): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, wire] = reader.tag();
    if (wire === WireType.LengthDelimited) visit(number, reader.bytes());
    else reader.skip(wire);
  }
}

const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('utf8');

function readMessage(bytes: Uint8Array, fields: ProtoFields): JsonObject {
  const message: JsonObject = {};
  visitFields(bytes, (number, content) => {
    const [name, of] = fields[number] ?? [];
    if (name === undefined || of === undefined || (of === 'text' && content.length === 0)) return;
    if (of === 'text') message[name] = textOf(content);
    else if (of === 'texts') {
      const entry = readMessage(content, { 1: ['key', 'text'], 2: ['value', 'text'] });
      const before = isJsonObject(message[name]) ? message[name] : {};
      const key = typeof entry['key'] === 'string' ? entry['key'] : '';
      message[name] = { ...before, [key]: entry['value'] ?? '' };
    } else message[name] = readMessage(content, of);
  });
  return message;
}

/**
 * Reads an object that `kubectl create namespace` or `kubectl create configmap` sends as protobuf.
 * @throws StatusError UnsupportedMediaType for other kinds or bytes.
 */
export function readProtobufObject(bytes: Uint8Array): JsonObject {
  if (!MAGIC.equals(bytes.subarray(0, MAGIC.length))) throw unsupported();
  let typeMeta: JsonObject = {};
  let raw: Uint8Array = new Uint8Array();
  try {
    visitFields(bytes.subarray(MAGIC.length), (number, content) => {
      if (number === 1) typeMeta = readMessage(content, TYPE_META);
      else if (number === 2) raw = content;
    });
    const fields = KINDS[String(typeMeta['kind'])];
    if (fields) return { ...typeMeta, ...readMessage(raw, fields) };
  } catch {
    // Damaged bytes are as unreadable as another kind.
  }
  throw unsupported();
}

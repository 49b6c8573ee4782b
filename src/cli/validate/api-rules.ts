import type { FieldPath, FieldProblem, ObjectReading } from '../../resource-api/schema/read-object.ts';
import { isJsonObject, type JsonObject } from '../../resource-api/kube-object.ts';
import { nameCause, type StatusCause } from '../../resource-api/validate/causes.ts';
import { configsCauses, selectorsCauses } from '../../resource-api/validate/device-class.ts';
import { isDnsSubdomain } from '../../resource-api/validate/names.ts';
import { deviceClaimCauses } from '../../resource-api/validate/resource-claim.ts';
import { sliceSpecCauses } from '../../resource-api/validate/resource-slice.ts';
import { setRequestDefaults, toV1Devices, toV1Slice, V1BETA1 } from '../../resource-api/versions.ts';
import type { Issue, Manifest } from './manifest.ts';

/** The steps of a path as Kubernetes writes it: "requests[0].capacity.requests[dra.cpu/cpu]". */
function parsePath(text: string): FieldPath {
  return [...text.matchAll(/([^.[\]]+)|\[([^\]]*)\]/g)].map(([, name, key = '']) =>
    name === undefined ? (/^\d+$/.test(key) ? Number(key) : key) : name,
  );
}

/** Where v1beta1 has what v1 has at a path: the fields of requests beside their names, those of devices in `basic`. */
function toBetaPath(path: FieldPath): FieldPath {
  const [spec, devices, index, ...rest] = path;
  const isOfDevice = devices === 'devices' && typeof index === 'number' && spec !== undefined;
  if (isOfDevice && rest.length > 0 && rest[0] !== 'name') return [spec, devices, index, 'basic', ...rest];
  return path.filter((step, i) => !(step === 'exactly' && path[i - 2] === 'requests'));
}

/** What is wanted and what to do, from the words of the API server. */
function explain({ reason, message }: StatusCause): { want: string; remedy: string } {
  const compilation = /compilation failed: (.*)$/s.exec(message);
  if (compilation) return { want: 'a CEL expression that compiles', remedy: `correct it: ${compilation[1]}` };
  const remedy = 'correct it, or the API server rejects the object';
  const detail = message.replace(/^[^:]*: (?:\d+: )?(?:must have )?/, '').replace(/^may not be more/, 'no more');
  switch (reason) {
    case 'FieldValueRequired':
      return { want: message === 'Required value' ? 'a value' : detail, remedy };
    case 'FieldValueDuplicate':
      return { want: 'a name that is not used before', remedy };
    case 'FieldValueNotSupported':
      return { want: message.replace(/^.*supported values: /, 'one of '), remedy };
    case 'FieldValueInvalid':
      return {
        want: message.replace(/^Invalid value: (?:"(?:[^"\\]|\\.)*"|\S+): /, '').replace(/^must be /, ''),
        remedy,
      };
    default:
      return { want: detail, remedy };
  }
}

/** What is wrong with the name of an object, which may be generated. */
function nameCauses(object: JsonObject): readonly StatusCause[] {
  const { name, generateName } = isJsonObject(object['metadata']) ? object['metadata'] : {};
  if (name === undefined && typeof generateName === 'string') return [];
  return typeof name === 'string' && isDnsSubdomain(name) ? [] : [nameCause('metadata.name', name, 'a DNS subdomain')];
}

/** What the API server would say of an object. */
function findCauses({ kind, apiVersion }: Manifest, object: JsonObject): readonly StatusCause[] {
  const spec = isJsonObject(object['spec']) ? object['spec'] : {};
  const named = nameCauses(object);
  if (kind === 'DeviceClass') {
    const { selectors, config } = spec as Record<string, object[] | undefined>;
    return [...named, ...selectorsCauses('spec.selectors', selectors), ...configsCauses('spec.config', config)];
  }
  if (kind === 'ResourceSlice') return [...named, ...sliceSpecCauses(toV1Slice(spec, apiVersion))];
  const isTemplate = kind === 'ResourceClaimTemplate';
  if (kind !== 'ResourceClaim' && !isTemplate) return named;
  const claim = isTemplate ? spec['spec'] : spec;
  const given = isJsonObject(claim) && isJsonObject(claim['devices']) ? claim['devices'] : {};
  const devices = toV1Devices(structuredClone(given), apiVersion);
  setRequestDefaults(devices);
  return [...named, ...deviceClaimCauses(isTemplate ? 'spec.spec.devices' : 'spec.devices', devices)];
}

function isWithin(path: FieldPath, other: FieldPath): boolean {
  return other.every((step, i) => path[i] === step);
}

/** Whether a field problem is the cause of this one too: the value is of another kind, or stands under another name. */
function isExplained(path: FieldPath, { reason }: StatusCause, { path: other, kind }: FieldProblem): boolean {
  if (kind === 'wrong-type') return isWithin(path, other) || isWithin(other, path);
  const holder = other.slice(0, -1);
  return reason === 'FieldValueRequired' && isWithin(path, holder) && path.length <= holder.length + 1;
}

/** Checks what the API server checks when a claim, template or class is created. */
export function checkApiRules(manifest: Manifest, { object, problems }: ObjectReading): readonly Issue[] {
  return findCauses(manifest, object).flatMap((cause) => {
    const parsed = parsePath(cause.field);
    const path = manifest.apiVersion === V1BETA1 ? toBetaPath(parsed) : parsed;
    // A field in the wrong place is missing in the right one: one issue is enough.
    if (problems.some((problem) => isExplained(path, cause, problem))) return [];
    const { want, remedy } = explain(cause);
    return [manifest.root.at(...path).issue('error', want, remedy)];
  });
}

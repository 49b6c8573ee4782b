import { OpaqueParametersError, parseOpaqueParameters } from '../../claims/opaque-parameters.ts';
import { readCount } from '../../resource-api/quantity.ts';
import { CPU_CAPACITY } from '../../devices/slice-device.ts';
import { nearestName, suggestName } from '../../lib/nearest-name.ts';
import type { Field, Issue, Manifest } from './manifest.ts';

/** The driver's name, and that of the DeviceClass which comes with it. */
const DRIVER_NAME = 'dra.cpu';

/** What a claim asks of this driver. */
export interface ClaimFacts {
  /** CPUs by request; undefined where the manifest cannot tell. Requests of other drivers are left out. */
  readonly cpusOfRequest: ReadonlyMap<string, number | undefined>;
  /** Whether its container runs on the shared CPUs besides (`sharedCPUs`), by itself or by a class of the same files. */
  readonly sharesPool: boolean;
}

/** Attributes of our devices by the names CEL has for them (docs: device attributes), legacy ones too. */
const ATTRIBUTES: readonly string[] = [
  'numaNodeID',
  'socketID',
  'cacheL3ID',
  'coreID',
  'coreType',
  'cpuID',
  'smtEnabled',
  'numCPUs',
];

/** `device.attributes["dra.cpu"].name` in a CEL expression. */
const ATTRIBUTE_USE = /device\.attributes\s*\[\s*["']dra\.cpu["']\s*\]\s*\.\s*(\w+)/g;

/** The `sharedCPUs` of the configurations that are meant for a request, undefined where none says so. */
function readSharedCpus(configs: Field, request: string): boolean | undefined {
  const values = configs.items
    .filter((config) => {
      const names = config.at('requests').items.map(({ text }) => text);
      return config.at('opaque', 'driver').text === DRIVER_NAME && (names.length === 0 || names.includes(request));
    })
    .map((config) => config.at('opaque', 'parameters', 'cpuConfig', 'sharedCPUs').value);
  return values.find((value) => typeof value === 'boolean');
}

/** Classes whose devices are ours: the driver's own, and classes of the same files that speak of the driver; their `sharedCPUs`. */
function findOurClasses(manifests: readonly Manifest[]): ReadonlyMap<string, boolean> {
  const classes = manifests.filter(
    ({ kind, root }) => kind === 'DeviceClass' && JSON.stringify(root.at('spec').value ?? {}).includes(DRIVER_NAME),
  );
  const shared = classes.map(
    ({ name, root }) => [name, readSharedCpus(root.at('spec', 'config'), '') ?? false] as const,
  );
  return new Map([[DRIVER_NAME, false], ...shared]);
}

/** The total of a claim, undefined when one of its requests cannot be told. */
export function sumCpus({ cpusOfRequest }: ClaimFacts): number | undefined {
  let sum = 0;
  for (const cpus of cpusOfRequest.values()) {
    if (cpus === undefined) return undefined;
    sum += cpus;
  }
  return sum;
}

/** Collects what is wrong with one claim, template or class. */
class DeviceChecker {
  readonly #classes: ReadonlyMap<string, boolean>;
  readonly #issues: Issue[];

  constructor(classes: ReadonlyMap<string, boolean>, issues: Issue[]) {
    this.#classes = classes;
    this.#issues = issues;
  }

  /** @param spec the `spec` of a ResourceClaim (resource.k8s.io/v1, v1beta2 or v1beta1). */
  checkClaim(spec: Field): ClaimFacts {
    const requests = spec.at('devices', 'requests');
    const cpusOfRequest = new Map<string, number | undefined>();
    const names: string[] = [];
    const configs = spec.at('devices', 'config');
    let sharesPool = false;
    for (const request of requests.items) {
      const name = request.at('name').text ?? '';
      names.push(name);
      const alternatives = request.at('firstAvailable').items;
      names.push(...alternatives.map((alternative) => `${name}/${alternative.at('name').text ?? ''}`));
      const ours = this.#bodiesOf(request).filter((body) => this.#isOurs(body));
      if (ours.length === 0) continue;
      const counts = new Set(ours.map((body) => this.#readCpus(body)));
      const isCertain = counts.size === 1 && (alternatives.length === 0 || ours.length === alternatives.length);
      cpusOfRequest.set(name, isCertain ? [...counts][0] : undefined);
      const ofClasses = ours.some((body) => this.#classes.get(body.at('deviceClassName').text ?? ''));
      sharesPool ||= readSharedCpus(configs, name) ?? ofClasses;
    }
    this.#checkConfigs(configs, { names, cpusOfRequest });
    return { cpusOfRequest, sharesPool };
  }

  /** @param spec the `spec` of a DeviceClass. */
  checkClass(spec: Field): void {
    this.#checkSelectors(spec);
    for (const config of spec.at('config').items) {
      if (!this.#isForUs(config)) continue;
      const parameters = config.at('opaque', 'parameters');
      this.#checkParameters(parameters);
      const cpuset = parameters.at('cpuConfig', 'cpuset');
      if (cpuset.exists) {
        this.#issues.push(
          cpuset.issue(
            'error',
            'no cpuset in a DeviceClass, which would give the same CPUs to every claim of the class',
            "put it into the ResourceClaim's configuration",
          ),
        );
      }
    }
  }

  /** What a request asks for: exactly one thing, the first available of several, or v1beta1's fields beside the name. */
  #bodiesOf(request: Field): Field[] {
    const exactly = request.at('exactly');
    const alternatives = request.at('firstAvailable').items;
    if (exactly.exists) return [exactly];
    return alternatives.length > 0 ? alternatives : [request];
  }

  #isOurs(body: Field): boolean {
    const className = body.at('deviceClassName');
    const { text } = className;
    if (text === undefined || this.#classes.has(text)) return text !== undefined;
    const meant = nearestName(text, this.#classes.keys());
    if (meant !== undefined) {
      const remedy = `if this driver is meant, write ${JSON.stringify(meant)}`;
      this.#issues.push(className.issue('warning', 'the name of a DeviceClass that is known', remedy));
    }
    return false;
  }

  /** The CPUs of a request: devices times CPUs of each. */
  #readCpus(body: Field): number | undefined {
    this.#checkSelectors(body);
    const perDevice = this.#readCapacity(body.at('capacity', 'requests'));
    if (body.at('adminAccess').value === true) return 0;
    if (body.at('allocationMode').text === 'All' || perDevice === undefined) return undefined;
    const count = body.at('count');
    if (!count.exists) return perDevice;
    return typeof count.value === 'number' && count.value >= 1 ? count.value * perDevice : undefined;
  }

  /** CPUs of one device; 1 when the request does not say: a whole device is one CPU, and a group's least amount is. */
  #readCapacity(requests: Field): number | undefined {
    for (const key of requests.keys.filter((name) => name !== CPU_CAPACITY)) {
      const want = `the capacity ${JSON.stringify(CPU_CAPACITY)}, the only one of this driver's devices`;
      this.#issues.push(requests.at(key).issue('error', want, `rename the key to ${JSON.stringify(CPU_CAPACITY)}`));
    }
    const capacity = requests.at(CPU_CAPACITY);
    if (!capacity.exists) return 1;
    const reading = readCount(capacity.quantity ?? '');
    if (reading.kind === 'whole' && reading.count >= 1n) return Number(reading.count);
    const remedy =
      reading.kind === 'fraction'
        ? 'exclusive CPUs cannot be divided: ask for whole ones, and for the rest of shared ones with sharedCPUs: true'
        : 'write a number such as "4"';
    this.#issues.push(capacity.issue('error', 'a whole number of CPUs, 1 or more', remedy));
    return undefined;
  }

  #checkSelectors(holder: Field): void {
    for (const selector of holder.at('selectors').items) {
      const expression = selector.at('cel', 'expression');
      for (const [, attribute = ''] of (expression.text ?? '').matchAll(ATTRIBUTE_USE)) {
        if (ATTRIBUTES.includes(attribute)) continue;
        const want = `an attribute of this driver: ${ATTRIBUTES.join(', ')}`;
        const hint = suggestName(attribute, ATTRIBUTES);
        const remedy = `no device has ${JSON.stringify(attribute)}, so that none will match${hint}`;
        this.#issues.push(expression.issue('error', want, remedy));
      }
    }
  }

  #isForUs(config: Field): boolean {
    const driver = config.at('opaque', 'driver');
    if (driver.text !== DRIVER_NAME && driver.text !== undefined && nearestName(driver.text, [DRIVER_NAME])) {
      const remedy = `if this driver is meant, write ${JSON.stringify(DRIVER_NAME)}`;
      this.#issues.push(driver.issue('warning', 'the name of a driver that is known', remedy));
    }
    return driver.text === DRIVER_NAME;
  }

  #checkConfigs(configs: Field, claim: { names: readonly string[]; cpusOfRequest: ClaimFacts['cpusOfRequest'] }): void {
    const targets = new Map<string, Field>();
    for (const config of configs.items) {
      if (!this.#isForUs(config)) continue;
      const requests = config.at('requests');
      for (const request of requests.items) this.#checkTarget(request, claim.names, targets);
      const parameters = config.at('opaque', 'parameters');
      this.#checkParameters(parameters);
      if (parameters.at('cpuConfig', 'cpuset').exists) this.#checkCpuset(parameters, requests, claim.cpusOfRequest);
    }
  }

  #checkTarget(request: Field, names: readonly string[], targets: Map<string, Field>): void {
    const name = request.text ?? '';
    if (!names.includes(name)) {
      const hint = suggestName(name, names) || `; it has ${names.join(', ') || 'none'}`;
      this.#issues.push(request.issue('error', 'the name of a request of this claim', `correct the name${hint}`));
    } else if (targets.has(name)) {
      this.#issues.push(
        request.issue('error', 'a request that no other configuration names', 'join the configurations'),
      );
    }
    targets.set(name, request);
  }

  /** A list of CPUs is for one request, and of its size. */
  #checkCpuset(parameters: Field, requests: Field, cpusOfRequest: ClaimFacts['cpusOfRequest']): void {
    const cpuset = parameters.at('cpuConfig', 'cpuset');
    if (requests.items.length !== 1) {
      const remedy = 'name the one request that gets these CPUs';
      this.#issues.push(requests.issue('error', 'exactly one request for a configuration with a cpuset', remedy));
      return;
    }
    const wanted = cpusOfRequest.get(requests.items[0]?.text ?? '');
    const given = readCpusetSize(parameters.value);
    if (wanted === undefined || given === undefined || wanted === given) return;
    const remedy = `the list has ${given} CPUs and the request asks for ${wanted}: make them equal`;
    this.#issues.push(cpuset.issue('error', `a list of ${wanted} CPUs`, remedy));
  }

  #checkParameters(parameters: Field): void {
    try {
      parseOpaqueParameters(parameters.value);
    } catch (error) {
      if (!(error instanceof OpaqueParametersError)) throw error;
      this.#issues.push(locateParameter(parameters, error.message));
    }
  }
}

/** Puts what the driver says about parameters ("cpuConfig.key is ...; want ...") to the field it speaks of. */
function locateParameter(parameters: Field, message: string): Issue {
  const [, state = message, want = 'parameters that agree with each other'] =
    /^(.*?); (?:want )?(.*)$/s.exec(message) ?? [];
  const [, path = '', unknownKey] =
    /^(apiVersion|cpuConfig(?:\.\w+)?)(?: has the unknown key "([^"]*)")?/.exec(state) ?? [];
  const steps = [...path.split('.').filter((step) => step !== ''), ...(unknownKey === undefined ? [] : [unknownKey])];
  return parameters.at(...steps).issue('error', want, `correct it, or the driver refuses the claim: ${state}`);
}

function readCpusetSize(parameters: unknown): number | undefined {
  try {
    return parseOpaqueParameters(parameters).cpuset?.size;
  } catch {
    // Told already, with its place.
    return undefined;
  }
}

/** What the claims and templates of some manifests ask for, by `kind namespace/name`; issues are appended. */
export function checkClaims(manifests: readonly Manifest[], issues: Issue[]): ReadonlyMap<string, ClaimFacts> {
  const checker = new DeviceChecker(findOurClasses(manifests), issues);
  const facts = new Map<string, ClaimFacts>();
  for (const { kind, namespace, name, root } of manifests) {
    const key = `${kind} ${namespace}/${name}`;
    if (kind === 'ResourceClaim') facts.set(key, checker.checkClaim(root.at('spec')));
    else if (kind === 'ResourceClaimTemplate') facts.set(key, checker.checkClaim(root.at('spec', 'spec')));
    else if (kind === 'DeviceClass') checker.checkClass(root.at('spec'));
  }
  return facts;
}

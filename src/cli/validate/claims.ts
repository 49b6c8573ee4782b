import { CPU_CAPACITY } from '../../devices/slice-device.ts';
import { nearestName } from '../../lib/nearest-name.ts';
import { readCount } from '../../resource-api/quantity.ts';
import { ConfigChecker, readSharedCpus } from './configs.ts';
import type { Field, Issue, Manifest } from './manifest.ts';
import { DRIVER_NAME, SelectorChecker } from './selectors.ts';
import { describeMode, type DriverSettings } from './settings.ts';

/** What a claim asks of this driver. */
export interface ClaimFacts {
  /** Every request of the claim, also those of other drivers. */
  readonly requestNames: readonly string[];
  /** CPUs by request; undefined where the manifest cannot tell. Requests of other drivers are left out. */
  readonly cpusOfRequest: ReadonlyMap<string, number | undefined>;
  /** Whether its container runs on the shared CPUs too (`sharedCPUs`), by itself or by a class of the same files. */
  readonly sharesPool: boolean;
}

/** A DeviceClass whose devices are this driver's. */
interface OurClass {
  readonly sharesPool: boolean;
  readonly selectors: readonly string[];
}

/** The class that the chart installs. */
const OWN_CLASS: OurClass = { sharesPool: false, selectors: [`device.driver == ${JSON.stringify(DRIVER_NAME)}`] };

/** The driver's own class, and classes of the same files that name the driver. */
function findOurClasses(manifests: readonly Manifest[]): ReadonlyMap<string, OurClass> {
  const classes = manifests.filter(
    ({ kind, root }) => kind === 'DeviceClass' && JSON.stringify(root.at('spec').value ?? {}).includes(DRIVER_NAME),
  );
  const ours = classes.map(({ name, root }): [string, OurClass] => {
    const selectors = root.at('spec', 'selectors').items.flatMap((each) => each.at('cel', 'expression').text ?? []);
    return [name, { sharesPool: readSharedCpus(root.at('spec', 'config'), '') ?? false, selectors }];
  });
  return new Map([[DRIVER_NAME, OWN_CLASS], ...ours]);
}

/** The total of a claim; undefined when the CPUs of one of its requests are not known. */
export function sumCpus({ cpusOfRequest }: ClaimFacts): number | undefined {
  let sum = 0;
  for (const cpus of cpusOfRequest.values()) {
    if (cpus === undefined) return undefined;
    sum += cpus;
  }
  return sum;
}

/** What a request asks for: exactly one thing, the first available of several, or v1beta1's fields beside the name. */
function bodiesOf(request: Field): readonly Field[] {
  const exactly = request.at('exactly');
  const alternatives = request.at('firstAvailable').items;
  if (exactly.exists) return [exactly];
  return alternatives.length > 0 ? alternatives : [request];
}

/** Whether a constraint concerns a request, which it may name with or without an alternative. */
function concerns(constraint: Field, request: string): boolean {
  const names = constraint.at('requests').items.map(({ text = '' }) => text.split('/', 1)[0]);
  return names.length === 0 || names.includes(request);
}

/** Collects what is wrong with claims, templates and classes for a driver of some settings. */
class DeviceChecker {
  readonly #classes: ReadonlyMap<string, OurClass>;
  readonly #settings: DriverSettings;
  readonly #issues: Issue[];
  readonly #selectors: SelectorChecker;
  readonly #configs: ConfigChecker;

  constructor(classes: ReadonlyMap<string, OurClass>, settings: DriverSettings, issues: Issue[]) {
    this.#classes = classes;
    this.#settings = settings;
    this.#issues = issues;
    this.#selectors = new SelectorChecker(settings.deviceMode, issues);
    this.#configs = new ConfigChecker(issues);
  }

  /** @param spec the `spec` of a ResourceClaim (resource.k8s.io/v1, v1beta2 or v1beta1). */
  checkClaim(spec: Field): ClaimFacts {
    const requests = spec.at('devices', 'requests').items;
    const configs = spec.at('devices', 'config');
    const cpusOfRequest = new Map<string, number | undefined>();
    let sharesPool = false;
    for (const request of requests) {
      const name = request.at('name').text ?? '';
      const ours = bodiesOf(request).filter((body) => this.#isOurs(body));
      if (ours.length === 0) continue;
      cpusOfRequest.set(name, this.#countCpus(request, ours));
      const ofClasses = ours.some((body) => this.#classes.get(body.at('deviceClassName').text ?? '')?.sharesPool);
      sharesPool ||= readSharedCpus(configs, name) ?? ofClasses;
    }
    this.#checkConstraints(spec, cpusOfRequest);
    const requestNames = requests.flatMap((request) => request.at('name').text ?? []);
    const alternatives = requests.flatMap((request) =>
      request.at('firstAvailable').items.map((one) => `${request.at('name').text}/${one.at('name').text}`),
    );
    this.#configs.checkClaim(configs, { names: [...requestNames, ...alternatives], cpusOfRequest });
    return { requestNames, cpusOfRequest, sharesPool };
  }

  /** @param manifest a DeviceClass. */
  checkClass({ name, root }: Manifest): void {
    if (this.#classes.has(name)) this.#selectors.checkSelectors(root.at('spec'));
    this.#configs.checkClass(root.at('spec', 'config'));
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

  /** The CPUs of a request, where all its alternatives ask for the same number. */
  #countCpus(request: Field, ours: readonly Field[]): number | undefined {
    const alternatives = request.at('firstAvailable').items;
    const counts = new Set(ours.map((body) => this.#readCpus(body)));
    const isCertain = counts.size === 1 && (alternatives.length === 0 || ours.length === alternatives.length);
    return isCertain ? [...counts][0] : undefined;
  }

  /** Devices times CPUs of each. */
  #readCpus(body: Field): number | undefined {
    this.#selectors.checkSelectors(body, this.#classes.get(body.at('deviceClassName').text ?? '')?.selectors);
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
    this.#checkMode(capacity);
    const reading = readCount(capacity.quantity ?? '');
    if (reading.kind === 'whole' && reading.count >= 1n) return Number(reading.count);
    const remedy =
      reading.kind === 'fraction'
        ? 'exclusive CPUs cannot be divided: ask for whole ones, and for the rest of shared ones with sharedCPUs: true'
        : 'write a number such as "4"';
    this.#issues.push(capacity.issue('error', 'a whole number of CPUs, 1 or more', remedy));
    return undefined;
  }

  /** A device that is one CPU has no capacity to take a part of. */
  #checkMode(capacity: Field): void {
    const { deviceMode } = this.#settings;
    if (deviceMode.kind !== 'individual') return;
    const want = `no capacity: devices with ${describeMode(deviceMode)} have none, and none can be allocated`;
    this.#issues.push(
      capacity.issue('error', want, 'ask for single CPUs with "count", or set the driver to grouped mode'),
    );
  }

  #checkConstraints(spec: Field, ours: ReadonlyMap<string, unknown>): void {
    for (const constraint of spec.at('devices', 'constraints').items) {
      if ([...ours.keys()].some((request) => concerns(constraint, request)))
        this.#selectors.checkConstraint(constraint);
    }
  }
}

/** What the claims and templates of some manifests ask for, by `kind namespace/name`; issues are appended. */
export function checkClaims(manifests: readonly Manifest[], issues: Issue[]): ReadonlyMap<string, ClaimFacts> {
  const classes = findOurClasses(manifests);
  const checkers = new Map<DriverSettings, DeviceChecker>();
  const facts = new Map<string, ClaimFacts>();
  for (const manifest of manifests) {
    const { kind, namespace, name, root, settings } = manifest;
    const checker = checkers.get(settings) ?? new DeviceChecker(classes, settings, issues);
    checkers.set(settings, checker);
    const key = `${kind} ${namespace}/${name}`;
    if (kind === 'ResourceClaim') facts.set(key, checker.checkClaim(root.at('spec')));
    else if (kind === 'ResourceClaimTemplate') facts.set(key, checker.checkClaim(root.at('spec', 'spec')));
    else if (kind === 'DeviceClass') checker.checkClass(manifest);
  }
  return facts;
}

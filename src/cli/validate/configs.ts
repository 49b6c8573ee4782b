import { OpaqueParametersError, parseOpaqueParameters } from '../../claims/opaque-parameters.ts';
import { nearestName, suggestName } from '../../lib/nearest-name.ts';
import type { Field, Issue } from './manifest.ts';
import { DRIVER_NAME } from './selectors.ts';

/** The requests that a configuration may name, with the CPUs of those whose number is known. */
export interface ConfigTargets {
  /** "request" and "request/alternative". */
  readonly names: readonly string[];
  readonly cpusOfRequest: ReadonlyMap<string, number | undefined>;
}

/** The `sharedCPUs` of the configurations that are meant for a request; undefined where none says so. */
export function readSharedCpus(configs: Field, request: string): boolean | undefined {
  const values = configs.items
    .filter((config) => {
      const names = config.at('requests').items.map(({ text }) => text);
      return config.at('opaque', 'driver').text === DRIVER_NAME && (names.length === 0 || names.includes(request));
    })
    .map((config) => config.at('opaque', 'parameters', 'cpuConfig', 'sharedCPUs').value);
  return values.find((value) => typeof value === 'boolean');
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
    // Reported already, with its place.
    return undefined;
  }
}

/** Collects what is wrong with the opaque configurations of claims and classes. */
export class ConfigChecker {
  readonly #issues: Issue[];

  constructor(issues: Issue[]) {
    this.#issues = issues;
  }

  /** Checks the `config` of a DeviceClass. */
  checkClass(configs: Field): void {
    for (const config of configs.items) {
      if (!this.#isForUs(config)) continue;
      const parameters = config.at('opaque', 'parameters');
      this.#checkParameters(parameters);
      const cpuset = parameters.at('cpuConfig', 'cpuset');
      if (!cpuset.exists) continue;
      const want = 'no cpuset in a DeviceClass, which would give the same CPUs to every claim of the class';
      this.#issues.push(cpuset.issue('error', want, "put it into the ResourceClaim's configuration"));
    }
  }

  /** Checks the `devices.config` of a claim. */
  checkClaim(configs: Field, targets: ConfigTargets): void {
    const taken = new Set<string>();
    for (const config of configs.items) {
      if (!this.#isForUs(config)) continue;
      const requests = config.at('requests');
      for (const request of requests.items) this.#checkTarget(request, targets.names, taken);
      const parameters = config.at('opaque', 'parameters');
      this.#checkParameters(parameters);
      if (parameters.at('cpuConfig', 'cpuset').exists) this.#checkCpuset(parameters, requests, targets.cpusOfRequest);
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

  #checkTarget(request: Field, names: readonly string[], taken: Set<string>): void {
    const name = request.text ?? '';
    if (!names.includes(name)) {
      const hint = suggestName(name, names) || `; it has ${names.join(', ') || 'none'}`;
      this.#issues.push(request.issue('error', 'the name of a request of this claim', `correct the name${hint}`));
    } else if (taken.has(name)) {
      const want = 'a request that no other configuration names';
      this.#issues.push(request.issue('error', want, 'join the configurations'));
    }
    taken.add(name);
  }

  /** A list of CPUs is for one request, and of its size. */
  #checkCpuset(parameters: Field, requests: Field, cpusOfRequest: ConfigTargets['cpusOfRequest']): void {
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

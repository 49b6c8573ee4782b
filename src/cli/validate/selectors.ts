import type { DeviceMode } from '../../devices/device.ts';
import { suggestName } from '../../lib/nearest-name.ts';
import { errorText } from '../../lib/log.ts';
import { type AttributeUse, findAttributeUses } from '../../resource-api/cel/attribute-uses.ts';
import {
  type CelDevice,
  compileSelector,
  selectorProblem,
  toCelDevice,
} from '../../resource-api/cel/device-selector.ts';
import type { Field, Issue } from './manifest.ts';
import { DEVICE_MODES, listNames, sampleDevices } from './sample-devices.ts';
import { describeMode } from './settings.ts';

/** The driver's name, and that of the DeviceClass which comes with it. */
export const DRIVER_NAME = 'dra.cpu';

/** Published only with `exposePCIeRoots`, which no manifest tells. */
const PCIE_ROOT = 'resource.kubernetes.io/pcieRoot';

/** How the flags of this command name a mode. */
function flagsOf(mode: DeviceMode): string {
  return mode.kind === 'individual' ? '--cpu-device-mode individual' : `--group-by ${mode.groupBy}`;
}

/** Why devices of this mode lack an attribute, and what was meant, if that can be guessed. */
function explainAbsence(of: AttributeUse['of'], fullName: string): string {
  const others = DEVICE_MODES.filter((other) => listNames(other, of).includes(fullName)).map(flagsOf);
  if (others.length > 0) return `; devices have it with ${others.join(', ')}`;
  const [domain = '', name = ''] = fullName.split('/');
  const known = [...new Set(DEVICE_MODES.flatMap((other) => listNames(other, of)))];
  return suggestName(
    name,
    known.filter((one) => one.startsWith(`${domain}/`)).map((one) => one.slice(domain.length + 1)),
  );
}

const nounOf = (of: AttributeUse['of']) => (of === 'attributes' ? 'an attribute' : 'a capacity');

/** The names that devices have in a domain. */
function listKnown(names: readonly string[], domain: string): string {
  const inDomain = names.filter((name) => name.startsWith(`${domain}/`));
  return inDomain.map((name) => name.slice(domain.length + 1)).join(', ') || `none of ${domain}`;
}

/** Collects what is wrong with the selectors and constraints of requests for this driver's devices. */
export class SelectorChecker {
  readonly #mode: DeviceMode;
  readonly #issues: Issue[];
  readonly #devices: readonly CelDevice[];
  readonly #names: Readonly<Record<AttributeUse['of'], readonly string[]>>;

  constructor(mode: DeviceMode, issues: Issue[]) {
    this.#mode = mode;
    this.#issues = issues;
    this.#names = { attributes: listNames(mode, 'attributes'), capacity: listNames(mode, 'capacity') };
    this.#devices = sampleDevices(mode).map(({ attributes, capacity = {}, allowMultipleAllocations = false }) =>
      toCelDevice({ driver: DRIVER_NAME, attributes, capacity, allowMultipleAllocations }),
    );
  }

  /**
   * Checks the `selectors` of a request or a class. Expressions that do not compile are left to the API server's rules.
   * @param ofClass selectors that a device has to pass first.
   */
  checkSelectors(holder: Field, ofClass: readonly string[] = []): void {
    const devices = this.#select(ofClass);
    for (const selector of holder.at('selectors').items) {
      const expression = selector.at('cel', 'expression');
      if (expression.text === undefined || selectorProblem(expression.text) !== undefined) continue;
      const absent = findAttributeUses(expression.text).filter((use) => this.#reportUse(use, expression));
      if (absent.length === 0) this.#tryOut(expression, devices);
    }
  }

  /** Checks the attribute of a constraint, which devices of this driver must have. */
  checkConstraint(constraint: Field): void {
    for (const key of ['matchAttribute', 'distinctAttribute']) {
      const field = constraint.at(key);
      const [domain = '', name] = (field.text ?? '').split('/');
      if (name === undefined) continue;
      this.#reportUse({ of: 'attributes', domain, name, isGuarded: false }, field);
    }
  }

  /** Reports a use of what no device of the mode has; whether it does. */
  #reportUse({ of, domain, name, isGuarded }: AttributeUse, field: Field): boolean {
    const fullName = `${domain}/${name}`;
    if (this.#names[of].includes(fullName)) {
      if (fullName === PCIE_ROOT && !isGuarded) this.#reportPcieRoot(field);
      return false;
    }
    // A test for what devices of other drivers have is no mistake.
    if (isGuarded && domain !== DRIVER_NAME) return false;
    const want = `${nounOf(of)} of devices with ${describeMode(this.#mode)}: ${listKnown(this.#names[of], domain)}`;
    const fate = isGuarded ? 'the test for it never holds' : 'no device can be allocated';
    const remedy = `no device has ${JSON.stringify(name)}, so ${fate}${explainAbsence(of, fullName)}`;
    this.#issues.push(field.issue(isGuarded ? 'warning' : 'error', want, remedy));
    return true;
  }

  #reportPcieRoot(field: Field): void {
    const remedy = 'without it no device has the attribute and none can be allocated';
    this.#issues.push(field.issue('note', 'a driver that runs with exposePCIeRoots: true', remedy));
  }

  /** The sample devices that expressions select; none that fail. */
  #select(expressions: readonly string[]): readonly CelDevice[] {
    return this.#devices.filter((device) =>
      expressions.every((expression) => {
        try {
          return compileSelector(expression)(device);
        } catch {
          return false;
        }
      }),
    );
  }

  /** Reports an expression that fails when it is evaluated: the scheduler gives up on the claim then. */
  #tryOut(expression: Field, devices: readonly CelDevice[]): void {
    try {
      for (const device of devices) compileSelector(expression.text ?? '')(device);
    } catch (error) {
      const problem = errorText(error).split('\n', 1)[0];
      const want = `an expression that can be evaluated on devices with ${describeMode(this.#mode)}`;
      this.#issues.push(expression.issue('error', want, `correct it: ${problem}`));
    }
  }
}

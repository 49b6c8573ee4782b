import type { Dice } from '../dice.ts';
import { apiSteps } from './api.ts';
import { claimSteps } from './claims.ts';
import { driverSteps } from './driver.ts';
import { fileSteps } from './files.ts';
import { friendlySteps } from './friendly.ts';
import { httpSteps } from './http.ts';
import { identitySteps } from './identity.ts';
import { kubeletSteps } from './kubelet.ts';
import { runtimeSteps } from './runtime.ts';
import type { Step } from './step.ts';

/** Everything that happens in stories. */
const ALL_STEPS: readonly Step[] = [
  ...friendlySteps,
  ...claimSteps,
  ...identitySteps,
  ...driverSteps,
  ...fileSteps,
  ...apiSteps,
  ...kubeletSteps,
  ...runtimeSteps,
  ...httpSteps,
];

const STEPS_ASIDE = ALL_STEPS.filter(({ isAside }) => isAside);

function pickFrom(steps: readonly Step[], dice: Dice): Step | undefined {
  let rest = dice.next() * steps.reduce((sum, { weight }) => sum + weight, 0);
  return steps.find(({ weight }) => {
    rest -= weight;
    return rest < 0;
  });
}

/** One of the steps, by their weights. */
export function pickStep(dice: Dice): Step | undefined {
  return pickFrom(ALL_STEPS, dice);
}

/** One that may happen beside any other. */
export function pickStepAside(dice: Dice): Step | undefined {
  return pickFrom(STEPS_ASIDE, dice);
}

import { asObject } from '../lib/json.ts';
import { quote } from '../lib/quote.ts';
import type { Finding } from './finding.ts';

/** The policy in a CPU manager's state, undefined when the text is no such state. */
function readPolicyName(text: string): string | undefined {
  try {
    const { policyName } = asObject(JSON.parse(text));
    return typeof policyName === 'string' ? policyName : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/**
 * Whether the kubelet gives out exclusive CPUs itself. Its static policy writes every container's cpuset again each ten
 * seconds, over what the driver set (pkg/kubelet/cm/cpumanager, reconcileState, Kubernetes 1.34).
 * @param path where the state was found, for the message.
 * @param text `<kubelet root>/cpu_manager_state`: JSON with `policyName`, "none" or "static".
 */
export function checkCpuManagerState(path: string, text: string): Finding | undefined {
  const policy = readPolicyName(text);
  if (policy === 'none') return undefined;
  const remedy =
    'set cpuManagerPolicy: "none" in the kubelet\'s configuration, delete the state file and restart the kubelet';
  if (policy === undefined) {
    const message = `Cannot tell the kubelet's CPU manager policy: ${quote(path)} names none; want "policyName":"none"`;
    return { check: 'kubelet-cpu-manager', severity: 'warning', message };
  }
  return {
    check: 'kubelet-cpu-manager',
    severity: 'error',
    message: `The kubelet's own CPU manager moves containers too: its policy is ${quote(policy)} (${path}), want "none"; ${remedy}`,
  };
}

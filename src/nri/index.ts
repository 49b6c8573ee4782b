/**
 * NRI plugins for Node: be asked and told about pods and containers by containerd or CRI-O, and change their resources.
 * Begin with `NriPlugin`; see docs/contributing/nri.md.
 */
export {
  type Container,
  type ContainerAdjustment,
  ContainerState,
  type ContainerUpdate,
  type LinuxResources,
  type PodSandbox,
} from '../gen/nri.ts';
export { DEFAULT_NRI_SOCKET } from './connect.ts';
export type {
  ContainerChange,
  ContainerEvent,
  Creation,
  HookContext,
  NriHandlers,
  PodEvent,
  PodUpdate,
  RuntimeState,
  Updates,
} from './handlers.ts';
export type { HookReport } from './hook-runner.ts';
export { updateThroughSynchronize } from './late-updates.ts';
export {
  containerCpus,
  containerMems,
  type Cpuset,
  cpusetAdjustment,
  cpusetUpdate,
  newMessage,
  withVariable,
} from './messages.ts';
export { NriError, type NriErrorCode } from './nri-error.ts';
export { NriPlugin, type NriPluginOptions, type UnsolicitedUpdates, type UpdateOutcome } from './plugin.ts';
export type { NriPluginState } from './plugin-state.ts';
export type { RuntimeInfo } from './runtime-info.ts';

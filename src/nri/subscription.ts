import { Event } from '../gen/nri.ts';
import type { NriHandlers } from './handlers.ts';
import { knowsAllEvents, type RuntimeInfo } from './runtime-info.ts';

/** The event behind each handler. */
const EVENT_OF_HANDLER = {
  runPodSandbox: Event.RUN_POD_SANDBOX,
  stopPodSandbox: Event.STOP_POD_SANDBOX,
  removePodSandbox: Event.REMOVE_POD_SANDBOX,
  createContainer: Event.CREATE_CONTAINER,
  postCreateContainer: Event.POST_CREATE_CONTAINER,
  startContainer: Event.START_CONTAINER,
  postStartContainer: Event.POST_START_CONTAINER,
  updateContainer: Event.UPDATE_CONTAINER,
  postUpdateContainer: Event.POST_UPDATE_CONTAINER,
  stopContainer: Event.STOP_CONTAINER,
  removeContainer: Event.REMOVE_CONTAINER,
  updatePodSandbox: Event.UPDATE_POD_SANDBOX,
  postUpdatePodSandbox: Event.POST_UPDATE_POD_SANDBOX,
  validateContainerAdjustment: Event.VALIDATE_CONTAINER_ADJUSTMENT,
} as const satisfies Partial<Record<keyof NriHandlers, Event>>;

/** The last event that runtimes before NRI 0.10 know; a mask with a higher one makes them close the connection. */
const LAST_OLD_EVENT = Event.REMOVE_CONTAINER;

/** The mask's bit of an event. */
function eventBit(event: Event): number {
  return 1 << (event - 1);
}

/**
 * The mask for the events that have a handler and that the runtime knows. A mask of 0 means all events, so that a plugin
 * without handlers is subscribed to the rarest one, REMOVE_POD_SANDBOX.
 */
export function chooseEventMask(handlers: NriHandlers, runtime: Pick<RuntimeInfo, 'nriVersion'>): number {
  const last = knowsAllEvents(runtime) ? Event.VALIDATE_CONTAINER_ADJUSTMENT : LAST_OLD_EVENT;
  let mask = 0;
  for (const [name, event] of Object.entries(EVENT_OF_HANDLER)) {
    const handler = handlers[name as keyof typeof EVENT_OF_HANDLER];
    if (handler !== undefined && event <= last) mask |= eventBit(event);
  }
  return mask === 0 ? eventBit(Event.REMOVE_POD_SANDBOX) : mask;
}

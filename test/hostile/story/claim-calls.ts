import { findFilesOf } from '../judge/derived.ts';
import { findRecord } from '../judge/records.ts';
import type { CallStyle, ClaimAnswer } from '../peers/kubelet.ts';
import type { RuntimeContainer } from '../peers/runtime-container.ts';
import type { Story } from './story.ts';
import { type ClaimTruth, sizeOf } from './truth.ts';

/** Longest error for one claim that the kubelet may be answered, in characters. */
const ERROR_LENGTH_MAX = 4_096;

/** What was answered for a claim whose call ran alone. */
function takePrepared(story: Story, claim: ClaimTruth, cdiDevices: readonly string[]): void {
  const record = findRecord(story.world.pluginDirectory, claim.uid);
  if (typeof record === 'string')
    return story.report('I3', `claim ${claim.uid} was answered as prepared, and ${record}`);
  const { cpus } = record;
  const wasPrepared = claim.state === 'prepared';
  if (wasPrepared && !cpus.equals(claim.cpus)) {
    story.report('I7', `claim ${claim.uid} held CPUs ${claim.cpus} and holds ${cpus} after it was prepared again`);
  }
  if (cpus.size !== sizeOf(claim))
    story.report('I3', `claim ${claim.uid} wants ${sizeOf(claim)} CPUs and holds ${cpus}`);
  if (!cpus.isSubsetOf(story.world.claimableCpus)) {
    story.report(
      'I3',
      `claim ${claim.uid} holds CPUs ${cpus}, of which containers can have ${story.world.claimableCpus} only`,
    );
  }
  for (const other of story.prepared.filter((one) => one !== claim && one.cpus.intersects(cpus))) {
    if (story.mayBeReleased(other)) other.state = 'unsure';
    else story.report('I1', `claims ${claim.uid} (${cpus}) and ${other.uid} (${other.cpus}) are both prepared`);
  }
  claim.state = 'prepared';
  claim.cpus = cpus;
  claim.cdiDevices = cdiDevices;
  claim.isForeign = false;
}

/** Looks at the length of an answer's error. */
export function checkError(story: Story, answer: ClaimAnswer | undefined): void {
  if (!answer) story.report('I6', 'a call was answered without an entry for one of its claims');
  if (answer && !answer.ok && answer.isAnswered && answer.error.length > ERROR_LENGTH_MAX) {
    story.report('I10', `an error for one claim has ${answer.error.length} characters`);
  }
}

/** Takes the answer of a Prepare for what it says. */
export function takeAnswer(story: Story, claim: ClaimTruth, answer: ClaimAnswer | undefined): void {
  checkError(story, answer);
  if (answer?.ok === true) takePrepared(story, claim, answer.cdiDevices);
  else if (claim.state === 'new' && answer?.isAnswered !== true) claim.state = 'unsure';
  story.note(
    `prepare ${claim.name} ${claim.uid}: ${describeAnswer(answer)}${answer?.ok === true ? ` CPUs ${claim.cpus}` : ''}`,
  );
}

/** Prepares a claim, and takes the answer for what it says. */
export async function prepareClaim(
  story: Story,
  claim: ClaimTruth,
  style?: CallStyle,
): Promise<ClaimAnswer | undefined> {
  story.inputs += 1;
  const answer = (await story.world.kubelet.prepare([claim], style)).get(claim.uid);
  takeAnswer(story, claim, answer);
  return answer;
}

/** Unprepares a claim, and takes the answer for what it says. */
export async function unprepareClaim(
  story: Story,
  claim: ClaimTruth,
  style?: CallStyle,
): Promise<ClaimAnswer | undefined> {
  story.inputs += 1;
  const users = story.usersOf(claim);
  const before = claim.state;
  // Its CPUs may be another's before the answer is here.
  claim.state = 'unsure';
  const answer = (await story.world.kubelet.unprepare([claim], style)).get(claim.uid);
  checkError(story, answer);
  story.note(`unprepare ${claim.name} ${claim.uid}: ${describeAnswer(answer)}`);
  if (answer?.ok === true) takeUnprepared(story, claim, before === 'prepared' ? users : []);
  else if (answer?.isAnswered === true) claim.state = before;
  return answer;
}

/** What was answered to an Unprepare that went well; `users` are the containers that ran on the claim's CPUs before. */
function takeUnprepared(story: Story, claim: ClaimTruth, users: readonly RuntimeContainer[]): void {
  const running = story.usersOf(claim).filter((container) => users.includes(container));
  for (const container of running) {
    story.report(
      'I4',
      `claim ${claim.uid} was unprepared while ${story.describe(container)} runs on CPUs ${claim.cpus}`,
    );
  }
  claim.state = 'released';
  claim.owner = undefined;
  const { pluginDirectory, places } = story.world;
  const left = findFilesOf({ pluginDirectory, cdiDirectory: places.cdiDirectory }, claim);
  if (left.length > 0) story.report('I4', `claim ${claim.uid} was unprepared and left ${left.join(', ')}`);
}

/** An answer in a word, for the notes. */
export function describeAnswer(answer: ClaimAnswer | undefined): string {
  if (answer === undefined) return 'no answer for the claim';
  return answer.ok ? 'ok' : answer.error.slice(0, 300);
}

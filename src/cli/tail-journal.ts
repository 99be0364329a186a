// Events of a journal folder for `sluice tail`.

import { readJournal } from '../journal/reader.ts'
import type { JournalItem } from '../journal/reader.ts'
import type { TailEvent, TailPlan } from './tail-event.ts'

/** The last events that are there, then those that come. Works beside a running gateway. */
export async function * tailJournal (dir: string, plan: TailPlan): AsyncGenerator<TailEvent, void, undefined> {
  // Two readers would leave a gap or a repeat between them: one goes on, and what is there ends where a first one ends.
  const endedAt = plan.follow && plan.countMax !== Infinity ? await lastPlace(dir, plan) : undefined
  if (plan.countMax === Infinity || (plan.follow && endedAt === undefined)) {
    yield * eventsIn(dir, plan, plan.follow)
    return
  }
  const last: TailEvent[] = []
  let there = true
  for await (const event of eventsIn(dir, plan, plan.follow)) {
    if (!there) {
      yield event
      continue
    }
    if (plan.countMax > 0) last.push(event)
    if (last.length > plan.countMax) last.shift()
    if (event.place.journal !== endedAt) continue
    there = false
    yield * last.splice(0)
  }
  yield * last
}

/** The place of the last event that is there now; undefined where there is none. */
async function lastPlace (dir: string, plan: TailPlan): Promise<string | number | undefined> {
  let place: string | number | undefined
  for await (const event of eventsIn(dir, { ...plan, warn: () => {} }, false)) place = event.place.journal
  return place
}

async function * eventsIn (dir: string, plan: TailPlan, follow: boolean): AsyncGenerator<TailEvent, void, undefined> {
  for await (const item of readJournal(dir, { from: 'beginning', follow, signal: plan.signal })) {
    if (item.kind !== 'event') plan.warn(wordsFor(item))
    else if (plan.topic === undefined || item.topic === plan.topic) {
      const { topic, journal, timestampMs, key, value, headers } = item
      yield { topic, place: { journal }, timestampMs, key, value, headers }
    }
  }
}

function wordsFor (item: Exclude<JournalItem, { kind: 'event' }>): string {
  switch (item.kind) {
    case 'damage': return `journal ${item.journal}: ${item.totalBytes} bytes cannot be read`
    case 'missing': return `journal: segments ${item.firstSegment} to ${item.lastSegment} are missing`
    case 'mark-missing': return item.live
      ? 'journal: its file "committed" is missing; the newest segment is shown once the gateway has made it again'
      : 'journal: its file "committed" is missing; what is intact is shown, but not whether events are gone from the end'
  }
}
